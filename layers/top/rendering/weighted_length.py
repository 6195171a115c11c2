"""How long a text is on X: weighted characters as twitter-text counts them (configuration version 3).

Latin and a few punctuation ranges weigh 1, everything else 2, an emoji sequence 2 whatever it is made of, and
an address 23. The text is normalised to NFC first.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_LIGHT: Final = ((0, 4351), (8192, 8205), (8208, 8223), (8242, 8247))
_ADDRESS: Final = re.compile(r"https?://\S+")
_EMOJI: Final = re.compile(
    "(?:[\U0001f1e6-\U0001f1ff]{2}"
    "|[0-9#*]\ufe0f?\u20e3"
    "|[\u00a9\u00ae\u203c-\u3299\U0001f000-\U0001faff](?:\ufe0f|[\U0001f3fb-\U0001f3ff])?[\U000e0020-\U000e007f]*"
    "(?:\u200d[\u2600-\u27bf\U0001f000-\U0001faff](?:\ufe0f|[\U0001f3fb-\U0001f3ff])?)*)"
)


def weighted_length(text: str, *, link_cost: int = 23) -> int:
    """The length of ``text`` in weighted characters; at most 280 make a post."""
    normal = unicodedata.normalize("NFC", text)
    bare, links = _ADDRESS.subn("", normal)
    return links * link_cost + _without_links(bare)


def _without_links(text: str) -> int:
    total = 0
    rest = text
    for found in _EMOJI.finditer(text):
        if _is_emoji(found[0]):
            total += 2
            rest = rest.replace(found[0], "", 1)
    return total + sum(_weight(character) for character in rest)


def _is_emoji(sequence: str) -> bool:
    """A lone character outside the emoji planes counts by its code point, as letters do."""
    return len(sequence) > 1 or ord(sequence) >= 0x1F000 or 0x2600 <= ord(sequence) <= 0x27BF


def _weight(character: str) -> int:
    point = ord(character)
    return 1 if any(low <= point <= high for low, high in _LIGHT) else 2
