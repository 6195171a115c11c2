"""Is the topic a person? People have no costs, risks or lifespan in the sense in which things have them."""

from __future__ import annotations

import re
from collections.abc import Sequence

_NAME = re.compile(r"^(?:[A-Z][\w'\u2019.-]+\s){1,3}[A-Z][\w'\u2019-]+$|^[A-Z][\w'\u2019-]+$")
_LIFE = r"(?:was|is)\s(?:a\s|an\s)?(?:born|buried|raised|married)\b|\bdied\b|\bgrew\sup\b"


def names_a_person(topic: str, texts: Sequence[str]) -> bool:
    """Whether the topic is a bare name of somebody whose birth, death or youth the sources tell."""
    name = " ".join(topic.split())
    if not _NAME.match(name):
        return False
    last = re.escape(name.split()[-1])
    life = re.compile(rf"\b{last}\b[^.]{{0,60}}?(?:{_LIFE})")
    return any(life.search(text) for text in texts)
