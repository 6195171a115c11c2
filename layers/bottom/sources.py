"""Gather the sources of a job: the caller's own, then the local library, then web providers.

This module does the asking; :mod:`layers.bottom.gathering.selection` decides what is used.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence

from layers.bottom.artifacts import SourceSet
from layers.bottom.gathering.library import indexed
from layers.bottom.gathering.selection import Batch, Candidate, select_sources
from layers.contract import (
    ContentBrief,
    ContentWarning,
    GivenSource,
    Library,
    PageFetcher,
    RawDocument,
    ResearchProvider,
    StepContext,
    StepError,
)

MOST_OWN = 200
MOST_FOUND = 12
_FROM_LIBRARY_BESIDE_PROVIDERS = 8
_FROM_EACH_PROVIDER = 6
_FETCHES_AT_ONCE = 4
_QUESTION = re.compile(
    r"^\s*(?:how|what|why|when|who|where|which)\s+(?:do|does|did|is|are|was|were|can|should|will|to|the)\s+|[?!.\s]+$",
    re.IGNORECASE,
)


async def gather_sources(context: StepContext) -> SourceSet:
    """Collect and check the sources. A provider or page that fails is noted in ``tried`` and in a warning."""
    brief, tools = context.brief, context.tools
    context.report(0.0, "reading your sources")
    batches: list[Batch] = []
    warnings: list[ContentWarning] = []
    if brief.sources:
        own, warnings = await _own(brief.sources[:MOST_OWN], tools.pages)
        batches.append(own)
    if len(brief.sources) > MOST_OWN:
        warnings.append(_too_many())
    if not brief.sources_only:
        if tools.library is not None:
            context.report(0.4, "searching the library")
            most = _FROM_LIBRARY_BESIDE_PROVIDERS if tools.providers else MOST_FOUND
            batches.append(await _from_library(tools.library, brief, most))
        if tools.providers:
            context.report(0.6, "searching the web")
            batches += await asyncio.gather(*(_from_provider(each, brief) for each in tools.providers))
    context.report(0.9, "checking sources")
    return await asyncio.to_thread(select_sources, brief, batches, MOST_FOUND, tuple(warnings))


async def _own(given: Sequence[GivenSource], pages: PageFetcher | None) -> tuple[Batch, list[ContentWarning]]:
    """The caller's material in the caller's order; what could not be fetched becomes a warning each."""
    gate = asyncio.Semaphore(_FETCHES_AT_ONCE)
    read = await asyncio.gather(
        *(_read_own(number, source, pages, gate) for number, source in enumerate(given, 1))
    )
    documents = tuple(result for result in read if isinstance(result, Candidate))
    warnings = [result for result in read if isinstance(result, ContentWarning)]
    problem = f"{len(warnings)} of {len(given)} could not be read" if warnings else None
    return Batch(
        provider="given", query="", candidates=documents, found=len(given), problem=problem
    ), warnings


async def _read_own(
    number: int, given: GivenSource, pages: PageFetcher | None, gate: asyncio.Semaphore
) -> Candidate | ContentWarning:
    if given.text is not None and given.text.strip():
        document = RawDocument(
            locator=given.url or f"given/{number}", media_type="text/plain", text=given.text, url=given.url
        )
        return Candidate(document=document, given=given)
    if not given.url:
        return _unread(given, "Give the text of this source, or its address.")
    if pages is None:
        return _unread(given, "Pages are not fetched here: give the text of this source as well.")
    try:
        async with gate:
            document = await pages.fetch(given.url)
    except StepError as error:
        return _unread(given, f"The page could not be read ({error}): check the address or give its text.")
    return Candidate(document=document, given=given)


async def _from_library(library: Library, brief: ContentBrief, most: int) -> Batch:
    try:
        documents = await library.documents()
    except StepError as error:
        return Batch(provider="library", query=brief.topic, problem=str(error))
    topics = (brief.topic, *brief.search_keywords)
    entries = await asyncio.to_thread(lambda: indexed(documents, library.fingerprint).select(topics, most))
    candidates = tuple(Candidate(document=entry.document, extracted=entry.extracted) for entry in entries)
    return Batch(provider="library", query=brief.topic, candidates=candidates, found=len(candidates))


async def _from_provider(provider: ResearchProvider, brief: ContentBrief) -> Batch:
    query = _QUESTION.sub("", brief.topic) or brief.topic
    try:
        documents = await provider.search(query, limit=_FROM_EACH_PROVIDER, since=brief.since)
    except StepError as error:
        return Batch(provider=provider.name, query=query, problem=str(error))
    candidates = tuple(Candidate(document=document) for document in documents)
    return Batch(
        provider=provider.name, query=query, candidates=candidates, found=len(candidates), judged=False
    )


def _unread(given: GivenSource, fix: str) -> ContentWarning:
    return ContentWarning(
        severity="warning", code="source_unreachable", where=given.url or given.title, fix=fix
    )


def _too_many() -> ContentWarning:
    return ContentWarning(
        severity="warning",
        code="too_many_sources",
        where="sources",
        fix=f"Only the first {MOST_OWN} were read.",
    )
