"""Templates become plain resources: parameters, modules, loops, conditions, ids, and errors with their lines."""

import pytest

from infra.checks.bicep.functions import guid, unique_string
from infra.checks.bicep.parameters import argument_problems
from infra.checks.bicep.values import Resource
from infra.checks.findings import TemplateError
from tests.infra.support import GROUP, deploy, value

MODULE = """
@minValue(1)
@maxValue(9)
param count int

@allowed([
  'a'
  'b'
])
param kind string = 'a'

param owners { id: string, age: int }[] = []

resource things 'A.B/things@1' = [for i in range(0, count): {
  name: '${kind}${i}'
  properties: {
    owners: owners
    empty: null
  }
}]

output hosts string = things[0].properties.host
output ids array = [for i in range(0, count): things[i].id]
"""


def test_a_module_in_a_loop_of_resources_is_expanded() -> None:
    deployment = deploy(
        "module m 'm.bicep' = {\n  name: 'm'\n  params: {\n    count: 2\n    kind: 'b'\n  }\n}\n"
        "output host string = m.outputs.hosts\n",
        {"m.bicep": MODULE},
    )
    found = deployment.resources()
    assert ["b0", "b1"] == [resource.name for resource in found]
    assert [f"{GROUP}/providers/A.B/things/b0", f"{GROUP}/providers/A.B/things/b1"] == [r.id for r in found]
    assert {"properties": {"owners": []}} == found[0].body
    assert "b0.example.com" == deployment.output("host")
    assert [] == deployment.problems


def test_children_extensions_and_groups_have_the_ids_that_azure_gives() -> None:
    deployment = deploy(
        "resource a 'A.B/things@1' = {\n  name: 'a'\n}\n"
        "resource c 'A.B/things/parts@1' = {\n  parent: a\n  name: 'c'\n}\n"
        "resource e 'X.Y/roles@1' = {\n  scope: c\n  name: 'e'\n  properties: {\n    n: c.name\n  }\n}\n"
    )
    ids = {resource.symbol: resource.id for resource in deployment.resources()}
    assert f"{GROUP}/providers/A.B/things/a/parts/c" == ids["c"]
    assert f"{ids['c']}/providers/X.Y/roles/e" == ids["e"]
    role = deployment.value_of("e", 0)
    assert isinstance(role, Resource)
    assert ("c", ids["c"]) == (role.get("properties", "n"), role.scope)


def test_what_is_conditional_is_left_out_and_its_outputs_have_no_value() -> None:
    text = (
        "param on bool\nmodule m 'm.bicep' = if (on) {\n  name: 'm'\n  params: {\n    count: 1\n  }\n}\n"
        "var lazy = on ? m.outputs.hosts : 'none'\nvar eager = m.outputs.hosts\n"
    )
    off = deploy(text, {"m.bicep": MODULE}, on=False)
    assert ([], "none") == (off.resources(), off.value_of("lazy", 0))
    with pytest.raises(TemplateError, match=r"t\.bicep:9: module m is not deployed"):
        off.value_of("eager", 0)
    assert "a0.example.com" == deploy(text, {"m.bicep": MODULE}, on=True).value_of("lazy", 0)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"count": 0}, "0 is below 1"),
        ({"count": 10}, "10 is above 9"),
        ({"count": "3"}, "'3' is not int"),
        ({"count": True}, "True is not int"),
        ({"count": 1, "kind": "c"}, "'c' is not allowed"),
        ({"count": 1, "owners": [{"id": "x"}]}, "keys are"),
        ({"count": 1, "owners": [{"id": "x", "age": "old"}]}, "'old' is not int"),
    ],
)
def test_arguments_are_held_against_their_declaration(given: dict[str, object], message: str) -> None:
    problems = argument_problems(deploy(MODULE).template, given)
    assert [True] == [message in problem.message for problem in problems]
    assert [] == argument_problems(deploy(MODULE).template, {"count": 9, "owners": [{"id": "x", "age": 3}]})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("var v = w\nvar w = v\n", "depends on itself"),
        ("var v = missing\n", "nothing is called missing"),
        ("param v string\n", "was given no value"),
        ("var v = { a: 1 }.b\n", "there is no b"),
        ("var v = [1][3]\n", r"there is no \[3\]"),
        ("var v = 1 && true\n", "needs truth values"),
        ("var v = 'a' ? 1 : 2\n", "a condition is true or false"),
        ("var v = 'x' + 1\n", "fails"),
        ("var v = '${true}'\n", "only strings and numbers"),
        ("var v = concat([], 'a')\n", "arrays or strings"),
        ("var v = loadTextContent('nowhere.txt')\n", "no such file"),
        ("var v = loadJsonContent('bad.json')\n", "not JSON"),
        (
            "resource v 'A.B/things@1' = {\n  name: 'x'\n  properties: {\n    p: v.properties.port\n  }\n}\n",
            "itself",
        ),
    ],
)
def test_an_error_says_where_and_what(text: str, message: str) -> None:
    with pytest.raises(TemplateError, match=message) as caught:
        deploy(text, {"bad.json": "{"}).value_of("v", 1)
    assert caught.value.where.startswith("infra/t.bicep")


def test_what_cannot_be_evaluated_is_reported_and_the_rest_goes_on() -> None:
    deployment = deploy(
        "resource bad 'A.B/things@1' = {\n  name: missing\n}\nresource good 'A.B/things@1' = {\n  name: 'g'\n}\n"
    )
    assert ["g"] == [resource.name for resource in deployment.resources()]
    assert ["nothing is called missing"] == [problem.message for problem in deployment.problems]


def test_functions_give_what_azure_gives() -> None:
    assert {"a": {"b": 1, "c": 2}, "d": 3} == value("union({ a: { b: 1 } }, { a: { c: 2 }, d: 3 })")
    assert [1, 2, 3] == value("union([1, 2], [2, 3])")
    assert [{"key": "a", "value": 1}, {"key": "b", "value": 2}] == value("items({ b: 2, a: 1 })")
    assert ("True", "7", "ab") == tuple(value(f"string({each})") for each in ("true", "7", "'ab'"))
    assert [2, 3, 4] == value("range(2, 3)")
    assert "g" == value("resourceGroup().name")
    assert f"{GROUP}/providers/A.B/c/x/d/y" == value("resourceId('A.B/c/d', 'x', 'y')")


def test_names_made_by_recipe_are_stable_and_have_azures_form() -> None:
    assert unique_string("a", "b") == unique_string("a", "b") != unique_string("ab")
    assert (13, 36) == (len(unique_string("a")), len(guid("a")))
    assert unique_string("a").isalnum()
