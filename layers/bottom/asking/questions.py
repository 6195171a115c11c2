"""Questions that people ask and the sources can answer: from the topic, from headings, from forms."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice

from layers.bottom.artifacts import Question
from layers.bottom.asking.corpus import Corpus
from layers.bottom.asking.heading_questions import heading_questions
from layers.bottom.asking.noun_phrases import NounPhrase, is_person, is_plural
from layers.bottom.asking.question_forms import (
    COMPARISON,
    COMPARISON_CUE,
    QUESTION_FORMS,
    QuestionForm,
    QuestionKind,
)
from layers.bottom.asking.topics import as_question, contenders, is_question
from layers.text.similarity import jaccard
from layers.text.words import stems

_MOST = 16
_PER_PHRASE = 3
_OF_TOPIC_FIRST = 4
_PER_FORM = 2
_PASSAGES = 4
_MOST_ROLES = 4
_SAME = 0.6
_KINDS: tuple[tuple[QuestionKind, str], ...] = (
    ("cost", r"\bcosts?\b|\bhow much (?:is|are|does|do)\b|\bprices?\b"), ("why", r"^why\b"),
    ("risk", r"\brisks?\b|\blimit\w*\b|\bdrawbacks?\b|\bside effects?\b|\bsafe\b"),
    ("comparison", r"\bcompare\b|\bdifferences?\b|\bvs\b|\bbetter than\b"), ("example", r"\bexamples?\b"),
    ("how", r"^how\b|, how\b"), ("who", r"^who\b"), ("when", r"^when\b"), ("what", r"^what\b|, what\b"),
)  # fmt: skip


def plan_questions(topic: str, phrases: Sequence[str], corpus: Corpus) -> tuple[Question, ...]:
    """At most sixteen questions, none nearly another's twin, each with the passages that answer it.

    ``phrases`` are the keywords, the topic's own first.
    """
    kept: list[Question] = []
    bags: list[set[str]] = []
    per_phrase: Counter[str] = Counter()
    for question in _candidates(topic, phrases, corpus):
        own = set(stems(question.text))
        most = _MOST if question.keyword == phrases[0] else _PER_PHRASE
        repeated = any(jaccard(own, other) > _SAME for other in bags)
        if repeated or not question.passages or per_phrase[question.keyword] >= most:
            continue
        kept.append(question)
        bags.append(own)
        per_phrase[question.keyword] += 1
        if len(kept) == _MOST:
            break
    return tuple(kept)


def _candidates(topic: str, phrases: Sequence[str], corpus: Corpus) -> Iterator[Question]:
    """From the surest to the most general, so that of two twins the surer one stays."""
    primary = phrases[0]
    known = {stem for phrase in phrases if " " in phrase or phrase == primary for stem in stems(phrase)}
    yield from _of_topic(topic, primary, corpus)
    of_topic = list(_of_forms(phrases[:1], corpus, topic=True))
    yield from of_topic[:_OF_TOPIC_FIRST]
    for text, passages in heading_questions(primary, known, corpus):
        yield _question(text, primary, passages)
    yield from _of_people(phrases, corpus)
    yield from of_topic[_OF_TOPIC_FIRST:]
    yield from _of_forms(phrases[1:], corpus, topic=False)
    yield from _of_comparisons(phrases[1:], corpus)
    yield from islice(_of_roles(phrases, corpus), _MOST_ROLES)


def _of_topic(topic: str, primary: str, corpus: Corpus) -> Iterator[Question]:
    if is_question(topic):
        yield _question(as_question(topic), primary, corpus.best_passages(topic, _PASSAGES))
    pair = contenders(topic)
    if pair:
        a, b = map(corpus.as_written, pair)
        text = COMPARISON[is_plural(a)].format(a=a, b=b)
        yield _question(text, primary, corpus.best_passages(f"{a} {b}", _PASSAGES), "comparison")


def _of_forms(phrases: Sequence[str], corpus: Corpus, *, topic: bool) -> Iterator[Question]:
    """The forms for every phrase that can stand in them, the best phrases first, the forms in turn."""
    used: Counter[str] = Counter()
    for turn, phrase in enumerate(phrases):
        noun = corpus.noun(phrase) if topic or corpus.is_subject(phrase) else None
        if noun is None or is_person(phrase) or contenders(phrase) or _is_name(phrase):
            continue
        for form in _in_turn(turn):
            if used[form.plural] < _PER_FORM and _fits(form, noun, phrase, topic=topic):
                passages = _answering(form, phrase, corpus, topic=topic)
                used[form.plural] += bool(passages)
                wording = form.plural if noun.plural else form.singular
                yield _question(wording.format(x=noun.text), phrase, passages, form.kind)


def _is_name(phrase: str) -> bool:
    """Several capitalised words: an organisation or a place, about which the general forms ask nonsense."""
    return " " in phrase and all(word[0].isupper() for word in phrase.split())


def _in_turn(turn: int) -> Sequence[QuestionForm]:
    """Definitions first, then the forms from a place that moves on, so that not every phrase gets the same."""
    first, *others = QUESTION_FORMS
    start = turn % len(others)
    return (first, *others[start:], *others[:start])


def _fits(form: QuestionForm, noun: NounPhrase, phrase: str, *, topic: bool) -> bool:
    if not noun.plural and not form.singular:
        return False
    lone = not topic and " " not in phrase and not phrase.isupper()
    if (form.topic_only and not topic) or (lone and not form.of_lone_words):
        return False
    return form.mood == "any" or (form.mood == "unwelcome") == noun.negative


def _answering(form: QuestionForm, phrase: str, corpus: Corpus, *, topic: bool) -> tuple[str, ...]:
    """Passages that hold the phrase and the cue; of the topic, whose full name few sentences repeat, any passage."""
    cue = form.anywhere(phrase) if topic else form.beside(phrase)
    places = corpus.evidence(phrase) or (corpus.best_passages(phrase, 12) if topic else ())
    return tuple(each for each in places if cue.search(corpus.texts[each]))


def _of_people(phrases: Sequence[str], corpus: Corpus) -> Iterator[Question]:
    """What the topic means for the people whom the sources speak of most."""
    noun = corpus.noun(phrases[0])
    people = next((phrase for phrase in phrases[1:] if is_person(phrase) and is_plural(phrase)), None)
    if noun is None or people is None or contenders(phrases[0]):
        return
    verb = "do" if noun.plural else "does"
    passages = corpus.evidence(f"{phrases[0]} {people}") or corpus.best_passages(f"{phrases[0]} {people}", 2)
    yield _question(f"How {verb} {noun.text} affect {people}?", people, passages, "how")


def _of_comparisons(phrases: Sequence[str], corpus: Corpus) -> Iterator[Question]:
    """Pairs of the same kind ("petrol cars", "electric cars") that a passage sets side by side."""
    for position, left in enumerate(phrases):
        for right in phrases[position + 1 :]:
            if not _same_kind(left.lower().split(), right.lower().split()):
                continue
            both = [each for each in corpus.evidence(left) if each in corpus.evidence(right)]
            passages = tuple(each for each in both if COMPARISON_CUE.search(corpus.texts[each]))
            a, b = corpus.noun(left), corpus.noun(right)
            if a is not None and b is not None:
                yield _question(COMPARISON[a.plural].format(a=a.text, b=b.text), left, passages, "comparison")


def _same_kind(left: list[str], right: list[str]) -> bool:
    return left[-1] == right[-1] and len(left) == len(right) > 1


def _of_roles(phrases: Sequence[str], corpus: Corpus) -> Iterator[Question]:
    """What a lesser thing does for the topic: the general question for what several passages name."""
    about = corpus.noun(phrases[0])
    if about is None or contenders(phrases[0]):
        return
    for phrase in phrases[1:]:
        noun = corpus.noun(phrase) if phrase[0].islower() and not is_person(phrase) else None
        passages = corpus.evidence(phrase)
        if noun is not None and len(passages) > 2 and not set(stems(phrase)) & set(stems(phrases[0])):
            verb = "do" if noun.plural else "does"
            yield _question(f"What role {verb} {noun.text} play in {about.text}?", phrase, passages, "what")


def _question(text: str, keyword: str, passages: Sequence[str], kind: QuestionKind | None = None) -> Question:
    told = next((name for name, cue in _KINDS if re.search(cue, text, re.IGNORECASE)), "other")
    return Question(text=text, kind=kind or told, keyword=keyword, passages=tuple(passages[:_PASSAGES]))
