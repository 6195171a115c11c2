"""A scripted OpenAI-compatible chat endpoint on loopback, which can be told how to misbehave.

The behaviour comes from the model's name (``scripted-slow``) or from ``POST /_script``, which wins. A name that
ends in ``-once`` misbehaves only until it is asked for a repair. ``GET /_requests`` counts what was asked.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from localcloud.offline.judges import JUDGES
from localcloud.offline.prompts import Prompt, read_prompt
from localcloud.offline.writers import WRITERS

PATH = "/v1/chat/completions"
_PREFIX = "scripted-"
_ONCE = "-once"
_OTHERS = (
    "slow",
    "rate_limited",
    "truncated",
    "cut",
    "empty",
    "500",
    "wrong_schema",
    "refuses",
    "plain",
    "modern",
    "no_key",
)
BEHAVIOURS = (*WRITERS, *_OTHERS)
"""Beside the writers: ``truncated`` ends for length, ``cut`` says "stop" in mid-JSON, ``plain`` knows no
json_schema, ``modern`` takes neither ``max_tokens`` nor a temperature, ``no_key`` wants authorisation."""


@dataclass(slots=True, kw_only=True)
class Script:
    """``behaviour`` None goes by the model's name; ``times`` limits rate_limited and 500, after which it is good."""

    behaviour: str | None = None
    times: int | None = None
    retry_after: str = "1"
    seconds: float = 2.0


@dataclass(slots=True)
class ScriptedModel:
    """The server's state: how to behave, and every request body that came."""

    script: Script = field(default_factory=Script)
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    refused: int = 0

    async def complete(self, request: web.Request) -> web.Response:
        """One chat completion."""
        body = await request.json()
        self.requests.append(body)
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        messages = body.get("messages", [])
        prompt = read_prompt(messages)
        behaviour = self._behaviour(str(body.get("model", "")), repairing=prompt.is_repair)
        if refusal := self._refusal(behaviour, body, request):
            return refusal
        if behaviour == "slow":
            await asyncio.sleep(self.script.seconds)
        return _completion(behaviour, body, json.dumps(_answer(behaviour, prompt)))

    def _behaviour(self, model: str, *, repairing: bool) -> str:
        name = self.script.behaviour or model.removeprefix(_PREFIX)
        if name.endswith(_ONCE):
            name = "good" if repairing else name.removesuffix(_ONCE)
        return name if name in BEHAVIOURS else "good"

    def _refusal(self, behaviour: str, body: Mapping[str, Any], request: web.Request) -> web.Response | None:
        if behaviour in ("rate_limited", "500"):
            if self.script.times is not None and self.refused >= self.script.times:
                return None
            self.refused += 1
            status = 429 if behaviour == "rate_limited" else 500
            return _error(status, "try again later", headers={"Retry-After": self.script.retry_after})
        if behaviour == "plain" and body.get("response_format", {}).get("type") == "json_schema":
            return _error(400, "response_format of type json_schema is not supported")
        if behaviour == "modern" and "max_tokens" in body:
            return _error(400, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.")
        if behaviour == "modern" and "temperature" in body:
            return _error(400, "Unsupported value: 'temperature' does not support 0 with this model.")
        if behaviour == "no_key" and not {"Authorization", "api-key"} & set(request.headers):
            return _error(401, "missing key")
        return None

    async def configure(self, request: web.Request) -> web.Response:
        """Set the script; fields that are absent get their defaults."""
        value = await request.json()
        if value.get("behaviour", "good").removesuffix(_ONCE) not in BEHAVIOURS:
            return _error(400, f"behaviour must be one of {', '.join(BEHAVIOURS)}")
        self.script = Script(**{name: value[name] for name in Script.__slots__ if name in value})
        self.refused = 0
        return web.json_response({"behaviour": self.script.behaviour})

    async def count(self, request: web.Request) -> web.Response:
        """How many completions were asked for."""
        del request
        return web.json_response({"count": len(self.requests)})


def _answer(behaviour: str, prompt: Prompt) -> dict[str, Any]:
    """Verdicts where claims are to be judged, else sentences."""
    if prompt.claims:
        return {"verdicts": JUDGES.get(behaviour, JUDGES["good"])(prompt)}
    return {"sentences": WRITERS.get(behaviour, WRITERS["good"])(prompt.quotations)}


def _completion(behaviour: str, body: Mapping[str, Any], content: str) -> web.Response:
    reason, refusal = "stop", None
    if behaviour in ("truncated", "cut"):
        content = content[: len(content) // 2]
        reason = "length" if behaviour == "truncated" else "stop"
    elif behaviour == "empty":
        content = ""
    elif behaviour == "wrong_schema":
        content = json.dumps({"article": {"body": content}})
    elif behaviour == "refuses":
        content, refusal = "", "I cannot help with that."
    asked = sum(len(str(message.get("content", ""))) for message in body.get("messages", []))
    counts = {"prompt_tokens": math.ceil(asked / 4), "completion_tokens": math.ceil(len(content) / 4)}
    message = {"role": "assistant", "content": content, "refusal": refusal}
    return web.json_response(
        {
            "id": "chatcmpl-scripted",
            "object": "chat.completion",
            "created": 0,
            "model": body.get("model"),
            "choices": [{"index": 0, "message": message, "finish_reason": reason}],
            "usage": {**counts, "total_tokens": sum(counts.values())},
        }
    )


def _error(status: int, message: str, headers: Mapping[str, str] | None = None) -> web.Response:
    body = {"error": {"message": message, "type": "scripted", "code": None}}
    return web.json_response(body, status=status, headers=headers)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningModel:
    """A server that answers at ``endpoint``."""

    port: int
    model: ScriptedModel

    @property
    def endpoint(self) -> str:
        """The base URL for clients."""
        return f"http://127.0.0.1:{self.port}/v1"


@asynccontextmanager
async def running(port: int = 0) -> AsyncIterator[RunningModel]:
    """The server while the context lasts; port 0 takes a free one. Raises OSError when the port is taken."""
    model = ScriptedModel()
    app = web.Application(client_max_size=16 * 1024 * 1024)
    app.add_routes(
        [
            web.post(PATH, model.complete),
            web.post("/_script", model.configure),
            web.get("/_requests", model.count),
        ]
    )
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=1.0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        bound: tuple[str, int] = runner.addresses[0]
        yield RunningModel(port=bound[1], model=model)
    finally:
        await runner.cleanup()
