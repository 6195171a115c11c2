"""The article as Markdown: numbered citations that link to a source list with the works behind each.

Text of sources is escaped so that it can add no markup, no raw HTML and no link of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from layers.text.table_rows import cells_of, columns_of
from layers.top.artifacts import Article, Section, Sentence
from layers.top.rendering.layout import Block, lay_out
from layers.top.rendering.references import Citations, CitedSource, CitedWork, reference_title, safe_url
from layers.top.writer.figures import salient_figure

_SPECIAL = re.compile(r"([\\`*_\[\]<>|~])")
_ENTITY = re.compile(r"&(?=#?\w+;)")
_LINE_START = re.compile(r"^(\s*)(?:([#+=-])|(\d{1,9})([.)]))(?=\s|$|[#=-])")
_AUTOLINKS = (
    (re.compile(r"://"), "&#58;//"),
    (re.compile(r"@"), "&#64;"),
    (re.compile(r"(?i)\bwww\."), "www&#46;"),
)


def escape(text: str) -> str:
    """``text`` as one line of plain Markdown text (CommonMark 0.31, backslash escapes; GFM autolinks)."""
    line = " ".join(text.split())
    line = _SPECIAL.sub(r"\\\1", _ENTITY.sub("&amp;", line))
    for pattern, replacement in _AUTOLINKS:
        line = pattern.sub(replacement, line)
    return _LINE_START.sub(_escaped_start, line)


def _escaped_start(found: re.Match[str]) -> str:
    mark = f"\\{found[2]}" if found[2] else f"{found[3]}\\{found[4]}"
    return f"{found[1]}{mark}"


def render_markdown(article: Article, citations: Citations) -> str:
    """The whole article; ends with a newline."""
    parts = [f"# {escape(article.title)}"]
    if article.answer:
        parts.append(f"> **In short:** {_run(article.answer, citations)}")
    if article.introduction:
        parts.append(_run(article.introduction, citations))
    for section in article.sections:
        parts.append(f"{'#' * section.level} {escape(section.heading)}")
        parts.extend(_section(section, citations))
    if article.faq:
        parts.append("## Frequently asked questions")
        for entry in article.faq:
            parts.append(f"### {escape(entry.question)}")
            parts.append(_run(entry.answer, citations))
    if article.call_to_action:
        parts.append(f"**Next step:** {escape(article.call_to_action)}")
    if citations.entries:
        parts.append("## Sources")
        parts.append("\n".join(_source(entry) for entry in citations.entries))
    return "\n\n".join(parts) + "\n"


def _section(section: Section, citations: Citations) -> Iterable[str]:
    layout = lay_out(section)
    yield from (_run(block, citations) for block in layout.lead)
    if section.form == "prose":
        yield from (_run(block, citations) for block in layout.items)
    elif section.form == "table":
        yield _table(layout.items, citations)
    else:
        marks = (f"{place}." if section.form == "steps" else "-" for place in range(1, len(layout.items) + 1))
        yield "\n".join(
            f"{mark} {_run(block, citations)}" for mark, block in zip(marks, layout.items, strict=True)
        )


def _table(rows: Sequence[Block], citations: Citations) -> str:
    if columns := columns_of([row[0].text for row in rows]):
        return _data(columns, rows, citations)
    lines = ["| Figure | What it says | Source |", "| --- | --- | --- |"]
    for row in rows:
        text = " ".join(escape(sentence.text) for sentence in row)
        figure = escape(salient_figure(row[0].text) or "")
        marks = "".join(_marks(sentence, citations) for sentence in row)
        lines.append(f"| {figure} | {text} | {marks} |")
    return "\n".join(lines)


def _data(columns: Sequence[str], rows: Sequence[Block], citations: Citations) -> str:
    """Rows of a source's own table under its own columns."""
    lines = [_row([*map(escape, columns), "Source"]), _row(["---"] * (len(columns) + 1))]
    for row in rows:
        cells = [escape(value) for _, value in cells_of(row[0].text) or ()]
        lines.append(_row([*cells, _marks(row[0], citations)]))
    return "\n".join(lines)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _run(sentences: Sequence[Sentence], citations: Citations) -> str:
    return " ".join(_cited(sentence, citations) for sentence in sentences)


def _cited(sentence: Sentence, citations: Citations) -> str:
    if sentence.kind == "editorial":
        return f"*{escape(sentence.text)}*"
    marks = _marks(sentence, citations)
    return f"{escape(sentence.text)} {marks}" if marks else escape(sentence.text)


def _marks(sentence: Sentence, citations: Citations) -> str:
    numbers = dict.fromkeys(number for number, _ in citations.of(sentence))
    return "".join(f"[[{number}]](#source-{number})" for number in numbers)


def _source(entry: CitedSource) -> str:
    source = entry.source
    byline = ", ".join(
        escape(part)
        for part in (source.author, source.published.isoformat() if source.published else None)
        if part
    )
    url = safe_url(source.url, source.doi)
    title = f"**{escape(source.title)}**"
    line = f'{entry.number}. <a id="source-{entry.number}"></a>{title}'
    line += f" ({byline})." if byline else "."
    line += f" <{url}>" if url else f" {escape(source.locator)}"
    return "\n".join([line, *(_work(work) for work in entry.works)])


def _work(work: CitedWork) -> str:
    reference = work.reference
    year = f" ({reference.year})" if reference.year else ""
    url = safe_url(reference.url, reference.doi)
    link = f" <{url}>" if url else ""
    return f"   - Based on: {escape(reference_title(reference))}{year}.{link}"
