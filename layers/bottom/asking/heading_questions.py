"""Questions that the sources' own headings ask or imply."""

from __future__ import annotations

import re
from collections.abc import Iterator

from layers.bottom.artifacts import Passage
from layers.bottom.asking.corpus import Corpus
from layers.bottom.asking.topics import as_question, is_question
from layers.text.words import stems

# A heading that leans on what stands around it cannot be asked alone.
_LEANING = re.compile(
    r"\b(?:they|them|their|it|its|this|that|these|those|he|she|his|her|we|us|our|here|there|i|my|me|so|then)\b",
    re.IGNORECASE,
)
_HOW_TO = re.compile(r"^how to\s+\S+\s+\S", re.IGNORECASE)
_NOUNS = "limits|limitations|risks|benefits|advantages|drawbacks|challenges|requirements|costs|side effects|effects"
_ASPECT = re.compile(
    rf"^(?:the\s+)?(?P<aspects>(?:(?:main|common|known|possible)\s+)?(?:types|causes|symptoms|uses|problems|mistakes|{_NOUNS})"
    rf"(?:\s+and\s+(?:{_NOUNS}))?)(?P<rest>\s+(?:of|for|in)\s+.+)?$",
    re.IGNORECASE,
)


def heading_questions(primary: str, known: set[str], corpus: Corpus) -> Iterator[tuple[str, tuple[str, ...]]]:
    """(question, passages below the heading). ``known`` are stems that tell what is spoken of.

    A question that holds none of them is led by the topic: "With remote work, how do you set a policy?"
    """
    below: dict[str, list[Passage]] = {}
    for passage in corpus.search.passages:
        below.setdefault(passage.heading.strip(), []).append(passage)
    for heading, passages in below.items():
        text = None if _LEANING.search(heading) else _question(heading, primary)
        if text is None:
            continue
        if not heading.endswith("?") and not known & set(stems(text)):
            text = f"With {primary}, {text[0].lower()}{text[1:]}"
        yield text, tuple(passage.id for passage in passages)


def _question(heading: str, about: str) -> str | None:
    if heading.endswith("?"):
        return as_question(heading) if is_question(heading) and stems(heading) else None
    if _HOW_TO.match(heading):
        return as_question(heading)
    aspect = _ASPECT.match(heading)
    if aspect is None:
        return None
    return as_question(f"What are the {aspect['aspects'].lower()}{aspect['rest'] or f' of {about}'}")
