"""Is a document about the topic, or does it merely share common words with it?

A topic is a few concepts. Each weighs by how rare it is in the collection, counts by how prominent it is in
the document, and may be written in other words: as an acronym that the documents themselves expand, or as
one of the everyday equivalents below.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from layers.text.words import stems, word_set

_EQUIVALENTS = (
    "ai|artificial intelligence|machine learning|deep learning|neural networks",
    "ml|machine learning", "llm|large language model|language models",
    "healthcare|health care|medicine|medical|clinical|clinician|patient|hospital|physician|doctor",
    "ev|electric vehicle|electric car", "car|vehicle|automobile", "solar|photovoltaic|pv",
    "renewable energy|renewables|solar|wind power", "electricity|power|energy", "cost|price|expense",
    "remote work|working from home|work from home|telework|telecommuting|hybrid work",
    "cybersecurity|cyber security|information security|security", "mfa|multifactor|two-factor|2fa|multi-factor",
    "school|education|student|teacher", "small business|smb|sme|small company", "company|business|enterprise|organisation|organization|firm",
    "job|employment|worker|employee", "insomnia|sleeplessness|sleep", "food|diet|nutrition", "phone|mobile|smartphone",
    "serverless|functions as a service|faas", "website|web page|web site", "seo|search engine optimization|search engine",
    "exercise|workout|physical activity", "climate change|global warming", "radiology|radiologist|radiograph|imaging|mammography|x ray", "crypto|cryptocurrency|bitcoin", "programming|coding|software development",
)  # fmt: skip
_GENERIC = word_set(
    """
    guide tips best top benefits benefit overview introduction intro complete ultimate beginner beginners explained
    explain understanding understand impact impacts role importance important future trends trend examples example
    ways way strategies practices practice things know need needs good better help helps vs versus basics
    essentials everything comprehensive definitive simple easy modern new latest current today recent state worth
    challenges opportunities pros cons advantages disadvantages key main great practical quick step steps
    """
)
_VAGUE = word_set(
    """
    adoption application approach architecture area aspect business design development effect environment field
    growth guideline implementation improvement industry issue management market method model online operation
    option performance planning policy problem process product program project quality question sector service
    software solution strategy system technique technology tool treatment usage world
    """
) | word_set(
    # words of everyday life, which a document on any subject may hold
    """
    home house household work working job life living people person family child woman man day week month year time
    money city town urban local country small big large long short personal public private social digital smart
    content information data website team company business office old young free high low green
    """
)
# as stems have them: "wav" of "wave"
_SECOND_PARTS = word_set(
    """
    wave wav work book board ware house hous land line time tim way room water storm fall light power proof side sid
    stone bread cake craft ship path field fire fir place plac keep kept man drive box card phone phon bank shop store
    """
)
_LEAD = re.compile(r"^\s*(?:how|what|why|when|who|where|which|can|does|do|is|are|should)\b", re.IGNORECASE)
_EXCLUDED = re.compile(r"\b(?:without|not|no|except)\s+[\w-]+", re.IGNORECASE)
_ACRONYM = re.compile(r"\b((?:[A-Za-z][a-z]+[\s-]){2,6})\(([A-Z]{2,6})s?\)")
_YEAR = re.compile(r"^(?:19|20)\d{2}$")
_FEW_DOCUMENTS = 5
_NEAR = 12  # stems within which two concepts of a topic meet in a document about it
_SHORTEST_ROOT = 5
_SHORTEST_PART = 3
_THRESHOLD = 0.6
_CLEAR = 0.7
_VAGUE_SHARE = 0.4


@dataclass(frozen=True, slots=True)
class Searchable:
    """A document as stems in a row, so that phrases can be found: its title with headings, and its text."""

    title: str
    lead: str
    body: str

    @classmethod
    def of(cls, title: str, headings: Iterable[str], text: str) -> Searchable:
        """Prepare a document."""
        return cls(_row(title), _row(f"{title}\n" + "\n".join(headings)), _row(text))


@dataclass(frozen=True, slots=True, kw_only=True)
class Concept:
    """One part of a topic: every way to write it, as stems in a row.

    A ``vague`` one ("strategy", "system") fits any subject: it weighs less and is never required.
    """

    forms: tuple[str, ...]
    vague: bool = False

    def related(self, vocabulary: Collection[str]) -> Concept:
        """The concept with the words of the same family that the vocabulary holds: ``bees`` for ``beekeeping``."""
        single = [form.strip() for form in self.forms if " " not in form.strip()]
        more = [
            f" {word} "
            for word in sorted(vocabulary)
            if any(_akin(root, word, vocabulary) for root in single)
        ]
        return Concept(forms=tuple(dict.fromkeys((*self.forms, *more))), vague=self.vague)

    def prominence(self, document: Searchable) -> float:
        """0 where the document lacks it, 1 where a heading has it or the text has it three times."""
        if any(form in document.lead for form in self.forms):
            return 1.0
        return (0.0, 0.4, 0.7, 1.0)[min(3, sum(document.body.count(form) for form in self.forms))]


def acronyms(texts: Iterable[str]) -> dict[str, str]:
    """Acronyms that the texts expand themselves: "multi-factor authentication (MFA)"."""
    found: dict[str, str] = {}
    for text in texts:
        for match in _ACRONYM.finditer(text):
            words = re.split(r"[\s-]+", match.group(1).strip())[-len(match.group(2)) :]
            if "".join(word[0] for word in words).upper() == match.group(2):
                found.setdefault(match.group(2).lower(), " ".join(words).lower())
    return found


def concepts(topic: str, expansions: Mapping[str, str] | None = None) -> tuple[Concept, ...]:
    """The concepts of a topic: its content words, phrases that have equivalents kept together.

    Words that every request has ("guide", "benefits", a year) are no concepts unless there is nothing else.
    """
    groups = [[_row(form) for form in line.split("|")] for line in _EQUIVALENTS]
    groups += [[_row(short), _row(long)] for short, long in (expansions or {}).items()]
    said = _content(topic)
    rest = f" {' '.join(said)} "
    found: list[tuple[int, Concept]] = []
    for form in sorted(
        {form for group in groups for form in group}, key=lambda form: (-len(form.split()), form)
    ):
        if form in rest:
            forms = dict.fromkeys([form, *(other for group in groups if form in group for other in group)])
            found.append((f" {' '.join(said)} ".index(form), Concept(forms=tuple(forms))))
            rest = rest.replace(form, " | ", 1)
    vague = {stem for word in _VAGUE for stem in stems(word)}
    found += [
        (said.index(stem), Concept(forms=(f" {stem} ",), vague=stem in vague))
        for stem in rest.split()
        if stem != "|"
    ]
    return tuple(dict.fromkeys(concept for _, concept in sorted(found, key=lambda item: item[0])))


def _akin(root: str, word: str, vocabulary: Collection[str]) -> bool:
    """Whether one stem grows out of the other, or ``word`` is the first part of a compound.

    The second part must occur too, or be one that compounds often end in ("heat" for "heatwave").
    """
    short, long = sorted((root, word), key=len)
    if len(short) >= _SHORTEST_ROOT and (long.startswith(short) or long.endswith(short)):
        return True
    rest = root[len(word) :]
    if len(word) < _SHORTEST_PART or not root.startswith(word) or len(rest) < _SHORTEST_PART:
        return False
    return (
        rest in vocabulary
        or f"{rest}e" in vocabulary
        or (len(word) > _SHORTEST_PART and rest in _SECOND_PARTS)
    )


@lru_cache(maxsize=256)
def _plain_concepts(topic: str) -> tuple[Concept, ...]:
    return concepts(topic)


def treats(topic: str, document: Searchable) -> bool:
    """Whether a document of the caller treats the topic at least weakly, in related words.

    One concept that is not an everyday word must stand in its title or headings, or twice in its text.
    """
    wanted = _plain_concepts(topic)
    hard = [concept for concept in wanted if not concept.vague] or list(wanted)
    vocabulary = {*document.lead.split(), *document.body.split()}
    return any(concept.related(vocabulary).prominence(document) >= _CLEAR for concept in hard)


def _meet(wanted: Sequence[Concept], document: Searchable) -> bool:
    """Whether two of the concepts, or the only one there is, stand near each other somewhere."""
    places = sorted(
        (place, number)
        for number, concept in enumerate(wanted)
        for form in concept.forms
        for place in _places(form, document)
    )
    return len(wanted) < 2 or any(
        one[1] != other[1] and other[0] - one[0] <= _NEAR for one, other in pairwise(places)
    )


def _places(form: str, document: Searchable) -> Iterator[int]:
    """Where a form stands, counted in stems; the text begins far behind the title and headings."""
    row = f"{document.lead} {'| ' * _NEAR}{document.body}"
    at = row.find(form)
    while at >= 0:
        yield row.count(" ", 0, at)
        at = row.find(form, at + 1)


class Relevance:
    """Judges documents against one topic; weights come from the collection if it is large enough to tell."""

    def __init__(self, wanted: Sequence[Concept], collection: Sequence[Searchable]) -> None:
        self._wanted = wanted
        self._weights = [self._weight(concept, collection) for concept in wanted]

    def score(self, document: Searchable) -> float:
        """How much of the topic the document holds, 0..1."""
        total = math.fsum(self._weights)
        parts = (w * c.prominence(document) for c, w in zip(self._wanted, self._weights, strict=True))
        return math.fsum(parts) / total if total else 0.0

    def is_relevant(self, document: Searchable) -> bool:
        """Whether the document has enough of the topic, and what matters most of it.

        A topic of one or two concepts needs each of them clearly; a longer one must have its rarest concept.
        """
        if not self._wanted or self.score(document) < _THRESHOLD:
            return False
        hard = [(c, w) for c, w in zip(self._wanted, self._weights, strict=True) if not c.vague]
        if not hard:
            return all(_named(concept, document) for concept in self._wanted)
        if not _meet(self._wanted, document):
            return False
        if len(hard) <= 2:
            return all(concept.prominence(document) >= _CLEAR for concept, _ in hard)
        rarest = max(weight for _, weight in hard)
        return all(concept.prominence(document) > 0 for concept, weight in hard if weight == rarest)

    @staticmethod
    def _weight(concept: Concept, collection: Sequence[Searchable]) -> float:
        share = _VAGUE_SHARE if concept.vague else 1.0
        if len(collection) < _FEW_DOCUMENTS:
            return share
        having = sum(concept.prominence(document) > 0 for document in collection)
        return share * math.log(1 + (len(collection) - having + 0.5) / (having + 0.5))


def _named(concept: Concept, document: Searchable) -> bool:
    """Whether the title itself has the concept: the least that a topic of everyday words must ask for."""
    return any(form in document.title for form in concept.forms)


def _content(topic: str) -> list[str]:
    """Stems of the topic without what only asks: question words, generic words, years."""
    asked = re.sub(r"\b(?:work|works)\s*\??\s*$", "", topic) if _LEAD.match(topic) else topic
    everything = stems(_EXCLUDED.sub("", asked)) or stems(asked)
    generic = {stem for word in _GENERIC for stem in stems(word)}
    kept = [stem for stem in everything if stem not in generic and not _YEAR.match(stem)]
    return list(dict.fromkeys(kept or everything))


def _row(text: str) -> str:
    return f" {' '.join(stems(text))} "
