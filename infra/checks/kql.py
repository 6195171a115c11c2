"""Reads Kusto queries as far as needed to compare their names with what there is: no parser, a tokenizer with rules."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any, Final

from infra.checks.sources import Sources

PATH: Final = "infra/checks/telemetry.yaml"
_TOKEN = re.compile(
    r'"(?P<text>[^"\n]*)"|(?P<word>[A-Za-z_]\w*)|(?P<number>\d[\d.]*[smhd]?\b)|(?P<mark>[^\s\w])'
)
_DIMENSIONED = "Properties"


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A text in quotes, a word, a number or a mark, with its line."""

    kind: str
    value: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What queries may name."""

    tables: Mapping[str, frozenset[str]]
    metrics: Mapping[str, frozenset[str]]
    platform: Mapping[str, frozenset[str]]
    attributes: frozenset[str]
    spans: tuple[str, ...]
    messages: frozenset[str]
    words: frozenset[str]
    functions: frozenset[str]
    operators: frozenset[str]

    @classmethod
    def load(cls, sources: Sources, messages: set[str]) -> Names:
        """Read ``telemetry.yaml``; ``messages`` are those that the code logs."""
        data: Any = sources.yaml(PATH)
        return cls(
            tables={name: frozenset(columns) for name, columns in data["tables"].items()},
            metrics={name: frozenset(dimensions) for name, dimensions in data["metrics"].items()},
            platform={name: frozenset(metrics) for name, metrics in data["platform_metrics"].items()},
            attributes=frozenset(data["attributes"]),
            spans=tuple(data["spans"]),
            messages=frozenset(messages),
            words=frozenset(data["language"]["words"]),
            functions=frozenset(data["language"]["functions"]),
            operators=frozenset(data["language"]["operators"]),
        )

    def keys(self, tables: set[str]) -> frozenset[str]:
        """What ``Properties`` of these tables may hold."""
        dimensions = frozenset[str]().union(*self.metrics.values())
        known = dimensions if "AppMetrics" in tables else frozenset()
        return known | self.attributes if tables - {"AppMetrics"} else known

    @property
    def columns(self) -> frozenset[str]:
        """Columns of all tables."""
        return frozenset().union(*self.tables.values())


@cache
def tokens(query: str) -> tuple[Token, ...]:
    """The query without comments, in pieces. ``{Parameters}`` of workbooks and alerts count as numbers."""
    found = []
    for number, line in enumerate(query.splitlines(), 1):
        text = re.sub(r"//.*$", "", line)
        text = re.sub(r"(?<!\")\{\w+(:\w+)?\}(?!\")", "0", text)
        for match in _TOKEN.finditer(text):
            kind = match.lastgroup or "mark"
            found.append(Token(kind=kind, value=match[kind], line=number))
    return tuple(found)


def problems(query: str, names: Names) -> Iterator[tuple[int, str]]:
    """Line and message of every name that there is not."""
    pieces = tokens(query)
    yield from _balance(pieces)
    keys = names.keys(tables_of(query, names))
    known = (
        names.columns | _made(pieces) | names.tables.keys() | names.words | names.functions | names.operators
    )
    for at, piece in enumerate(pieces):
        before = pieces[at - 1].value if at else ""
        after = pieces[at + 1].value if at + 1 < len(pieces) else ""
        if piece.kind == "word":
            if before == "|":
                if piece.value not in names.operators:
                    yield piece.line, f"there is no operator {piece.value}"
            elif piece.value not in known:
                kind = "function" if after == "(" else "table or column"
                yield piece.line, f"there is no {kind} {piece.value}, or it is not in the list"
        elif piece.kind == "text":
            message = _text_problem(pieces, at, names, keys)
            if message:
                yield piece.line, message


def tables_of(query: str, names: Names) -> set[str]:
    """The tables that a query reads."""
    return {piece.value for piece in tokens(query) if piece.kind == "word"} & names.tables.keys()


def _balance(pieces: tuple[Token, ...]) -> Iterator[tuple[int, str]]:
    open_marks: list[Token] = []
    pairs = {")": "(", "]": "["}
    for piece in pieces:
        if piece.kind == "mark" and piece.value in pairs.values():
            open_marks.append(piece)
        elif (
            piece.kind == "mark"
            and piece.value in pairs
            and (not open_marks or open_marks.pop().value != pairs[piece.value])
        ):
            yield piece.line, f"{piece.value} closes nothing"
            return
    for piece in open_marks:
        yield piece.line, f"{piece.value} is not closed"


def _made(pieces: tuple[Token, ...]) -> frozenset[str]:
    """Names that the query makes itself: ``let x =``, ``extend x =``, ``by x``, columns of a datatable."""
    made = set()
    for here, following in pairwise(pieces):
        if here.kind == "word" and following.kind == "mark" and following.value in ("=", ":"):
            made.add(here.value)
    return frozenset(made - {"kind"})


def _text_problem(pieces: tuple[Token, ...], at: int, names: Names, keys: frozenset[str]) -> str | None:
    """What is wrong with a text, judged by the column that it is compared with."""
    text = pieces[at].value
    if pieces[at - 1].value == "[" and pieces[at - 2].value == _DIMENSIONED:
        return None if text in keys else f"nothing emits {text} into Properties"
    column = _compared_with(pieces, at)
    if column == "Name" and ("." in text or " " in text):
        known = text in names.metrics or text in names.spans
        return None if known else f"nothing emits the metric or span {text}"
    if column == "MetricName":
        known = any(text in metrics for metrics in names.platform.values())
        return None if known else f"there is no platform metric {text}"
    if column == "ResourceProvider":
        known = text in {space.partition("/")[0].upper() for space in names.platform}
        return None if known else f"there are no metrics of {text}"
    if column == "Message":
        return None if text in names.messages else f"nothing logs {text!r}"
    return None


def _compared_with(pieces: tuple[Token, ...], at: int) -> str:
    """The column left of ``==``, ``startswith`` or ``in (``; empty where the text is compared with nothing."""
    before = [piece.value for piece in pieces[:at]]
    if before[-2:] == ["=", "="]:
        return before[-3]
    if before[-1:] == ["startswith"]:
        return before[-2]
    back = at - 1
    while back > 0 and (pieces[back].kind == "text" or pieces[back].value == ","):
        back -= 1
    is_list = back > 1 and [piece.value for piece in pieces[back - 1 : back + 1]] == ["in", "("]
    return pieces[back - 2].value if is_list else ""
