"""The supervisor with fake parts: start, death, restart, stop."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from localcloud.supervisor.folder import DataFolder
from localcloud.supervisor.part import PartSpec
from localcloud.supervisor.specs import said_ready
from localcloud.supervisor.stack import Stack, StackError

HERE = Path(__file__).parent
ROOT = HERE.parent.parent


def part(name: str, *arguments: str, **settings: Any) -> PartSpec:
    return PartSpec(
        name=name,
        command=(sys.executable, str(HERE / "fake_part.py"), name, *arguments),
        is_ready=lambda line: said_ready(line, 1),
        **settings,
    )


def fake_stack(folder: DataFolder, *specs: PartSpec) -> Stack:
    return Stack(specs, folder=folder, working_directory=folder.path, description={"api": "http://x"})


@pytest.fixture
def folder(tmp_path):
    folder = DataFolder(tmp_path / "data")
    with folder.owned():
        yield folder


async def until(condition: Callable[[], Any], seconds: float = 10) -> Any:
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "waited in vain"
        await asyncio.sleep(0.02)
    return found


def lives(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


async def test_a_stack_that_is_ready_says_where_and_who(folder):
    stack = fake_stack(folder, part("one"), part("two"))
    await stack.start()
    endpoints = folder.read_endpoints()
    await stack.stop()
    assert endpoints["api"] == "http://x"
    assert endpoints["processes"].keys() == {"supervisor", "one", "two"}
    assert endpoints["processes"]["supervisor"] == os.getpid()
    assert not any(lives(endpoints["processes"][name]) for name in ("one", "two"))
    assert not folder.endpoints_file.exists()


async def test_the_ready_line_with_its_keys_stays_out_of_the_log(folder):
    stack = fake_stack(folder, part("one"))
    await stack.start()
    await stack.stop()
    log = (folder.logs / "one.log").read_text()
    assert "one begins" in log
    assert "hush" not in log


async def test_a_killed_part_is_started_again_and_the_others_are_left_alone(folder):
    stack = fake_stack(folder, part("one"), part("two"))
    await stack.start()
    before = folder.read_endpoints()["processes"]
    os.kill(before["one"], signal.SIGKILL)
    after = await until(
        lambda: (found := folder.read_endpoints()["processes"])["one"] not in (None, before["one"]) and found
    )
    restarts = folder.read_endpoints()["restarts"]
    await stack.stop()
    assert restarts == {"one": 1, "two": 0}
    assert after["two"] == before["two"]
    assert not lives(after["one"])


async def test_parts_start_after_those_they_need_and_stop_before_them(folder, tmp_path):
    journal = tmp_path / "journal"
    with_journal = ("--journal", str(journal))
    stack = fake_stack(
        folder, part("runner", *with_journal, after=("broker",)), part("broker", *with_journal)
    )
    await stack.start()
    await stack.stop()
    assert journal.read_text().splitlines() == ["start broker", "start runner", "stop runner", "stop broker"]


async def test_a_part_that_cannot_start_ends_the_rest_and_shows_its_last_words(folder, tmp_path):
    journal = tmp_path / "journal"
    stack = fake_stack(
        folder, part("good", "--journal", str(journal)), part("bad", "--behaviour", "broken", after=("good",))
    )
    with pytest.raises(StackError, match=r"(?s)bad ended with code 7 .*the queue file is damaged"):
        await stack.start()
    assert journal.read_text().splitlines() == ["start good", "stop good"]
    assert not folder.endpoints_file.exists()


async def test_a_part_that_stays_silent_is_given_up(folder):
    stack = fake_stack(folder, part("mute", "--behaviour", "silent", ready_within=0.3))
    with pytest.raises(StackError, match=r"mute did not become ready within 0\.3 s"):
        await stack.start()


async def test_a_missing_program_is_named(folder):
    stack = fake_stack(folder, PartSpec(name="azurite", command=("no-such-node",), is_ready=bool))
    with pytest.raises(StackError, match=r"azurite cannot start: .*no-such-node"):
        await stack.start()


@pytest.mark.parametrize("at_once", [False, True])
async def test_a_part_that_ignores_the_signal_is_killed(folder, at_once):
    stack = fake_stack(folder, part("mule", "--behaviour", "stubborn", grace=0.2))
    await stack.start()
    pid = folder.read_endpoints()["processes"]["mule"]
    await stack.stop(at_once=at_once)
    assert not lives(pid)


async def test_the_parts_of_a_killed_supervisor_die_with_it(tmp_path):
    folder = DataFolder(tmp_path)
    supervisor = subprocess.Popen(
        [sys.executable, str(HERE / "supervisor_program.py"), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    with supervisor, supervisor.stdout as output:
        assert output.readline() == "ready\n"
        processes = folder.read_endpoints()["processes"]
        supervisor.kill()
    await until(lambda: not any(lives(processes[name]) for name in ("one", "two")))
    assert folder.endpoints_file.exists()
    assert folder.read_endpoints() is None, "what a killed supervisor left behind is not believed"


async def test_the_log_of_the_run_before_is_kept(folder):
    for _ in range(2):
        stack = fake_stack(folder, part("one"))
        await stack.start()
        await stack.stop()
    assert (folder.logs / "one.log.1").read_text() == (folder.logs / "one.log").read_text() == "one begins\n"


def test_a_second_supervisor_in_the_same_folder_is_refused(folder):
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "localcloud.supervisor",
            "--repository",
            str(ROOT),
            "--data",
            str(folder.path),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert json.loads(done.stdout) == {"ready": False, "error": f"A stack already runs in {folder.path}"}
