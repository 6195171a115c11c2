"""``./dev conformance``: its cases on the local host, what it says of hosts that differ, and the table of all cases."""

import ast
import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace

import aiohttp
import pytest
from aiohttp import web

from devtools.commands import conformance
from devtools.conformance import judge as judging
from devtools.conformance.cases import CASES
from devtools.conformance.judge import ALL_CASES, UnreachableError, Verdict, judge, judge_one, run_cases
from devtools.conformance.target import Target

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def verdicts() -> Mapping[int, Verdict]:
    """All cases, run once on the local host in a process of its own."""
    return {verdict.case.number: verdict for verdict in asyncio.run(run_cases(None, None, None))}


@pytest.mark.parametrize("number", [case.number for case in CASES], ids=lambda number: f"case_{number:02}")
def test_the_local_host_passes(verdicts: Mapping[int, Verdict], number: int) -> None:
    assert ("pass", "") == (verdicts[number].word, verdicts[number].reason)


@asynccontextmanager
async def pretender(status: int, text: str) -> AsyncIterator[Target]:
    """A server that answers everything alike."""

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=status, text=text)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    async with aiohttp.ClientSession() as session:
        yield Target(url=f"http://127.0.0.1:{port}", session=session)
    await runner.cleanup()


@pytest.mark.parametrize(
    ("number", "status", "text", "word", "reason"),
    [
        (6, 200, "", "fail", "GET on a route for POST: (200, '') instead of (404, '')"),
        (7, 200, "no JSON", "fail", "JSONDecodeError"),
        (19, 200, "GET", "pass", ""),
        (19, 401, "", "n/a", "without a key it is refused; the rest of the case needs --key"),
        (19, 401, "no", "fail", "no key: (401, 'no') instead of (401, '')"),
        (42, 200, "GET False", "n/a", "the app setting AzureWebJobs.switched_off.Disabled=true is missing"),
        (39, 401, "", "n/a", "the admin API asks for the master key: --master-key"),
    ],
)
async def test_a_host_that_differs_is_told_how(
    number: int, status: int, text: str, word: str, reason: str
) -> None:
    case = next(case for case in CASES if case.number == number)
    async with pretender(status, text) as target:
        verdict = await judge_one(case, target)
    assert word == verdict.word
    assert reason in verdict.reason


async def test_a_host_with_another_app_is_refused() -> None:
    async with pretender(404, "") as target:
        with pytest.raises(UnreachableError, match="does not serve the app"):
            await judge(target)


@pytest.mark.parametrize(("words", "code"), [(("pass", "n/a"), 0), (("pass", "fail"), 1)])
def test_one_failed_case_is_exit_code_1(monkeypatch, capsys, words, code) -> None:
    async def judged(*_given: object) -> list[Verdict]:
        return [
            Verdict(case=case, word=word, reason="why" if word != "pass" else "")
            for case, word in zip(CASES, words, strict=False)
        ]

    monkeypatch.setattr(judging, "run_cases", judged)
    assert code == conformance.run(SimpleNamespace(url=None, key=None, master_key=None))
    said = capsys.readouterr().out
    assert f"1 passed, {words.count('fail')} failed, {words.count('n/a')} not applicable" in said
    assert "  5  pass  a route that is not set is the function's name" in said


def test_a_host_that_is_not_there_is_exit_code_1(capsys) -> None:
    code = conformance.run(SimpleNamespace(url="http://127.0.0.1:1/", key=None, master_key=None))
    assert code == 1
    assert "http://127.0.0.1:1/ cannot be reached" in capsys.readouterr().err


# ---------------------------------------------------------------- the table


def files_by_case() -> dict[int, set[str]]:
    """The files with a test whose name has ``case_NN``, or the id ``case_NN`` of a parameter."""
    found: dict[int, set[str]] = {}
    for file in sorted((ROOT / "tests" / "host").glob("test_*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            name = node.name if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else ""
            text = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
            ids = re.findall(r"case_(\d\d)(?!\d)", name) + re.findall(r"^case_(\d\d)$", text)
            for number in ids:
                found.setdefault(int(number), set()).add(file.name)
    return found


def test_each_of_the_42_cases_has_a_test_and_a_row_that_names_its_files() -> None:
    by_case = files_by_case()
    over_http = {case.number for case in CASES}
    rows = {}
    for line in (ROOT / "docs" / "host-conformance.md").read_text(encoding="utf-8").splitlines():
        if match := re.match(r"\| (\d+) \|", line):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            rows[int(match[1])] = (set(re.findall(r"test_\w+\.py", cells[3])), "HTTP" in cells[3])
    assert list(range(1, ALL_CASES + 1)) == sorted(rows)
    assert {number: (by_case.get(number, set()), number in over_http) for number in rows} == rows
