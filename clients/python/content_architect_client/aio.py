"""The asynchronous client: the same calls as :class:`content_architect_client.ContentArchitect`, awaited."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any, Literal, Self, TypeVar, overload

import httpx

from content_architect_client import flows
from content_architect_client.flows import Close, Effect, Emit, Flow, Now, Open, Receive, Send, Sleep, quoted
from content_architect_client.inbox import Inbox
from content_architect_client.models import Event, Job, JobSummary
from content_architect_client.options import RESULT_TYPES, TIMEOUT, Options, answer_of, new_key, no_answer
from content_architect_client.sockets import AsyncJobSocket
from content_architect_client.watching import Watch

T = TypeVar("T")


class AsyncContentArchitect:
    """A client of one service, for one credential. Use it in an ``async with`` block, or close it."""

    def __init__(self, options: Options, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._options = options
        self._http = httpx.AsyncClient(timeout=TIMEOUT, transport=transport, follow_redirects=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close its connections."""
        await self._http.aclose()

    async def submit(
        self, request: Mapping[str, Any], *, key: str | None = None, wait: float | None = None
    ) -> Job:
        """Submit a request; see the synchronous client."""
        return await self._run(flows.submit(request, key or new_key(), wait, self._options.retry))

    async def job(self, job_id: str) -> Job:
        """The job as it is."""
        return await self._run(flows.get_job(job_id, self._options.retry))

    async def wait(self, job_id: str, *, within: float | None = None) -> Job:
        """The job once it has ended, in whatever status. Raises :class:`TookTooLong`."""
        return await self._run(flows.wait(job_id, within, self._options.retry))

    @overload
    async def result(
        self, job_id: str, *, form: Literal["json"] = "json", within: float | None = None
    ) -> dict[str, Any]: ...
    @overload
    async def result(
        self, job_id: str, *, form: Literal["markdown", "html"], within: float | None = None
    ) -> str: ...
    async def result(
        self,
        job_id: str,
        *,
        form: str = "json",
        within: float | None = None,
    ) -> dict[str, Any] | str:
        """The result, once there is one. Raises :class:`JobNotDone`, :class:`TookTooLong`."""
        await self._run(flows.finished(job_id, within, self._options.retry))
        accept = {"Accept": RESULT_TYPES[form]}
        asked = Send(method="GET", path=f"job/{quoted(job_id)}/result", headers=accept)
        answer = await self._run(flows.call(asked, self._options.retry))
        return dict(json.loads(answer.text)) if form == "json" else answer.text

    def watch(self, job_id: str, *, after: int = 0, socket: bool = True) -> AsyncIterator[Event]:
        """The events of a job behind ``after``, each once and in order, until the job has ended."""
        watch = Watch(job_id=job_id, policy=self._options.retry, socket=socket, inbox=Inbox(last=after))
        return self._each(watch.run())

    async def cancel(self, job_id: str) -> Job:
        """Ask a job to stop."""
        return await self._job_call(Send(method="POST", path=f"job/{quoted(job_id)}/cancel"))

    async def retry(self, job_id: str, *, from_scratch: bool = False) -> Job:
        """Run a failed or cancelled job again, from its last finished step on."""
        query = {"fromScratch": "true"} if from_scratch else {}
        return await self._job_call(
            Send(method="POST", path=f"job/{quoted(job_id)}/retry", query=query, repeatable=False)
        )

    def list(self, **filters: str) -> AsyncIterator[JobSummary]:
        """All jobs that fit, newest first, page after page."""
        return self._each(flows.pages(filters, self._options.retry))

    async def _job_call(self, send: Send) -> Job:
        fetched: Any = await self._run(flows.fetch(send, self._options.retry))
        return fetched  # type: ignore[no-any-return]

    async def _run(self, flow: Flow[T]) -> T:
        """The value of a flow that emits nothing and opens no socket."""
        socket = AsyncJobSocket(self._options.protocol)
        given: Any = None
        while True:
            try:
                effect = flow.send(given)
            except StopIteration as stop:
                value: T = stop.value
                return value
            given = await self._do(effect, socket)

    async def _each(self, flow: Flow[Any]) -> AsyncIterator[Any]:
        """Do what a flow asks for; what it emits is handed on."""
        socket = AsyncJobSocket(self._options.protocol)
        given: Any = None
        try:
            while True:
                try:
                    effect = flow.send(given)
                except StopIteration:
                    return
                given = None
                if isinstance(effect, Emit):
                    yield effect.value
                else:
                    given = await self._do(effect, socket)
        finally:
            flow.close()
            await socket.close()

    async def _do(self, effect: Effect, socket: AsyncJobSocket) -> Any:
        match effect:
            case Send():
                try:
                    return answer_of(await self._http.request(**self._options.request(effect)))
                except httpx.TransportError as error:
                    return no_answer(error)
            case Sleep(seconds):
                return await asyncio.sleep(seconds)
            case Now():
                return asyncio.get_running_loop().time()
            case Open(url):
                return await socket.open(url)
            case Receive(seconds):
                return await socket.receive(seconds)
            case Close():
                return await socket.close()
        raise AssertionError(effect)
