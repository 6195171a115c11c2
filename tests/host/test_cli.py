"""The command line, as its users start it: in a process of its own."""

import asyncio
import signal

import aiohttp
import pytest

from localcloud.host.cli import main
from tests.host.support import LIMIT_S, host_process, ready_line, write_app

APP = """
@app.route(route="where")
async def where(req: func.HttpRequest) -> str:
    await asyncio.sleep(float(req.params.get("wait", 0)))
    return f"{os.environ['WEBSITE_INSTANCE_ID']} {os.getcwd()}"

@app.route(route="stuck")
def stuck(req: func.HttpRequest) -> str:
    time.sleep(3600)
"""


async def test_the_ready_line_serving_and_a_clean_stop(tmp_path):
    app = write_app(tmp_path / "app", APP)
    async with host_process(
        app, tmp_path / "data", "--instance-id", "i-1", "--functions", "where"
    ) as process:
        ready = await ready_line(process)
        assert {"ready": True, "port": ready["port"], "functions": ["where"], "instanceId": "i-1"} == ready
        async with aiohttp.ClientSession() as session:
            url = f"http://127.0.0.1:{ready['port']}/api/where"
            async with session.get(url) as response:
                assert f"i-1 {app}" == await response.text()
            slow = asyncio.create_task(session.get(f"{url}?wait=0.5"))
            assert process.stderr is not None
            async with asyncio.timeout(LIMIT_S):
                while b"Executing 'Functions.where'" not in await process.stderr.readline():
                    pass
                while b"Executing 'Functions.where'" not in await process.stderr.readline():
                    pass
            process.send_signal(signal.SIGTERM)
            async with await slow as response:
                assert f"i-1 {app}" == await response.text()
        async with asyncio.timeout(LIMIT_S):
            await process.communicate()
        assert process.returncode == 0


async def test_a_thread_that_never_ends_does_not_hold_up_the_stop(tmp_path):
    app = write_app(tmp_path / "app", APP)
    async with host_process(app, tmp_path / "data", "--grace", "0.1") as process:
        ready = await ready_line(process)
        async with aiohttp.ClientSession() as session:
            call = asyncio.create_task(session.get(f"http://127.0.0.1:{ready['port']}/api/stuck"))
            assert process.stderr is not None
            async with asyncio.timeout(LIMIT_S):
                while b"Executing 'Functions.stuck'" not in await process.stderr.readline():
                    pass
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(LIMIT_S):
                _, errors = await process.communicate()
            await asyncio.wait({call})
            if call.exception() is None:
                call.result().close()
    assert process.returncode == 0
    assert b"1 invocations did not end within 0.1 s" in errors
    assert b"1 threads still run a synchronous function" in errors


async def test_case_31_the_process_begins_anew_after_a_timeout_whatever_its_threads_do(tmp_path):
    source = """
        @app.route(route="stuck")
        async def stuck(req: func.HttpRequest) -> str:
            await asyncio.to_thread(time.sleep, 3600)
        @app.route(route="pid")
        async def pid(req: func.HttpRequest) -> str:
            seen.append(1)
            return f"{os.getpid()} {len(seen)}"
    """
    app = write_app(tmp_path / "app", source, host_json={"functionTimeout": "00:00:00.5"})
    async with (
        host_process(app, tmp_path / "data", "--grace", "0.1") as process,
        aiohttp.ClientSession() as session,
    ):
        first = await ready_line(process)
        url = f"http://127.0.0.1:{first['port']}/api"
        async with session.get(f"{url}/pid") as response:
            assert f"{process.pid} 1" == await response.text()
        async with session.get(f"{url}/stuck") as response:
            assert (500, "") == (response.status, await response.text())
        assert first == await ready_line(process)
        async with session.get(f"{url}/pid") as response:
            assert f"{process.pid} 1" == await response.text()


@pytest.mark.parametrize(
    ("source", "message"),
    [
        pytest.param(
            "other = func.FunctionApp()",
            "ValueError: More than one FunctionApp or other top level",
            id="case_01",
        ),
        pytest.param(
            "@app.route(route='x')\ndef f(req: func.HttpRequest, extra) -> str: ...\n",
            "FunctionLoadError: cannot load the f function: the following parameters are declared in Python",
            id="case_02",
        ),
        pytest.param(
            '@app.service_bus_queue_trigger(arg_name="msg", queue_name="q", connection="SB", cardinality="many")\n'
            "def f(msg: list[func.ServiceBusMessage]): ...\n",
            '(use "typing.List" instead of "list")',
            id="case_03",
        ),
        pytest.param(
            "async def nothing(): ...\nwork = nothing()\ntry:\n    asyncio.run(work)\nfinally:\n    work.close()\n",
            "RuntimeError: asyncio.run() cannot be called from a running event loop",
            id="case_04",
        ),
        pytest.param(
            '@app.service_bus_queue_trigger(arg_name="m", queue_name="q", connection="SB", is_sessions_enabled=True)\n'
            "def f(m): ...\n",
            "sessions (isSessionsEnabled) are not supported by this local host; remove is_sessions_enabled=True",
            id="case_34",
        ),
    ],
)
def test_no_function_of_an_app_in_error_is_served(tmp_path, monkeypatch, capsys, source, message):
    monkeypatch.chdir(tmp_path)
    app = write_app(tmp_path / "app", source)
    code = main(["--app", str(app), "--data", str(tmp_path / "data"), "--port", "0"])
    out, errors = capsys.readouterr()
    assert (code, out) == (1, "")
    assert message in errors


async def test_an_app_that_cannot_be_indexed_ends_with_its_message(tmp_path):
    app = write_app(
        tmp_path / "app", "@app.route(route='x')\ndef f(req: func.HttpRequest, extra) -> str: ...\n"
    )
    async with host_process(app, tmp_path / "data") as process:
        async with asyncio.timeout(LIMIT_S):
            output, errors = await process.communicate()
    assert (process.returncode, output) == (1, b"")
    assert (
        b"FunctionLoadError: cannot load the f function: the following parameters are declared in Python but not"
        in errors
    )
