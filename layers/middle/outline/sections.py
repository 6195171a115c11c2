"""From the desk to sections: collects what could be written, shares the passages out, orders, words and measures."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from layers.middle.artifacts import SectionForm, SectionPlan
from layers.middle.outline.allocation import Refusal, Share, share_out
from layers.middle.outline.candidates import Candidate, HeadedRow, facet_candidate, within
from layers.middle.outline.desk import Desk
from layers.middle.outline.facets import FACETS, ask
from layers.middle.outline.key_points import KeyPointReading
from layers.middle.outline.material import CHOSEN, Row
from layers.middle.outline.people import names_a_person
from layers.middle.outline.spare import SPARE, spare_shares
from layers.middle.outline.templates import THEMES
from layers.middle.outline.themes import find_themes
from layers.middle.outline.wording import HeadingWriter, form_of, query_of
from layers.text.numbers import figures

_WANTED = 3.0  # priority of what the caller asked for
_ANSWER_WORDS = 60
_FAQ_WORDS = 45
_FEWEST_WORDS = 40
_NAMED_BY = 3  # one row in so many names the topic, where the sources use its words
_OF_PEOPLE = frozenset(("history", "why", "evidence"))  # the sides that a person's life has
_RESERVE = 3  # evidence words at hand per word wanted, so that the writer can choose


@dataclass(frozen=True, slots=True, kw_only=True)
class Sections:
    """The sections in reading order, the facets they treat, what was refused, and the words of evidence at hand.

    ``places`` tells which section treats which facet.
    """

    plans: tuple[SectionPlan, ...]
    facets: tuple[str, ...]
    refused: tuple[Refusal, ...]
    words_at_hand: int
    places: Mapping[str, str]

    def ids_of(self, facets: Sequence[str]) -> tuple[str, ...]:
        """The sections that treat these facets."""
        return tuple(self.places[facet] for facet in facets)


def plan_sections(desk: Desk, points: KeyPointReading, answer: Collection[str]) -> Sections:
    """Sections from the passages that the answer does not use."""
    free = [item for item in desk.headed if item.row.id not in answer]
    ids = {item.row.id for item in free}
    facets, missing = _facets(desk, points, _on_topic(free))
    fixed = [*(within(candidate, ids) for candidate in points.candidates), *facets]
    shares, refused = _fill(desk, fixed, find_themes(desk, free), [item.row for item in free])
    shares = [*shares, *spare_shares(desk, free, shares)]
    ordered = _in_order(desk, shares)
    plans = _word_and_measure(desk, ordered)
    return Sections(
        plans=plans,
        places={
            share.candidate.key: plan.id
            for share, plan in zip(ordered, plans, strict=True)
            if share.candidate.key in FACETS
        },
        facets=tuple(share.candidate.key for share in ordered if share.candidate.key in FACETS),
        refused=(*refused, *missing),
        words_at_hand=sum(share.words for share in ordered),
    )


def _on_topic(free: Sequence[HeadedRow]) -> list[HeadedRow]:
    """The rows that name the topic, or whose title does: what is beside it does not show a side of it.

    All of them, where two thirds do not: then the sources have other words for the topic.
    """
    named = [item for item in free if item.row.fit > CHOSEN]
    return named if _NAMED_BY * len(named) >= len(free) else list(free)


def _facets(
    desk: Desk, points: KeyPointReading, free: Sequence[HeadedRow]
) -> tuple[list[Candidate], list[Refusal]]:
    """The facets of the template, and those that nothing speaks of."""
    found: list[Candidate] = []
    missing: list[Refusal] = []
    person = names_a_person(desk.brief.topic, desk.material.texts)
    for slot in desk.plan.slots:
        if slot.facet == THEMES or (person and slot.facet not in _OF_PEOPLE):
            continue
        facet = FACETS[slot.facet]
        heading = ask(slot.title or facet.title, desk.topic)
        candidate = facet_candidate(facet, free, heading, desk.topic)
        if not candidate.scores:
            missing.append(Refusal(candidate=candidate, reason="no passage speaks of it"))
        elif slot.facet in points.facets or slot.facet == desk.topic.focus:
            found.append(replace(candidate, priority=_WANTED))
        else:
            found.append(candidate)
    return found, missing


def _fill(
    desk: Desk, fixed: Sequence[Candidate], themes: Sequence[Candidate], rows: Sequence[Row]
) -> tuple[list[Share], list[Refusal]]:
    """Share out among facets and the worthiest themes; more themes come in while there is room for sections."""
    limit = desk.budget.sections
    room = max(1, limit - 2 if desk.tells_steps else limit // 2)
    while True:
        candidates = [*fixed, *themes[:room]]
        shares, refused = share_out(candidates, rows, limit=limit, words_needed=desk.words_wanted // limit)
        if len(shares) == limit or room >= len(themes):
            return shares, refused
        room += limit - len(shares)


def _in_order(desk: Desk, shares: Sequence[Share]) -> list[Share]:
    """Template order; key points stand before the themes, and those source by source, in the order of each."""
    slots = {slot.facet: number for number, slot in enumerate(desk.plan.slots)}

    def rank(entry: tuple[int, Share]) -> tuple[int, int, float, float, int]:
        number, share = entry
        key = share.candidate.key
        if key in slots:
            return (slots[key], 0, 0.0, 0.0, number)
        if key.startswith("point:"):
            return (slots[THEMES], 0, 0.0, 0.0, number)
        if key.startswith(SPARE):
            return (slots[THEMES], 2, 0.0, share.candidate.place, number)
        return (slots[THEMES], 1, -share.candidate.rank, share.candidate.place, number)

    return [share for _, share in sorted(enumerate(shares), key=rank)]


def _word_and_measure(desk: Desk, shares: Sequence[Share]) -> tuple[SectionPlan, ...]:
    rows = {row.id: row for row in desk.material.rows}
    slots = {slot.facet: slot for slot in desk.plan.slots}
    writer = HeadingWriter(desk.topic, desk.plan.style)
    plans = []
    for number, (share, target) in enumerate(zip(shares, _targets(desk, shares), strict=True), start=1):
        kept = _at_hand(share, target, rows)
        facet = FACETS.get(share.candidate.key)
        if facet:
            named = sum(1 for row in kept if desk.topic.named_in(rows[row].stems))
            heading = writer.heading(facet, slots[facet.name], names_subject=2 * named >= len(kept))
        else:
            heading = share.candidate.heading
        plans.append(
            SectionPlan(
                id=f"sec-{number}",
                heading=heading,
                level=2,
                question=query_of(facet, desk.topic) if facet else heading,
                passages=kept,
                target_words=target,
                form=_form(desk, share, [rows[row] for row in kept]),
                cue=facet.cue.pattern if facet else None,
            )
        )
    return tuple(plans)


def _form(desk: Desk, share: Share, kept: Sequence[Row]) -> SectionForm:
    facet = FACETS.get(share.candidate.key)
    if facet is None:
        return "prose"
    figured = sum(1 for row in kept if any(figures(text) for text in row.sentences))
    return form_of(facet, how_to=desk.how_to, sentences=share.sentences, figures=figured)


def _at_hand(share: Share, target: int, rows: Mapping[str, Row]) -> tuple[str, ...]:
    """The best passages, until a multiple of the wanted words is at hand."""
    kept: list[str] = []
    words = 0
    for row in share.passages:
        if words >= _RESERVE * target:
            break
        kept.append(row)
        words += rows[row].words
    return tuple(kept)


def _targets(desk: Desk, shares: Sequence[Share]) -> list[int]:
    """Words per section: what answer and FAQ leave, by the evidence that each has, none above what it holds."""
    left = desk.words_wanted - _ANSWER_WORDS - desk.budget.faq * _FAQ_WORDS
    even = left / max(1, len(shares))
    weights = [min(float(share.words), 1.5 * even) for share in shares]
    scale = min(1.0, left / (sum(weights) or 1.0))
    return [max(_FEWEST_WORDS, round(weight * scale / 10) * 10) for weight in weights]
