"""The local host indexes an app as Microsoft's worker does: same functions, same bindings, same refusals."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from localcloud.host.triggers import HttpTrigger, IndexedFunction, ServiceBusTrigger, TimerTrigger
from tests.oracle.conftest import Both, Comparison

PREAMBLE = """
import asyncio, functools, typing
import azure.functions as func
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
"""
QUEUE = '@app.service_bus_queue_trigger(arg_name="msg", queue_name="q", connection="SB"{})\n'
ROUTE = '@app.route(route="x"{})\n'
TIMER = '@app.timer_trigger(arg_name="timer", schedule="0 * * * * *"{})\n'

RULES = (
    "declared in Python but not in",
    "Extra parameters in binding definition",
    "has invalid non-type annotation",
    "has invalid Out annotation",
    'is declared to have the "out" direction',
    'is declared to have the "in" direction',
    'the "context" parameter is expected to be of type azure.functions.Context',
    "has invalid non-type return annotation",
    "return annotation should not be azure.functions.Out",
    "does not match binding type",
    "match",
)
"""What a refusal is about, in words that the worker's releases have in common; their sentences differ in the rest."""


NO_CLASS = "TypeError: issubclass() arg 1 must be a class"
"""How the worker stumbles over ``typing.Dict[...]`` and its like; the local host names the function and the parameter."""


def rule(refusal: str | None) -> str | None:
    """The class of an error and its rule; the whole text where the worker raises what Python or the SDK says."""
    if refusal == NO_CLASS:
        return "FunctionLoadError: cannot load the f: match"
    if refusal is None or not refusal.startswith("FunctionLoadError"):
        return refusal
    function = refusal.partition(" function: ")[0]
    return f"{function}: {next((text for text in RULES if text in refusal), refusal)}"


def facts_of_ours(function: IndexedFunction) -> dict[str, Any]:
    """The parts of a trigger that both sides name, in the worker's spelling."""
    trigger = function.trigger
    match trigger:
        case HttpTrigger():
            facts: dict[str, Any] = {
                "type": "httpTrigger",
                "route": trigger.route,
                "methods": sorted(trigger.methods),
                "authLevel": trigger.auth_level,
            }
        case ServiceBusTrigger():
            facts = {
                "type": "serviceBusTrigger",
                "connection": trigger.connection,
                "queueName": trigger.queue,
                "topicName": trigger.topic,
                "subscriptionName": trigger.subscription,
                "cardinality": "MANY" if trigger.batch else "ONE",
                "dataType": "BINARY" if trigger.binary else "STRING",
                "autoCompleteMessages": trigger.auto_complete,
            }
        case TimerTrigger():
            facts = {
                "type": "timerTrigger",
                "schedule": trigger.schedule,
                "runOnStartup": trigger.run_on_startup,
                "useMonitor": trigger.use_monitor,
            }
    facts |= {"name": function.trigger_parameter, "returns": "http" if function.returns_http else None}
    if function.retry is not None:
        facts["retries"] = function.retry.max_retries
    return facts


def facts_of_theirs(metadata: Any) -> dict[str, Any]:
    bindings = [json.loads(text) for text in metadata.raw_bindings]
    trigger = next(binding for binding in bindings if binding["type"].endswith("Trigger"))
    returned = next((binding["type"] for binding in bindings if binding["name"] == "$return"), None)
    wanted: Mapping[str, Mapping[str, Any]] = {
        "httpTrigger": {"route": None, "methods": [], "authLevel": None},
        "serviceBusTrigger": {
            "connection": None,
            "queueName": None,
            "topicName": None,
            "subscriptionName": None,
            "cardinality": "ONE",
            "dataType": "STRING",
            "autoCompleteMessages": None,
        },
        "timerTrigger": {"schedule": None, "runOnStartup": False, "useMonitor": True},
    }
    facts = {key: trigger.get(key, default) for key, default in wanted[trigger["type"]].items()}
    if "methods" in facts:
        facts["methods"] = sorted(facts["methods"])
    facts |= {"type": trigger["type"], "name": trigger["name"], "returns": returned}
    if metadata.retry_options is not None:
        facts["retries"] = metadata.retry_options.max_retry_count
    return facts


def assert_alike(both: Both) -> None:
    assert rule(both.theirs.refusal) == rule(both.our_refusal)
    assert {name: facts_of_theirs(one) for name, one in both.theirs.functions.items()} == {
        name: facts_of_ours(one) for name, one in both.ours.items()
    }


async def test_our_own_app_is_indexed_alike(comparison: Comparison) -> None:
    both = await comparison.index(Path(__file__).parents[2])
    both.unload()
    assert len(both.ours) > 30
    assert_alike(both)


REFUSED = {
    "a parameter that is not bound": QUEUE.format("") + "def f(msg, other): ...",
    "an unbound parameter with a default": QUEUE.format("") + "def f(msg, other=1): ...",
    "a binding without a parameter": QUEUE.format("") + "def f(): ...",
    "a dict for a message": QUEUE.format("") + "def f(msg: dict): ...",
    "list instead of typing.List": QUEUE.format(", cardinality='many'")
    + "def f(msg: list[func.ServiceBusMessage]): ...",
    "an optional message": QUEUE.format("") + "def f(msg: typing.Optional[func.ServiceBusMessage]): ...",
    "a union with None": QUEUE.format("") + "def f(msg: func.ServiceBusMessage | None): ...",
    "another trigger's type": QUEUE.format("") + "def f(msg: func.HttpRequest): ...",
    "Out for an input": QUEUE.format("") + "def f(msg: func.Out[str]): ...",
    "an annotation that does not exist": QUEUE.format("") + "def f(msg: 'Nothing'): ...",
    "a context of another type": QUEUE.format("") + "def f(msg, context: dict): ...",
    "an optional request": ROUTE.format("") + "def f(req: typing.Optional[func.HttpRequest]): ...",
    "a union as the result": ROUTE.format("") + "def f(req) -> func.HttpResponse | str: ...",
    "a dict as the result": ROUTE.format("") + "def f(req) -> dict: ...",
    "typing.List as the result": ROUTE.format("") + "def f(req) -> typing.List[str]: ...",
    "an int as the result": ROUTE.format("") + "def f(req) -> int: ...",
    "bytes as the result": ROUTE.format("") + "def f(req) -> bytes: ...",
    "a timer that takes a message": TIMER.format("") + "def f(timer: func.ServiceBusMessage): ...",
    "a response that is no Out": ROUTE.format(", binding_arg_name='out'")
    + "def f(req: func.HttpRequest, out: func.HttpResponse): ...",
    "a partial": "def g(a, msg): ...\n" + "f = " + QUEUE.format("").strip()[1:] + "(functools.partial(g, 1))",
    "a name that is used twice": "".join(
        f"@app.function_name('same')\n@app.route(route='{route}')\ndef {route}(req): ...\n" for route in "ab"
    ),
    "two apps": "other = func.FunctionApp()",
    "no app": "del app",
    "an output without a trigger": "@app.queue_output(arg_name='o', queue_name='q', connection='C')\ndef f(o): ...",
    "two triggers": QUEUE.format("") + TIMER.format("") + "def f(msg, timer): ...",
    "an error at import": "raise LookupError('at import')",
    "a method that does not exist": ROUTE.format(", methods=['BREW']") + "def f(req): ...",
}
TAKEN = {
    "no functions": "",
    "no annotation": QUEUE.format("") + "def f(msg): ...",
    "a text message": QUEUE.format("") + "def f(msg: str): ...",
    "a message of bytes": QUEUE.format(", data_type=func.DataType.BINARY") + "def f(msg: bytes): ...",
    "an annotation as text": QUEUE.format("") + "def f(msg: 'func.ServiceBusMessage') -> 'None': ...",
    "an annotated type": QUEUE.format("") + "def f(msg: typing.Annotated[func.ServiceBusMessage, 1]): ...",
    "keywords only": QUEUE.format("") + "async def f(*, msg, context: func.Context): ...",
    "a context without a type": TIMER.format("") + "def f(timer: func.TimerRequest, context): ...",
    "a batch": QUEUE.format(", cardinality='many'") + "def f(msg: typing.List[func.ServiceBusMessage]): ...",
    "a subscription": '@app.service_bus_topic_trigger(arg_name="msg", topic_name="t", subscription_name="s", connection="SB")\n'
    "def f(msg: func.ServiceBusMessage): ...",
    "extra settings of a trigger": QUEUE.format(", auto_complete_messages=False") + "def f(msg): ...",
    "wrapped functions": "def plain(f):\n    @functools.wraps(f)\n    def call(*a, **k): return f(*a, **k)\n    return call\n"
    + ROUTE.format("")
    + "@plain\ndef f(req: func.HttpRequest) -> str: ...",
    "no route": "@app.route()\ndef Named(req: func.HttpRequest): ...",
    "methods and a level": ROUTE.format(", methods=['get', 'POST'], auth_level=func.AuthLevel.FUNCTION")
    + "def f(req): ...",
    "a text as the result": ROUTE.format("") + "def f(req) -> str: ...",
    "an out parameter": ROUTE.format(", binding_arg_name='out'")
    + "def f(req: func.HttpRequest, out: func.Out[func.HttpResponse]): ...",
    "a timer with a retry policy": TIMER.format(", run_on_startup=True, use_monitor=False")
    + "@app.retry(strategy='fixed_delay', max_retry_count='3', delay_interval='00:00:02')\ndef f(timer: func.TimerRequest): ...",
    "a blueprint": "b = func.Blueprint()\n@b.route(route='y')\ndef f(req: func.HttpRequest): ...\napp.register_functions(b)",
    "the running loop at import": "asyncio.get_running_loop()",
}


@pytest.mark.parametrize("source", REFUSED.values(), ids=REFUSED)
def test_what_the_worker_refuses_is_refused_for_the_same_reason(comparison: Comparison, source: str) -> None:
    both = comparison.verdicts(source, preamble=PREAMBLE)
    assert both.our_refusal is not None
    assert_alike(both)


@pytest.mark.parametrize("source", TAKEN.values(), ids=TAKEN)
def test_what_the_worker_takes_is_taken_alike(comparison: Comparison, source: str) -> None:
    both = comparison.verdicts(source, preamble=PREAMBLE)
    assert both.our_refusal is None
    assert_alike(both)


def test_annotations_that_are_evaluated_late_are_taken_alike(comparison: Comparison) -> None:
    source = QUEUE.format("") + "def f(msg: func.ServiceBusMessage) -> None: ..."
    assert_alike(comparison.verdicts(source, preamble=f"from __future__ import annotations\n{PREAMBLE}"))


def test_a_missing_module_is_named_by_both(comparison: Comparison) -> None:
    both = comparison.verdicts("import not_a_module_at_all", preamble=PREAMBLE)
    said = "ModuleNotFoundError: No module named 'not_a_module_at_all'. Cannot find module."
    assert str(both.theirs.refusal).startswith(said)
    assert str(both.our_refusal).startswith(said)


ONLY_THERE = {
    "sessions": (QUEUE.format(", is_sessions_enabled=True") + "def f(msg): ...", "sessions"),
    "another trigger": (
        '@app.queue_trigger(arg_name="m", queue_name="q", connection="C")\ndef f(m): ...',
        'trigger type "queueTrigger"',
    ),
    "another output": (
        ROUTE.format("")
        + '@app.queue_output(arg_name="o", queue_name="q", connection="C")\ndef f(req, o: func.Out[str]): ...',
        'binding type "queue"',
    ),
}


@pytest.mark.parametrize(("source", "named"), ONLY_THERE.values(), ids=ONLY_THERE)
def test_what_this_host_does_not_have_is_refused_in_its_own_words(
    comparison: Comparison, source: str, named: str
) -> None:
    both = comparison.verdicts(source, preamble=PREAMBLE)
    assert both.theirs.refusal is None
    assert re.search(rf"{named} .*supported by this local host", str(both.our_refusal))


ANNOTATIONS = st.sampled_from(
    [
        *("", "str", "bytes", "int", "dict", "None", "typing.Any", "'str'", "'Nothing'", "list[str]"),
        *(
            "func.ServiceBusMessage",
            "func.HttpRequest",
            "func.TimerRequest",
            "func.Context",
            "func.HttpResponse",
        ),
        *("typing.List[func.ServiceBusMessage]", "list[func.ServiceBusMessage]", "typing.Optional[str]"),
        *(
            "typing.Annotated[func.HttpRequest, 1]",
            "func.Out[str]",
            "func.Out[func.HttpResponse]",
            "func.Out",
        ),
        *("str | None", "typing.Union[str, bytes]", "typing.Dict[str, str]", "typing.Callable", "tuple[str]"),
    ]
)
TRIGGERS = st.sampled_from(
    [
        (QUEUE.format(""), "msg"),
        (QUEUE.format(", cardinality='many'"), "msg"),
        (QUEUE.format(", data_type=func.DataType.BINARY"), "msg"),
        (ROUTE.format(""), "req"),
        (ROUTE.format(", methods=['PUT'], trigger_arg_name='msg'"), "msg"),
        (TIMER.format(""), "timer"),
    ]
)


@st.composite
def signatures(draw: st.DrawFn) -> str:
    """A function with one trigger, and anything a developer might write as its parameters."""
    decorator, name = draw(TRIGGERS)
    names = draw(st.lists(st.sampled_from([name, name, "context", "other"]), unique=True, max_size=3))
    parts = []
    for parameter in names:
        annotation = draw(ANNOTATIONS)
        default = draw(st.sampled_from(["", "", "", "=None"]))
        parts.append(parameter + (f": {annotation}" if annotation else "") + default)
    keywords = "*, " if parts else ""
    returned = draw(ANNOTATIONS)
    kind = draw(st.sampled_from(["def", "async def"]))
    return f"{decorator}{kind} f({keywords}{', '.join(parts)}){f' -> {returned}' if returned else ''}: ...\n"


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(source=signatures())
def test_any_signature_gets_the_same_verdict(comparison: Comparison, source: str) -> None:
    assert_alike(comparison.verdicts(source, preamble=PREAMBLE))
