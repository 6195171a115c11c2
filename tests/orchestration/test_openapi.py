"""The OpenAPI document is what the code says, complete, and what is handed out."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from devtools.commands.openapi import DOCUMENT, files
from devtools.contract_tables import with_tables
from orchestration.contract.operations import CODES, PATH_PARAMETERS, TAGS
from orchestration.http import HttpCall
from orchestration.identity import Role
from orchestration.openapi import OPERATIONS, VERSION
from orchestration.routes import BASE, ROUTES
from tests.orchestration.contract import contract, documented, strict_components
from tests.orchestration.support import World

ROOT = Path(__file__).parents[2]


def test_the_document_and_the_tables_in_the_repository_are_what_the_code_says() -> None:
    for file, text in files().items():
        assert text == file.read_text(encoding="utf-8"), "run ./dev openapi and look at the difference"


def test_a_page_without_a_place_for_a_table_is_refused() -> None:
    with pytest.raises(ValueError, match="no place for routes"):
        with_tables("# The API", contract())


def test_every_route_is_documented_with_its_role_and_nothing_else_is() -> None:
    assert set(ROUTES) == set(OPERATIONS), "orchestration/operations_*.py holds one entry per route"
    found = {
        (path, method.upper()): operation["x-role"]
        for path, methods in contract()["paths"].items()
        for method, operation in methods.items()
    }
    assert {(f"/{BASE}/{r.path}", r.method): r.role for r in ROUTES.values()} == found


@pytest.mark.parametrize("name", sorted(ROUTES))
def test_parameters_of_the_table_and_of_the_document_are_the_same(name: str) -> None:
    route, parameters = ROUTES[name], documented(name).get("parameters", [])
    given = {where: [p["name"] for p in parameters if p["in"] == where] for where in ("path", "query")}
    assert (re.findall(r"\{(\w+)\}", route.path), set(route.query)) == (given["path"], set(given["query"]))
    assert all(p["description"] for p in parameters)


@pytest.mark.parametrize("name", sorted(ROUTES))
def test_an_operation_says_what_it_does_who_may_and_what_may_go_wrong(name: str) -> None:
    route, operation = ROUTES[name], documented(name)
    assert operation["summary"]
    assert operation["tags"][0] in TAGS
    assert bool(operation["security"]) is (route.role is not None)
    statuses = set(operation["responses"])
    assert any(status.startswith("2") for status in statuses)
    assert {"401", "403", "422", "503"} <= statuses or route.role is None
    if "requestBody" in operation:
        assert {"400", "411", "413", "415", "422"} <= statuses
        assert operation["requestBody"]["content"]["application/json"]["example"]


def test_path_parameters_are_all_used() -> None:
    assert set(PATH_PARAMETERS) == set(re.findall(r"\{(\w+)\}", " ".join(r.path for r in ROUTES.values())))


def codes_raised() -> set[str]:
    """The codes that the HTTP face can answer with: of every refusal, and of errors with a status of their own."""
    found: set[str] = set()
    for file in sorted((ROOT / "orchestration").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            name = getattr(getattr(node, "func", None), "id", "")
            if isinstance(node, ast.Call) and name in ("RequestRefused", "DependencyUnavailable"):
                found |= {
                    str(k.value.value)
                    for k in node.keywords
                    if k.arg == "code" and isinstance(k.value, ast.Constant)
                }
    return found


def test_every_code_is_explained_and_documented_where_it_can_come() -> None:
    in_operations = {
        code
        for response in contract()["components"]["responses"].values()
        for code in response["content"]["application/problem+json"]["schema"]["properties"]["code"]["enum"]
    }
    assert set() == codes_raised() - set(CODES), "orchestration/contract/operations.py explains each code"
    assert {"method_not_allowed"} == set(CODES) - in_operations, (
        "only the catch-all's own code is in no operation"
    )


def test_the_schemas_are_valid_and_all_used() -> None:
    for schema in contract()["components"]["schemas"].values():
        jsonschema_rs.meta.validate(schema)
    text = json.dumps(contract())
    unused = [name for name in contract()["components"]["schemas"] if f'schemas/{name}"' not in text]
    assert [] == unused


def bodies() -> set[str]:
    """Names of the schemas that request bodies consist of."""
    text = json.dumps(
        [o.get("requestBody") for methods in contract()["paths"].values() for o in methods.values()]
    )
    names = set(re.findall(r'schemas/(\w+)"', text))
    while (
        more := set(
            re.findall(r'schemas/(\w+)"', json.dumps([contract()["components"]["schemas"][n] for n in names]))
        )
        - names
    ):
        names |= more
    return names


def test_every_field_of_a_request_is_explained() -> None:
    schemas = contract()["components"]["schemas"]
    unexplained = [
        f"{name}.{field}"
        for name in bodies()
        for field, schema in schemas[name].get("properties", {}).items()
        if not schema.get("description")
    ]
    assert [] == unexplained, "orchestration/operations_fields.py explains each field"


def examples() -> list[tuple[str, Any, Any]]:
    found = []
    for path, methods in contract()["paths"].items():
        for method, operation in methods.items():
            contents = [operation.get("requestBody", {}).get("content", {})]
            contents += [answer.get("content", {}) for answer in operation["responses"].values()]
            found += [
                (f"{method} {path}", media["schema"], media["example"])
                for content in contents
                for media in content.values()
                if "example" in media
            ]
    for name, response in contract()["components"]["responses"].items():
        media = response["content"]["application/problem+json"]
        if "example" in media:
            found.append((name, media["schema"], media["example"]))
    return found


@pytest.mark.parametrize(("where", "schema", "example"), examples())
def test_examples_are_examples_of_their_schema(where: str, schema: Any, example: Any) -> None:
    del where  # names the case
    jsonschema_rs.validator_for(
        {**schema, "components": strict_components()}, validate_formats=True
    ).validate(example)


async def test_the_example_of_a_workflow_is_a_valid_workflow() -> None:
    example = documented("workflow_validate")["requestBody"]["content"]["application/json"]["example"]
    call = HttpCall(method="POST", body=json.dumps(example).encode())
    assert {"valid": True} == {
        "valid": json.loads((await World().answer(ROUTES["workflow_validate"], call)).body)["valid"]
    }


async def test_the_example_of_a_request_is_accepted() -> None:
    example = documented("generate")["requestBody"]["content"]["application/json"]["example"]
    call = HttpCall(method="POST", body=json.dumps(example).encode())
    assert 202 == (await World().answer(ROUTES["generate"], call)).status


def test_the_version_is_the_projects() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == VERSION == contract()["info"]["version"]


def test_roles_are_known_ones() -> None:
    roles = {o["x-role"] for methods in contract()["paths"].values() for o in methods.values()}
    assert roles <= {None, *Role}


LAZY = """
import asyncio, sys
import function_app
from orchestration.http import HttpCall
from orchestration.routes import ROUTES
from tests.orchestration.support import REQUEST, World
import json
async def main():
    for module in [m for m in sys.modules if m.startswith("tests.orchestration.contract")]:
        del sys.modules[module]
    world = World()
    call = HttpCall(method="POST", body=json.dumps(REQUEST).encode())
    assert (await world.app.api.answer(ROUTES["generate"], call)).status == 202
asyncio.run(main())
print([m for m in sys.modules if m.startswith(("orchestration.contract.operations", "orchestration.contract.answers", "orchestration.openapi", "offapi"))])
"""


def test_the_contract_is_not_imported_where_calls_are_answered() -> None:
    said = subprocess.run([sys.executable, "-c", LAZY], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "[]" == said.stdout.strip()


# ---------------------------------------------------------------- handed out


async def test_the_document_is_handed_out_byte_for_byte_once() -> None:
    world = World()
    reply = await world.answer(ROUTES["openapi"], HttpCall(method="GET"))
    assert (200, "application/json", DOCUMENT.read_bytes()) == (reply.status, reply.content_type, reply.body)
    seen = {"if-none-match": reply.headers["ETag"]}
    again = await world.answer(ROUTES["openapi"], HttpCall(method="GET", headers=seen))
    assert (304, b"") == (again.status, again.body)


async def test_the_page_takes_everything_from_here() -> None:
    world = World()
    page = await world.answer(ROUTES["docs"], HttpCall(method="GET"))
    text = page.body.decode()
    assert 200 == page.status
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    assert not re.search(r"https?://|<script>|<style", text)
    files = re.findall(r'"docs/([\w.-]+)"', text)
    assert {"start.js", "swagger-ui.css", "swagger-ui.js"} == set(files)
    for name in files:
        plain = await world.answer(ROUTES["docs_file"], HttpCall(method="GET", route={"file": name}))
        zipped = await world.answer(
            ROUTES["docs_file"],
            HttpCall(method="GET", route={"file": name}, headers={"accept-encoding": "gzip, br"}),
        )
        assert (200, 200) == (plain.status, zipped.status)
        assert "start.js" == name or len(zipped.body) < len(plain.body) / 2


@pytest.mark.parametrize("name", ["../openapi.json", "scalar.js", "", "swagger-ui.js.map"])
async def test_the_page_has_no_other_files(name: str) -> None:
    reply = await World().answer(ROUTES["docs_file"], HttpCall(method="GET", route={"file": name}))
    assert 404 == reply.status


def test_what_the_page_is_made_of_travels_with_the_deployment() -> None:
    """The document is no ignored file, and the package of the page is a pinned requirement."""
    ignored = (ROOT / ".funcignore").read_text(encoding="utf-8").splitlines()
    assert not [
        line
        for line in ignored
        if line.rstrip("/") in ("orchestration", "*.json", "orchestration/openapi.json")
    ]
    assert re.search(
        r"^offapi==[\d.]+$", (ROOT / "requirements.txt").read_text(encoding="utf-8"), re.MULTILINE
    )
