"""The error tree. Every error carries a stable code; those that reach a caller carry an HTTP status.

ContentArchitectError
|-- ConfigurationError        a setting is missing or wrong; nothing can start
|-- RequestRefused            the caller must change the request (4xx)
|   |-- InvalidRequest        422 with one entry per field
|   `-- TokenRefused          401: the credential is missing, forged, over or for somebody else
|-- DependencyUnavailable     storage, queue or realtime does not answer (503, retryable)
|   |-- StorageUnavailable
|   |-- IdentityUnavailable
|   `-- QueueUnavailable
|-- EventRefused              an event that a client sent over its socket; told in the reply
|-- AddressRefused            an address that a caller named may not be called
|-- RowConflict               someone else wrote the row first (ETag)
|-- RowExists                 an insert met an existing row
|-- CheckpointTooLarge        an artifact is beyond what a job partition may hold
|-- Superseded                another claim owns the job: stop, change nothing
|-- JobCancelled              the job was asked to stop
|-- JobFailed                 the job cannot go on (code, step, retryable)
`-- PoisonMessage             raised so that Service Bus dead-letters this message
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class ContentArchitectError(Exception):
    """Root of the tree. ``code`` is machine-readable and stable."""

    code = "internal_error"
    status = 500
    retryable = False

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code


class ConfigurationError(ContentArchitectError):
    """A setting is missing or wrong. The message names the setting and what would be right."""

    code = "configuration_error"


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldError:
    """One wrong field: a JSON pointer (RFC 6901) and what would be right."""

    pointer: str
    detail: str


class RequestRefused(ContentArchitectError):
    """The request is at fault. ``headers`` are added to the answer (``Allow``, ``Retry-After``)."""

    code = "bad_request"
    status = 400

    def __init__(
        self, message: str, *, code: str, status: int = 400, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message, code=code)
        self.status = status
        self.headers = headers or {}


class InvalidRequest(RequestRefused):
    """The shape or a value is wrong; ``errors`` names every field."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        fields = ", ".join(error.pointer or "/" for error in errors)
        super().__init__(f"The request is not valid: {fields}", code="invalid_request", status=422)
        self.errors = tuple(errors)


class TokenRefused(RequestRefused):
    """The credential does not let anybody in. The message says why, never what was given.

    ``tenant`` and ``subject`` are known where a key of theirs was named, and are for the audit row alone.
    """

    def __init__(
        self,
        message: str,
        *,
        challenge: str = 'Bearer error="invalid_token"',
        tenant: str = "",
        subject: str = "",
    ) -> None:
        headers = {"WWW-Authenticate": challenge}
        super().__init__(message, code="unauthorized", status=401, headers=headers)
        self.tenant = tenant
        self.subject = subject


class DependencyUnavailable(ContentArchitectError):
    """A service that this one depends on does not answer. The same call may work later."""

    code = "dependency_unavailable"
    status = 503
    retryable = True


class StorageUnavailable(DependencyUnavailable):
    """Table Storage cannot be read or written now."""

    code = "storage_unavailable"


class StorageRefused(StorageUnavailable):
    """Table Storage answers, and refuses this request: the same one would be refused again."""


class IdentityUnavailable(DependencyUnavailable):
    """The identity provider does not hand out the keys that tokens are checked with."""

    code = "identity_unavailable"


class QueueUnavailable(DependencyUnavailable):
    """Service Bus does not take the message now."""

    code = "queue_unavailable"


class EventRefused(ContentArchitectError):
    """What a client asked for over its socket cannot be done; the reply says why."""

    code = "bad_event"


class AddressRefused(ContentArchitectError):
    """An address that a caller named may not be called; the message says why."""

    code = "address_refused"


class RowConflict(ContentArchitectError):
    """The row changed since it was read (HTTP 412), or vanished."""

    code = "row_conflict"
    status = 409


class RowGone(RowConflict):
    """The row is not there (any more) (HTTP 404)."""


class RowExists(ContentArchitectError):
    """The row to insert exists (HTTP 409)."""

    code = "row_exists"
    status = 409


class CheckpointTooLarge(ContentArchitectError):
    """An artifact is larger than a job partition may hold. Trying again cannot help."""

    code = "artifact_too_large"


class Superseded(ContentArchitectError):
    """The lease belongs to another claim by now."""

    code = "superseded"


class JobCancelled(ContentArchitectError):
    """The job was asked to stop, and stops."""

    code = "cancelled"


class JobFailed(ContentArchitectError):
    """The attempt failed. ``retryable`` says whether another attempt may succeed; ``retry_after`` is in seconds."""

    def __init__(
        self,
        message: str,
        *,
        code: str,
        step: str | None = None,
        retryable: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, code=code)
        self.step = step
        self.retryable = retryable
        self.retry_after = retry_after


class PoisonMessage(ContentArchitectError):
    """Escapes the function on purpose: Service Bus counts deliveries and dead-letters the message."""

    code = "poison_message"
