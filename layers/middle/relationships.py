"""semanticRelationshipMapper: what is connected with what, and which passage shows it.

Two nodes in one sentence are related; the words between them, where they are few, tell how. Nothing is inferred
beyond what a sentence says.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from layers.bottom.artifacts import KeywordPlan, PassageIndex, SourceSet
from layers.contract import ContentBrief, StepContext
from layers.middle.artifacts import Relation, TopicEdge, TopicGraph, TopicNode
from layers.middle.entities import Mentions, concept_labels, kind_of_label, name_labels
from layers.middle.outline.material import Material, Row, gather_material
from layers.middle.outline.topic import Topic, read_topic
from layers.text.words import stems

_NEAR = 60  # characters between two mentions within which the words tell the relation
_BETWEEN = r"^\s*(?:[\w-]+\s+){{0,2}}?(?:{words})\b(?:\s+[\w-]+){{0,3}}\s*$"  # a word or two, the relation, three at most
_EDGES = 60
_PASSAGES = 5
_UNTYPED = 2  # passages that must show two nodes together before they count as related


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pattern:
    """Words between two mentions; ``inverse`` where the second one is the subject of the relation."""

    relation: Relation
    words: re.Pattern[str]
    inverse: bool = False


def _pattern(relation: Relation, words: str, *, inverse: bool = False) -> _Pattern:
    return _Pattern(
        relation=relation, words=re.compile(_BETWEEN.format(words=words), re.IGNORECASE), inverse=inverse
    )


# The first that fits wins: passive and inverse forms stand before the active ones that they contain.
_PATTERNS = (
    _pattern("regulates", r"(?:regulated|governed|approved|authori[sz]ed|banned|required) (?:by|under)", inverse=True),
    _pattern("regulates", r"regulates?|governs?|approves?|authori[sz]es?|bans?|prohibits?"),
    _pattern("causes", r"(?:caused|reduced|improved|increased|driven) by", inverse=True),
    _pattern("causes", r"causes?|leads? to|led to|results? in|resulted in|reduc(?:es|ed)|improv(?:es|ed)|increas(?:es|ed)|prevents?"),
    _pattern("uses", r"(?:used|applied|deployed|needed) (?:by|in|for|to)|is used", inverse=True),
    _pattern("uses", r"uses?|using|relies on|rely on|(?:is|are) based on|applies|employs?|needs?"),
    _pattern("part_of", r"consists? of|contains?|includes?|comprises?|such as|including", inverse=True),
    _pattern("part_of", r"(?:is|are) (?:a )?part of|belongs? to|(?:is|are) made of"),
    _pattern("compares", r"than|versus|vs|compared (?:to|with)|unlike|whereas|in contrast to"),
    _pattern("is_a", r"(?:is|are) (?:an?|the|one of)|(?:is|are) (?:a )?(?:kind|type|form)s? of"),
)  # fmt: skip


async def map_relationships(context: StepContext) -> TopicGraph:
    """The graph of the topic, and the keywords that no passage covers."""
    return await asyncio.to_thread(
        build_graph,
        context.brief,
        context.need(SourceSet),
        context.need(PassageIndex),
        context.need(KeywordPlan),
    )


def build_graph(
    brief: ContentBrief, sources: SourceSet, index: PassageIndex, keywords: KeywordPlan
) -> TopicGraph:
    """The pure part of :func:`map_relationships`."""
    topic = read_topic(brief.topic, [source.text for source in sources.sources])
    material = gather_material(sources, index, topic)
    concepts = concept_labels(_own_names(topic), keywords.keywords)
    labels = [*concepts, *name_labels(material.rows, concepts)]
    named = topic.short and topic.head and not topic.sides
    mentions = Mentions(labels, aliases={topic.short: topic.head} if named else {})
    shown, edges = _read(material.rows, mentions)
    unshown = (keyword.phrase for keyword in keywords.keywords if not keyword.passages)
    nodes = _nodes(labels, frozenset(concepts), shown, material)
    ids = {node.label: node.id for node in nodes}
    return TopicGraph(
        nodes=nodes,
        edges=_edges(edges, ids),
        gaps=find_gaps((*brief.search_keywords, *unshown), material.rows),
    )


def find_gaps(phrases: Iterable[str], rows: Sequence[Row]) -> tuple[str, ...]:
    """The phrases whose words stand together in no passage, each once."""
    held = [frozenset(row.stems) | frozenset(stems(row.passage.heading)) for row in rows]
    wanted = dict.fromkeys(" ".join(phrase.split()) for phrase in phrases)
    return tuple(p for p in wanted if p and not any(frozenset(stems(p)).issubset(found) for found in held))


def _own_names(topic: Topic) -> tuple[str, ...]:
    return topic.sides or (topic.head,)


_Edges = dict[tuple[str, str, Relation], list[str]]


def _read(rows: Sequence[Row], mentions: Mentions) -> tuple[dict[str, list[str]], _Edges]:
    """Which rows mention each label, and which show each relation."""
    shown: dict[str, list[str]] = defaultdict(list)
    edges: _Edges = defaultdict(list)
    for row in rows:
        for sentence in row.sentences:
            found = mentions.find(sentence)
            for _, _, label in found:
                _note(shown[label], row.id)
            for (_, end, left), (start, _, right) in pairwise(found):
                if left != right:
                    _note(edges[_relation(left, right, sentence[end:start])], row.id)
    return shown, edges


def _note(rows: list[str], row: str) -> None:
    if row not in rows:
        rows.append(row)


def _relation(left: str, right: str, between: str) -> tuple[str, str, Relation]:
    if len(between) <= _NEAR:
        for pattern in _PATTERNS:
            if pattern.words.search(between):
                return (right, left, pattern.relation) if pattern.inverse else (left, right, pattern.relation)
    first, second = sorted((left, right))
    return first, second, "related"


def _nodes(
    labels: Sequence[str], concepts: frozenset[str], shown: dict[str, list[str]], material: Material
) -> tuple[TopicNode, ...]:
    most = max((len(rows) for rows in shown.values()), default=1)
    known = [label for label in labels if shown.get(label)]
    return tuple(
        TopicNode(
            id=f"N{number}",
            label=label,
            kind=kind_of_label(label, material.texts, known=label in concepts),
            weight=round(len(shown[label]) / most, 3),
            passages=tuple(shown[label][:_PASSAGES]),
        )
        for number, label in enumerate(known, start=1)
    )


def _edges(found: _Edges, ids: dict[str, str]) -> tuple[TopicEdge, ...]:
    """The strongest edges; a mere co-occurrence needs two passages, and yields to a typed edge of the same pair."""
    typed = {frozenset(key[:2]) for key in found if key[2] != "related"}
    kept = {
        key: rows
        for key, rows in found.items()
        if key[2] != "related" or (len(rows) >= _UNTYPED and frozenset(key[:2]) not in typed)
    }
    counts = Counter({key: len(rows) for key, rows in kept.items()})
    most = max(counts.values(), default=1)
    return tuple(
        TopicEdge(
            source=ids[key[0]],
            target=ids[key[1]],
            relation=key[2],
            weight=round(count / most, 3),
            passages=tuple(kept[key][:_PASSAGES]),
        )
        for key, count in counts.most_common(_EDGES)
    )
