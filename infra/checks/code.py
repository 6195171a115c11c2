"""What the code of the app says, read from its syntax trees: settings, tables, queues, hub, clients."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

from infra.checks.findings import TemplateError
from infra.checks.sources import Sources

SETTINGS: Final = "orchestration/settings.py"
FUNCTION_APP: Final = "function_app.py"
TABLES: Final = "orchestration/adapters/tables.py"
WORKFLOWS: Final = "orchestration/workflows.py"
METRICS: Final = "orchestration/telemetry/metrics.py"
IDENTITY: Final = "orchestration/identity.py"
LOCAL_QUEUES: Final = "localcloud/servicebus/queues.json"


@cache
def _tree(path: str, text: str) -> ast.Module:
    return ast.parse(text, path)


@cache
def _nodes(path: str, text: str) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(_tree(path, text)))


def settings(sources: Sources) -> dict[str, Any]:
    """Every setting that the app reads, by its environment variable, with its default (None: no plain one)."""
    found: dict[str, Any] = {}
    for node in _nodes(SETTINGS, sources.text(SETTINGS)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Field":
            alias = next((k.value for k in node.keywords if k.arg == "alias"), None)
            if isinstance(alias, ast.Constant):
                default = node.args[0] if node.args else None
                found[str(alias.value)] = default.value if isinstance(default, ast.Constant) else None
    if not found:
        raise TemplateError(SETTINGS, "no Field(..., alias=...) was found: how are settings declared now?")
    return found


def secret_settings(sources: Sources) -> set[str]:
    """Settings that hold a secret: those of type ``SecretStr``."""
    found = set()
    for node in _nodes(SETTINGS, sources.text(SETTINGS)):
        if isinstance(node, ast.AnnAssign) and "SecretStr" in ast.unparse(node.annotation):
            keywords = node.value.keywords if isinstance(node.value, ast.Call) else []
            found |= {
                str(k.value.value) for k in keywords if k.arg == "alias" and isinstance(k.value, ast.Constant)
            }
    return found


def limits(sources: Sources, setting: str) -> dict[str, float]:
    """The bounds (``ge``, ``le``, ``gt``, ``lt``) of a setting."""
    for node in _nodes(SETTINGS, sources.text(SETTINGS)):
        if isinstance(node, ast.Call) and any(
            k.arg == "alias" and isinstance(k.value, ast.Constant) and k.value.value == setting
            for k in node.keywords
        ):
            return {
                str(k.arg): float(k.value.value)
                for k in node.keywords
                if k.arg in ("ge", "le", "gt", "lt")
                and isinstance(k.value, ast.Constant)
                and isinstance(k.value.value, int | float)
            }
    return {}


def tables(sources: Sources) -> set[str]:
    """Names of the tables that the app makes."""
    value = _constant(sources, TABLES, "TABLES")
    if not isinstance(value, tuple) or not all(isinstance(name, str) for name in value):
        raise TemplateError(TABLES, "TABLES is not a tuple of names any more")
    return set(value)


def _constant(sources: Sources, path: str, name: str) -> Any:
    """The value of a module-level constant made of texts, numbers, tuples and other constants, imported ones too."""
    for node in _tree(path, sources.text(path)).body:
        match node:
            case ast.Assign(targets=[ast.Name(id=found)], value=value) if found == name:
                return _value(sources, path, value)
            case ast.AnnAssign(target=ast.Name(id=found), value=ast.expr() as value) if found == name:
                return _value(sources, path, value)
            case ast.ImportFrom(module=str() as module, names=names) if any(a.name == name for a in names):
                return _constant(sources, module.replace(".", "/") + ".py", name)
    raise TemplateError(path, f"no constant {name} was found")


def _value(sources: Sources, path: str, node: ast.expr) -> Any:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name):
            return _constant(sources, path, name)
        case ast.Tuple(elts=items):
            found: list[Any] = []
            for item in items:
                if isinstance(item, ast.Starred):
                    found += _value(sources, path, item.value)
                else:
                    found.append(_value(sources, path, item))
            return tuple(found)
        case _:
            raise TemplateError(f"{path}:{node.lineno}", "only plain values can be read here")


def queues(sources: Sources) -> set[str]:
    """Names of the queues that the app's triggers listen to."""
    return {str(value) for value in _trigger_arguments(sources, "queue_name")}


def connections(sources: Sources) -> set[str]:
    """Prefixes of the settings that the triggers connect with."""
    return {str(value) for value in _trigger_arguments(sources, "connection")}


def _trigger_arguments(sources: Sources, keyword: str) -> Iterator[Any]:
    for node in _nodes(FUNCTION_APP, sources.text(FUNCTION_APP)):
        if isinstance(node, ast.Call):
            for argument in node.keywords:
                if argument.arg == keyword:
                    yield _value(sources, FUNCTION_APP, argument.value)


def host_settings(sources: Sources) -> set[str]:
    """Settings that triggers name between percent signs: the host fills them in."""
    found: set[str] = set()
    for node in _nodes(FUNCTION_APP, sources.text(FUNCTION_APP)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found |= set(re.findall(r"%(\w+)%", node.value))
    return found


def local_queues(sources: Sources) -> dict[str, Mapping[str, Any]]:
    """Queues of the local broker with their properties."""
    try:
        namespace = json.loads(sources.text(LOCAL_QUEUES))["UserConfig"]["Namespaces"][0]
        return {queue["Name"]: queue["Properties"] for queue in namespace["Queues"]}
    except (KeyError, IndexError, json.JSONDecodeError) as error:
        raise TemplateError(LOCAL_QUEUES, f"not a configuration of the broker: {error!r}") from error


def clients(sources: Sources) -> set[str]:
    """SDK packages and token scopes that say which services the app calls."""
    files = sources.files("orchestration", "*.py")
    return {name for path in files for name in _clients_of(path, sources.text(path))}


@cache
def _clients_of(path: str, text: str) -> frozenset[str]:
    found: set[str] = set()
    for node in _nodes(path, text):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("azure."):
            found.add(node.module.removesuffix(".aio"))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found |= set(re.findall(r"https://(cognitiveservices\.azure\.com)/\.default", node.value))
    return frozenset(found)


def metrics(sources: Sources) -> dict[str, tuple[str, ...]] | None:
    """The metrics that the app emits, with their dimensions; None while it emits none."""
    if not sources.exists(METRICS):
        return None
    for node in _tree(METRICS, sources.text(METRICS)).body:
        match node:
            case ast.AnnAssign(target=ast.Name(id="METRICS"), value=ast.Dict(keys=keys, values=values)):
                return {
                    str(_value(sources, METRICS, k)): _dimensions(sources, v)
                    for k, v in zip(keys, values, strict=True)
                    if k
                }
    raise TemplateError(METRICS, "no table METRICS was found")


def _dimensions(sources: Sources, node: ast.expr) -> tuple[str, ...]:
    match node:
        case ast.Call(args=[_, _, third, *_]):
            found: tuple[str, ...] = _value(sources, METRICS, third)
            return found
        case _:
            return ()


def roles(sources: Sources) -> set[str]:
    """Roles of callers: the values of the enumeration ``Role``."""
    for node in _tree(IDENTITY, sources.text(IDENTITY)).body:
        if isinstance(node, ast.ClassDef) and node.name == "Role":
            values = (each.value for each in node.body if isinstance(each, ast.Assign))
            return {str(_value(sources, IDENTITY, value)) for value in values}
    raise TemplateError(IDENTITY, "no class Role was found")


def log_messages(sources: Sources) -> set[str]:
    """The constant messages that the app logs."""
    files = (FUNCTION_APP, *sources.files("orchestration", "*.py"), *sources.files("layers", "*.py"))
    return {message for path in files for message in _messages_of(path, sources.text(path))}


@cache
def _messages_of(path: str, text: str) -> frozenset[str]:
    found: set[str] = set()
    for node in _nodes(path, text):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                found.add(first.value)
    return frozenset(found)


def estimates(sources: Sources) -> dict[str, float]:
    """Estimated seconds of the predefined workflows."""
    found = {}
    for node in _nodes(WORKFLOWS, sources.text(WORKFLOWS)):
        match node:
            case ast.Call(
                func=ast.Name(id="_workflow"),
                args=[
                    ast.Constant(value=str() as name),
                    _,
                    ast.Constant(value=int() | float() as minutes),
                    *_,
                ],
            ):
                found[name] = minutes * 60.0
    if not found:
        raise TemplateError(WORKFLOWS, "no _workflow(name, description, minutes, ...) was found")
    return found
