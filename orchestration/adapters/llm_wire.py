"""What goes over the wire to an OpenAI-compatible chat completions endpoint, and what its answers mean. No I/O.

Endpoints agree on the shape and differ in the details: which name the token limit has, whether a temperature
may be set, how an answer is bound to a JSON schema. A :class:`Dialect` is one choice of these; a refusal that
names one of them leads to the next choice.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from typing import Any, Final, Literal
from urllib.parse import urlsplit, urlunsplit

from layers.contract import ChatFailed, ChatRequest

MAX_RETRY_AFTER: Final = 60.0
"""Seconds: no server can park a call for longer."""

_BYTES_PER_TOKEN: Final = 3.0
_AZURE_HOSTS: Final = (".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com")
_NEW_LIMIT_HOSTS: Final = (*_AZURE_HOSTS, "api.openai.com")
_THOUGHTS: Final = re.compile(r"\A\s*<think>.*?</think>", re.DOTALL)
_FENCE: Final = re.compile(r"\A\s*```(?:json)?\s*\n(.*?)\n\s*```\s*\Z", re.DOTALL)

Structure = Literal["json_schema", "json_object", "prompt"]
Limit = Literal["max_tokens", "max_completion_tokens"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How this endpoint wants to be asked; ``limit_settled`` once the other name of the limit was refused too."""

    structure: Structure = "json_schema"
    limit: Limit = "max_tokens"
    limit_settled: bool = False
    temperature: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one call, as the endpoint counted them, else estimated."""

    tokens_in: int
    tokens_out: int


def is_azure(url: str) -> bool:
    """Whether the endpoint is one of Azure's own, where a managed identity is known."""
    return (urlsplit(url).hostname or "").endswith(_AZURE_HOSTS)


def provider_of(url: str) -> str:
    """The endpoint's provider, by the names of OpenTelemetry's GenAI conventions; one by its protocol is ``openai``."""
    return "azure.ai.openai" if is_azure(url) else "openai"


def completions_url(endpoint: str) -> str:
    """The address to post to. An endpoint without a path gets the usual one: ``/openai/v1`` on Azure, else ``/v1``."""
    parts = urlsplit(endpoint)
    path = parts.path.rstrip("/").removesuffix("/chat/completions")
    if not path:
        path = "/openai/v1" if is_azure(endpoint) else "/v1"
    return urlunsplit((parts.scheme, parts.netloc, f"{path}/chat/completions", parts.query, ""))


def first_dialect(url: str) -> Dialect:
    """What to try first."""
    newer = (urlsplit(url).hostname or "").endswith(_NEW_LIMIT_HOSTS)
    return Dialect(limit="max_completion_tokens" if newer else "max_tokens")


def adapted(dialect: Dialect, complaint: str) -> Dialect | None:
    """The dialect to try after a refusal with status 400 or 422; None when there is nothing left to change.

    Each change is made once, so that a chain of refusals ends.
    """
    said = complaint.lower()
    if dialect.temperature and "temperature" in said:
        return replace(dialect, temperature=False)
    if not dialect.limit_settled and dialect.limit in said:
        other: Limit = "max_tokens" if dialect.limit == "max_completion_tokens" else "max_completion_tokens"
        return replace(dialect, limit=other, limit_settled=True)
    if dialect.structure == "json_schema":
        return replace(dialect, structure="json_object")
    if dialect.structure == "json_object" and ("response_format" in said or "json_object" in said):
        return replace(dialect, structure="prompt")
    return None


def request_body(request: ChatRequest, model: str, dialect: Dialect) -> dict[str, Any]:
    """The JSON body of one call."""
    system = request.system
    if dialect.structure != "json_schema":
        schema = json.dumps(request.schema, sort_keys=True)
        system = f"{system}\n\nAnswer with one JSON object that satisfies this JSON schema, and nothing else:\n{schema}"
    body: dict[str, Any] = {
        "model": model,
        "messages": [{"role": "system", "content": system}, {"role": "user", "content": request.user}],
        dialect.limit: request.max_output_tokens,
    }
    if dialect.temperature:
        body["temperature"] = 0
    if dialect.structure == "json_schema":
        named = {"name": request.purpose, "strict": True, "schema": request.schema}
        body["response_format"] = {"type": "json_schema", "json_schema": named}
    elif dialect.structure == "json_object":
        body["response_format"] = {"type": "json_object"}
    return body


def estimated_input(request: ChatRequest) -> int:
    """How many tokens a request has at most, about: 3 bytes each, where English has some 4."""
    text = request.system + request.user + json.dumps(request.schema)
    return math.ceil(len(text.encode()) / _BYTES_PER_TOKEN)


def usage_of(payload: Mapping[str, Any], request: ChatRequest) -> Usage:
    """What the answer says it used; an endpoint that does not count is estimated."""
    given = payload.get("usage")
    counted = given if isinstance(given, Mapping) else {}
    tokens_in, tokens_out = _count(counted.get("prompt_tokens")), _count(counted.get("completion_tokens"))
    written = math.ceil(len(json.dumps(payload)) / _BYTES_PER_TOKEN)
    return Usage(
        tokens_in=estimated_input(request) if tokens_in is None else tokens_in,
        tokens_out=written if tokens_out is None else tokens_out,
    )


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def answer_of(payload: Mapping[str, Any]) -> Mapping[str, object]:
    """The JSON object that the model answered with.

    Raises :class:`ChatFailed`: ``llm_truncated`` where it ran into the token limit, ``llm_refused`` where a filter
    or the model declined, ``llm_invalid`` where there is no JSON object.
    """
    choices = payload.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, Mapping) else None
    if not isinstance(choice, Mapping) or not isinstance(message, Mapping):
        raise ChatFailed("the answer has no choice with a message", code="llm_invalid")
    reason = choice.get("finish_reason")
    if reason == "length":
        raise ChatFailed("the answer ran into its token limit", code="llm_truncated")
    if reason == "content_filter" or message.get("refusal"):
        raise ChatFailed("the model or its filter declined to answer", code="llm_refused")
    if reason not in ("stop", None):
        raise ChatFailed(f"the answer ended with {str(reason)[:40]!r}", code="llm_invalid")
    return _json_object(message.get("content"))


def _json_object(content: object) -> Mapping[str, object]:
    """The object in the text, without the thoughts or the fence that some models put around it."""
    if not isinstance(content, str) or not content.strip():
        raise ChatFailed("the answer is empty", code="llm_invalid")
    text = _THOUGHTS.sub("", content)
    fenced = _FENCE.match(text)
    try:
        value = json.loads(fenced[1] if fenced else text)
    except (ValueError, RecursionError) as error:
        raise ChatFailed("the answer is not JSON", code="llm_invalid") from error
    if not isinstance(value, dict):
        raise ChatFailed("the answer is not a JSON object", code="llm_invalid")
    return value


def refusal_of(status: int, complaint: str) -> ChatFailed:
    """What a refusal with this status means; the endpoint's words are not passed on, they may repeat the prompt."""
    said = complaint.lower()
    if "content_filter" in said or "responsibleaipolicy" in said:
        return ChatFailed("a content filter declined the request", code="llm_refused")
    if "context_length" in said or "maximum context" in said:
        return ChatFailed("the request is longer than the model can read", code="llm_truncated")
    return ChatFailed(f"the endpoint refused the request with status {status}", code="llm_misconfigured")


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds that the server asks to wait, at most 60: ``Retry-After`` as seconds or date (RFC 9110), or in ms.

    ``now`` is the Unix time. None where nothing usable is said.
    """
    for name in ("retry-after-ms", "x-ms-retry-after-ms"):
        if (milliseconds := headers.get(name, "")).isdigit():
            return min(int(milliseconds) / 1000, MAX_RETRY_AFTER)
    said = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}(?:\.\d+)?", said):
        return min(float(said), MAX_RETRY_AFTER)
    try:
        wait = parsedate_to_datetime(said).timestamp() - now
    except (ValueError, OverflowError):
        return None
    return min(max(wait, 0.0), MAX_RETRY_AFTER)
