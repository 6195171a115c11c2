"""The synchronous client."""

from __future__ import annotations

import json
import time
from collections.abc import Generator, Iterator, Mapping
from typing import Any, Literal, Self, TypeVar, overload

import httpx

from content_architect_client import flows
from content_architect_client.flows import Close, Effect, Emit, Flow, Now, Open, Receive, Send, Sleep, quoted
from content_architect_client.inbox import Inbox
from content_architect_client.models import Event, Job, JobSummary
from content_architect_client.options import RESULT_TYPES, TIMEOUT, Options, answer_of, new_key, no_answer
from content_architect_client.sockets import JobSocket
from content_architect_client.watching import Watch

T = TypeVar("T")


class ContentArchitect:
    """A client of one service, for one credential. Use it in a ``with`` block, or close it.

    Every call raises :class:`ApiError` when it is refused and :class:`NoAnswer` when nobody answers, after it was
    repeated as far as that is safe.
    """

    def __init__(self, options: Options, *, transport: httpx.BaseTransport | None = None) -> None:
        self._options = options
        self._http = httpx.Client(timeout=TIMEOUT, transport=transport, follow_redirects=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def submit(self, request: Mapping[str, Any], *, key: str | None = None, wait: float | None = None) -> Job:
        """Submit a request. It is one job however often it is sent: a ``key`` is made where none is given.

        ``wait``: seconds to wait for the end; the job has its ``result`` where it completed in time.
        """
        return self._run(flows.submit(request, key or new_key(), wait, self._options.retry))

    def job(self, job_id: str) -> Job:
        """The job as it is."""
        return self._run(flows.get_job(job_id, self._options.retry))

    def wait(self, job_id: str, *, within: float | None = None) -> Job:
        """The job once it has ended, in whatever status. Raises :class:`TookTooLong`."""
        return self._run(flows.wait(job_id, within, self._options.retry))

    @overload
    def result(
        self, job_id: str, *, form: Literal["json"] = "json", within: float | None = None
    ) -> dict[str, Any]: ...
    @overload
    def result(
        self, job_id: str, *, form: Literal["markdown", "html"], within: float | None = None
    ) -> str: ...
    def result(self, job_id: str, *, form: str = "json", within: float | None = None) -> dict[str, Any] | str:
        """The result, once there is one: the package, or its article as Markdown or HTML.

        Raises :class:`JobNotDone` for a job that ended without one, :class:`TookTooLong`.
        """
        self._run(flows.finished(job_id, within, self._options.retry))
        accept = {"Accept": RESULT_TYPES[form]}
        asked = Send(method="GET", path=f"job/{quoted(job_id)}/result", headers=accept)
        answer = self._run(flows.call(asked, self._options.retry))
        return dict(json.loads(answer.text)) if form == "json" else answer.text

    def watch(self, job_id: str, *, after: int = 0, socket: bool = True) -> Iterator[Event]:
        """The events of a job behind ``after``, as they happen, each once and in order, until the job has ended.

        Over a socket where there is one, else by polling. Ephemeral progress comes as well, over the socket alone.
        """
        watch = Watch(job_id=job_id, policy=self._options.retry, socket=socket, inbox=Inbox(last=after))
        return self._each(watch.run())

    def cancel(self, job_id: str) -> Job:
        """Ask a job to stop."""
        return self._job_call(Send(method="POST", path=f"job/{quoted(job_id)}/cancel"))

    def retry(self, job_id: str, *, from_scratch: bool = False) -> Job:
        """Run a failed or cancelled job again, from its last finished step on."""
        query = {"fromScratch": "true"} if from_scratch else {}
        return self._job_call(
            Send(method="POST", path=f"job/{quoted(job_id)}/retry", query=query, repeatable=False)
        )

    def list(self, **filters: str) -> Iterator[JobSummary]:
        """All jobs that fit, newest first, page after page: ``status="failed"``, ``tag="spring"``, ``pageSize="200"``."""
        return self._each(flows.pages(filters, self._options.retry))

    def _job_call(self, send: Send) -> Job:
        fetched: Any = self._run(flows.fetch(send, self._options.retry))
        return fetched  # type: ignore[no-any-return]

    def _run(self, flow: Flow[T]) -> T:
        """The value of a flow that emits nothing."""
        each = self._steps(flow)
        while True:
            try:
                next(each)
            except StopIteration as stop:
                value: T = stop.value
                return value

    def _each(self, flow: Flow[Any]) -> Iterator[Any]:
        yield from self._steps(flow)

    def _steps(self, flow: Flow[T]) -> Generator[Any, None, T]:
        """Do what a flow asks for; what it emits is handed on."""
        socket = JobSocket(self._options.protocol)
        given: Any = None
        try:
            while True:
                effect = flow.send(given)
                if isinstance(effect, Emit):
                    given = yield effect.value
                else:
                    given = self._do(effect, socket)
        except StopIteration as stop:
            value: T = stop.value
            return value
        finally:
            flow.close()
            socket.close()

    def _do(self, effect: Effect, socket: JobSocket) -> Any:
        match effect:
            case Send():
                try:
                    return answer_of(self._http.request(**self._options.request(effect)))
                except httpx.TransportError as error:
                    return no_answer(error)
            case Sleep(seconds):
                return time.sleep(seconds)
            case Now():
                return time.monotonic()
            case Open(url):
                return socket.open(url)
            case Receive(seconds):
                return socket.receive(seconds)
            case Close():
                return socket.close()
        raise AssertionError(effect)
