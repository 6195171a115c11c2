"""A language model behind any OpenAI-compatible chat completions endpoint: Azure OpenAI, OpenAI, Ollama, vLLM.

Every call keeps to the request's budget and time, is tried again where trying may help, and goes through the
endpoint's circuit breaker. Neither prompts, nor answers, nor keys are logged.
"""

from __future__ import annotations

import asyncio
import logging
import math
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import httpx

from layers.contract import ChatFailed, ChatReply, ChatRequest
from orchestration.adapters.llm_wire import (
    MAX_RETRY_AFTER,
    Usage,
    adapted,
    answer_of,
    completions_url,
    estimated_input,
    first_dialect,
    provider_of,
    refusal_of,
    request_body,
    retry_after,
    usage_of,
)
from orchestration.breaker import Breaker, BreakerOpen
from orchestration.ports import Clock
from orchestration.retry import RetryPolicy
from orchestration.telemetry.work import Chat

LLM_RETRY: Final = RetryPolicy(max_tries=4, base=1.0, cap=MAX_RETRY_AFTER)
"""Within one call; a hint of the server counts up to its cap."""

_CONNECTIONS: Final = 8
_CONNECT_SECONDS: Final = 10.0
_SHORTEST_TRY: Final = 1.0
_PER_MILLION: Final = 1_000_000

_log = logging.getLogger(__name__)

Headers = Callable[[], Awaitable[Mapping[str, str]]]
"""Gives the headers that authorise a call; awaited before each, since tokens expire."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatTarget:
    """Where to ask and what it costs: ``seconds`` per try, prices in US dollars per million tokens."""

    endpoint: str
    model: str
    seconds: float = 90.0
    price_in: float = 0.0
    price_out: float = 0.0

    def cost(self, usage: Usage) -> float:
        """What these tokens cost in US dollars."""
        return (usage.tokens_in * self.price_in + usage.tokens_out * self.price_out) / _PER_MILLION


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    status: int
    text: str
    payload: Any


class _Passing(Exception):
    """A failure that another try may not meet; ``wait`` is what the server asks for, in seconds, ``code`` its kind."""

    def __init__(self, reason: str, wait: float | None = None, *, code: str) -> None:
        super().__init__(reason)
        self.wait = wait
        self.code = code


class ChatEndpoint:
    """One model at one endpoint. Close it with ``aclose`` when the process ends."""

    def __init__(
        self, target: ChatTarget, *, headers: Headers, clock: Clock, breaker: Breaker | None = None
    ) -> None:
        self._target = target
        self._headers = headers
        self._clock = clock
        self._url = completions_url(target.endpoint)
        self._dialect = first_dialect(self._url)
        self._provider = provider_of(self._url)
        self.breaker = breaker or Breaker("the language model", clock.monotonic)
        # Prompts go to the named endpoint and nowhere else: no proxy of the environment, no redirect.
        self._client = httpx.AsyncClient(
            timeout=httpx.Timeout(None, connect=_CONNECT_SECONDS, pool=target.seconds),
            limits=httpx.Limits(max_connections=_CONNECTIONS),
            follow_redirects=False,
            trust_env=False,
            verify=_certificates(),
        )

    @property
    def model(self) -> str:
        """The model's name as the endpoint knows it."""
        return self._target.model

    async def aclose(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def complete(self, request: ChatRequest) -> ChatReply:
        """Ask for one JSON object. Raises :class:`ChatFailed` with what the failed answer cost."""
        self._check_budget(request)
        ends = self._clock.monotonic() + (math.inf if request.seconds is None else request.seconds)
        answer = await self._understood(request, ends)
        if not isinstance(answer.payload, Mapping):
            raise ChatFailed("the endpoint did not answer with a JSON object", code="llm_invalid")
        usage = usage_of(answer.payload, request)
        cost = self._target.cost(usage)
        try:
            value = answer_of(answer.payload)
        except ChatFailed as failed:
            failed.tokens_in, failed.tokens_out, failed.cost = usage.tokens_in, usage.tokens_out, cost
            raise
        _log.info(
            "language model answered",
            extra={
                "purpose": request.purpose,
                "model": self.model,
                "tokens_in": usage.tokens_in,
                "tokens_out": usage.tokens_out,
            },
        )
        return ChatReply(
            value=value,
            model=self.model,
            tokens_in=usage.tokens_in,
            tokens_out=usage.tokens_out,
            cost=cost,
        )

    def _check_budget(self, request: ChatRequest) -> None:
        if request.budget_tokens is None:
            return
        needed = estimated_input(request) + request.max_output_tokens
        if needed > request.budget_tokens:
            raise ChatFailed(
                f"the call may take {needed} tokens, {request.budget_tokens} are left", code="budget_spent"
            )

    async def _understood(self, request: ChatRequest, ends: float) -> _Answer:
        """The first answer with status 200, in whatever dialect the endpoint understands."""
        while True:
            asked = self._dialect
            answer = await self._answered(request_body(request, self.model, asked), ends, request)
            if answer.status == 200:
                return answer
            failed = refusal_of(answer.status, answer.text)
            other = adapted(asked, answer.text) if answer.status in (400, 422) else None
            if other is None or failed.code != "llm_misconfigured":
                _log.warning("language model refused", extra={"status": answer.status, "code": failed.code})
                raise failed
            self._dialect = other

    async def _answered(self, body: Mapping[str, Any], ends: float, request: ChatRequest) -> _Answer:
        """An answer that is not worth another try; raises ``llm_unavailable`` when there is none in time."""
        failures = 0
        while True:
            if ends - self._clock.monotonic() < _SHORTEST_TRY:
                raise _unavailable("no time is left to ask", None)
            try:
                return await self._told(body, ends, request)
            except BreakerOpen as refused:
                raise _unavailable(str(refused), refused.retry_after) from refused
            except _Passing as failure:
                failures += 1
                delay = LLM_RETRY.delay(failures, chance=self._clock.chance(), hint=failure.wait)
                left = ends - self._clock.monotonic()
                if delay is None or delay + _SHORTEST_TRY > left:
                    raise _unavailable(f"{failure} ({failures} tries)", failure.wait) from failure
                extra = {"reason": str(failure), "tries": failures, "delay": round(delay, 3)}
                _log.warning("language model failed, will be asked again", extra=extra)
                await self._clock.sleep(delay)

    async def _told(self, body: Mapping[str, Any], ends: float, request: ChatRequest) -> _Answer:
        """One call, with what telemetry keeps of it."""
        chat = Chat(self.model, provider=self._provider, purpose=request.purpose)
        with chat.span:
            try:
                answer = await self._tried(body, ends)
            except _Passing as failure:
                chat.ended(failure.code)
                raise
            except BreakerOpen:
                chat.ended("breaker_open")
                raise
            if isinstance(answer.payload, Mapping) and answer.status == 200:
                usage = usage_of(answer.payload, request)
                cost = self._target.cost(usage)
                chat.answered(
                    answer.payload, tokens_in=usage.tokens_in, tokens_out=usage.tokens_out, cost=cost
                )
            chat.ended("" if answer.status == 200 else str(answer.status))
            return answer

    async def _tried(self, body: Mapping[str, Any], ends: float) -> _Answer:
        seconds = min(self._target.seconds, ends - self._clock.monotonic())
        headers = await self._headers()
        with self.breaker.call() as outcome:
            try:
                async with asyncio.timeout(seconds):
                    response = await self._client.post(self._url, json=body, headers=dict(headers))
            except TimeoutError as error:
                # A try that the caller's own deadline cut short tells nothing about the endpoint.
                outcome.worked = None if seconds < self._target.seconds else False
                raise _Passing(f"no answer within {seconds:.0f} s", code="timeout") from error
            except (httpx.TransportError, httpx.DecodingError) as error:
                outcome.worked = False
                raise _Passing(type(error).__name__, code=type(error).__name__) from error
            status = response.status_code
            if status == 429:
                # It is alive and busy: a reason to wait, none to open the breaker.
                raise _Passing("rate limited", self._wait(response), code="429")
            outcome.worked = status != 408 and status < 500
            if not outcome.worked:
                raise _Passing(f"status {status}", self._wait(response), code=str(status))
            return _Answer(status=status, text=response.text[:4000], payload=_json(response))

    def _wait(self, response: httpx.Response) -> float | None:
        return retry_after(response.headers, self._clock.now().timestamp())


@lru_cache(maxsize=1)
def _certificates() -> ssl.SSLContext:
    """One context for the process: loading all root certificates takes a tenth of a second."""
    return httpx.create_ssl_context(trust_env=False)


def _json(response: httpx.Response) -> Any:
    try:
        return response.json()
    except (ValueError, RecursionError):
        return None


def _unavailable(reason: str, wait: float | None) -> ChatFailed:
    return ChatFailed(
        f"the language model does not answer: {reason}",
        code="llm_unavailable",
        retryable=True,
        retry_after=wait,
    )
