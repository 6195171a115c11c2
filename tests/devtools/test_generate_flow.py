"""From submission to files against a fake API, also where the socket or the API fails."""

import asyncio
import io
import json

import pytest

from devtools.api import Api, ApiError, ApiUnreachableError
from devtools.generate.display import Display
from devtools.generate.flow import generate
from devtools.generate.watch import JobWatch
from tests.devtools.fake_api import CANCELLED, JOB, PACKAGE, FakeApi, step

REQUEST = {"topic": "AI in clinics", "async": True}


class Terminal(io.StringIO):
    def isatty(self):
        return True


async def run(api, tmp_path, request=REQUEST, out=None):
    out = out or io.StringIO()
    async with asyncio.timeout(60), api.running():
        outcome = await generate(api.base, request, out=tmp_path / "out", display=Display(out))
    return outcome, out.getvalue()


async def test_a_finished_job_leaves_three_files_and_its_counts(tmp_path):
    outcome, _ = await run(FakeApi(), tmp_path)
    assert outcome.code == 0
    assert (outcome.output.citations, outcome.output.sources) == (3, 2)
    files = {file.name: file.read_text() for file in (tmp_path / "out").iterdir()}
    assert files["ai-in-clinics.md"] == "# as text/markdown\n"
    assert files["ai-in-clinics.html"] == "# as text/html\n"
    assert json.loads(files["ai-in-clinics.json"]) == PACKAGE


@pytest.mark.parametrize("trouble", [{}, {"drops_after": 1}, {"loses": 2}, {"loses": 1}, {"refused": True}])
async def test_every_update_is_shown_once_and_in_order_whatever_the_socket_does(tmp_path, trouble):
    outcome, shown = await run(FakeApi(**trouble), tmp_path)
    assert outcome.code == 0
    assert shown.splitlines()[1:] == [
        "[ 20 %] analyze_intent (bottom, 0.0 s)",
        "[ 90 %] write (bottom, 0.0 s)",
        "[100 %] the result is ready",
    ]


async def test_a_terminal_gets_a_bar_with_the_name_of_the_step(tmp_path):
    _, shown = await run(FakeApi(), tmp_path, out=Terminal())
    assert "[#####.......................]  20 %  analyze_intent" in shown
    assert shown.endswith("\r\033[K")


async def test_a_synchronous_request_ends_the_same_way(tmp_path):
    api = FakeApi()
    outcome, _ = await run(api, tmp_path, {**REQUEST, "async": False})
    assert outcome.code == 0
    assert api.requests[0][0]["async"] is False


async def test_a_failed_job_says_why_and_where(tmp_path):
    error = {"code": "timeout", "message": "the step took too long", "step": "write"}
    failing = FakeApi(script=[step("a", 9), {"type": "error", "data": {"status": "failed"}}], error=error)
    outcome, _ = await run(failing, tmp_path)
    assert outcome.code == 1
    assert outcome.message == "The job failed in step write: the step took too long (timeout)"
    assert not (tmp_path / "out").exists()


async def test_a_job_that_somebody_else_cancels_is_no_success(tmp_path):
    outcome, _ = await run(FakeApi(script=[CANCELLED]), tmp_path)
    assert (outcome.code, outcome.message) == (1, "The job was cancelled")


async def test_too_few_sources_is_its_own_ending_and_writes_nothing(tmp_path):
    poor = {"status": "insufficient_evidence", "sources": [{"id": "S1"}], "article": None}
    outcome, _ = await run(FakeApi(package=poor), tmp_path)
    assert (outcome.code, outcome.usable_sources) == (3, 1)
    assert not (tmp_path / "out").exists()


async def test_a_refusal_names_the_fields(tmp_path):
    problem = {
        "title": "Validation failed",
        "detail": "1 field is wrong",
        "errors": [{"pointer": "/topic", "detail": "at most 300 characters"}],
    }
    outcome, _ = await run(FakeApi(refusal=(422, problem)), tmp_path)
    assert outcome.code == 2
    assert outcome.message == "Validation failed (422): 1 field is wrong\n  /topic: at most 300 characters"


async def test_an_answer_that_is_no_problem_document_is_shown_as_it_is():
    assert (
        str(ApiError.of(502, "<h1>Bad gateway</h1>"))
        == "The API refused the request (502): <h1>Bad gateway</h1>"
    )


async def test_an_api_that_is_gone_is_a_failure_with_its_address(tmp_path):
    outcome = await generate("http://127.0.0.1:9", REQUEST, out=tmp_path, display=Display(io.StringIO()))
    assert outcome.code == 1
    assert outcome.message.startswith("http://127.0.0.1:9/content-architect does not answer")


async def test_an_api_that_goes_away_for_good_ends_the_watch(monkeypatch):
    monkeypatch.setattr("devtools.generate.watch._PATIENCE", 0.0)
    async with Api("http://127.0.0.1:9") as api:
        with pytest.raises(ApiUnreachableError):
            await JobWatch(api, JOB, print).until_terminal()


@pytest.mark.parametrize("asynchronous", [True, False])
async def test_cancelling_cancels_the_job_first(tmp_path, asynchronous):
    api = FakeApi(waits=True)
    async with asyncio.timeout(60), api.running():
        request = {**REQUEST, "async": asynchronous}
        running = asyncio.create_task(
            generate(api.base, request, out=tmp_path, display=Display(shown := io.StringIO()))
        )
        await api.polled.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert api.view()["status"] == "cancelled"
    assert shown.getvalue().endswith(f"Cancelled job {JOB}\n")
    assert len({headers["Idempotency-Key"] for _, headers in api.requests}) == 1
