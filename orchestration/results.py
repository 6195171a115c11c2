"""A finished job's package as callers get it: with the job's own dates, in the form they asked for."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from orchestration.http import HttpReply
from orchestration.jobs import Job

_SAFE_PAGE = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


def result_body(job: Job, package: dict[str, Any]) -> dict[str, Any]:
    """The package with what differs from run to run: job id, dates, usage. All else is the same for the same input."""
    accessed = job.created_at[:10]
    sources = [{**source, "accessed": accessed} for source in package.get("sources", [])]
    return {
        **package,
        "jobId": job.job_id,
        "created": job.completed_at,
        "sources": sources,
        "usage": {"tokensIn": job.tokens_in, "tokensOut": job.tokens_out, "cost": job.cost},
    }


def render_result(job: Job, package: dict[str, Any], media_type: str) -> HttpReply:
    """JSON, or the article's own Markdown or HTML (for a job without an article: its JSON, readable)."""
    body = result_body(job, package)
    headers = {"Vary": "Accept"}
    article = package.get("article") or {}
    if media_type == "text/markdown" and article:
        return _reply(article["markdown"], "text/markdown; charset=utf-8", headers)
    if media_type == "text/html" and article:
        return _reply(
            article["html"], "text/html; charset=utf-8", {**headers, "Content-Security-Policy": _SAFE_PAGE}
        )
    return _reply(json.dumps(body, ensure_ascii=False, indent=1), "application/json", headers)


def _reply(text: str, content_type: str, headers: dict[str, str]) -> HttpReply:
    body = text.encode()
    tag = f'"{hashlib.sha256(body).hexdigest()[:24]}"'
    return HttpReply(status=200, body=body, content_type=content_type, headers={**headers, "ETag": tag})
