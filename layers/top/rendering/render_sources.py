"""The numbered source list of the page: the document, the works behind it, and the passages quoted from it."""

from __future__ import annotations

from html import escape

from layers.top.rendering.references import Citations, CitedSource, CitedWork, reference_title, safe_url


def render_sources(citations: Citations) -> str:
    """The list as escaped HTML, or an empty string where nothing is cited."""
    if not citations.entries:
        return ""
    entries = "".join(_source(entry) for entry in citations.entries)
    return (
        '<section aria-labelledby="sources"><h2 id="sources">Sources</h2>'
        f'<ol class="sources">{entries}</ol></section>'
    )


def _source(entry: CitedSource) -> str:
    source = entry.source
    details = [
        escape(part)
        for part in (source.author, source.published.isoformat() if source.published else None)
        if part
    ]
    if not safe_url(source.url, source.doi):
        details.append(escape(source.locator))
    byline = f" · {' · '.join(details)}" if details else ""
    works = "".join(_work(work) for work in entry.works)
    behind = {sentence for work in entry.works for sentence in work.sentences}
    direct = tuple(sentence for sentence in entry.sentences if sentence not in behind)
    return (
        f'<li id="source-{entry.number}"><strong>{_linked(source.title, safe_url(source.url, source.doi))}</strong>'
        f"{byline} {_back_links(direct)}" + (f"<ul>{works}</ul>" if works else "") + _quotes(entry) + "</li>"
    )


def _work(work: CitedWork) -> str:
    reference = work.reference
    title = _linked(reference_title(reference), safe_url(reference.url, reference.doi))
    year = f" ({reference.year})" if reference.year else ""
    return f"<li>Based on: {title}{year} {_back_links(work.sentences)}</li>"


def _quotes(entry: CitedSource) -> str:
    quotes = "".join(f"<blockquote>{escape(item.quote)}</blockquote>" for item in entry.evidence)
    count = len(entry.evidence)
    label = "1 quoted passage" if count == 1 else f"{count} quoted passages"
    return f"<details><summary>{label}</summary>{quotes}</details>"


def _linked(title: str, url: str | None) -> str:
    return f'<a href="{escape(url)}">{escape(title)}</a>' if url else escape(title)


def _back_links(sentences: tuple[str, ...]) -> str:
    """Links back to the citing sentences; at the document only those without a work behind them."""
    links = " ".join(
        f'<a href="#{escape(sentence)}" aria-label="Back to citation {place}">↩{place}</a>'
        for place, sentence in enumerate(sentences, start=1)
    )
    return f'<span class="back">{links}</span>'
