"""Bicep files are read as Bicep means them, and what is outside the subset is refused by name."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.checks.bicep.reader import read, syntax_problems
from infra.checks.bicep.syntax import Member, Name, Ternary
from infra.checks.findings import TemplateError
from tests.infra.support import deploy, value


def literal(item: Any) -> str:
    """A value as Bicep writes it."""
    if isinstance(item, bool) or item is None:
        return json.dumps(item)
    if isinstance(item, str):
        escaped = item.replace("\\", "\\\\").replace("'", "\\'").replace("${", "\\${")
        return "'" + "".join(c if c.isprintable() else f"\\u{{{ord(c):x}}}" for c in escaped) + "'"
    if isinstance(item, list):
        return "[" + "\n".join(["", *map(literal, item), ""]) + "]"
    if isinstance(item, dict):
        return "{" + "\n".join(["", *(f"{literal(k)}: {literal(v)}" for k, v in item.items()), ""]) + "}"
    return str(item)


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
VALUES = st.recursive(
    st.booleans() | st.none() | st.integers(-(10**9), 10**9) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS.filter(bool), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(VALUES)
def test_a_written_value_is_read_back(item: Any) -> None:
    assert item == value(literal(item))


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("yes ? x : box.name", "x"),
        ("no ? x : box.name", "n"),
        ("no ? x : box.inner.deep", 7),
        ("no ? x : list[1]", 2),
        ("(yes ? box : x).name", "n"),
        ("!box.flag", True),
        ("yes && box.flag", False),
        ("3 == box.inner.deep - 4", True),
        ("-list[0] + 3", 2),
        ("nothing ?? box.name", "n"),
        ("box.?missing ?? 'd'", "d"),
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("7 / 2", 3),
        ("7 % 3", 1),
        ("no || yes ? 'a' : 'b'", "a"),
        ("yes ? 1 : 2 + 3", 1),
        ("no ? 1 : 2 == 2", True),
        ("-list[0] * 2 - 3 * -2", 4),
        ("10 - 4 - 3", 3),
        ("'\\${x} ${x} '", "${x} x "),
        ("'${x}-${box.name}-${list[0]}'", "x-n-1"),
        ("[for (each, i) in list: '${each}${i}']", ["10", "21"]),
        ("{ '${x}': 1, y: 2 }", {"x": 1, "y": 2}),
        ("length('''\nab\nc''')", 4),
    ],
)
def test_operators_bind_as_in_bicep(expression: str, expected: Any) -> None:
    """The grammar alone takes ``a ? b : c.d`` for ``(a ? b : c).d``; the reader puts it right."""
    box = {"name": "n", "flag": False, "inner": {"deep": 7}}
    given_ = {"yes": True, "no": False, "x": "x", "box": box, "list": [1, 2]}
    names = "".join(
        f"param {n} {t}\n" for n, t in zip(given_, ("bool", "bool", "string", "object", "array"), strict=True)
    )
    deployment = deploy(f"{names}var nothing = null\nvar v = {expression}\n", **given_)
    assert expected == deployment.value_of("v", 0)


def test_a_member_behind_a_ternary_belongs_to_its_last_operand() -> None:
    template = read("infra/t.bicep", "var v = a ? b : c.d.e\n")
    found = template.declarations[0].value
    assert isinstance(found, Ternary)
    assert isinstance(found.yes, Name)
    assert isinstance(found.no, Member)
    assert "e" == found.no.name


@pytest.mark.parametrize(
    "text",
    [
        "var v = map([1], x => x)",
        "var v = a!.b",
        "var v = [\n  ...a\n]",
        "param p string?",
        "func f(a int) int => a",
        "import { f } from 'x.bicep'",
        "resource a 'A.B/c@1' = {\n  resource b 'd' = {\n    name: 'x'\n  }\n}",
        "using 'main.bicep'",
        "param p resourceInput<'A.B/c@1'>",
    ],
)
def test_what_is_outside_the_subset_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(TemplateError, match=r"infra/t\.bicep:\d"):
        read("infra/t.bicep", text)


@pytest.mark.parametrize(
    "text",
    [
        "var v = {",
        "var v = [1",
        "var = 3",
        "var v = 'a",
        "resource r = {}",
        "param p string =",
        "output o string =",
    ],
)
def test_broken_syntax_is_a_problem_with_its_line(text: str) -> None:
    problems = syntax_problems("infra/t.bicep", f"var ok = 1\n{text}\n")
    assert problems
    assert all(problem.where.startswith("infra/t.bicep:") for problem in problems)


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(codec="utf-8"), max_size=60))
def test_no_text_breaks_the_reader(text: str) -> None:
    with suppress(TemplateError):
        read("infra/t.bicep", text)


def arithmetic(draw: st.DrawFn, depth: int = 0) -> str:
    """Sums, products and comparisons with as few parentheses as chance leaves."""
    if depth == 4 or draw(st.booleans()):
        return str(draw(st.integers(0, 9)))
    left, right = arithmetic(draw, depth + 1), arithmetic(draw, depth + 1)
    joined = f"{left} {draw(st.sampled_from('+-*'))} {right}"
    return f"({joined})" if draw(st.integers(0, 3)) == 0 else joined


@settings(max_examples=150, deadline=None)
@given(st.composite(lambda draw: f"{arithmetic(draw)} < {arithmetic(draw)}")())
def test_sums_and_products_come_out_as_in_python(expression: str) -> None:
    assert eval(expression) == value(expression)  # noqa: S307 - made of digits and operators above
