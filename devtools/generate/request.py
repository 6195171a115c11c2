"""The request body that the options of ``./dev generate`` stand for."""

from __future__ import annotations

import argparse
import json
from typing import Any

from devtools.generate.sources import check_size, read_sources

# The values of the API; a test compares them with the contract, which is too slow to import for --help.
WORKFLOWS = ("standard", "research_heavy", "seo_focused", "citation_heavy")
CONTENT_TYPES = (
    "blog_post",
    "technical_guide",
    "case_study",
    "product_review",
    "industry_analysis",
    "social_media",
    "whitepaper",
    "email_campaign",
)
AUDIENCES = ("b2b", "b2c")
PRIORITIES = ("low", "normal", "high", "urgent")


def build_request(options: argparse.Namespace) -> dict[str, Any]:
    """The body. Raises :class:`devtools.generate.sources.SourcesError` for unusable ``--sources``."""
    request: dict[str, Any] = {
        "topic": options.topic,
        "contentType": options.content_type,
        "audience": options.audience,
        "workflowType": options.workflow,
        "priority": options.priority,
        "async": not options.sync,
    }
    if options.sources is not None:
        sources = read_sources(options.sources)
        request["sources"] = sources
        request["sourcesOnly"] = not options.with_library
        check_size(json.dumps(request).encode(), sources)
    return request
