"""``./dev generate`` as a program: options, output, exit codes, Ctrl-C."""

import asyncio
import json
import os
import signal
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from devtools.commands.generate import remove_left_over
from devtools.generate.request import AUDIENCES, CONTENT_TYPES, PRIORITIES
from layers.contract import Audience, ContentType
from localcloud.supervisor.folder import DataFolder
from orchestration.jobs import Priority
from tests.devtools.fake_api import FakeApi

ROOT = Path(__file__).parents[2]


@asynccontextmanager
async def started(tmp_path, api, *arguments, web=False):
    """The command, against a stack that seems to run in a data folder and is the fake API."""
    folder = DataFolder(tmp_path / "data")
    command = [sys.executable, "-m", "devtools", "generate", "AI in clinics", "--data", str(folder.path)]
    async with asyncio.timeout(60), api.running():
        with folder.owned():
            folder.write_endpoints({"api": api.base, "web": web})
            process = await asyncio.create_subprocess_exec(
                *command,
                *arguments,
                cwd=tmp_path,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's & ignores it
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            yield process


async def finished(tmp_path, api, *arguments, **settings):
    async with started(tmp_path, api, *arguments, **settings) as process:
        out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


def test_the_choices_are_those_of_the_api():
    assert tuple(ContentType) == CONTENT_TYPES
    assert tuple(Audience) == AUDIENCES
    assert tuple(Priority) == PRIORITIES


async def test_the_last_lines_are_the_file_the_counts_and_three_commands(tmp_path):
    code, out, _ = await finished(tmp_path, FakeApi(), "--out", "articles")
    assert code == 0
    assert out.splitlines() == [
        "articles/ai-in-clinics.html",
        "3 citations from 2 sources",
        "Next:",
        "  xdg-open articles/ai-in-clinics.html",
        "  ./dev generate 'AI in clinics' --workflow research_heavy",
        "  ./dev up",
    ]


async def test_own_sources_are_a_closed_corpus_and_json_is_the_only_output(tmp_path):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.md").write_text("# Alpha\ntext")
    api = FakeApi()
    code, out, _ = await finished(tmp_path, api, "--sources", "notes", "--sync", "--json")
    body = api.requests[0][0]
    assert code == 0
    assert body["sources"] == [{"title": "Alpha", "text": "# Alpha\ntext"}]
    assert (body["sourcesOnly"], body["async"]) == (True, False)
    said = json.loads(out)
    assert (said["status"], said["exitCode"], said["citations"]) == ("completed", 0, 3)
    assert said["files"].keys() == {"md", "html", "json"}


async def test_a_topic_outside_the_library_shows_the_ways_on(tmp_path):
    poor = {"status": "insufficient_evidence", "sources": [], "article": None}
    code, out, err = await finished(tmp_path, FakeApi(package=poor))
    assert (code, out) == (3, "")
    last = err.splitlines()[-1]
    assert last.startswith(
        "./dev generate: only 0 sources for this topic: try --sources DIR, "
        "--web (Wikipedia, Crossref; no key) or one of: "
    )
    assert "AI in healthcare" in last


async def test_ctrl_c_cancels_the_job(tmp_path):
    api = FakeApi(waits=True)
    async with started(tmp_path, api) as process:
        await api.polled.wait()
        process.send_signal(signal.SIGINT)
        _, err = await process.communicate()
    assert process.returncode == 130
    assert api.view()["status"] == "cancelled"
    assert "Traceback" not in err.decode()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--web"], "Restart it with: ./dev down && ./dev up --web --detach"),
        (["--sources", "nowhere"], "--sources: nowhere does not exist"),
        (["--with-library"], "--with-library goes with --sources"),
        (["--web", "--sources", "."], "--sources alone is a closed corpus"),
        (["--workflow", "magic"], "invalid choice: 'magic'"),
        (["--unknown"], "unrecognized arguments: --unknown"),
    ],
)
async def test_bad_usage_is_told_and_nothing_is_submitted(tmp_path, arguments, message):
    api = FakeApi()
    code, out, err = await finished(tmp_path, api, *arguments)
    assert (code, out, api.requests) == (2, "", [])
    assert message in err
    assert "Traceback" not in err


def test_what_killed_generations_left_is_removed_after_an_hour(tmp_path):
    folders = {name: DataFolder(tmp_path / f"generate-{name}") for name in ("old", "new", "running")}
    for name, folder in folders.items():
        folder.path.mkdir()
        os.utime(folder.path, None if name == "new" else (0, 0))
    with folders["running"].owned():
        os.utime(folders["running"].path, (0, 0))
        remove_left_over(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["generate-new", "generate-running"]
