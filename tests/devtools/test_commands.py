"""The commands around a stack, and the page that documents them all."""

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from devtools import cli, pytest_groups
from devtools.commands import bench, check, test
from localcloud.supervisor.folder import DataFolder

ROOT = Path(__file__).parents[2]
PIN = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)$", re.MULTILINE)


def commands():
    actions = cli.build_parser()._actions
    return next(action.choices for action in actions if isinstance(action, argparse._SubParsersAction))


def section(page, command):
    return re.search(rf"^## \./dev {command}\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)[1]


@pytest.mark.parametrize("command", commands())
def test_every_command_and_option_is_documented_and_nothing_else(command):
    documented = set()
    for row in re.findall(
        r"^\| (`.*?) \|", section((ROOT / "docs" / "commands.md").read_text(), command), re.MULTILINE
    ):
        documented |= set(re.findall(r"`([^`]+)`", row))
    real = set()
    for action in commands()[command]._actions:
        real |= set(action.option_strings or [action.metavar])
    assert documented == real - {"-h", "--help"}


def pins(name):
    return {package.lower(): pin for package, pin in PIN.findall((ROOT / name).read_text())}


def test_the_lock_file_has_every_pinned_requirement():
    required = pins("requirements.txt") | pins("requirements-dev.txt")
    wrong = required.items() - pins("requirements-dev.lock").items()
    assert required
    assert not wrong, f"make requirements-dev.lock anew (its head says how): {wrong}"


def test_status_of_nothing_names_the_way_on(tmp_path, capsys):
    assert cli.main(["status", "--data", str(tmp_path / "none")]) == 3
    assert "./dev up" in capsys.readouterr().out


def test_down_is_content_when_nothing_runs_and_clears_what_a_killed_stack_left(tmp_path):
    DataFolder(tmp_path).write_endpoints({"api": "http://127.0.0.1:1"})
    assert cli.main(["down", "--data", str(tmp_path)]) == 0
    assert not DataFolder(tmp_path).endpoints_file.exists()


def test_status_shows_parts_that_are_down(tmp_path, capsys):
    folder = DataFolder(tmp_path)
    with folder.owned():
        folder.write_endpoints(
            {
                "api": "http://127.0.0.1:7071",
                "serviceBusStats": "http://127.0.0.1:5300/stats",
                "web": False,
                "inMemory": True,
                "startedAt": "2026-01-01T00:00:00Z",
                "processes": {"supervisor": 1, "azurite": None},
                "restarts": {"azurite": 4},
            }
        )
        assert cli.main(["status", "--data", str(tmp_path)]) == 0
    assert re.search(r"azurite\s+-\s+down\s+4", capsys.readouterr().out)


def test_logs_are_shown_side_by_side_or_alone(tmp_path, capsys):
    logs = DataFolder(tmp_path).logs
    logs.mkdir()
    (logs / "azurite.log").write_text("a1\n")
    (logs / "webpubsub.log").write_text("w1\n")
    assert cli.main(["logs", "--data", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "azurite   | a1\nwebpubsub | w1\n"
    assert cli.main(["logs", "azurite", "--data", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "a1\n"
    assert cli.main(["logs", "nobody", "--data", str(tmp_path)]) == 2
    assert "azurite, webpubsub" in capsys.readouterr().out


def test_a_failing_check_shows_its_findings_and_fails(monkeypatch, capsys):
    program = "import sys; print('x.py:1 is wrong'); sys.exit(3)"
    monkeypatch.setattr(check, "_CHECKS", {"lint": ("timeit", "-n1", "-r1", program), "types": ("this",)})
    assert cli.main(["check"]) == 1
    out = capsys.readouterr().out
    assert re.search(r"(?s)check lint +FAILED .*\nx\.py:1 is wrong\n.*check types +ok", out)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], ["-m", "not long"]),
        (["--full"], []),
        (["-m", "stack"], ["-m", "stack"]),
        (["tests/x.py", "-k", "a or b"], ["-m", "not long", "tests/x.py", "-k", "a or b"]),
    ],
)
def test_what_is_unknown_goes_to_pytest(monkeypatch, given, expected):
    commands = []
    monkeypatch.setattr(check, "run", lambda _: 0)
    monkeypatch.setattr(
        subprocess,
        "run",
        lambda command, **_: commands.append(command) or subprocess.CompletedProcess(command, 0),
    )
    assert cli.main(["test", *given]) == 0
    assert commands[0][commands[0].index("devtools.pytest_groups") + 1 :] == expected


def test_tests_run_even_if_a_check_fails_and_the_result_is_a_failure(monkeypatch):
    ran = []
    monkeypatch.setattr(check, "run", lambda _: 1)
    monkeypatch.setattr(
        subprocess, "run", lambda command, **_: ran.append(command) or subprocess.CompletedProcess(command, 0)
    )
    assert test.run(argparse.Namespace(pytest_arguments=[], full=False)) == 1
    assert ran


def test_stack_tests_share_a_worker_and_other_files_stay_together(tmp_path):
    for name, text in {"a": "@pytest.mark.stack", "b": "pytestmark = [pytest.mark.stack]", "c": ""}.items():
        (tmp_path / f"test_{name}.py").write_text(text)
    groups = [pytest_groups.group_of(tmp_path / f"test_{name}.py") for name in "abc"]
    assert groups == ["stack", "stack", f"{tmp_path}/test_c.py"]


def test_benchmarks_pass_their_lines_through_and_failures_count(tmp_path, monkeypatch, capfd):
    line = json.dumps({"case": "claim", "value": 1, "unit": "ms"})
    main = 'if __name__ == "__main__":\n    '
    (tmp_path / "good.py").write_text(f"{main}print('{line}')")
    (tmp_path / "bad.py").write_text(f"{main}raise SystemExit(1)")
    (tmp_path / "shared.py").write_text("raise SystemExit('a helper is no benchmark')")
    (tmp_path / "group").mkdir()
    (tmp_path / "group" / "member.py").write_text(f"{main}print('member')")
    monkeypatch.setattr(bench, "_FOLDER", tmp_path)
    assert cli.main(["bench"]) == 1
    shown = capfd.readouterr()
    assert (shown.out, shown.err) == (f"{line}\nmember\n", "benchmark bad failed\n")
    assert cli.main(["bench", "good"]) == 0
    assert cli.main(["bench", "group"]) == 0
    assert capfd.readouterr().out == f"{line}\nmember\n"
    assert cli.main(["bench", "magic"]) == 2
    assert "there are: bad, good, member, group" in capfd.readouterr().err


def test_commands_that_only_look_need_no_installed_package():
    code = "import sys; sys.modules.update(aiohttp=None, pydantic=None); from devtools import cli; cli.main(['down', '--data', '/nonexistent'])"
    done = subprocess.run(
        [sys.executable, "-S", "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stdout == "No stack runs (/nonexistent)\n", done.stderr
