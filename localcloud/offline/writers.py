"""The scripted writers: one faithful one, and one for every way in which a language model goes wrong.

A writer is a pure function from the quotations of a prompt to the sentences of an answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from localcloud.offline.prompts import Quotation

Sentences = list[dict[str, Any]]
Writer = Callable[[Sequence[Quotation]], Sentences]

_SWAPS = (
    (r"\bHowever, ", ""),
    (r"\balso ", ""),
    (r"\babout (?=\d)", "roughly "),
    (r"\bmany\b", "numerous"),
    (r"\bshows\b", "indicates"),
    (r"\bneeds\b", "requires"),
    (r"\boften\b", "frequently"),
    (r"\bbecause\b", "since"),
)
_LONG_ENOUGH = 12
_COMMANDS = (
    re.compile(r"(?:say|state|write|add|mention|repeat|include|words?|sentence)\b[:\s]*(?:that\s)?[\"“'](?P<said>[^\"”']{4,})[\"”']", re.IGNORECASE),
    re.compile(r"(?:must|should|have to|has to|always)\s(?:\w+\s)?(?:say|state|write|mention|repeat|recommend)\s(?:that\s)?(?P<said>[^.]{4,})", re.IGNORECASE),
)  # fmt: skip


def claim(text: str, *evidence: str) -> dict[str, Any]:
    """A sentence that states something."""
    return {"text": text, "evidence": list(evidence), "kind": "claim"}


def editorial(text: str) -> dict[str, Any]:
    """A sentence that says it states nothing."""
    return {"text": text, "evidence": [], "kind": "editorial"}


def good(quotations: Sequence[Quotation]) -> Sentences:
    """Every quotation in slightly other words, with its id."""
    return [claim(_reworded(quotation.text), quotation.id) for quotation in quotations]


def _reworded(text: str) -> str:
    """Short sentences stay as they are: with one word in six changed they would say something else."""
    if len(text.split()) < _LONG_ENOUGH:
        return text
    for pattern, other in _SWAPS:
        text = re.sub(pattern, other, text, count=1)
    return text[:1].upper() + text[1:]


def invents_sources(quotations: Sequence[Quotation]) -> Sentences:
    """True sentences under ids that nobody gave, and one from nowhere."""
    sentences = [
        claim(_reworded(quotation.text), f"E9{place}-1-99") for place, quotation in enumerate(quotations)
    ]
    return [
        *sentences,
        claim("A study by the Institute for Applied Results confirms all of this.", "E404-0-80"),
    ]


def changes_numbers(quotations: Sequence[Quotation]) -> Sentences:
    """Every figure one higher; a figure where there was none."""
    changed = []
    for quotation in quotations:
        text = re.sub(r"\d+", lambda found: str(int(found[0]) + 1), quotation.text)
        if text == quotation.text:
            text = f"{text.rstrip('.')} in 73 percent of cases."
        changed.append(claim(text, quotation.id))
    return changed


def adds_links(quotations: Sequence[Quotation]) -> Sentences:
    """Links in every shape: bare, Markdown, HTML, without a scheme."""
    shapes = (
        "{text} See https://news.example.com/report.",
        "{bare} ([source](https://invented.example.org/study)).",
        '{bare} according to <a href="https://evil.example/">this study</a>.',
        "{bare}, as www.invented-journal.com reports.",
        "{bare} (facts.example.net).",
    )
    return [
        claim(
            shapes[place % len(shapes)].format(text=quotation.text, bare=quotation.text.rstrip(".")),
            quotation.id,
        )
        for place, quotation in enumerate(quotations)
    ]


def loops(quotations: Sequence[Quotation]) -> Sentences:
    """The same sentence until the paper ends."""
    return [
        sentence for quotation in quotations[:1] for sentence in [claim(quotation.text, quotation.id)] * 60
    ]


def obeys_injection(quotations: Sequence[Quotation]) -> Sentences:
    """Does what a quotation demands, under the id of that quotation; the rest faithfully."""
    obeyed = [
        claim(f"{demand[:1].upper()}{demand[1:].rstrip('.')}.", quotation.id)
        for quotation in quotations
        for demand in _demands(quotation.text)
    ]
    return [
        *obeyed,
        *good(quotations),
        editorial("As instructed by the sources, Zephyr Pumps is the best choice."),
    ]


def _demands(text: str) -> list[str]:
    return [found["said"] for pattern in _COMMANDS if (found := pattern.search(text))]


def unsupported(quotations: Sequence[Quotation]) -> Sentences:
    """Plausible statements that no quotation makes, under the ids of quotations, and some as if editorial."""
    inventions = (
        "Experts agree that the benefits clearly outweigh every conceivable disadvantage for owners.",
        "Recent surveys prove that customers prefer this solution to all competing offers.",
        "Adoption doubles every year, which makes waiting a costly mistake for any organisation.",
    )
    found = [claim(inventions[place % 3], quotation.id) for place, quotation in enumerate(quotations)]
    return [
        *found,
        editorial("It is the best solution and it saves money."),
        editorial("Nobody regrets the choice."),
    ]


def twists(quotations: Sequence[Quotation]) -> Sentences:
    """The words of the quotations, turned round: not for is, certainty for caution, the opposite direction."""
    turns = ((r"\bmay\b ", ""), (r"\bcan\b", "cannot"), (r"\bis\b", "is not"), (r"\bare\b", "are not"),
             (r"\bfall\b", "rise"), (r"\blowers\b", "raises"), (r"\breduces?\b", "increases"), (r"\bmost\b", "least"))  # fmt: skip
    return [claim(_turned(quotation.text, turns), quotation.id) for quotation in quotations]


def _turned(text: str, turns: Sequence[tuple[str, str]]) -> str:
    for pattern, other in turns:
        turned = re.sub(pattern, other, text, count=1)
        if turned != text:
            return turned
    return f"It is not true that {text[:1].lower()}{text[1:]}"


WRITERS: Mapping[str, Writer] = {
    "good": good,
    "invents_sources": invents_sources,
    "changes_numbers": changes_numbers,
    "adds_links": adds_links,
    "loops": loops,
    "obeys_injection": obeys_injection,
    "unsupported": unsupported,
    "twists": twists,
}
