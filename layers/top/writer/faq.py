"""Which questions the FAQ takes up, and whether a sentence answers one: a poor entry is dropped, not printed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from layers.bottom.artifacts import KeywordPlan
from layers.middle.artifacts import Outline, QueryPlan
from layers.text.similarity import jaccard
from layers.text.words import stems
from layers.top.writer.candidates import Candidate
from layers.top.writer.figures import telling_figure
from layers.top.writer.selection import Question, defines
from layers.top.writer.subject import Subject

_SAME_QUESTION: Final = 0.6
_ORPHAN: Final = re.compile(
    r"\b(?:they|them|their|these|those|he|she|his|her|(?<!is )it(?! (?:safe|legal|possible|worth)\b)|this|its)\b",
    re.IGNORECASE,
)
# What a template asks of any noun: good English about the topic, nonsense about most other nouns.
_BY_TEMPLATE: Final = re.compile(
    r"^(?:with\s|what role\b|what are (?:the )?(?:examples|risks|limits|benefits)\b|how (?:do|does|can)\s.+\s(?:work|help|affect|compare)\b"
    r"|how can .+ be prevented|why (?:do|does)\s.+\smatter|how do you get started|what does the evidence say|what do you need for|what does .+ mean for)",
    re.IGNORECASE,
)
_NEVER: Final = re.compile(r"^with\s|^what role\b|\b(?:affect|examples|compare)\b", re.IGNORECASE)
_FRAMES: Final = (
    re.compile(
        r"^(?:what are (?:the )?(?:risks|limits|benefits) of|what does the evidence say about|how do you get started with|what do you need for)\s(?P<x>.+)\?$",
        re.IGNORECASE,
    ),
    re.compile(
        r"^(?:how|why|what) (?:do|does|can)\s(?P<x>.+)\s(?:work|help|matter|be prevented.*|mean for.*)\?$",
        re.IGNORECASE,
    ),
)
_PURE: Final = 0.75
_DEFINITION: Final = re.compile(r"^what (?:is|are)\s(?!the\b)", re.IGNORECASE)
_ABOUT_TOPIC: Final = 0.5
_CUES: Final = tuple(
    (re.compile(asked, re.IGNORECASE), re.compile(told))
    for asked, told in (
        (r"\brisks?\b", r"\b(?:risks?|danger\w*|harm\w*|hazard\w*|threat\w*|unsafe|injur\w+|disease|bias\w*|fail\w*|infect\w+|error\w*)\b"),
        (r"\blimits?\b", r"\b(?:limit\w*|cannot|can.t|only|fails?|difficult\w*|not\s|lack\w*|drawback\w*|hard to)\b"),
        (r"\bbenefits?\b", r"\b(?:benefit\w*|advantage\w*|improv\w+|reduc\w+|sav(?:e|es|ed|ing)\b|faster|cheaper|help\w*|lower\w*|better)\b"),
        (r"\bhelps?\b", r"\b(?:help\w*|benefit\w*|improv\w+|reduc\w+|lower\w*|prevent\w*|protect\w*|sav(?:e|es|ed|ing)|faster|better)\b"),
        (r"\bprevented\b", r"\b(?:prevent\w*|avoid\w*|reduc\w+|protect\w*|stop\w*|block\w*)\b"),
        (r"\bevidence\b", r"\b(?:stud(?:y|ies)|trials?|review|survey|research\w*|found|percent|experiments?)\b"),
        (r"\bmatter\b", r"\b(?:because|important|essential|crucial|reason|main|most)\b"),
        (r"\b(?:compare|differ)\b", r"\b(?:than|compared|whereas|unlike|while|both)\b"),
    )
)  # fmt: skip
_SUBJECT_WORDS: Final = 8
_ASKS_PRICE: Final = frozenset(("much", "cost", "price"))
_PRICE: Final = re.compile(r"[$€£]|\b(?:euros?|dollars?|pounds|cents?|free|costs?|price\w*)\b", re.IGNORECASE)


def faq_questions(
    outline: Outline, queries: QueryPlan | None, keywords: KeywordPlan
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Questions with the passages that could answer them, best first, without near-duplicates."""
    asked = [outline.answer_question, outline.title]
    asked += [text for section in outline.sections for text in (section.heading, section.question)]
    known = [stems(text) for text in asked]
    for question, passages in _offered(outline, queries, keywords):
        bag = stems(question)
        if (
            bag
            and not _ORPHAN.search(question)
            and not any(jaccard(bag, other) > _SAME_QUESTION for other in known)
        ):
            known.append(bag)
            yield question, passages


def is_printable(question: str, subject: Subject) -> bool:
    """Whether a question that no source asks may stand in the FAQ: the general forms only of the topic itself."""
    if _NEVER.search(question):
        return False
    framed = (frame.match(question) for frame in _FRAMES)
    asked_of = next((found["x"] for found in framed if found), question)
    return not _BY_TEMPLATE.match(question) or (
        subject.share(asked_of) >= _ABOUT_TOPIC and subject.purity(asked_of) >= _PURE
    )


def stands_alone(question: str, subject: Subject) -> bool:
    """Whether a question of a source can be understood outside its page: two words of content, or the topic."""
    return len(set(stems(question))) > 1 or subject.share(question) >= _ABOUT_TOPIC


def answers(text: str, question: Question, candidate: Candidate) -> bool:
    """Whether a sentence gives what the wording of the question asks for: a definition, a price, a risk of it."""
    if _DEFINITION.match(text):
        return defines(question, candidate)
    if re.search(r"\bcosts?\b|\bhow much\b", text, re.IGNORECASE):
        named = set(stems(" ".join(candidate.text.split()[:_SUBJECT_WORDS])))
        priced = telling_figure(candidate.text) or _PRICE.search(candidate.text)
        return priced is not None and set(stems(text)) - _ASKS_PRICE <= named
    framed = next((found["x"] for frame in _FRAMES if (found := frame.match(text))), None)
    opening = set(stems(" ".join(candidate.text.split()[:_SUBJECT_WORDS])))
    if framed and not opening & set(stems(framed)):
        return False
    cues = [told for asked, told in _CUES if asked.search(text)]
    return all(told.search(candidate.text) for told in cues) and not (cues and candidate.defined)


def _offered(
    outline: Outline, queries: QueryPlan | None, keywords: KeywordPlan
) -> Iterator[tuple[str, tuple[str, ...]]]:
    yield from ((entry.question, entry.passages) for entry in outline.faq)
    if queries is not None:
        yield from ((form.text, form.passages) for form in queries.queries if form.kind == "faq")
    yield from ((question.text, question.passages) for question in keywords.questions)
