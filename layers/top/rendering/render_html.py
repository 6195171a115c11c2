"""The article as one standalone page that makes no request: answer on top, quotes behind every citation.

The body is escaped piece by piece and then sanitised as a whole, so two independent guards stand between the
text of a source and the reader. JSON-LD is added after sanitising, with every ``<`` escaped.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any, Final

from layers.contract import ContentBrief
from layers.text.table_rows import cells_of, columns_of
from layers.top.artifacts import Article, Evidence, Section, Sentence
from layers.top.rendering.layout import Block, lay_out
from layers.top.rendering.page_style import STYLE
from layers.top.rendering.references import Citations, reference_title
from layers.top.rendering.render_sources import render_sources
from layers.top.writer.figures import salient_figure

_TAGS: Final = {
    *("main", "header", "section", "article", "aside", "nav", "div", "h1", "h2", "h3", "p", "span", "strong", "sup", "a"),
    *("ol", "ul", "li", "table", "thead", "tbody", "tr", "th", "td", "blockquote", "details", "summary"),
}  # fmt: skip
_ATTRIBUTES: Final = {
    "*": {"id", "class"},
    "a": {"href", "aria-describedby", "aria-label"},
    "span": {"role"},
    "nav": {"aria-label"},
    "aside": {"aria-label"},
    "section": {"aria-labelledby"},
    "th": {"scope"},
    "div": {"role", "aria-label"},
}
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def render_html(
    article: Article, citations: Citations, brief: ContentBrief, json_ld: Sequence[Mapping[str, Any]] = ()
) -> str:
    """The complete page; deterministic for the same article."""
    body = _sanitised("".join(_body(article, citations, brief)))
    scripts = "".join(
        f'<script type="application/ld+json">{_data(document)}</script>\n' for document in json_ld
    )
    return (
        f'<!doctype html>\n<html lang="{escape(brief.language)}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        f"<title>{escape(article.title)}</title>\n"
        f'<meta name="description" content="{escape(article.meta_description)}">\n'
        f"<style>{STYLE}</style>\n</head>\n<body>\n{body}\n{scripts}</body>\n</html>\n"
    )


def _sanitised(body: str) -> str:
    import nh3

    return nh3.clean(
        body,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes={"http", "https"},
        link_rel="noopener noreferrer nofollow",
        generic_attribute_prefixes=None,
    )


def _data(document: Mapping[str, Any]) -> str:
    """JSON that cannot end its script element (https://html.spec.whatwg.org/, restrictions for scripts)."""
    text = json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _body(article: Article, citations: Citations, brief: ContentBrief) -> Iterable[str]:
    yield f"<main><article><header><h1>{escape(article.title)}</h1>{_byline(brief, citations)}</header>"
    if article.answer:
        yield '<aside class="answer" aria-label="Short answer"><span class="label">In short</span>'
        yield f"<p>{_run(article.answer, citations)}</p></aside>"
    if article.introduction:
        yield f"<p>{_run(article.introduction, citations)}</p>"
    yield _contents(article)
    for section in article.sections:
        yield f'<section aria-labelledby="{escape(section.id)}">'
        yield f'<h{section.level} id="{escape(section.id)}">{escape(section.heading)}</h{section.level}>'
        yield from _section(section, citations)
        yield "</section>"
    if article.faq:
        yield '<section aria-labelledby="faq"><h2 id="faq">Frequently asked questions</h2>'
        for entry in article.faq:
            answer = _run(entry.answer, citations)
            yield f"<details><summary>{escape(entry.question)}</summary><p>{answer}</p></details>"
        yield "</section>"
    if article.call_to_action:
        yield f'<p class="cta"><strong>Next step.</strong> {escape(article.call_to_action)}</p>'
    yield render_sources(citations)
    yield "</article></main>"


def _byline(brief: ContentBrief, citations: Citations) -> str:
    count = len(citations.entries)
    sources = f"{count} cited {'source' if count == 1 else 'sources'}"
    by = f"By {escape(brief.author.name)}" if brief.author else None
    day = f"{brief.today.day} {brief.today:%B %Y}"
    return f'<p class="byline">{" · ".join(part for part in (by, day, sources) if part)}</p>'


def _contents(article: Article) -> str:
    entries = [(section.id, section.heading) for section in article.sections if section.level == 2]
    if article.faq:
        entries.append(("faq", "Frequently asked questions"))
    if len(entries) < 3:
        return ""
    items = "".join(f'<li><a href="#{escape(key)}">{escape(heading)}</a></li>' for key, heading in entries)
    return f'<nav aria-label="Contents"><span class="label">In this article</span><ol>{items}</ol></nav>'


def _section(section: Section, citations: Citations) -> Iterable[str]:
    layout = lay_out(section)
    yield from (f"<p>{_run(block, citations)}</p>" for block in layout.lead)
    if section.form == "prose":
        yield from (f"<p>{_run(block, citations)}</p>" for block in layout.items)
    elif section.form == "table":
        yield _table(section, layout.items, citations)
    else:
        tag, name = ("ol", "steps") if section.form == "steps" else ("ul", "points")
        items = "".join(f"<li>{_run(block, citations)}</li>" for block in layout.items)
        yield f'<{tag} class="{name}">{items}</{tag}>'


def _table(section: Section, rows: Sequence[Block], citations: Citations) -> str:
    columns = columns_of([row[0].text for row in rows])
    named = (*map(escape, columns), "Source") if columns else ("Figure", "What it says", "Source")
    cells = "".join(f"<tr>{''.join(_cells(row, columns, citations))}</tr>" for row in rows)
    head = "".join(f'<th scope="col">{name}</th>' for name in named)
    return (
        f'<div class="scroll" role="group" aria-label="{escape(section.heading)}">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{cells}</tbody></table></div>"
    )


def _cells(row: Block, columns: Sequence[str] | None, citations: Citations) -> Iterable[str]:
    """A row of a source's own table cell by cell; else a sentence with its figure set apart."""
    if columns:
        identity = escape(row[0].id)
        for place, (_, value) in enumerate(cells_of(row[0].text) or ()):
            yield f'<td id="{identity}">{escape(value)}</td>' if place == 0 else f"<td>{escape(value)}</td>"
    else:
        yield f"<td>{escape(salient_figure(row[0].text) or '')}</td>"
        yield f"<td>{' '.join(_text(sentence) for sentence in row)}</td>"
    yield f"<td>{''.join(_marks(sentence, citations) for sentence in row)}</td>"


def _run(sentences: Sequence[Sentence], citations: Citations) -> str:
    return " ".join(_text(sentence) + _marks(sentence, citations) for sentence in sentences)


def _text(sentence: Sentence) -> str:
    text = escape(sentence.text)
    if sentence.kind == "editorial":
        return f'<span class="editorial">{text}</span>'
    return f'<span id="{escape(sentence.id)}">{text}</span>'


def _marks(sentence: Sentence, citations: Citations) -> str:
    return "".join(
        _mark(f"note-{sentence.id}-{item.id}", number, item, citations)
        for number, item in citations.of(sentence)
    )


def _mark(note: str, number: int, item: Evidence, citations: Citations) -> str:
    behind = [reference_title(work) for work in citations.works_behind(item)]
    origin = citations.entry(number).source.title + (f", based on: {'; '.join(behind)}" if behind else "")
    return (
        f'\u2060<sup><a href="#source-{number}" aria-describedby="{escape(note)}" '
        f'aria-label="Source {number}">[{number}]</a>'
        f'<span class="note" role="tooltip" id="{escape(note)}">“{escape(item.quote)}”'
        f'<span class="from">{escape(origin)}</span></span></sup>'
    )
