"""The sources as the outline sees them: passages with their text, place and fit to the topic, without the useless."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from layers.bottom.artifacts import Passage, PassageIndex, Source, SourceSet
from layers.middle.outline.topic import Topic
from layers.text.words import stems

_FURNITURE = re.compile(
    r"\bcookies?\b.{0,80}\b(?:accept|consent|preferences|policy)|subscribe (?:to|now)|sign up (?:for|to)|newsletter"
    r"|all rights reserved|terms of (?:use|service)|privacy policy|click here|read more\b|share (?:this|on)|follow us"
    r"|log ?in\b|advertisement|affiliate (?:links?|commission)|leave a (?:comment|reply)|©|about the author"
    r"|related (?:posts|articles)|book a demo|contact us|free (?:trial|download|shipping)",
    re.IGNORECASE,
)
_FIRST_PERSON = re.compile(
    r"(?<!\w)(?:I|I'\w+|[Mm]y|me|[Ww]e|[Ww]e'\w+|[Oo]urs?)(?!\w)(?!\.)"
)  # not the article's author
_OWN_TEST = re.compile(
    r"^(?:in|during|throughout|for) our (?:own )?(?:tests?|testing|trials?|measurements?)\b", re.IGNORECASE
)
_MYTH = re.compile(r"\b(?:myths?|misconceptions?|debunk\w*|lies|fact or fiction)\b", re.IGNORECASE)
_SHORTEST_SENTENCE = 5  # words; less is a label, not a statement
CHOSEN = 0.4  # fit of any passage, because its source was chosen for the topic
_RUN = 4  # stems in a row that mark a repetition


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A passage worth using.

    ``place`` is where it stands in its source (0 start, 1 end); ``rank`` is how early its source comes (1 first, sources
    come best first); ``fit`` is how much it is about the topic, 0..1; ``opens`` tells that it opens its source.
    """

    passage: Passage
    sentences: tuple[str, ...]
    stems: tuple[str, ...]
    words: int
    place: float
    rank: float
    fit: float
    opens: bool

    @property
    def id(self) -> str:
        """The passage's id."""
        return self.passage.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """Usable rows in source order, and the sources by id."""

    rows: tuple[Row, ...]
    sources: dict[str, Source]

    @property
    def texts(self) -> tuple[str, ...]:
        """The running texts, for questions of wording."""
        return tuple(source.text for source in self.sources.values())


def gather_material(sources: SourceSet, index: PassageIndex, topic: Topic) -> Material:
    """Rows for all passages but page furniture, fragments and repetitions of an earlier passage."""
    count = len(sources.sources)
    known = {
        source.id: _Known(
            source=source, title_fit=topic.nearness(stems(source.title)), rank=1 - number / count
        )
        for number, source in enumerate(sources.sources)
    }
    rows: list[Row] = []
    opened: set[str] = set()
    seen = _Seen()
    for passage in index.passages:
        row = _row(passage, known[passage.source], topic, opens=passage.source not in opened)
        if row is not None and not seen.repeats(row.stems):
            rows.append(row)
            opened.add(passage.source)
    return Material(rows=tuple(rows), sources={source.id: source for source in sources.sources})


def _repeats_myths(passage: Passage, source: Source) -> bool:
    """Whether the passage may state what it goes on to refute, so that half of it would say the contrary."""
    return bool(_MYTH.search(passage.heading) or _MYTH.search(source.title))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """A source with what holds for all of its passages."""

    source: Source
    title_fit: float
    rank: float


def _row(passage: Passage, known: _Known, topic: Topic, *, opens: bool) -> Row | None:
    source = known.source
    spans = passage.sentences or ((passage.start, passage.end),)
    sentences = tuple(source.text[start:end] for start, end in spans)
    sentences = tuple(sentence for sentence in sentences if is_statement(sentence))
    if not sentences or _repeats_myths(passage, source):
        return None
    found = stems(" ".join(sentences))
    own = topic.nearness([*found, *stems(passage.heading)])
    return Row(
        passage=passage,
        sentences=sentences,
        stems=tuple(found),
        words=sum(len(sentence.split()) for sentence in sentences),
        place=passage.start / max(1, len(source.text)),
        rank=known.rank,
        fit=CHOSEN + (1 - CHOSEN) * (0.65 * own + 0.35 * known.title_fit),
        opens=opens,
    )


def is_statement(sentence: str) -> bool:
    """Whether a sentence can stand in an article: long enough, ended, and no page furniture."""
    return (
        len(sentence.split()) >= _SHORTEST_SENTENCE
        and sentence.rstrip("\"')]\u201d\u2019 ")[-1:] in {".", "!", "%"}
        and not _FURNITURE.search(sentence)
        and not _FIRST_PERSON.search(_OWN_TEST.sub("", sentence))
    )


class _Seen:
    """Finds passages that mostly repeat an earlier one, by runs of stems; linear in the length of the text."""

    def __init__(self) -> None:
        self._owner: dict[tuple[str, ...], int] = {}
        self._count = 0

    def repeats(self, found: Sequence[str]) -> bool:
        """Whether half of the runs stood in one earlier passage; a new passage is remembered."""
        runs = [tuple(found[at : at + _RUN]) for at in range(max(1, len(found) - _RUN + 1))]
        owners = Counter(self._owner[run] for run in runs if run in self._owner)
        if owners and 2 * max(owners.values()) >= len(runs):
            return True
        self._count += 1
        for run in runs:
            self._owner.setdefault(run, self._count)
        return False
