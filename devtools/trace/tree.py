"""Spans as a tree, with log records and errors folded in. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby

from localcloud.telemetry.items import Item

_FEWEST = 2


@dataclass(kw_only=True)
class Node:
    """A span with what hangs on it, in order of time."""

    item: Item
    children: list[Node] = field(default_factory=list)
    notes: list[Item] = field(default_factory=list)

    def walk(self) -> Iterator[Node]:
        """This node and all below it."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """``roots`` are spans whose parent is not of this trace: of a whole trace there is one."""

    trace: str
    roots: tuple[Node, ...]
    loose: tuple[Item, ...]
    """Log records and errors whose span is not there."""

    @property
    def spans(self) -> int:
        """How many there are."""
        return sum(1 for root in self.roots for _ in root.walk())

    @property
    def orphans(self) -> tuple[Node, ...]:
        """Roots beyond the first."""
        return self.roots[1:]


def timeline(trace: str, items: Iterable[Item]) -> Timeline:
    """The tree of a trace. A span that arrived twice counts once: the one that arrived last."""
    spans: dict[str, Node] = {}
    notes: list[Item] = []
    for item in items:
        if item.is_span:
            spans[item.id] = Node(item=item)
        elif item.kind != "MetricData":
            notes.append(item)
    for node in spans.values():
        if (parent := spans.get(node.item.parent)) is not None:
            parent.children.append(node)
    loose = []
    for note in notes:
        if (holder := spans.get(note.parent)) is not None:
            holder.notes.append(note)
        else:
            loose.append(note)
    for node in spans.values():
        node.children.sort(key=_begun)
        node.notes.sort(key=lambda note: note.time)
    roots = sorted((n for n in spans.values() if n.item.parent not in spans), key=_begun)
    return Timeline(trace=trace, roots=_below_one(roots), loose=tuple(loose))


def _below_one(roots: list[Node]) -> tuple[Node, ...]:
    """All hang on one span that was lost with its process: it is put in again, without a name."""
    parents = {root.item.parent for root in roots}
    if len(roots) < _FEWEST or len(parents) > 1:
        return tuple(roots)
    first = roots[0].item
    lost = Item(
        kind="RequestData",
        name="(a span that has not arrived)",
        time=first.time,
        id=first.parent,
        trace=first.trace,
    )
    return (Node(item=lost, children=roots),)


def _begun(node: Node) -> datetime:
    return datetime.fromisoformat(node.item.time)


def render(found: Timeline, *, job: str) -> list[str]:
    """The tree as lines: start after the first span's, duration, name, what went wrong; notes below their span."""
    if not found.roots:
        return [f"Job {job}: no span of its trace has arrived (yet)."]
    zero = _begun(found.roots[0])
    lines = [
        f"Job {job}",
        f"Trace {found.trace}, from {found.roots[0].item.time}, {found.spans} spans",
        "",
        f"{'start':>10} {'took':>10}",
    ]
    for number, root in enumerate(found.roots):
        if number:
            lines.append(f"{'':22}(below a span that has not arrived: {root.item.parent})")
        lines += _lines(root, zero, "", "")
    lines += [f"{'':22}! {_note(note)}" for note in found.loose]
    return lines


def _lines(node: Node, zero: datetime, branch: str, below: str) -> Iterator[str]:
    item = node.item
    start = (_begun(node) - zero).total_seconds() * 1000
    yield f"{_ms(start):>10} {_ms(item.duration_ms):>10}  {branch}{_title(item)}"
    bar = "│  " if node.children else "   "
    for note in node.notes:
        yield f"{'':22} {below}{bar}! {_note(note)}"
    entries = _grouped(node.children)
    for number, (child, alike) in enumerate(entries):
        last = number == len(entries) - 1
        corner, inner = ("└─ ", "   ") if last else ("├─ ", "│  ")
        if alike > 1:
            took = _ms(child.item.duration_ms)
            begun = _ms((_begun(child) - zero).total_seconds() * 1000)
            yield f"{begun:>10} {took:>10}  {below}{corner}{child.item.name} (and {alike - 1} more like it)"
        else:
            yield from _lines(child, zero, below + corner, below + inner)


def _grouped(children: Sequence[Node]) -> list[tuple[Node, int]]:
    """Neighbours that say the same (publishing) become one line; whatever failed or has more to say stays."""
    grouped: list[tuple[Node, int]] = []
    for _, run in groupby(children, key=_sameness):
        nodes = list(run)
        grouped += [(nodes[0], len(nodes))] if len(nodes) > 1 else [(nodes[0], 1)]
    return grouped


def _sameness(node: Node) -> object:
    plain = node.item.name == "publish" and node.item.success and not node.children and not node.notes
    return node.item.name if plain else id(node)


_SHOWN = (
    ("content.attempt", "attempt"),
    ("content.try", "try"),
    ("content.rows", "rows"),
    ("content.bytes", "bytes"),
    ("content.outcome", ""),
    ("content.delivery_count", "delivery"),
    ("gen_ai.usage.input_tokens", "tokens in"),
    ("gen_ai.usage.output_tokens", "out"),
    ("content.llm.cost_usd", "USD"),
)


def _title(item: Item) -> str:
    parts = [item.name]
    if item.data.get("type") == "HTTP":
        parts.append(str(item.data.get("target", "")))
    status = str(item.data.get("responseCode") or item.data.get("resultCode") or "0")
    if status != "0":
        parts.append(status)
    for name, label in _SHOWN:
        value = item.properties.get(name)
        if value is not None and (name, value) != ("content.try", "1"):
            parts.append(f"{label} {value}".strip())
    if item.properties.get("content.restored") == "True":
        parts.append("restored")
    if not item.success:
        parts.append(f"FAILED {item.properties.get('content.error.code', '')}".strip())
    if item.kind == "RequestData" or item.name == "attempt":
        parts.append(f"[{item.instance}]")
    return "  ".join(parts)


def _note(note: Item) -> str:
    shown = {
        name: value
        for name, value in note.properties.items()
        if not name.startswith(("content.", "logger_name")) and value
    }
    code = note.properties.get("content.error.code")
    details = ", ".join(
        f"{name}={value}" for name, value in ({"code": code, **shown} if code else shown).items()
    )
    kind = "error" if note.kind == "ExceptionData" else "log"
    return f"{kind}: {note.name}" + (f" ({details})" if details else "")


def _ms(value: float) -> str:
    return f"{value / 1000:.2f} s" if abs(value) >= 10_000 else f"{value:.1f} ms"
