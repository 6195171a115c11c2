"""The rules of the house, read from the syntax trees: who imports whom, and what no file may contain."""

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
APP = ("function_app.py", "orchestration", "layers")
TOOLS = ("localcloud", "devtools", "samples", "benchmarks", "clients", "infra")
PACKAGES = {
    "orchestration", "layers", "localcloud", "devtools", "samples", "benchmarks", "clients", "infra", "tests",
}  # fmt: skip

VALUES = {
    "access.addresses",
    "access.claims",
    "breaker",
    "checkpoints",
    "circuits",
    "contract.answers",
    "contract.management_answers",
    "contract.realtime_answers",
    "decisions",
    "errors",
    "event_log",
    "events",
    "expiring",
    "http",
    "identity",
    "ids",
    "jobs",
    "messages",
    "outcomes",
    "ports",
    "process_identity",
    "request_headers",
    "results",
    "retry",
    "schemas",
    "settings",
    "sockets.groups",
    "sockets.upstream",
    "views",
    "workflows",
}
"""Modules of pure values and decisions; they know no service and no adapter."""
COMPOSITION = {"bootstrap", "connections", "step_tools"}
LEAN_TEXT = {
    "markdown_it",
    "nh3",
    "publicsuffixlist",
    "pydantic",
    "selectolax",
    "snowballstemmer",
    "stop_words",
}
SHARED = {"layers.bottom.passage_search", "layers.bottom.gathering.relevance", "layers.middle.outline.facets"}
"""How passages are searched and judged goes with their artifact to whoever uses it."""


@dataclass(frozen=True, slots=True)
class Import:
    """``file`` imports ``module``; ``names`` are what it takes from it."""

    file: Path
    line: int
    module: str
    names: tuple[str, ...]

    @property
    def top(self) -> str:
        return self.module.partition(".")[0]

    @property
    def where(self) -> str:
        return f"{self.file.relative_to(ROOT)}:{self.line} imports {self.module}"


@cache
def tree_of(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"), str(file))


def python_files(*parts: str) -> list[Path]:
    found: list[Path] = []
    for part in parts:
        path = ROOT / part
        found += [path] if path.is_file() else sorted(path.rglob("*.py"))
    return found


@cache
def nodes_of(file: Path) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(tree_of(file)))


@cache
def imports_of(file: Path) -> tuple[Import, ...]:
    return tuple(_imports_of(file))


def _imports_of(file: Path) -> Iterator[Import]:
    for node in nodes_of(file):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(file, node.lineno, alias.name, ())
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno}: imports are absolute"
            yield Import(file, node.lineno, node.module or "", tuple(alias.name for alias in node.names))


def module_of(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def first_parties(value: Import) -> Iterator[str]:
    """The modules of ours that an import names: ``from a import b`` may name module a.b."""
    if value.top in PACKAGES or value.top == "function_app":
        yield value.module
        for name in value.names:
            if (ROOT / (value.module + "." + name).replace(".", "/")).with_suffix(".py").is_file():
                yield f"{value.module}.{name}"


def outside(value: Import) -> str | None:
    """The third-party package that an import names."""
    known = value.top in PACKAGES or value.top in {"function_app", "__future__"}
    return None if known or value.top in sys.stdlib_module_names else value.top


def broken(files: Iterable[Path], allowed: set[str], libraries: set[str] | None) -> list[str]:
    """Imports of ours beyond ``allowed`` (modules or packages), and of libraries beyond ``libraries``."""
    found = []
    for file in files:
        for value in imports_of(file):
            for module in first_parties(value):
                if not any(
                    module == a or module.startswith(a + ".") or a.startswith(module + ".") for a in allowed
                ):
                    found.append(value.where)
            library = outside(value)
            if (
                library
                and libraries is not None
                and library not in libraries
                and value.module not in libraries
            ):
                found.append(value.where)
    return sorted(set(found))


def part_of(file: Path) -> str:
    """Which row of the table a file of orchestration belongs to."""
    parts = file.relative_to(ROOT / "orchestration").with_suffix("").parts
    if parts[0] in ("adapters", "telemetry"):
        return parts[0]
    name = ".".join(parts)
    if name in VALUES or parts[-1] == "__init__":
        return "values"
    return "composition" if name in COMPOSITION else "services"


def orchestration(part: str) -> list[Path]:
    return [file for file in python_files("orchestration") if part_of(file) == part]


def modules(part: str) -> set[str]:
    return {module_of(file) for file in orchestration(part)}


# ---------------------------------------------------------------- who imports whom


def test_the_contract_of_the_layers_knows_nobody() -> None:
    rule = "layers.contract imports pydantic alone; layers.catalog knows the contract"
    assert broken([ROOT / "layers/contract.py"], set(), {"pydantic"}) == [], rule
    assert broken([ROOT / "layers/catalog.py"], {"layers.contract"}, {"pydantic"}) == [], rule


def test_text_functions_know_nobody() -> None:
    rule = "layers.text is pure: itself, the standard library and the lean text libraries"
    assert broken(python_files("layers/text"), {"layers.text"}, LEAN_TEXT) == [], rule


@pytest.mark.parametrize(
    ("layer", "below"), [("bottom", ()), ("middle", ("bottom",)), ("top", ("bottom", "middle"))]
)
def test_a_layer_uses_its_own_parts_and_the_artifacts_of_the_layers_below(
    layer: str, below: tuple[str, ...]
) -> None:
    rule = f"layers.{layer} imports the contract, the text functions, itself, and artifacts of {below or 'nobody'}"
    allowed = {
        "layers.contract",
        "layers.text",
        *SHARED,
        f"layers.{layer}",
        *(f"layers.{name}.artifacts" for name in below),
    }
    assert broken(python_files(f"layers/{layer}"), allowed, LEAN_TEXT) == [], rule


def test_layers_do_no_io_of_their_own() -> None:
    rule = "layers reach the outside through the tools of their context, never through a network library"
    network = {
        "socket",
        "ssl",
        "urllib.request",
        "http.client",
        "httpx",
        "aiohttp",
        "azure",
        "requests",
        "subprocess",
    }
    found = [i.where for f in python_files("layers") for i in imports_of(f) if {i.top, i.module} & network]
    assert found == [], rule


def test_values_know_values_and_the_contract() -> None:
    rule = "values of orchestration import each other, layers.contract, layers.catalog and pydantic"
    allowed = modules("values") | {"layers.contract", "layers.catalog"}
    assert broken(orchestration("values"), allowed, {"pydantic", "typing_extensions"}) == [], rule


def test_services_know_no_adapter() -> None:
    rule = "services import values, telemetry, each other, layers.contract and layers.catalog; ports hide the adapters"
    allowed = (
        modules("values") | modules("services") | modules("telemetry") | {"layers.contract", "layers.catalog"}
    )
    assert broken(orchestration("services"), allowed, {"pydantic", "opentelemetry"}) == [], rule


def test_adapters_know_values_only() -> None:
    rule = "adapters import values, telemetry and layers.contract"
    own = {"orchestration.adapters"}
    allowed = modules("values") | modules("telemetry") | own | {"layers.contract"}
    assert broken(orchestration("adapters"), allowed, None) == [], rule


def test_telemetry_knows_values_and_the_opentelemetry_api() -> None:
    rule = (
        "telemetry imports values and the OpenTelemetry API; the SDK is chosen and configured outside the app"
    )
    allowed = modules("values") | modules("telemetry")
    assert broken(orchestration("telemetry"), allowed, {"opentelemetry"}) == [], rule
    sdk = ("opentelemetry.sdk", "opentelemetry.exporter", "azure.monitor")
    found = [i.where for f in python_files(*APP) for i in imports_of(f) if i.module.startswith(sdk)]
    assert found == [], rule


def test_sdks_are_imported_by_adapters_and_the_composition_root_alone() -> None:
    rule = "azure.*, aiohttp, httpx and jwt belong to orchestration/adapters (connections.py makes their clients)"
    sdks = {"azure", "aiohttp", "httpx", "httpcore", "jwt", "stamina"}
    allowed = ("adapters", "composition", "telemetry")
    files = [f for f in python_files("orchestration", "layers") if part_of_or_none(f) not in allowed]
    assert [i.where for f in files for i in imports_of(f) if i.top in sdks] == [], rule


def part_of_or_none(file: Path) -> str | None:
    return part_of(file) if file.is_relative_to(ROOT / "orchestration") else None


def test_the_triggers_know_orchestration_and_the_functions_sdk() -> None:
    rule = "function_app imports orchestration and azure.functions"
    assert broken([ROOT / "function_app.py"], {"orchestration"}, {"azure.functions"}) == [], rule


def test_the_app_never_imports_its_tools() -> None:
    rule = "what is deployed imports nothing of localcloud, devtools, samples, benchmarks, clients or tests"
    tools = {*TOOLS, "tests"}
    assert [i.where for f in python_files(*APP) for i in imports_of(f) if i.top in tools] == [], rule


def test_the_local_cloud_knows_itself_alone() -> None:
    rule = "localcloud loads function_app by path, as the real host does, and imports nothing of the app"
    assert broken(python_files("localcloud"), {"localcloud"}, None) == [], rule


def test_the_checks_of_the_infrastructure_read_the_app_and_never_import_it() -> None:
    rule = "infra.checks reads code as syntax trees, so that a broken app cannot break the checks"
    assert broken(python_files("infra"), {"infra"}, {"tree_sitter", "tree_sitter_bicep", "yaml"}) == [], rule


CLIENT_LIBRARIES = {
    "httpx",
    "content_architect_client",
    "azure.messaging.webpubsubclient",
    "azure.messaging.webpubsubclient.aio",
    "azure.messaging.webpubsubclient.models",
}


def test_clients_know_nothing_of_ours() -> None:
    rule = "clients import nothing of ours: httpx and Microsoft's Web PubSub client (Python), the latter alone (JavaScript)"
    assert broken(python_files("clients"), set(), CLIENT_LIBRARIES) == [], rule
    modules = {
        module
        for file in (ROOT / "clients" / "js").glob("*.mjs")
        for module in re.findall(
            r"""(?:from|import\()\s*["']([^"']+)["']""", file.read_text(encoding="utf-8")
        )
    }
    assert {m for m in modules if not m.startswith("./")} == {"@azure/web-pubsub-client"}, rule


# ---------------------------------------------------------------- cycles


def graph(*parts: str) -> dict[str, set[str]]:
    """Imports at module level, among ours."""
    files = {module_of(file): file for file in python_files(*parts)}
    edges: dict[str, set[str]] = {}
    for module, file in files.items():
        targets: set[str] = set()
        for node in tree_of(file).body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [a.name for a in node.names]
                whole = names if isinstance(node, ast.Import) else [node.module or ""]
                parted = [] if isinstance(node, ast.Import) else [f"{node.module}.{n}" for n in names]
                submodules = [name for name in parted if name in files]
                targets |= set(submodules) or {name for name in whole if name in files}
        edges[module] = targets - {module}
    return edges


def cycle_in(edges: dict[str, set[str]]) -> list[str]:
    """The modules that cannot be put in an order; empty when all can."""
    left = dict(edges)
    while ready := [module for module, targets in left.items() if not targets & left.keys()]:
        for module in ready:
            del left[module]
    return sorted(left)


@pytest.mark.parametrize("package", ["orchestration", "layers", "localcloud", "devtools", "infra"])
def test_no_import_goes_round_in_a_circle(package: str) -> None:
    assert cycle_in(graph(package)) == [], "modules import downward; a cycle means that two of them are one"


def test_a_circle_would_be_found() -> None:
    assert cycle_in({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": set()}) == ["a", "b", "c"]


# ---------------------------------------------------------------- what no file may contain


def calls(file: Path) -> Iterator[ast.Call]:
    return (node for node in nodes_of(file) if isinstance(node, ast.Call))


def at(file: Path, node: ast.stmt | ast.expr | ast.excepthandler) -> str:
    return f"{file.relative_to(ROOT)}:{node.lineno}"


def test_the_environment_is_read_in_settings_alone() -> None:
    rule = "a setting is read, checked and documented in orchestration/settings.py, nowhere else"
    found = [
        at(file, node)
        for file in python_files(*APP)
        if file != ROOT / "orchestration/settings.py"
        for node in nodes_of(file)
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "environb", "getenv", "putenv")
    ]
    assert found == [], rule


def test_the_app_prints_nothing() -> None:
    rule = "the app logs; print is for terminals"
    found = [
        at(f, c)
        for f in python_files(*APP)
        for c in calls(f)
        if isinstance(c.func, ast.Name) and c.func.id == "print"
    ]
    assert found == [], rule


LOG_METHODS = {"debug", "info", "warning", "error", "exception", "critical", "log"}


def test_log_messages_are_constant() -> None:
    rule = "a log message is a constant, its values go into extra: messages group, and secrets do not slip in"
    found = [
        at(file, call)
        for file in python_files(*APP)
        for call in calls(file)
        if isinstance(call.func, ast.Attribute)
        and call.func.attr in LOG_METHODS
        and isinstance(call.func.value, ast.Name)
        and call.func.value.id in ("_log", "log", "logger", "logging")
        and any(isinstance(argument, ast.JoinedStr | ast.BinOp) for argument in call.args)
    ]
    assert found == [], rule


BROAD_HERE = {"orchestration/api.py", "orchestration/processor.py", "orchestration/attempts.py"}


def is_broad(handler: ast.ExceptHandler) -> bool:
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(
        k is None or (isinstance(k, ast.Name) and k.id in ("Exception", "BaseException")) for k in kinds
    )


def test_metrics_are_recorded_under_the_names_of_the_table() -> None:
    rule = "a metric is in the table METRICS of orchestration/telemetry/metrics.py, and used"
    tree = tree_of(ROOT / "orchestration/telemetry/metrics.py")
    table = next(n for n in tree.body if isinstance(n, ast.AnnAssign) and ast.unparse(n.target) == "METRICS")
    assert isinstance(table.value, ast.Dict)
    known = {key.value for key in table.value.keys if isinstance(key, ast.Constant)}
    used = {
        call.args[0].value
        for file in python_files("orchestration")
        for call in calls(file)
        if isinstance(call.func, ast.Name)
        and call.func.id in ("record", "watch", "watch_each")
        and call.args
        and isinstance(call.args[0], ast.Constant)
    }
    assert used == known, rule


def test_broad_excepts_stand_in_the_outermost_places_alone() -> None:
    rule = f"only {sorted(BROAD_HERE)} may catch everything, since nothing stands behind them"
    found = [
        at(file, node)
        for file in python_files(*APP)
        for node in nodes_of(file)
        if isinstance(node, ast.ExceptHandler) and is_broad(node)
    ]
    assert [place for place in found if place.partition(":")[0] not in BROAD_HERE] == [], rule


# ---------------------------------------------------------------- size


def lines_of(file: Path) -> int:
    return len(file.read_text(encoding="utf-8").splitlines())


def functions(*parts: str) -> Iterator[tuple[str, int]]:
    for file in python_files(*parts):
        for node in nodes_of(file):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{at(file, node)} {node.name}", (node.end_lineno or node.lineno) - node.lineno + 1


def test_files_are_short() -> None:
    sizes = {str(f.relative_to(ROOT)): lines_of(f) for f in python_files(*APP, *TOOLS)}
    assert {name: n for name, n in sizes.items() if n > 400} == {}, "a file has at most 400 lines"
    assert sorted(sizes.values())[len(sizes) // 2] <= 150, "half of all files have at most 150 lines"


def test_functions_are_short() -> None:
    sizes = list(functions(*APP, *TOOLS))
    assert [name for name, n in sizes if n > 60] == [], "no function is longer than 60 lines"
    share = sum(n <= 30 for _, n in sizes) / len(sizes)
    assert share >= 0.88, f"88 % of all functions have at most 30 lines, not {share:.1%}"


def test_trigger_functions_decide_nothing() -> None:
    found = [
        f"{node.name} has {node.end_lineno - node.lineno + 1} lines"
        for node in tree_of(ROOT / "function_app.py").body
        if isinstance(node, ast.AsyncFunctionDef)
        and node.decorator_list
        and (node.end_lineno or 0) - node.lineno >= 10
    ]
    assert found == [], "a trigger function has at most 10 lines and hands its call on"
