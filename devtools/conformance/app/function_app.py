"""A function app that shows how its host behaves: ``./dev conformance`` calls it. It needs nothing but the SDK."""

import asyncio
import json
import os
import threading
import uuid

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
fired: list[bool] = []
worker_id = uuid.uuid4().hex


@app.route(route="echo/{Key?}")
def echo(req: func.HttpRequest) -> func.HttpResponse:
    """Say what arrived."""
    told = {
        "method": req.method,
        "url": req.url,
        "headers": dict(req.headers),
        "params": dict(req.params),
        "route": dict(req.route_params),
        "body": req.get_body().decode(),
    }
    return func.HttpResponse(json.dumps(told), mimetype="application/json")


@app.route()
def unrouted(req: func.HttpRequest) -> str:
    """Have no route of its own."""
    return str(req.method)


@app.route(route="posted", methods=["POST"])
def posted(req: func.HttpRequest) -> str:
    """Take no other method than POST."""
    return str(req.method)


@app.route(route="first/{id}")
def b_first_by_id(req: func.HttpRequest) -> str:
    """Come second by name, and match more."""
    return f"id {req.route_params['id']}"


@app.route(route="first/stats")
def a_first_stats(req: func.HttpRequest) -> str:
    """Come first by name."""
    return f"stats {req.method}"


@app.route(route="second/{id}")
def b_second_by_id(req: func.HttpRequest) -> str:
    """Come first by name, and match more."""
    return f"id {req.route_params['id']}"


@app.route(route="second/stats")
def z_second_stats(req: func.HttpRequest) -> str:
    """Come second by name: never reached."""
    return f"stats {req.method}"


@app.route(route="guid/{id:guid}")
def guid(req: func.HttpRequest) -> str:
    """Take a GUID only."""
    return str(req.route_params["id"])


@app.route(route="json")
def json_or_400(req: func.HttpRequest) -> func.HttpResponse:
    """Answer a body that is no JSON."""
    try:
        return func.HttpResponse(json.dumps(req.get_json()), mimetype="application/json")
    except ValueError:
        return func.HttpResponse("not JSON", status_code=400)


@app.route(route="json-or-fail")
def json_or_fail(req: func.HttpRequest) -> str:
    """Fail on a body that is no JSON."""
    return str(req.get_json())


@app.route(route="returns/{what}")
def returns(req: func.HttpRequest):  # type: ignore[no-untyped-def] # noqa: ANN201 - the point is what it returns
    """Return what a function may return, and what it may not."""
    results = {
        "text": func.HttpResponse("hé"),
        "json": func.HttpResponse('{"a": 1}', mimetype="application/json"),
        "dict": {"a": 1},
        "none": None,
        "described": '{"body": "x", "status": 418}',
    }
    return results[req.route_params["what"]]


@app.route(route="cookies")
def cookies(req: func.HttpRequest) -> func.HttpResponse:
    """Set two cookies."""
    response = func.HttpResponse(req.method)
    response.headers.add("Set-Cookie", "a=1; Path=/")
    response.headers.add("Set-Cookie", "b=2; Path=/")
    return response


@app.route(route="keyed", auth_level=func.AuthLevel.FUNCTION)
def keyed(req: func.HttpRequest) -> str:
    """Ask for a key."""
    return str(req.method)


@app.route(route="admin/reserved")
def reserved(req: func.HttpRequest) -> str:
    """Claim a route that belongs to the host."""
    return str(req.method)


@app.route(route="switched-off")
def switched_off(req: func.HttpRequest) -> str:
    """Be disabled by ``AzureWebJobs.switched_off.Disabled=true``."""
    return str(req.method)


@app.route(route="switched-off/is-set")
def a_switched_off_is_set(req: func.HttpRequest) -> str:
    """Say whether that setting is there."""
    names = ("AzureWebJobs.switched_off.Disabled", "AzureWebJobs_switched_off_Disabled")
    return f"{req.method} {any(os.environ.get(name) for name in names)}"


@app.route(route="thread/sync")
def thread_sync(req: func.HttpRequest) -> str:
    """Run in a thread."""
    return f"{req.method} {threading.current_thread() is threading.main_thread()}"


@app.route(route="thread/async")
async def thread_async(req: func.HttpRequest) -> str:
    """Run on the event loop."""
    return f"{req.method} {threading.current_thread() is threading.main_thread()}"


@app.route(route="trace")
def trace(req: func.HttpRequest, context: func.Context) -> str:
    """Show the trace that the invocation belongs to."""
    return f"{req.method} {context.trace_context.trace_parent}"


@app.route(route="cancelled")
async def cancelled(req: func.HttpRequest) -> str:
    """Let a CancelledError escape."""
    raise asyncio.CancelledError(req.method)


@app.route(route="sleep")
async def sleep(req: func.HttpRequest) -> str:
    """Run beyond ``functionTimeout``."""
    await asyncio.sleep(3600)
    return str(req.method)


@app.route(route="worker")
def worker(req: func.HttpRequest) -> str:
    """Tell one worker process from the next."""
    return f"{req.method} {worker_id}"


@app.timer_trigger(arg_name="timer", schedule="0 0 0 1 1 *")
def by_hand(timer: func.TimerRequest) -> None:
    """Remember that it ran; only the admin API starts it."""
    fired.append(timer.past_due)


@app.route(route="fired")
def times_fired(req: func.HttpRequest) -> str:
    """Count the runs of ``by_hand``."""
    return f"{req.method} {len(fired)}"
