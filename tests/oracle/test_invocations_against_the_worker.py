"""The local host calls functions as Microsoft's worker does: same arguments, same results, same errors.

What a function got is told by the text of an error that it raises: a message or timer function may not return anything.
"""

import asyncio
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.functions.meta import Datum
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from localcloud.host.context import TraceContext
from localcloud.host.http_datums import HttpInput, http_datum
from localcloud.host.invoker import Call, Invoker, Outcome
from localcloud.host.servicebus_datums import MessageData, batch_datums, single_datums
from localcloud.host.timer_state import ScheduleStatus
from localcloud.host.timers import timer_datum
from tests.oracle.conftest import Both, Comparison
from tests.oracle.worker import Answer, TypedData

PREAMBLE = """
import asyncio, threading, typing
import azure.functions as func
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

FIELDS = ("application_properties", "content_type", "correlation_id", "dead_letter_error_description",
    "dead_letter_reason", "dead_letter_source", "delivery_count", "enqueued_sequence_number", "enqueued_time_utc",
    "expires_at_utc", "label", "locked_until", "lock_token", "message_id", "partition_key", "reply_to",
    "reply_to_session_id", "scheduled_enqueue_time_utc", "sequence_number", "session_id", "state", "subject",
    "time_to_live", "to", "transaction_partition_key", "user_properties", "metadata")

def fields(msg):
    return [msg.get_body(), *((name, getattr(msg, name)) for name in FIELDS)]
"""
APP = """
@app.route(route="echo")
def echo(req: func.HttpRequest) -> func.HttpResponse:
    told = [req.method, req.url, dict(req.headers), dict(req.params), dict(req.route_params), req.get_body()]
    return func.HttpResponse(repr(told), status_code=201, headers={"X-Y": "z"})

@app.route(route="json")
async def read_json(req: func.HttpRequest) -> str:
    return repr(req.get_json())

@app.route(route="cookies")
def cookies(req: func.HttpRequest) -> func.HttpResponse:
    response = func.HttpResponse("x")
    response.headers.add("Set-Cookie", "a=1; Path=/; HttpOnly; SameSite=Lax; Max-Age=5")
    response.headers.add("Set-Cookie", "b=2; Secure; Domain=d.test")
    return response

@app.route(route="out", binding_arg_name="out")
def out(req: func.HttpRequest, out: func.Out[func.HttpResponse]) -> None:
    out.set(func.HttpResponse("via out", status_code=202))

@app.route(route="context")
async def context(req: func.HttpRequest, context: func.Context) -> str:
    trace, retry = context.trace_context, context.retry_context
    return repr([context.function_name, context.function_directory, trace.trace_parent, trace.trace_state,
        retry.retry_count, threading.current_thread() is threading.main_thread()])

@app.route(route="thread")
def thread(req: func.HttpRequest) -> str:
    return threading.current_thread().name[:18]

@app.route(route="cancelled")
async def cancelled(req: func.HttpRequest) -> str:
    raise asyncio.CancelledError

@app.service_bus_queue_trigger(arg_name="msg", queue_name="q", connection="SB")
def message(msg: func.ServiceBusMessage) -> None:
    raise LookupError(repr(fields(msg)))

@app.service_bus_queue_trigger(arg_name="msg", queue_name="q", connection="SB", data_type=func.DataType.BINARY)
async def binary(msg: func.ServiceBusMessage) -> None:
    raise LookupError(repr(fields(msg)))

@app.service_bus_queue_trigger(arg_name="msg", queue_name="q", connection="SB", cardinality="many")
def batch(msg: typing.List[func.ServiceBusMessage]) -> None:
    raise LookupError(repr([fields(one) for one in msg]))

@app.service_bus_queue_trigger(arg_name="msg", queue_name="q", connection="SB")
def text(msg: str) -> None:
    raise LookupError(repr(msg))

@app.service_bus_queue_trigger(arg_name="msg", queue_name="q", connection="SB")
def returns(msg):
    return "a value"

@app.service_bus_queue_trigger(arg_name="msg", queue_name="q", connection="SB")
async def succeeds(msg): ...

@app.timer_trigger(arg_name="timer", schedule="0 * * * * *")
def tick(timer: func.TimerRequest) -> None:
    raise LookupError(repr([timer.past_due, timer.schedule_status, timer.schedule]))
"""
RETURNED = (
    "func.HttpResponse('hé')",
    "func.HttpResponse('{}', mimetype='application/json')",
    "func.HttpResponse(b'\\xff', charset='latin-1', status_code=500)",
    "func.HttpResponse(status_code=204)",
    "func.HttpResponse('x', headers={'content-type': 'text/html', 'A': 'b'})",
    "'plain'",
    '\'{"body": "x", "status": 418}\'',
    "{}",
    "None",
    "7",
    "b'x'",
    "['x']",
    "func.HttpRequest(method='GET', url='/', body=b'')",
)
APP += "".join(
    f"@app.route(route='r{number}')\n{'async ' * (number % 2)}def r{number}(req: func.HttpRequest): return {value}\n"
    for number, value in enumerate(RETURNED)
)


@pytest.fixture(scope="module")
def loaded(comparison: Comparison) -> Iterator[Both]:
    """The app, indexed by both; the worker keeps it until it indexes another one."""
    both = asyncio.run(comparison.index_source(APP, preamble=PREAMBLE))
    assert (both.our_refusal, both.theirs.refusal) == (None, None)
    yield both
    both.unload()


class Calls:
    """Invokes a function on both sides with the same data."""

    def __init__(self, comparison: Comparison, both: Both) -> None:
        self._worker = comparison.worker
        self._both = both

    def __call__(
        self,
        name: str,
        trigger: Datum | None,
        metadata: Mapping[str, Datum] | None = None,
        trace: TraceContext | None = None,
    ) -> tuple[Answer, Outcome]:
        return asyncio.run(self._run(name, trigger, metadata or {}, trace or TraceContext.continued(None)))

    async def _run(
        self, name: str, trigger: Datum | None, metadata: Mapping[str, Datum], trace: TraceContext
    ) -> tuple[Answer, Outcome]:
        function = self._both.ours[name]
        invoker = Invoker(timeout_s=20.0)
        ours = await invoker.run(
            function, Call(reason="test", trigger=trigger, metadata=metadata, trace=trace)
        )
        await invoker.close()
        return await self._worker.invoke(function, trigger, metadata, trace=trace), ours


@pytest.fixture
def call(comparison: Comparison, loaded: Both) -> Calls:
    return Calls(comparison, loaded)


def response_of_ours(datum: Datum | None) -> Any:
    if datum is None or datum.type != "http":
        return None if datum is None else (datum.type, datum.value)
    value = datum.value
    cookies = sorted((name, cookie.value) for jar in value["cookies"] or () for name, cookie in jar.items())
    headers = {name: header.value for name, header in value["headers"].items()}
    return value["status_code"].value, headers, cookies, value["body"].value


def response_of_theirs(answer: Answer) -> Any:
    data: TypedData | None = answer.value or next(iter(answer.outputs.values()), None)
    kind = None if data is None else data.WhichOneof("data")
    if data is None or kind is None:
        return None
    if kind != "http":
        return kind, getattr(data, kind)
    http = data.http
    cookies = sorted((cookie.name, cookie.value) for cookie in http.cookies or ())
    return http.status_code, http.headers, cookies, http.body.bytes


def plain(error: str) -> str:
    """An error without what differs between releases of the worker: how a converter is named."""
    return re.sub(r'"[^"]*"', '""', error)


def error_of_ours(outcome: Outcome) -> str | None:
    return None if outcome.error is None else plain(f"{type(outcome.error).__name__}: {outcome.error}")


def assert_alike(result: tuple[Answer, Outcome]) -> None:
    theirs, ours = result
    assert (theirs.error and plain(theirs.error)) == error_of_ours(ours)
    assert response_of_theirs(theirs) == response_of_ours(ours.response)


REQUEST = http_datum(HttpInput(method="GET", url="http://h/api/x"))


@pytest.mark.parametrize("number", range(len(RETURNED)), ids=RETURNED)
def test_a_result_is_encoded_or_refused_alike(call: Calls, number: int) -> None:
    assert_alike(call(f"r{number}", REQUEST))


@pytest.mark.parametrize("name", ["cookies", "out", "thread"])
def test_an_http_function_is_called_alike(call: Calls, name: str) -> None:
    theirs, ours = call(name, REQUEST)
    assert ours.succeeded
    assert_alike((theirs, ours))


def test_the_context_is_alike(call: Calls) -> None:
    trace = TraceContext(
        trace_parent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", trace_state="k=v"
    )
    theirs, ours = call("context", REQUEST, trace=trace)
    assert trace.trace_parent in str(response_of_ours(ours.response))
    assert_alike((theirs, ours))


@pytest.mark.parametrize("body", [b"", b"{", b'{"a": 1}', b"\xff"])
def test_a_body_is_read_as_json_or_fails_alike(call: Calls, body: bytes) -> None:
    assert_alike(call("read_json", http_datum(HttpInput(method="POST", url="http://h/", body=body))))


def test_an_escaping_cancelled_error_is_answered_by_neither(comparison: Comparison, loaded: Both) -> None:
    function = loaded.ours["cancelled"]

    async def both() -> None:
        with pytest.raises(asyncio.CancelledError):
            await comparison.worker.invoke(function, REQUEST, {})
        invoker = Invoker(timeout_s=None)
        ours = asyncio.create_task(invoker.run(function, Call(reason="test", trigger=REQUEST)))
        assert not await invoker.wait_idle(0.05)
        await invoker.close()
        assert type((await ours).error).__name__ == "HostStoppedError"

    asyncio.run(both())


MINIMAL = single_datums(MessageData(body=b"x", message_id="m", delivery_count=0), binary=False)


def test_a_message_function_that_returns_nothing_succeeds(call: Calls) -> None:
    theirs, ours = call("succeeds", *MINIMAL)
    assert (theirs.error, ours.error) == (None, None)


def test_a_message_function_that_returns_something_fails(call: Calls) -> None:
    theirs, ours = call("returns", *MINIMAL)
    for error in (str(theirs.error), f"{type(ours.error).__name__}: {ours.error}"):
        assert re.match(r"RuntimeError: .*without a \$return binding ?returned a non-None value", error)


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
NAME = st.from_regex(r"[a-z][a-z0-9-]{0,6}", fullmatch=True)
TEXTS = st.dictionaries(NAME, TEXT, max_size=3)
MOMENT = st.none() | st.datetimes(
    min_value=datetime(2000, 1, 1),  # noqa: DTZ001 - Hypothesis adds the zone
    max_value=datetime(2090, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
VALUE = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | TEXT
MESSAGE = st.builds(
    MessageData,
    body=TEXT.map(str.encode),
    message_id=TEXT,
    delivery_count=st.integers(0, 20),
    sequence_number=st.none() | st.integers(0, 2**53),
    enqueued_time=MOMENT,
    expires_at=MOMENT,
    application_properties=st.dictionaries(TEXT, VALUE, max_size=3),
    **dict.fromkeys(
        (
            "lock_token",
            "content_type",
            "correlation_id",
            "subject",
            "to",
            "reply_to",
            "session_id",
            "partition_key",
        ),
        st.none() | TEXT,
    ),
)
MANY = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


REQUESTS = st.builds(
    HttpInput,
    method=st.sampled_from(["GET", "POST", "PATCH"]),
    url=st.just("http://h/x?y=z"),
    headers=TEXTS,
    query=TEXTS,
    route_values=TEXTS,
    body=st.binary(max_size=20),
)


@MANY
@given(given_request=REQUESTS)
def test_any_request_arrives_alike(call: Calls, given_request: HttpInput) -> None:
    theirs, ours = call("echo", http_datum(given_request))
    assert ours.succeeded
    assert_alike((theirs, ours))


def assert_told_alike(result: tuple[Answer, Outcome]) -> None:
    assert isinstance(result[1].error, LookupError)
    theirs, ours = result
    assert (theirs.error, theirs.value) == (f"LookupError: {ours.error}", None)


@MANY
@given(message=MESSAGE, name=st.sampled_from(["message", "binary", "text"]))
def test_any_message_arrives_alike(call: Calls, message: MessageData, name: str) -> None:
    assert_told_alike(call(name, *single_datums(message, binary=name == "binary")))


@MANY
@given(messages=st.lists(MESSAGE, min_size=1, max_size=4))
def test_any_batch_arrives_alike(call: Calls, messages: list[MessageData]) -> None:
    theirs, ours = call("batch", *batch_datums(messages, binary=False))
    assert theirs.error == f"{type(ours.error).__name__}: {ours.error}"


@MANY
@given(last=MOMENT, following=MOMENT.filter(bool), past_due=st.booleans())
def test_any_timer_arrives_alike(
    call: Calls, last: datetime | None, following: datetime, past_due: bool
) -> None:
    status = ScheduleStatus(last=last, next=following, last_updated=following - timedelta(seconds=1))
    assert_told_alike(call("tick", timer_datum(status, past_due=past_due)))
    assert_told_alike(call("tick", timer_datum(None, past_due=past_due)))
