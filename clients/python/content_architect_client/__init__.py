"""A client of the Content Architect API: submit, watch, take the result, check callbacks. See README.md."""

from content_architect_client.aio import AsyncContentArchitect
from content_architect_client.callbacks import verify_callback
from content_architect_client.client import ContentArchitect
from content_architect_client.errors import (
    ApiError,
    CallbackRefused,
    Conflict,
    ContentArchitectError,
    InvalidRequest,
    JobNotDone,
    NoAnswer,
    NotAllowed,
    NotAuthenticated,
    NotFound,
    RateLimited,
    TookTooLong,
    Unavailable,
)
from content_architect_client.models import Callback, Event, Job, JobSummary, Progress
from content_architect_client.options import Options
from content_architect_client.policy import RetryPolicy

__all__ = [
    "ApiError",
    "AsyncContentArchitect",
    "Callback",
    "CallbackRefused",
    "Conflict",
    "ContentArchitect",
    "ContentArchitectError",
    "Event",
    "InvalidRequest",
    "Job",
    "JobNotDone",
    "JobSummary",
    "NoAnswer",
    "NotAllowed",
    "NotAuthenticated",
    "NotFound",
    "Options",
    "Progress",
    "RateLimited",
    "RetryPolicy",
    "TookTooLong",
    "Unavailable",
    "verify_callback",
]
