"""Title, slug and meta description of an article."""

# ruff: noqa: RUF001 - typographic quotes and dashes are what this module reads

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Final

from layers.top.artifacts import Sentence

_SLUG_LENGTH: Final = 60
_DESCRIPTION_LENGTH: Final = 155


def slug(title: str) -> str:
    """Lower-case ASCII words joined by hyphens, whole words only, at most 60 characters; never empty."""
    folded = (
        unicodedata.normalize("NFKD", title.replace("’", "").replace("'", ""))
        .encode("ascii", "ignore")
        .decode()
    )
    kept = ""
    for word in re.findall(r"[a-z0-9]+", folded.lower()):
        if len(kept) + len(word) + 1 > _SLUG_LENGTH:
            break
        kept = f"{kept}-{word}" if kept else word
    return kept or "article"


def meta_description(title: str, answer: Sequence[Sentence]) -> str:
    """The opening of the answer, cut at a word where it is longer than search results show (155 characters)."""
    text = answer[0].text if answer else title
    if len(text) <= _DESCRIPTION_LENGTH:
        return text
    return text[: _DESCRIPTION_LENGTH - 1].rsplit(" ", 1)[0].rstrip(" ,;:–-") + "…"
