"""The cases. Each calls the conformance app and raises where the host differs from the table."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from typing import Any

import aiohttp

from devtools.conformance.target import Case, NotApplicableError, Reply, Target, chunks, expect

MAX_BODY_BYTES = 104_857_600
TIMEOUT_S = 2.0
"""``functionTimeout`` in the app's host.json."""
_BY_HAND_WITHIN_S = 30.0
_RESTART_WITHIN_S = 60.0


async def _echo(target: Target, path: str, **options: Any) -> dict[str, Any]:
    reply = await target.post(f"/api/echo{path}", **options)
    expect(200, reply.status, "status of echo")
    told: dict[str, Any] = json.loads(reply.text)
    return told


def _empty(status: int, reply: Reply, what: str) -> None:
    expect((status, ""), (reply.status, reply.text), what)


async def _unset_route(target: Target) -> None:
    expect((200, "GET"), _short(await target.get("/api/unrouted")), "the function's name as the route")


def _short(reply: Reply) -> tuple[int, str]:
    return reply.status, reply.text


async def _wrong_method(target: Target) -> None:
    _empty(404, await target.get("/api/posted"), "GET on a route for POST")


async def _case_of_paths(target: Target) -> None:
    reply = await target.get("/API/ECHO/KeepCase")
    expect(200, reply.status, "status of a path in capitals")
    expect({"Key": "KeepCase"}, json.loads(reply.text)["route"], "the value in the path")


async def _order(target: Target) -> None:
    expect((200, "stats GET"), _short(await target.get("/api/first/stats")), "a_... before b_...")
    expect((200, "id stats"), _short(await target.get("/api/second/stats")), "b_... before z_...")


async def _constraint(target: Target) -> None:
    _empty(404, await target.get("/api/guid/abc"), "a text for a GUID")
    value = str(uuid.uuid4())
    expect((200, value), _short(await target.get(f"/api/guid/{value}")), "a GUID")


async def _optional(target: Target) -> None:
    expect({}, (await _echo(target, ""))["route"], "values of a path without the optional part")


async def _query(target: Target) -> None:
    told = await _echo(target, "?a=1&a=2&e=")
    expect("1,2", told["params"].get("a"), "a repeated query value")
    expect(False, "e" in told["params"], "an empty query value is there")


async def _chunked(target: Target) -> None:
    expect("", (await _echo(target, "", data=chunks(b"a", b"b")))["body"], "a body without Content-Length")


async def _no_json(target: Target) -> None:
    expect((400, "not JSON"), _short(await target.post("/api/json")), "the ValueError of an empty body")
    _empty(500, await target.post("/api/json-or-fail"), "a ValueError that is not caught")


async def _text(target: Target) -> None:
    reply = await target.get("/api/returns/text")
    expect((200, "hé"), _short(reply), "a text")
    expect("text/plain; charset=utf-8", reply.headers["content-type"].lower(), "its content type")


async def _json_type(target: Target) -> None:
    reply = await target.get("/api/returns/json")
    expect("application/json", reply.headers["content-type"], "content type")


async def _no_response(target: Target) -> None:
    for what in ("dict", "none"):
        _empty(500, await target.get(f"/api/returns/{what}"), f"a function that returns {what}")


async def _described(target: Target) -> None:
    expect((418, "x"), _short(await target.get("/api/returns/described")), "a text that describes a response")


async def _cookies(target: Target) -> None:
    reply = await target.get("/api/cookies")
    expect(["a=1", "b=2"], sorted(cookie.partition(";")[0] for cookie in reply.cookies), "cookies")


async def _keys(target: Target) -> None:
    if not await target.enforces_keys():
        expect((200, "GET"), _short(await target.get("/api/keyed")), "a host that does not check keys")
        return
    wrong, path = {"x-functions-key": "wrong"}, "/api/keyed"
    _empty(401, await target.get(path), "no key")
    _empty(401, await target.get(path, headers=wrong), "a wrong key")
    if target.key is None:
        raise NotApplicableError("without a key it is refused; the rest of the case needs --key")
    expect(
        200, (await target.get(path, headers={"x-functions-key": target.key})).status, "the key in a header"
    )
    expect(200, (await target.get(path, params={"code": target.key})).status, "the key as code")
    _empty(
        401, await target.get(path, params={"code": target.key}, headers=wrong), "a wrong header beside code"
    )
    if target.master_key is not None:
        headers = {"x-functions-key": target.master_key}
        expect(200, (await target.get(path, headers=headers)).status, "the master key")


async def _anonymous(target: Target) -> None:
    reply = await target.get("/api/echo", headers={"x-functions-key": "wrong"})
    expect(200, reply.status, "an anonymous function and a wrong key")


async def _reserved(target: Target) -> None:
    expect(404, (await target.get("/api/admin/reserved")).status, "a route that belongs to the host")


async def _large(target: Target) -> None:
    head = f"POST /api/echo HTTP/1.1\r\nContent-Length: {MAX_BODY_BYTES + 1}"
    expect(413, await target.status_of_raw(head), "a body above the limit")


async def _threads(target: Target) -> None:
    expect(
        "GET False", (await target.get("/api/thread/sync")).text, "a synchronous function on the main thread"
    )
    expect(
        "GET True",
        (await target.get("/api/thread/async")).text,
        "an asynchronous function on the main thread",
    )


async def _by_hand(target: Target) -> None:
    headers = await target.admin_headers()
    before = (await target.get("/api/fired")).text
    started = await target.post("/admin/functions/by_hand", json={"input": ""}, headers=headers)
    expect(202, started.status, "starting a function by hand")
    unknown = await target.post("/admin/functions/nobody", json={"input": ""}, headers=headers)
    expect(404, unknown.status, "starting a function that does not exist")
    expect(400, (await target.post("/admin/functions/by_hand", headers=headers)).status, "no body")
    deadline = time.monotonic() + _BY_HAND_WITHIN_S
    while (await target.get("/api/fired")).text == before:
        expect(True, time.monotonic() < deadline, "the function that was started has run")
        await asyncio.sleep(0.05)


async def _trace(target: Target) -> None:
    trace_id = uuid.uuid4().hex
    reply = await target.get("/api/trace", headers={"traceparent": f"00-{trace_id}-00f067aa0ba902b7-01"})
    expect(f"GET 00-{trace_id}-", reply.text[: len(trace_id) + 8], "the trace of the invocation")


async def _switched_off(target: Target) -> None:
    if (await target.get("/api/switched-off/is-set")).text != "GET True":
        raise NotApplicableError("the app setting AzureWebJobs.switched_off.Disabled=true is missing")
    expect(404, (await target.get("/api/switched-off")).status, "a disabled function")


async def _cancelled(target: Target) -> None:
    worker = await _worker(target)
    began = time.monotonic()
    status = await _status_or_cut(target, "/api/cancelled")
    expect(True, _failed(status), f"an escaped CancelledError fails (status {status})")
    expect(True, time.monotonic() - began >= TIMEOUT_S, "it is answered no earlier than functionTimeout")
    await _restarted(target, worker)


async def _timeout(target: Target) -> None:
    worker = await _worker(target)
    ends: list[float] = []

    async def run_too_long(delay: float) -> None:
        await asyncio.sleep(delay)
        status = await _status_or_cut(target, "/api/sleep")
        ends.append(time.monotonic())
        expect(True, _failed(status), f"an invocation beyond functionTimeout fails (status {status})")

    later = TIMEOUT_S * 0.6
    await asyncio.gather(run_too_long(0), run_too_long(later))
    apart = max(ends) - min(ends)
    expect(
        True,
        apart < later * 0.8,
        f"a later invocation fails with the worker (it ended {apart:.1f} s after the first)",
    )
    await _restarted(target, worker)


async def _worker(target: Target) -> str:
    return (await target.get("/api/worker")).text


async def _restarted(target: Target, before: str) -> None:
    """Wait until another worker process answers."""
    deadline = time.monotonic() + _RESTART_WITHIN_S
    while await _worker_or_none(target) in (before, None):
        expect(True, time.monotonic() < deadline, "the worker starts again after a timeout")
        await asyncio.sleep(0.05)


async def _worker_or_none(target: Target) -> str | None:
    try:
        return await _worker(target)
    except aiohttp.ClientConnectionError:
        return None  # caught in the middle of the restart


def _failed(status: int) -> bool:
    return status == 0 or status >= 500


async def _status_or_cut(target: Target, path: str) -> int:
    """The status; 0 where the connection ended without one."""
    try:
        return (await target.get(path)).status
    except aiohttp.ServerDisconnectedError:
        return 0


CASES = (
    Case(number=5, title="a route that is not set is the function's name", check=_unset_route),
    Case(number=6, title="a wrong method is 404, not 405", check=_wrong_method),
    Case(number=7, title="paths ignore case, values keep theirs", check=_case_of_paths),
    Case(number=8, title="overlapping routes: the first function by name", check=_order),
    Case(number=9, title="a failed constraint is 404", check=_constraint),
    Case(number=10, title="an absent optional value is not in route_params", check=_optional),
    Case(number=11, title="repeated query values are joined, empty ones dropped", check=_query),
    Case(number=12, title="a chunked body arrives empty", check=_chunked),
    Case(number=13, title="get_json of an empty body raises ValueError", check=_no_json),
    Case(number=14, title="text is text/plain in UTF-8", check=_text),
    Case(number=15, title="a JSON mimetype has no charset", check=_json_type),
    Case(number=16, title="a dict or None as the result is an empty 500", check=_no_response),
    Case(number=17, title="a text with a body member describes the response", check=_described),
    Case(number=18, title="two cookies", check=_cookies),
    Case(number=19, title="function keys", check=_keys),
    Case(number=20, title="a wrong key does not close an anonymous function", check=_anonymous),
    Case(number=21, title="routes of the host are reserved", check=_reserved),
    Case(number=22, title="a body above 100 MiB is refused", check=_large),
    Case(number=29, title="sync functions in threads, async ones on the loop", check=_threads),
    Case(number=39, title="the admin API starts a function", check=_by_hand),
    Case(number=40, title="traceparent is continued", check=_trace),
    Case(number=42, title="a disabled function is 404", check=_switched_off),
    # Last, since the worker starts again after each.
    Case(number=30, title="an escaped CancelledError hangs until the timeout", check=_cancelled),
    Case(number=31, title="a timeout takes the whole worker with it", check=_timeout),
)
