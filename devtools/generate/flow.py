"""One article from submission to files, against a running stack."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from devtools.api import Api, ApiError, ApiUnreachableError
from devtools.generate.display import Display
from devtools.generate.outputs import Output, write_output
from devtools.generate.watch import JobWatch

COMPLETED, FAILED, BAD_USAGE, INSUFFICIENT, INTERRUPTED = 0, 1, 2, 3, 130
_CANCEL_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a generation ended; ``message`` says why it is not a finished article."""

    code: int
    job_id: str | None = None
    message: str = ""
    usable_sources: int = 0
    output: Output = field(default_factory=Output)
    warnings: Sequence[Mapping[str, Any]] = ()


async def generate(base: str, request: Mapping[str, Any], *, out: Path, display: Display) -> Outcome:
    """Submit the request, follow the job and write its result into ``out``.

    Cancelling this coroutine cancels the job first.
    """
    key = str(uuid.uuid4())
    async with Api(base) as api:
        submitted: dict[str, Any] = {}
        try:
            if not request["async"]:
                display.say("Waiting for the answer ...")
            submitted = await api.submit(request, key=key)
            job_id = str(submitted["jobId"])
            display.say(f"Job {job_id}: {submitted.get('message') or submitted['status']}")
            view = await JobWatch(api, job_id, display.show).until_terminal()
            display.close()
            return await _outcome(api, view, topic=str(request["topic"]), out=out)
        except ApiError as error:
            bad_usage = error.status in (400, 413, 422)
            return Outcome(code=BAD_USAGE if bad_usage else FAILED, message=str(error))
        except (ApiUnreachableError, OSError) as error:
            return Outcome(code=FAILED, message=str(error))
        except asyncio.CancelledError:
            display.close()
            display.say("Cancelling the job ...")
            await _cancel(api, request, key, submitted.get("jobId"), display)
            raise


async def _outcome(api: Api, view: Mapping[str, Any], *, topic: str, out: Path) -> Outcome:
    job_id = str(view["jobId"])
    if view["status"] != "completed":
        error = view.get("error") or {}
        where = f" in step {error['step']}" if error.get("step") else ""
        reason = f"{error.get('message', 'no reason given')} ({error.get('code', 'unknown')})"
        what = f"failed{where}: {reason}" if view["status"] == "failed" else "was cancelled"
        return Outcome(code=FAILED, job_id=job_id, message=f"The job {what}")
    package = await api.result(job_id, "application/json")
    content = json.loads(package)
    if content.get("status") == "insufficient_evidence":
        return Outcome(code=INSUFFICIENT, job_id=job_id, usable_sources=len(content.get("sources", ())))
    output = write_output(
        out,
        topic=topic,
        package=package,
        markdown=await api.result(job_id, "text/markdown"),
        html=await api.result(job_id, "text/html"),
    )
    return Outcome(code=COMPLETED, job_id=job_id, output=output, warnings=view.get("warnings") or ())


async def _cancel(
    api: Api, request: Mapping[str, Any], key: str, job_id: str | None, display: Display
) -> None:
    try:
        async with asyncio.timeout(_CANCEL_SECONDS):
            if job_id is None:
                # Interrupted while the answer was awaited: the same key names the same job, at once.
                job_id = str((await api.submit(request, key=key, wait=1))["jobId"])
            await api.cancel(job_id)
            display.say(f"Cancelled job {job_id}")
    except (ApiError, ApiUnreachableError, TimeoutError) as error:
        display.say(f"The job could not be cancelled: {str(error) or 'no answer'}")
