"""Route templates of ASP.NET Core: parsing ``jobs/{id:int}/{part?}/{*rest}`` and matching a path against one."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from localcloud.host.constraints import Constraint, parse_constraint
from localcloud.host.errors import FunctionInError


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One ``{...}`` of a template."""

    name: str
    catch_all: bool
    optional: bool
    default: str | None
    constraints: tuple[Constraint, ...]

    def accepts(self, value: str) -> bool:
        """Say whether every constraint holds for a value."""
        return all(constraint(value) for constraint in self.constraints)

    @property
    def can_be_absent(self) -> bool:
        """True when a path may end before this parameter."""
        return self.optional or self.default is not None or self.catch_all


Part = str | Parameter
Segment = tuple[Part, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteTemplate:
    """A parsed template; comparison with literals ignores case, values keep theirs."""

    segments: tuple[Segment, ...]

    def match(self, path: Sequence[str]) -> dict[str, str] | None:
        """Match the decoded segments of a path.

        Returns the route values (absent optional parameters are left out), or None.
        """
        values: dict[str, str] = {}
        for index, segment in enumerate(self.segments):
            first = segment[0]
            if isinstance(first, Parameter) and first.catch_all:
                rest = "/".join(path[index:])
                return values if _store(first, rest or first.default, values) else None
            if index < len(path):
                if not _match_segment(segment, path[index], values):
                    return None
            elif not _fill_absent(segment, values):
                return None
        return values if len(path) <= len(self.segments) else None


def _store(parameter: Parameter, value: str | None, values: dict[str, str]) -> bool:
    if not value:
        return True
    if not parameter.accepts(value):
        return False
    values[parameter.name] = value
    return True


def _fill_absent(segment: Segment, values: dict[str, str]) -> bool:
    only = segment[0]
    if len(segment) > 1 or not isinstance(only, Parameter) or not only.can_be_absent:
        return False
    return _store(only, only.default, values)


def _match_segment(segment: Segment, text: str, values: dict[str, str]) -> bool:
    only = segment[0]
    if len(segment) == 1:
        if isinstance(only, str):
            return only.lower() == text.lower()
        return text != "" and _store(only, text, values)
    # ASP.NET matches a mixed segment from its right end, which makes the earlier parameters the greedy ones.
    pattern = "".join(re.escape(part) if isinstance(part, str) else "(.+)" for part in segment)
    found = re.fullmatch(pattern, text, re.IGNORECASE)
    if found is None:
        return False
    parameters = [part for part in segment if isinstance(part, Parameter)]
    return all(_store(part, value, values) for part, value in zip(parameters, found.groups(), strict=True))


def parse_template(template: str) -> RouteTemplate:
    """Parse a template.

    Raises:
        FunctionInError: the template breaks a rule of ASP.NET; the message names it.
    """
    text = template.strip("/")
    segments = tuple(_parse_segment(part, template) for part in _split(text, "/")) if text else ()
    _check(segments, template)
    return RouteTemplate(segments=segments)


def _split(text: str, separator: str) -> Iterator[str]:
    """Split at a separator outside braces and parentheses."""
    depth = 0
    start = 0
    for index, character in enumerate(text):
        if character in "{(":
            depth += 1
        elif character in "})":
            depth -= 1
        elif character == separator and depth == 0:
            yield text[start:index]
            start = index + 1
    yield text[start:]


def _parse_segment(text: str, template: str) -> Segment:
    if not text:
        raise FunctionInError(f"The route template '{template}' has an empty segment.")
    parts: list[Part] = []
    position = 0
    while position < len(text):
        if text[position] != "{":
            end = text.find("{", position)
            end = len(text) if end < 0 else end
            parts.append(_literal(text[position:end], template))
        else:
            end = _closing(text, position, template)
            parts.append(_parse_parameter(text[position + 1 : end - 1], template))
        position = end
    return tuple(parts)


def _literal(text: str, template: str) -> str:
    if "}" in text or "?" in text:
        raise FunctionInError(f"The route template '{template}' has an unexpected character in '{text}'.")
    return text


def _closing(text: str, start: int, template: str) -> int:
    """Return the index after the brace that closes the one at ``start``; doubled braces are literal ones."""
    position = start + 1
    while position < len(text):
        if text[position : position + 2] in {"{{", "}}"}:
            position += 2
        elif text[position] == "}":
            return position + 1
        else:
            position += 1
    raise FunctionInError(f"The route template '{template}' has an incomplete parameter.")


def _parse_parameter(text: str, template: str) -> Parameter:
    body = text.replace("{{", "{").replace("}}", "}")
    catch_all = body.startswith("*")
    body = body.lstrip("*")
    optional = body.endswith("?")
    body = body.removesuffix("?")
    pieces = list(_split(body, ":"))
    last, found, default = pieces[-1].partition("=") if "(" not in pieces[-1] else (pieces[-1], "", "")
    pieces[-1] = last
    name, *constraints = pieces
    if not re.fullmatch(r"[^\s/{}?*:=]+", name):
        raise FunctionInError(f"The route parameter name '{name}' in '{template}' is invalid.")
    if optional and (found or catch_all):
        raise FunctionInError(f"The route parameter '{name}' in '{template}' cannot be optional here.")
    return Parameter(
        name=name,
        catch_all=catch_all,
        optional=optional,
        default=default if found else None,
        constraints=tuple(parse_constraint(constraint) for constraint in constraints),
    )


def _check(segments: Sequence[Segment], template: str) -> None:
    names: set[str] = set()
    for index, segment in enumerate(segments):
        for part in segment:
            if isinstance(part, str):
                continue
            if part.name.lower() in names:
                raise FunctionInError(
                    f"The route parameter name '{part.name}' appears more than one time in '{template}'."
                )
            names.add(part.name.lower())
            if part.catch_all and (index < len(segments) - 1 or len(segment) > 1):
                raise FunctionInError(
                    f"A catch-all parameter can only appear as the last segment of '{template}'."
                )
            if len(segment) > 1 and (part.optional or part.default is not None):
                raise FunctionInError(
                    f"'{part.name}' in '{template}': a part of a segment cannot be optional here."
                )
