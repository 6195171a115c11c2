"""Claims whose verdict is known beforehand: they stand among the others, and a judge that fails one is not believed.

This is how a model is found out that calls everything supported, or contradicted, or the reverse of what it is, or
that obeys a quotation. The subjects are made up, so that no knowledge of the world helps.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from layers.top.llm.verdicts import GivenVerdict, Judged

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """A quotation and a claim with the verdicts that are right."""

    quote: str
    claim: str
    right: frozenset[Judged]


CONTROLS: Final = (
    Control(
        quote="The bridge over the Aller at Testhaven was opened in 1954 and is 212 metres long.",
        claim="The bridge over the Aller at Testhaven is 212 metres long.",
        right=frozenset(["supported"]),
    ),
    Control(
        quote="The mill at Oberstein has two wheels and still grinds flour every week.",
        claim="The mill at Oberstein has five wheels.",
        right=frozenset(["contradicted"]),
    ),
    Control(
        quote="Gardeners in Lindow plant tulip bulbs in autumn.",
        claim="The school in Lindow has a new roof.",
        right=frozenset(["unsupported"]),
    ),
)


def spread(cases: Sequence[T], controls: Sequence[T]) -> tuple[T, ...]:
    """The cases with the controls among them, at places that follow from how many there are."""
    mixed = list(cases)
    for number, control in enumerate(controls):
        digest = hashlib.sha256(f"{len(cases)}.{number}".encode()).digest()
        mixed.insert(digest[0] % (len(mixed) + 1), control)
    return tuple(mixed)


def passed(given: Mapping[str, GivenVerdict], names: Sequence[str]) -> bool:
    """Whether every control, under these names, has a right verdict."""
    return all(
        name in given and given[name].verdict in control.right
        for name, control in zip(names, CONTROLS, strict=True)
    )
