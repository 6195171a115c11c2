"""Rows of tables as running text has them: "Model: A; Weight: 2 kg"."""

from __future__ import annotations

import re

_LONGEST_VALUE = 120
_FEWEST_CELLS = 2
_LABEL = re.compile(r"^(?P<label>[^:;|]{1,40}):\s(?P<value>\S.*)$")


def cells_of(row: str) -> tuple[tuple[str, str], ...] | None:
    """The cells as (column, value), or None where the text is no labelled row of two cells or more."""
    found = [_LABEL.match(part) for part in row.rstrip(".").split("; ")]
    cells = tuple((match["label"].strip(), match["value"].strip()) for match in found if match)
    if len(cells) < max(_FEWEST_CELLS, len(found)) or len({label for label, _ in cells}) < len(cells):
        return None
    return cells if all(len(value) <= _LONGEST_VALUE for _, value in cells) else None


def columns_of(rows: list[str]) -> tuple[str, ...] | None:
    """The columns that all rows have, or None where they are not rows of one table."""
    found = [cells_of(row) for row in rows]
    heads = {tuple(label for label, _ in cells) if cells else () for cells in found}
    return heads.pop() or None if len(heads) == 1 else None
