"""Loading and indexing: the rules and messages of the Python worker."""

import asyncio
import sys
import textwrap
from pathlib import Path

import pytest

from localcloud.host.errors import AppLoadError, FunctionLoadError
from localcloud.host.indexing import index_app
from localcloud.host.loading import load_app
from localcloud.host.triggers import IndexedFunction, RetryPolicy, ServiceBusTrigger
from tests.host.support import PREAMBLE, write_app

QUEUE = '@app.service_bus_queue_trigger(arg_name="msg", queue_name="q", connection="SB"{})\n'


def index(folder: Path, source: str, preamble: str = PREAMBLE) -> list[IndexedFunction]:
    loaded = load_app(write_app(folder, source, preamble=preamble))
    try:
        return index_app(loaded.app)
    finally:
        loaded.unload()


def index_queue_function(folder: Path, signature: str, extra: str = "") -> IndexedFunction:
    return index(folder, QUEUE.format(extra) + f"async def f({signature}): ...\n")[0]


def test_case_01_two_function_apps_are_an_error_that_names_the_class(tmp_path):
    with pytest.raises(
        AppLoadError, match="More than one FunctionApp or other top level function app instances"
    ):
        index(tmp_path, "other = func.FunctionApp()")


def test_a_module_without_an_app_is_an_error(tmp_path):
    with pytest.raises(AppLoadError, match="Could not find top level function app instances"):
        index(tmp_path, "", preamble="import azure.functions as func\nb = func.Blueprint()\n")


def test_an_app_without_functions_is_served_empty(tmp_path):
    assert index(tmp_path, "") == []


def test_a_missing_module_is_reported_with_the_search_path(tmp_path):
    with pytest.raises(
        AppLoadError, match=r"Cannot find module\. Please check the requirements.txt.*sys.path"
    ):
        index(tmp_path, "import not_a_module_at_all")


def test_case_04_the_app_is_imported_inside_the_running_loop(tmp_path):
    async def main() -> list[IndexedFunction]:
        return index(tmp_path / "good", "loop = asyncio.get_running_loop()")

    assert asyncio.run(main()) == []


async def test_case_04_asyncio_run_at_import_fails_because_the_loop_is_running(tmp_path):
    source = """
        async def nothing(): ...
        work = nothing()
        try:
            asyncio.run(work)
        finally:
            work.close()
    """
    with pytest.raises(AppLoadError, match=r"RuntimeError: .* cannot be called from a running event loop"):
        index(tmp_path, source)


def test_duplicate_function_names_are_an_error(tmp_path):
    source = """
        @app.function_name("same")
        @app.route(route="a")
        def a(req: func.HttpRequest) -> str: ...
        @app.function_name("same")
        @app.route(route="b")
        def b(req: func.HttpRequest) -> str: ...
    """
    with pytest.raises(AppLoadError, match="does not have a unique function name"):
        index(tmp_path, source)


@pytest.mark.parametrize(
    ("signature", "message"),
    [
        ("msg, other", "declared in Python but not in the function definition"),
        ("msg, other=1", "declared in Python but not in the function definition"),
        ("", "Extra parameters in binding definition"),
        ("msg: dict", "type of msg binding in function definition .* does not match its Python annotation"),
        (
            "msg: list[func.ServiceBusMessage]",
            r'invalid non-type annotation .*use "typing.List" instead of "list"',
        ),
        ("msg: typing.Optional[func.ServiceBusMessage]", "invalid non-type annotation"),
        ("msg: func.ServiceBusMessage | None", "invalid non-type annotation"),
        ("msg: func.HttpRequest", "does not match its Python annotation"),
        ("msg: func.Out[str]", "annotation is azure.functions.Out in Python"),
        ("msg, context: dict", 'the "context" parameter is expected to be of type azure.functions.Context'),
    ],
)
def test_case_02_case_03_signatures_the_worker_refuses(tmp_path, signature, message):
    with pytest.raises(FunctionLoadError, match=f"cannot load the f function: .*{message}"):
        index_queue_function(tmp_path, signature)


@pytest.mark.parametrize(
    ("signature", "extra"),
    [
        ("msg", ""),
        ("msg: func.ServiceBusMessage", ""),
        ("msg: 'func.ServiceBusMessage'", ""),
        ("*, msg: func.ServiceBusMessage, context: func.Context", ""),
        ("msg: typing.Annotated[func.ServiceBusMessage, 'x']", ""),
        ("msg: typing.List[func.ServiceBusMessage]", ", cardinality='many'"),
    ],
)
def test_signatures_the_worker_takes(tmp_path, signature, extra):
    assert index_queue_function(tmp_path, signature, extra).converter == "serviceBusTrigger"


def test_a_string_parameter_gets_the_raw_text(tmp_path):
    assert index_queue_function(tmp_path, "msg: str").converter == "generic"


@pytest.mark.parametrize("annotation", ["dict", "func.HttpResponse | str", "typing.List[str]"])
def test_return_annotations_the_worker_refuses(tmp_path, annotation):
    source = f'@app.route(route="x")\ndef f(req: func.HttpRequest) -> {annotation}: ...\n'
    with pytest.raises(FunctionLoadError, match="return annotation"):
        index(tmp_path, source)


def test_case_34_sessions_are_refused_at_index_time(tmp_path):
    with pytest.raises(FunctionLoadError, match=r"sessions .* are not supported"):
        index_queue_function(tmp_path, "msg", ", is_sessions_enabled=True")


def test_a_binding_this_host_does_not_have_is_refused(tmp_path):
    source = """
        @app.route(route="x")
        @app.queue_output(arg_name="out", queue_name="q", connection="C")
        def f(req: func.HttpRequest, out: func.Out[str]) -> str: ...
    """
    with pytest.raises(FunctionLoadError, match='binding type "queue" is not supported by this local host'):
        index(tmp_path, source)


def test_trigger_settings_are_read_from_the_decorators(tmp_path):
    extra = ", cardinality='many', data_type=func.DataType.BINARY, auto_complete_messages=False"
    assert index_queue_function(tmp_path, "msg", extra).trigger == ServiceBusTrigger(
        connection="SB", queue="q", batch=True, binary=True, auto_complete=False
    )


def test_case_41_a_retry_policy_counts_for_timers_and_is_ignored_with_a_warning_elsewhere(tmp_path, caplog):
    retry = '@app.retry(strategy="exponential_backoff", max_retry_count="3", minimum_interval="00:00:02", maximum_interval="00:01:00")\n'
    source = (
        f"{QUEUE.format('')}{retry}async def on_queue(msg): ...\n"
        f'@app.timer_trigger(arg_name="t", schedule="0 * * * * *")\n{retry}async def on_timer(t: func.TimerRequest): ...\n'
    )
    functions = {function.name: function for function in index(tmp_path, source)}
    policy = RetryPolicy(max_retries=3, minimum_delay_s=2.0, maximum_delay_s=60.0)
    assert functions["on_timer"].retry == policy
    assert [policy.delay(1), policy.delay(2), policy.delay(30)] == [2.0, 4.0, 60.0]
    assert "'on_queue': a retry policy is ignored for a serviceBusTrigger" in caplog.text
    assert "on_timer" not in caplog.text


def test_apps_with_modules_of_the_same_name_do_not_leak_into_each_other(tmp_path):
    path = list(sys.path)
    found = []
    for value in ("one", "two"):
        folder = write_app(tmp_path / value, "import helper_of_app\nvalue = helper_of_app.VALUE\n")
        (folder / "helper_of_app.py").write_text(textwrap.dedent(f"VALUE = '{value}'"))
        loaded = load_app(folder)
        found.append(sys.modules["helper_of_app"].VALUE)
        loaded.unload()
    assert found == ["one", "two"]
    assert path == sys.path
    assert [name for name in sys.modules if "helper_of_app" in name or "loaded_app" in name] == []
