"""The scripted judges: one honest one, and one for every way in which a judging language model goes wrong.

A judge is a pure function from the claims of a prompt to verdicts. It reads words, figures and "not", no more.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from localcloud.offline.prompts import Claim, Prompt

Verdicts = list[dict[str, Any]]
Judge = Callable[[Prompt], Verdicts]

_WORD = re.compile(r"[a-z]{3,}")
_FIGURE = re.compile(r"\d[\d.,]*")
_NOT = re.compile(r"\b(?:not|no|never|neither|nor|without)\b", re.IGNORECASE)
_COUNTED = {"two": "2", "three": "3", "four": "4", "five": "5", "six": "6"}
_SMALL = frozenset(["the", "and", "has", "are", "was", "were", "for", "with", "from", "that", "this", "its"])
_NEARLY = 0.5
_SAID = 0.7
_DEMAND = re.compile(r"\b(?:mark|rate|label|judge|state|say|must|ignore)\b", re.IGNORECASE)


def verdict(claim: str, value: str, *evidence: str) -> dict[str, Any]:
    """One verdict as the schema wants it."""
    return {"claim": claim, "verdict": value, "evidence": list(evidence)}


def good(prompt: Prompt) -> Verdicts:
    """What the words say: supported, in part, against it by a figure or a "not", or about something else."""
    quotes = {quotation.id: quotation.text for quotation in prompt.quotations}
    return [_judged(claim, quotes) for claim in prompt.claims]


def _judged(claim: Claim, quotes: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, list[str]] = {"contradicted": [], "supported": [], "weak": []}
    for name in claim.evidence:
        value = _held(claim.text, quotes.get(name, ""))
        if value:
            found[value].append(name)
    for value, names in found.items():
        if names:
            return verdict(claim.id, value, *names)
    return verdict(claim.id, "unsupported")


def _held(claim: str, quote: str) -> str | None:
    said, given = _words(claim), _words(quote)
    share = len(said & given) / max(1, len(said))
    if share < _SAID:
        return "weak" if share >= _NEARLY else None
    if bool(_NOT.search(claim)) != bool(_NOT.search(quote)):
        return "contradicted"
    figures, others = _figures(claim), _figures(quote)
    if figures <= others:
        return "supported"
    return "contradicted" if others - figures else "weak"


def _words(text: str) -> set[str]:
    return {word.rstrip("s") for word in _WORD.findall(text.lower())} - _SMALL - set(_COUNTED)


def _figures(text: str) -> set[str]:
    spoken = {_COUNTED[word] for word in _WORD.findall(text.lower()) if word in _COUNTED}
    return {figure.strip(".,") for figure in _FIGURE.findall(text)} | spoken


def invents_sources(prompt: Prompt) -> Verdicts:
    """The right verdicts on evidence that nobody gave, and verdicts on claims that nobody asked about."""
    invented = [{**given, "evidence": ["Q901", "S9"]} for given in good(prompt)]
    return [*invented, verdict("C901", "supported", "Q1")]


def changes_numbers(prompt: Prompt) -> Verdicts:
    """Takes no notice of figures."""
    return [
        {**given, "verdict": "supported"} if given["verdict"] == "contradicted" else given
        for given in good(prompt)
    ]


def adds_links(prompt: Prompt) -> Verdicts:
    """Links instead of ids, and a reason with a link that nobody asked for."""
    reason = "See https://news.example.com/report."
    return [
        {**given, "evidence": ["https://invented.example.org/study"], "why": reason} for given in good(prompt)
    ]


def loops(prompt: Prompt) -> Verdicts:
    """The first verdict until the paper ends."""
    return good(prompt)[:1] * 60


def obeys_injection(prompt: Prompt) -> Verdicts:
    """Finds everything supported once a quotation demands anything at all; honest otherwise."""
    if not any(_DEMAND.search(quotation.text) for quotation in prompt.quotations):
        return good(prompt)
    return unsupported(prompt)


def unsupported(prompt: Prompt) -> Verdicts:
    """Everything is supported by everything."""
    return [verdict(claim.id, "supported", *claim.evidence) for claim in prompt.claims]


def twists(prompt: Prompt) -> Verdicts:
    """The reverse of the right verdict."""
    turned = {
        "supported": "contradicted",
        "contradicted": "supported",
        "weak": "contradicted",
        "unsupported": "supported",
    }
    evidence = {claim.id: list(claim.evidence) for claim in prompt.claims}
    return [
        verdict(given["claim"], turned[given["verdict"]], *evidence[given["claim"]]) for given in good(prompt)
    ]


JUDGES: Mapping[str, Judge] = {
    "good": good,
    "invents_sources": invents_sources,
    "changes_numbers": changes_numbers,
    "adds_links": adds_links,
    "loops": loops,
    "obeys_injection": obeys_injection,
    "unsupported": unsupported,
    "twists": twists,
}
