"""HTTP functions end to end, over a real socket."""

import asyncio
import json

import pytest

from localcloud.host.http_server import MAX_BODY_BYTES
from tests.host.support import until

ECHO = """
import json

@app.route(route="echo/{Key?}")
def echo(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(json.dumps({
        "method": req.method, "url": req.url, "params": dict(req.params), "route": dict(req.route_params),
        "headers": dict(req.headers), "body": req.get_body().decode(),
    }), mimetype="application/json")

@app.route(route="json", methods=["POST"])
def read_json(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(repr(req.get_json()))
"""


async def chunks():
    yield b"chunk"


async def test_case_07_case_11_a_request_arrives_as_the_host_sends_it(serve):
    app = await serve(ECHO)
    headers = [("X-One", "a"), ("X-One", "b"), ("Accept", "*/*")]
    status, body = await app.post("/api/ECHO/KeepCase?a=1&A=2&e=&b=%C3%A9", headers=headers, data=b"hello")
    got = json.loads(body)
    assert (status, got["method"], got["body"]) == (200, "POST", "hello")
    assert got["url"].startswith(f"http://127.0.0.1:{app.host.port}/api/ECHO/KeepCase?a=1")
    assert got["params"] == {"a": "1,2", "b": "é"}
    assert got["route"] == {"Key": "KeepCase"}
    assert got["headers"]["x-one"] == "a,b"


async def test_case_10_an_absent_optional_route_value_is_not_in_the_mapping(serve):
    app = await serve(ECHO)
    assert json.loads((await app.get("/api/echo"))[1])["route"] == {}


async def test_case_12_a_chunked_body_arrives_empty_with_a_warning(serve, caplog):
    app = await serve(ECHO)
    status, body = await app.post("/api/echo", data=chunks())
    assert (status, json.loads(body)["body"]) == (200, "")
    assert "has no Content-Length" in caplog.text


@pytest.mark.parametrize("data", [b"", b"{", b"\xff"])
async def test_case_13_a_body_that_is_no_json_raises_and_becomes_an_empty_500(serve, data, caplog):
    app = await serve(ECHO)
    assert await app.post("/api/json", data=data) == (500, "")
    assert "ValueError" in caplog.text
    assert "Executed 'Functions.read_json' (Failed" in caplog.text


async def test_case_06_a_wrong_method_is_not_found(serve):
    app = await serve(ECHO)
    assert await app.get("/api/json") == (404, "")


async def test_case_05_an_unset_route_is_the_function_name_and_the_prefix_can_be_empty(serve):
    app = await serve(
        "@app.route()\ndef Named(req: func.HttpRequest) -> str: return 'ok'\n",
        host_json={"extensions": {"http": {"routePrefix": ""}}},
    )
    assert await app.get("/named") == (200, "ok")
    assert (await app.get("/api/Named"))[0] == 404


async def respond_with(serve, expression):
    app = await serve(f"@app.route(route='f')\ndef f(req: func.HttpRequest): return {expression}\n")
    return await app.request("GET", "/api/f")


@pytest.mark.parametrize(
    ("expression", "status", "content_type", "body"),
    [
        ("func.HttpResponse('hé')", 200, "text/plain; charset=utf-8", "hé"),
        ("func.HttpResponse('{}', mimetype='application/json')", 200, "application/json", "{}"),
        ("func.HttpResponse(status_code=204)", 204, None, ""),
        (
            "func.HttpResponse('x', headers={'content-length': '99', 'x-y': 'z'})",
            200,
            "text/plain; charset=utf-8",
            "x",
        ),
        ("'plain'", 200, "text/plain; charset=utf-8", "plain"),
        ("'{\"a\": 1}'", 200, "text/plain; charset=utf-8", '{"a": 1}'),
        ('\'{"body": "x", "status": 418}\'', 418, "text/plain; charset=utf-8", "x"),
        ('\'{"Body": {"a": 1}, "statusCode": "201"}\'', 201, "application/json; charset=utf-8", '{"a": 1}'),
    ],
)
async def test_case_14_case_15_case_17_responses_are_encoded_as_in_the_host(
    serve, expression, status, content_type, body
):
    got_status, got_body, response = await respond_with(serve, expression)
    assert (status, body) == (got_status, got_body.decode())
    if content_type is not None:
        assert content_type == response.headers["Content-Type"]


@pytest.mark.parametrize("value", ["{}", "None", "7", "b'x'"])
async def test_case_16_a_result_that_is_no_response_is_an_empty_500(serve, value, caplog):
    status, body, _ = await respond_with(serve, value)
    assert (status, body) == (500, b"")
    assert "unable to encode outgoing TypedData" in caplog.text


async def test_case_18_two_cookies_leave_as_two_headers(serve):
    source = """
        @app.route(route="f")
        def f(req: func.HttpRequest) -> func.HttpResponse:
            response = func.HttpResponse("x")
            response.headers.add("Set-Cookie", "a=1; Path=/; HttpOnly; SameSite=Lax")
            response.headers.add("Set-Cookie", "b=2")
            return response
    """
    app = await serve(source)
    _, _, response = await app.request("GET", "/api/f")
    assert response.headers.getall("Set-Cookie") == ["a=1; HttpOnly; Path=/; SameSite=Lax", "b=2"]


async def test_an_out_parameter_can_carry_the_response(serve):
    source = """
        @app.function_name("f")
        @app.route(route="f", binding_arg_name="out")
        def f(req: func.HttpRequest, out: func.Out[func.HttpResponse]) -> None:
            out.set(func.HttpResponse("via out", status_code=202))
    """
    app = await serve(source)
    assert await app.get("/api/f") == (202, "via out")


async def test_case_22_a_body_above_the_limit_is_refused(serve):
    app = await serve(ECHO)
    reader, writer = await asyncio.open_connection("127.0.0.1", app.host.port)
    writer.write(
        f"POST /api/echo HTTP/1.1\r\nHost: x\r\nContent-Length: {MAX_BODY_BYTES + 1}\r\n\r\n".encode()
    )
    assert b"413" in await reader.readline()
    writer.close()
    await writer.wait_closed()


async def test_case_40_the_context_continues_the_callers_trace(serve):
    source = """
        @app.route(route="f")
        async def f(req: func.HttpRequest, context: func.Context) -> str:
            trace = context.trace_context
            return "|".join([context.function_name, context.function_directory, trace.trace_parent, trace.trace_state])
    """
    app = await serve(source)
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    _, body = await app.get("/api/f", headers={"traceparent": parent, "tracestate": "k=v"})
    name, directory, given, state = body.split("|")
    assert ("f", "k=v", parent[:36]) == (name, state, given[:36])
    assert directory.endswith("app0")
    assert given != parent
    _, other = await app.get("/api/f")
    assert parent[:36] not in other


async def test_case_29_synchronous_functions_run_in_threads_and_asynchronous_ones_on_the_main_thread(serve):
    source = """
        @app.route(route="sync")
        def sync(req: func.HttpRequest) -> str: return threading.current_thread().name
        @app.route(route="async")
        async def asynchronous(req: func.HttpRequest) -> str: return threading.current_thread().name
    """
    app = await serve(source)
    assert (await app.get("/api/sync"))[1].startswith("ThreadPool")
    assert (await app.get("/api/async"))[1] == "MainThread"


async def test_case_29_a_blocked_event_loop_is_reported_with_the_function_that_ran(serve, caplog):
    source = """
        @app.route(route="f")
        async def blocking(req: func.HttpRequest) -> str:
            time.sleep(0.5)
            return "ok"
    """
    app = await serve(source)
    await app.get("/api/f")
    await until(lambda: "event loop was blocked" in caplog.text)
    assert "running: blocking" in caplog.text


async def test_case_31_an_invocation_beyond_the_function_timeout_fails_and_takes_the_others_with_it(
    serve, caplog
):
    source = """
        @app.route(route="f")
        async def slow(req: func.HttpRequest) -> str:
            await asyncio.sleep(3600)
        @app.route(route="stubborn")
        async def stubborn(req: func.HttpRequest) -> str:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                await asyncio.sleep(0.1)
            return "late"
        @app.route(route="thread")
        def thread(req: func.HttpRequest) -> str:
            time.sleep(0.5)
            return "late"
        @app.route(route="quick")
        async def quick(req: func.HttpRequest) -> str: return "ok"
    """
    caplog.set_level("INFO")
    app = await serve(source, host_json={"functionTimeout": "00:00:01"})
    lost = asyncio.create_task(app.host.worker_lost())
    first = asyncio.create_task(app.get("/api/f"))
    began = asyncio.get_running_loop().time()
    # So much later that their own time is up long after that of the first.
    await until(lambda: asyncio.get_running_loop().time() > began + 0.6)
    others = [asyncio.create_task(app.get(f"/api/{name}")) for name in ("stubborn", "thread")]
    await until(lambda: caplog.text.count("Executing 'Functions.") == 3)
    assert not lost.done()
    assert await asyncio.gather(first, *others) == [(500, "")] * 3
    await lost
    assert "Timeout value of 00:00:01 was exceeded by function: Functions.slow" in caplog.text
    assert caplog.text.count("was exceeded by function") == 1
    assert caplog.text.count("the worker was restarted after a timeout of slow") == 2
    assert await app.get("/api/quick") == (200, "ok")


async def test_case_30_an_escaping_cancelled_error_hangs_until_the_timeout_and_is_reported(serve, caplog):
    source = """
        @app.route(route="f")
        async def cancelled(req: func.HttpRequest) -> str:
            raise asyncio.CancelledError
        @app.route(route="g")
        async def other(req: func.HttpRequest) -> str: return "alive"
    """
    app = await serve(source, host_json={"functionTimeout": "00:00:00.3"})
    hanging = asyncio.create_task(app.get("/api/f"))
    assert await app.get("/api/g") == (200, "alive")
    assert await hanging == (500, "")
    assert "asyncio.CancelledError escaped from 'Functions.cancelled'" in caplog.text
    assert "was exceeded by function: Functions.cancelled" in caplog.text


async def test_case_21_case_35_a_function_in_error_is_logged_and_the_others_are_served(serve, caplog):
    source = """
        @app.route(route="admin/x")
        def bad(req: func.HttpRequest) -> str: ...
        @app.route(route="%MISSING%")
        def worse(req: func.HttpRequest) -> str: ...
        @app.route(route="good")
        def good(req: func.HttpRequest) -> str: return "ok"
    """
    app = await serve(source)
    assert app.host.served == ["good"]
    assert await app.get("/api/good") == (200, "ok")
    assert "The 'bad' function is in error: The specified route conflicts" in caplog.text
    assert "'%MISSING%' does not resolve to a value" in caplog.text


async def test_case_42_a_disabled_function_is_not_found(serve, monkeypatch):
    monkeypatch.setenv("AzureWebJobs.echo.Disabled", "true")
    app = await serve(ECHO)
    assert (await app.get("/api/echo"))[0] == 404
    assert app.host.served == ["read_json"]


async def test_case_42_a_disabled_message_function_has_no_listener(serve, monkeypatch, caplog):
    monkeypatch.setenv("AzureWebJobs.on_message.Disabled", "1")
    source = """
        @app.service_bus_queue_trigger(arg_name="msg", queue_name="q", connection="NOT_SET")
        async def on_message(msg): ...
    """
    app = await serve(source)
    assert app.host.served == []
    assert "is in error" not in caplog.text


async def test_only_the_chosen_functions_are_served(serve):
    app = await serve(ECHO, options={"functions": ("echo",)})
    assert app.host.served == ["echo"]


async def test_the_log_has_the_lines_of_the_host(serve, caplog):
    caplog.set_level("INFO")
    app = await serve(ECHO)
    await app.get("/api/echo")
    assert (
        "Executing 'Functions.echo' (Reason='This function was programmatically called via the host APIs.', Id="
        in caplog.text
    )
    assert "Executed 'Functions.echo' (Succeeded, Id=" in caplog.text


async def test_pages_of_other_origins_may_call_when_local_settings_allow_it(serve):
    app = await serve(
        ECHO, local_settings={"Values": {}, "Host": {"CORS": "http://a.test", "CORSCredentials": True}}
    )
    asked = {
        "Origin": "http://a.test",
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "x",
    }
    status, _, response = await app.request("OPTIONS", "/api/echo", headers=asked)
    assert (
        status,
        response.headers["Access-Control-Allow-Methods"],
        response.headers["Access-Control-Allow-Headers"],
    ) == (204, "PUT", "x")
    _, _, response = await app.request("GET", "/api/echo", headers={"Origin": "http://a.test"})
    assert response.headers["Access-Control-Allow-Origin"] == "http://a.test"
    assert response.headers["Access-Control-Allow-Credentials"] == "true"
    _, _, response = await app.request("GET", "/api/echo", headers={"Origin": "http://b.test"})
    assert "Access-Control-Allow-Origin" not in response.headers


async def test_the_root_is_a_page_or_nothing(serve, monkeypatch):
    app = await serve(ECHO)
    assert (await app.get("/"))[0] == 200
    monkeypatch.setenv("AzureWebJobsDisableHomepage", "true")
    app = await serve(ECHO)
    assert await app.get("/") == (204, "")
