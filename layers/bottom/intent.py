"""Why someone asks: the intent behind a topic, from its wording alone."""

from __future__ import annotations

import re
from typing import Literal

from layers.bottom.artifacts import Intent, IntentKind, QuestionForm
from layers.bottom.intent_rules import BUSINESS, CONSUMER, FACTUAL, FORMS, INSTRUMENTAL, RULES
from layers.contract import StepContext
from layers.text.numbers import names

_ACRONYM = re.compile(r"\b[A-Z][A-Z0-9]{1,5}\b")
_PRIOR: dict[IntentKind, float] = {
    "informational": 1.0, "commercial": 0.15, "navigational": 0.1, "transactional": 0.1,
}  # fmt: skip


async def analyze_intent(context: StepContext) -> Intent:
    """Judge the topic of the brief."""
    return intent_of(context.brief.topic)


def intent_of(query: str) -> Intent:
    """The intent of a query. Rules add their weight to a kind; confidence is a kind's share of all weight."""
    scores = dict(_PRIOR)
    fired = []
    for rule in RULES:
        if rule.pattern.search(query):
            scores[rule.kind] += rule.weight
            fired.append(rule.name)
    ranked = sorted(scores, key=lambda kind: -scores[kind])
    total = sum(scores.values())
    form = form_of(query)
    return Intent(
        primary=ranked[0],
        sub=_sub(query, ranked[0], form),
        confidence=round(scores[ranked[0]] / total, 3),
        runner_up=ranked[1],
        runner_up_confidence=round(scores[ranked[1]] / total, 3),
        rules=tuple(fired) or ("default",),
        form=form,
        entities=_entities(query),
        audience_fit=_audience(query),
    )


def form_of(query: str) -> QuestionForm:
    """The form of answer that the query asks for; an overview where it asks for none."""
    return next((rule.form for rule in FORMS if rule.pattern.search(query)), "overview")


def _sub(query: str, primary: IntentKind, form: QuestionForm) -> Literal["factual", "instrumental", "other"]:
    if primary != "informational":
        return "other"
    if form == "how_to" or INSTRUMENTAL.search(query):
        return "instrumental"
    return "factual" if FACTUAL.search(query) or form in ("definition", "why", "yes_no") else "other"


def _entities(query: str) -> tuple[str, ...]:
    """Acronyms and names; where every word is capitalised, as in a headline, capitals tell nothing."""
    parts = [word for word in query.split() if len(word) > 3]
    headline = all(word[0].isupper() for word in parts)
    named = [] if headline else [name for name in names(query) if not query.startswith(name)]
    found = [*named, *_ACRONYM.findall(query)]
    return tuple(dict.fromkeys(found))


def _audience(query: str) -> Literal["b2b", "b2c", "either"]:
    business, consumer = len(BUSINESS.findall(query)), len(CONSUMER.findall(query))
    return "b2b" if business > consumer else "b2c" if consumer > business else "either"
