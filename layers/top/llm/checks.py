"""Holds every sentence of a model's draft against the evidence that it cites. No sentence is trusted.

A claim must rest on known evidence, be supported by it as the citation verifier judges, and keep its figures,
names and meaning. A sentence without evidence may state nothing: it may only use a closed list of words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from layers.text.sentences import split_sentences
from layers.text.words import stems, word_set
from layers.top.artifacts import Evidence
from layers.top.llm.repetition import Memory
from layers.top.llm.reply import DraftSentence
from layers.top.llm.wording import changes
from layers.top.verification.evidence_finder import EvidenceFinder
from layers.top.verification.support import EvidenceText
from layers.top.writer.cleaning import collapse, without_marks
from layers.top.writer.suitability import is_usable

_MOST_SENTENCES: Final = 40
_TRANSITION_WORDS: Final = 14
_LINK: Final = re.compile(
    r"https?:|www\.|\]\(|\[\w+\]|\b[\w.+-]+@[\w-]+\.\w|\b[\w-]+\.(?:com|org|net|io|gov|edu|info|biz|dev|ai|co|app|example|test|invalid)\b",
    re.IGNORECASE,
)
_MARKUP: Final = re.compile(
    r"<[a-z/!?]|[<>{}|`\x00-\x1f]|\*\*|__|&#?\w+;|^\s*(?:#|[-*•]\s|\d+[.)]\s)", re.IGNORECASE
)
_ABOUT_THE_TASK: Final = re.compile(
    r"""\b(?:instructions?|instructed|prompts?|system\smessage|as\san?\s(?:ai|assistant|language\smodel)|the\s(?:given|provided|above|cited)\s(?:evidence|quotations?|sources?|text)
      |the\sevidence\s(?:says|states|shows|suggests|provided|given)|(?:i|we)\s(?:cannot|can['’]t|am|are|will|have)|evidence\sid|quotations?\s\d|json)\b
      |\bE\d+-\d+-\d+""",  # noqa: RUF001 - a typographic apostrophe is what it reads
    re.VERBOSE | re.IGNORECASE,
)
_TRANSITIONS: Final = frozenset(
    stems(
        "figures numbers limits caution points question answer part section reader look turn consider note remember "
        "details detail practice step steps order next now first second third finally example examples summary short "
        "brief costs side sides picture matter matters attention worth knowing known following begin start move basics "
        "background context reasons reason results result",
    )
)
_BOASTS: Final = word_set("most best least worst only never always every all none must not no")


@dataclass(frozen=True, slots=True, kw_only=True)
class Defect:
    """What is wrong with a sentence: a stable code, and the reason in words that a model can act on."""

    code: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedSentence:
    """A sentence of a draft with its known evidence and what is wrong with it."""

    text: str
    evidence: tuple[str, ...]
    editorial: bool
    defects: tuple[Defect, ...]


class DraftChecker:
    """Checks the drafts of one article."""

    def __init__(self, finder: EvidenceFinder) -> None:
        self._finder = finder

    def check(
        self, draft: Sequence[DraftSentence], pack: Mapping[str, Evidence], said: Sequence[str]
    ) -> tuple[CheckedSentence, ...]:
        """The sentences one by one; ``said`` is what other parts of the article say already."""
        memory = Memory(said)
        checked: list[CheckedSentence] = []
        for sentence in _single(draft[:_MOST_SENTENCES]):
            found = self._checked(sentence, pack, memory)
            checked.append(found)
            memory.add(found.text, found.evidence)
        return (*checked, *_endless(draft[_MOST_SENTENCES:]))

    def _checked(
        self, sentence: DraftSentence, pack: Mapping[str, Evidence], memory: Memory
    ) -> CheckedSentence:
        text = sentence.text
        known = tuple(dict.fromkeys(name for name in sentence.evidence if name in pack))
        editorial = sentence.kind == "editorial" and not sentence.evidence
        defects = _form(text)
        if memory.repeats(text, known):
            defects.append(Defect(code="repeated", reason="repeats what is already said"))
        if editorial:
            defects += _editorial(text)
        else:
            defects += _citation(sentence, pack)
            if known:
                defects += self._claim(text, [pack[name].quote for name in known])
        return CheckedSentence(text=text, evidence=known, editorial=editorial, defects=tuple(defects))

    def _claim(self, text: str, quotes: Sequence[str]) -> list[Defect]:
        cleaned = " ".join(without_marks(collapse(quote)) for quote in quotes)
        score = self._finder.score(text, " ".join(quotes))
        if any(text in (collapse(quote), without_marks(collapse(quote))) for quote in quotes):
            return []
        defects = [
            Defect(code="changed_figure", reason=f"has the figure {figure}, which its evidence has not")
            for figure in score.missing_figures
        ]
        defects += [
            Defect(code="changed_name", reason=f"has the name {name}, which its evidence has not")
            for name in score.missing_names
        ]
        if score.band != "supported":
            defects.append(
                Defect(code="unsupported", reason="is not supported by the evidence that it cites")
            )
        if not is_usable(text, len(text.split())):
            defects.append(
                Defect(code="unfit", reason="is no plain, self-contained sentence of 6 to 48 words")
            )
        return defects + [
            Defect(code="changed_meaning", reason=change)
            for change in changes(text, cleaned, EvidenceText(cleaned))
        ]


def _single(draft: Sequence[DraftSentence]) -> list[DraftSentence]:
    """The draft with one sentence each, on one line; several in one share their evidence and are judged alone."""
    single = []
    for sentence in draft:
        text = collapse(sentence.text)
        spans = split_sentences(text) or [(0, len(text))]
        single += [sentence.model_copy(update={"text": text[start:end].strip()}) for start, end in spans]
    return single


def _form(text: str) -> list[Defect]:
    found = []
    if _LINK.search(text):
        found.append(Defect(code="link", reason="contains a link, an address or a reference mark"))
    if _MARKUP.search(text):
        found.append(Defect(code="markup", reason="contains markup"))
    if _ABOUT_THE_TASK.search(text):
        found.append(Defect(code="about_the_task", reason="speaks about the task or the evidence"))
    return found


def _citation(sentence: DraftSentence, pack: Mapping[str, Evidence]) -> list[Defect]:
    if not sentence.evidence:
        return [Defect(code="no_evidence", reason="states something without evidence")]
    unknown = [name for name in sentence.evidence if name not in pack]
    return [
        Defect(code="unknown_evidence", reason=f"cites {name[:40]!r}, which is not in the evidence")
        for name in unknown[:3]
    ]


def _editorial(text: str) -> list[Defect]:
    """A transition has few words, all from a closed list: whatever states something needs a word that is not in it."""
    said = text.lower().split()
    free = set(stems(text)) <= _TRANSITIONS and not any(character.isdigit() for character in text)
    if free and len(said) <= _TRANSITION_WORDS and not _BOASTS & {word.strip(".,:;!?") for word in said}:
        return []
    return [
        Defect(
            code="unfounded", reason="is editorial but states something; give its evidence or leave it out"
        )
    ]


def _endless(rest: Sequence[DraftSentence]) -> list[CheckedSentence]:
    """What comes after any length that could have been asked for: one defect, whatever it says."""
    loop = (Defect(code="loop", reason="and all after it go beyond the length asked for"),)
    return [
        CheckedSentence(text=collapse(sentence.text), evidence=(), editorial=False, defects=loop)
        for sentence in rest[:1]
    ]
