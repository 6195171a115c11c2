"""Inline route constraints of ASP.NET Core (``{id:guid}``, ``{n:range(1,9)}``), as predicates over the raw value."""

import re
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from localcloud.host.errors import FunctionInError

Constraint = Callable[[str], bool]

_CONSTRAINT = re.compile(r"(?P<name>\w+)(?:\((?P<arguments>.*)\))?")
_INTEGER = re.compile(r"[+-]?\d+")
_DECIMAL = re.compile(r"[+-]?(\d[\d,]*\.?\d*|\.\d+)")
_FLOAT = re.compile(r"[+-]?(\d[\d,]*\.?\d*|\.\d+)([eE][+-]?\d+)?")


def parse_constraint(text: str) -> Constraint:
    """Build the predicate of one constraint.

    Raises:
        FunctionInError: ASP.NET has no constraint of that name, or its arguments do not fit.
    """
    match = _CONSTRAINT.fullmatch(text.strip())
    name = match["name"].lower() if match else ""
    raw = match["arguments"] if match else None
    if raw is None and name in _PLAIN:
        return _PLAIN[name]
    if raw is not None and name == "regex":
        return _regex(raw)
    if raw is not None and name in _WITH_NUMBERS:
        try:
            return _WITH_NUMBERS[name](*(int(part) for part in raw.split(",")))
        except (TypeError, ValueError) as error:
            raise FunctionInError(f"The arguments of the route constraint '{text}' do not fit.") from error
    raise FunctionInError(f"The constraint reference '{text}' could not be resolved to a type.")


def _integer(bits: int) -> Constraint:
    limit = 1 << (bits - 1)
    return lambda value: _INTEGER.fullmatch(value) is not None and -limit <= int(value) < limit


def _is_guid(value: str) -> bool:
    try:
        UUID(value)
    except ValueError:
        return False
    return True


def _is_datetime(value: str) -> bool:
    for form in ("%m/%d/%Y", "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %I:%M %p"):
        try:
            datetime.strptime(value, form)  # noqa: DTZ007 - only the form matters
        except ValueError:
            continue
        return True
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def _regex(pattern: str) -> Constraint:
    try:
        compiled = re.compile(pattern, re.IGNORECASE)
    except re.error as error:
        raise FunctionInError(
            f"The route constraint regex({pattern}) is not a regular expression: {error}"
        ) from error
    return lambda value: compiled.search(value) is not None


def _length(low: int, high: int | None = None) -> Constraint:
    top = low if high is None else high
    return lambda value: low <= len(value) <= top


def _at_least(low: int) -> Constraint:
    return lambda value: _LONG(value) and int(value) >= low


def _at_most(high: int) -> Constraint:
    return lambda value: _LONG(value) and int(value) <= high


def _range(low: int, high: int) -> Constraint:
    return lambda value: _LONG(value) and low <= int(value) <= high


_LONG = _integer(64)
_PLAIN: dict[str, Constraint] = {
    "alpha": lambda value: re.fullmatch("[A-Za-z]*", value) is not None,
    "bool": lambda value: value.lower() in {"true", "false"},
    "datetime": _is_datetime,
    "decimal": lambda value: _DECIMAL.fullmatch(value) is not None,
    "double": lambda value: _FLOAT.fullmatch(value) is not None,
    "float": lambda value: _FLOAT.fullmatch(value) is not None,
    "guid": _is_guid,
    "int": _integer(32),
    "long": _LONG,
    "required": lambda value: value != "",
}
_WITH_NUMBERS: dict[str, Callable[..., Constraint]] = {
    "length": _length,
    "max": _at_most,
    "maxlength": lambda high: _length(0, high),
    "min": _at_least,
    "minlength": lambda low: lambda value: len(value) >= low,
    "range": _range,
}
