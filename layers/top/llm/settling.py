"""From a checked draft to the sentences of the article: keep, replace with the quotation, or leave out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from layers.top.artifacts import Evidence, Sentence
from layers.top.llm.checks import CheckedSentence
from layers.top.llm.parts import Part, word_count
from layers.top.llm.repetition import SAME_WORDS, alike
from layers.top.writer.suitability import needs_antecedent

_FULL_PARAGRAPH: Final = 55
_ENOUGH: Final = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """A part as it goes into the article; ``by_model`` counts the sentences that the model worded.

    ``replaced`` and ``dropped`` count sentences that were not kept, ``faults`` the defects of these by code.
    """

    sentences: tuple[Sentence, ...]
    by_model: int
    replaced: int = 0
    dropped: int = 0
    faults: Mapping[str, int] = field(default_factory=dict)


def sound(draft: Sequence[CheckedSentence]) -> int:
    """How many claims of a draft have no defect."""
    return sum(not sentence.defects and not sentence.editorial for sentence in draft)


def settle(part: Part, draft: Sequence[CheckedSentence]) -> Settled:
    """The part from what is sound in the draft; the embedded text where too little of it is."""
    desk = _Desk(part, draft)
    for place in range(len(draft)):
        desk.take(place)
    body = desk.body()
    faults = Counter(defect.code for sentence in draft for defect in sentence.defects)
    wanted = _ENOUGH * min(part.words, word_count(part.embedded))
    if desk.by_model == 0 or word_count(body) < wanted:
        lost = sum(bool(sentence.defects) for sentence in draft)
        return Settled(sentences=(*part.lead, *part.embedded), by_model=0, replaced=lost, faults=faults)
    return Settled(
        sentences=(*part.lead, *body),
        by_model=desk.by_model,
        replaced=desk.replaced,
        dropped=desk.dropped,
        faults=faults,
    )


class _Desk:
    """The part in the making."""

    def __init__(self, part: Part, draft: Sequence[CheckedSentence]) -> None:
        self._part = part
        self._draft = draft
        self._quotes: Mapping[str, Evidence] = {item.id: item for item in part.pack}
        self._kept: list[Sentence] = []
        self._intact = False
        self._waiting: CheckedSentence | None = None
        self.by_model = self.replaced = self.dropped = 0

    def take(self, place: int) -> None:
        """Put the next sentence of the draft in, or what stands in for it."""
        sentence = self._draft[place]
        if (
            not sentence.defects
            and sentence.editorial
            and self._waiting is None
            and self._part.form == "prose"
        ):
            self._waiting = sentence
            return
        stands = self._intact or not needs_antecedent(sentence.text)
        if not sentence.defects and not sentence.editorial and stands:
            self._keep(sentence)
            return
        self._waiting = None if sentence.editorial else self._waiting
        self._intact = False
        embedded = self._stand_in(sentence)
        if embedded is None:
            self.dropped += 1
        else:
            self.replaced += 1
            self._kept.append(embedded)

    def body(self) -> tuple[Sentence, ...]:
        """The sentences so far, in paragraphs or as items."""
        words = 0
        laid: list[Sentence] = []
        for sentence in self._kept:
            free = sentence.kind == "editorial" or not needs_antecedent(sentence.text)
            opens = not laid or self._part.form != "prose" or (words >= _FULL_PARAGRAPH and free)
            words = (0 if opens else words) + len(sentence.text.split())
            laid.append(sentence.model_copy(update={"opens_paragraph": opens}))
        return tuple(laid)

    def _fits(self, text: str) -> bool:
        return word_count(self._kept) + len(text.split()) <= self._part.most_words

    def _put_transition(self) -> None:
        """A transition goes in with the claim that it leads to, never first and never last."""
        editorial = any(sentence.kind == "editorial" for sentence in self._kept)
        if self._waiting is not None and self._kept and not editorial:
            self._kept.append(Sentence(id="", text=self._waiting.text, kind="editorial"))
        self._waiting = None

    def _keep(self, sentence: CheckedSentence) -> None:
        """Put a sound claim in; what is beyond the part's length is left out without a word."""
        self._intact = self._fits(sentence.text)
        if not self._intact:
            return
        self._put_transition()
        quoted = any(self._quotes[name].quote in sentence.text for name in sentence.evidence)
        kind = "quote" if quoted else "claim"
        self._kept.append(Sentence(id="", text=sentence.text, kind=kind, evidence=sentence.evidence))
        self.by_model += 1

    def _stand_in(self, sentence: CheckedSentence) -> Sentence | None:
        """The embedded sentence for the evidence that the defective one cites, unless that is already said."""
        used = {name for kept in self._kept for name in kept.evidence}
        later = {name for other in self._draft if not other.defects for name in other.evidence}
        for embedded in self._part.embedded:
            cited = set(embedded.evidence)
            if not cited & set(sentence.evidence) or cited & (used | later):
                continue
            if needs_antecedent(embedded.text) or not self._fits(embedded.text):
                continue
            if not any(alike(embedded.text, kept.text) >= SAME_WORDS for kept in self._kept):
                return embedded
        return None
