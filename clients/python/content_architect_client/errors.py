"""What can go wrong, as one tree.

ContentArchitectError
|-- NoAnswer               nobody answered: refused, cut, timed out
|-- ApiError               the service refused; carries problem, status, code, retryable
|   |-- InvalidRequest     422: ``fields`` names every wrong one
|   |-- NotAuthenticated   401
|   |-- NotAllowed         403
|   |-- NotFound           404
|   |-- Conflict           409
|   |-- RateLimited        429: ``retry_after`` in seconds
|   `-- Unavailable        503
|-- JobNotDone             the job failed or was cancelled, where a result was asked for
|-- TookTooLong            the job has not ended within the given time; it goes on
`-- CallbackRefused        a callback that this service has not signed, or one that is too old
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_RETRYABLE = frozenset({408, 429, 500, 502, 503, 504})


class ContentArchitectError(Exception):
    """Root of the tree. ``retryable`` says whether the same call may succeed later."""

    retryable = False


class NoAnswer(ContentArchitectError):
    """Nobody answered."""

    retryable = True


class ApiError(ContentArchitectError):
    """The service refused. ``problem`` is its problem document (RFC 9457), ``code`` the stable part of it."""

    def __init__(self, status: int, problem: Mapping[str, Any], retry_after: float | None = None) -> None:
        self.status = status
        self.problem = problem
        self.code = str(problem.get("code", "unknown"))
        self.trace_id = str(problem.get("traceId", ""))
        self.retry_after = retry_after
        self.retryable = status in _RETRYABLE
        fields = "".join(f"\n  {field['pointer'] or '/'}: {field['detail']}" for field in self.fields)
        super().__init__(f"{self.code} ({status}): {problem.get('detail', '')}{fields}")

    @property
    def fields(self) -> tuple[Mapping[str, str], ...]:
        """The wrong fields: ``pointer`` and ``detail`` of each."""
        return tuple(self.problem.get("errors") or ())


class InvalidRequest(ApiError):
    """422."""


class NotAuthenticated(ApiError):
    """401."""


class NotAllowed(ApiError):
    """403."""


class NotFound(ApiError):
    """404: there is no such thing, or it is not yours."""


class Conflict(ApiError):
    """409."""


class RateLimited(ApiError):
    """429."""


class Unavailable(ApiError):
    """503: nothing was done, or it cannot be said now; repeat with the same key."""


class JobNotDone(ContentArchitectError):
    """The job ended without a result. ``job`` is its view."""

    def __init__(self, job: Mapping[str, Any]) -> None:
        error: Mapping[str, Any] = job.get("error") or {}
        self.job = job
        self.code = str(error.get("code", job["status"]))
        self.retryable = bool(error.get("retryable", False))
        super().__init__(f"the job {job['jobId']} is {job['status']}: {error.get('message', job['message'])}")


class TookTooLong(ContentArchitectError):
    """The job goes on. ``job`` is its view as it was seen last."""

    retryable = True

    def __init__(self, job: Mapping[str, Any]) -> None:
        self.job = job
        super().__init__(f"the job {job['jobId']} is still {job['status']}")


class CallbackRefused(ContentArchitectError):
    """The callback is not to be trusted."""


_BY_STATUS = {
    401: NotAuthenticated,
    403: NotAllowed,
    404: NotFound,
    409: Conflict,
    422: InvalidRequest,
    429: RateLimited,
    503: Unavailable,
}


def error_of(status: int, problem: Mapping[str, Any], retry_after: float | None) -> ApiError:
    """The error of an answer."""
    return _BY_STATUS.get(status, ApiError)(status, problem, retry_after)
