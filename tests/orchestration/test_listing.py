"""Listings: pages, filters and cursors."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.errors import InvalidRequest, StorageUnavailable
from orchestration.handlers import jobs as controller_jobs
from orchestration.jobs import Job, JobStatus, Priority, moment, stamp
from orchestration.management.job_index import JobIndex
from orchestration.management.listing import CursorKey, parse_query
from tests.orchestration.support import START, World, body_of, new_job

KEY = CursorKey(secret=b"secret", tenant="local")
LABELS = st.sampled_from(["a", "b", "a/b #?", "'quoted'"])


@st.composite
def jobs(draw: st.DrawFn) -> list[Job]:
    """Ended jobs, several created in the same millisecond."""
    made = []
    for number in range(draw(st.integers(0, 25))):
        created = START + timedelta(milliseconds=draw(st.integers(0, 8)))
        made.append(
            new_job(
                job_id=f"018f3c5e-0000-7000-8000-{number:012d}",
                status=draw(st.sampled_from([s for s in JobStatus if s.terminal])),
                type=draw(st.sampled_from(["content_generation", "research_generation"])),
                priority=draw(st.sampled_from(list(Priority))),
                user_id=draw(st.none() | LABELS),
                project_id=draw(st.none() | LABELS),
                tags=draw(st.lists(LABELS, max_size=2).map(tuple)),
                created_at=stamp(created),
            )
        )
    return made


QUESTIONS = st.fixed_dictionaries(
    {},
    optional={
        "status": st.sampled_from(["completed", "failed", "cancelled"]),
        "type": st.sampled_from(["content_generation", "research_generation"]),
        "priority": st.sampled_from([p.value for p in Priority]),
        "userId": LABELS,
        "projectId": LABELS,
        "tag": LABELS,
        "createdAfter": st.integers(0, 8).map(lambda ms: stamp(START + timedelta(milliseconds=ms))),
        "createdBefore": st.integers(0, 8).map(lambda ms: stamp(START + timedelta(milliseconds=ms))),
    },
)


def wanted(job: Job, question: dict[str, str]) -> bool:
    """The filters once more, said plainly."""
    labels = {
        "status": job.status.value,
        "type": job.type,
        "priority": job.priority.value,
        "userId": job.user_id,
        "projectId": job.project_id,
    }
    return (
        all(question[name] == value for name, value in labels.items() if name in question)
        and ("tag" not in question or question["tag"] in job.tags)
        and ("createdAfter" not in question or job.created_at >= question["createdAfter"])
        and ("createdBefore" not in question or job.created_at < question["createdBefore"])
    )


async def follow(world: World, query: dict[str, str]) -> list[list[str]]:
    """The pages of a listing, by following ``nextLink`` to its end."""
    pages = []
    while True:
        reply = await world.call(controller_jobs.list_jobs, query=query)
        assert reply.status == 200, reply.body
        body = body_of(reply)
        pages.append([job["jobId"] for job in body["value"]])
        if "nextLink" not in body:
            return pages
        query = dict(parse_qsl(urlsplit(body["nextLink"]).query))


@settings(max_examples=30)
@given(made=jobs(), question=QUESTIONS, size=st.integers(1, 9))
def test_following_the_links_gives_every_wanted_job_once_and_newest_first(
    made: list[Job], question: dict[str, str], size: int
) -> None:
    async def run() -> list[list[str]]:
        world = World()
        for job in made:
            await JobIndex(store=world.store).finish(job)
        return await follow(world, {**question, "pageSize": str(size)})

    pages = asyncio.run(run())
    newest_first = sorted(made, key=lambda job: (-moment(job.created_at).timestamp(), job.job_id))
    assert [job.job_id for job in newest_first if wanted(job, question)] == [
        i for page in pages for i in page
    ]
    assert all(len(page) == size for page in pages[:-1])


@given(st.text(max_size=30), st.lists(st.tuples(st.text(max_size=5), st.text(max_size=5)), max_size=3))
def test_a_cursor_gives_back_its_place(place: str, parameters: list[tuple[str, str]]) -> None:
    assert KEY.place(parameters, KEY.sign(parameters, place)) == place


@given(st.text(max_size=60))
def test_a_made_up_cursor_is_refused_and_named(cursor: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        KEY.place([], cursor)
    assert [error.pointer for error in refused.value.errors] == ["/cursor"]


def test_a_cursor_is_refused_for_another_tenant_question_or_place() -> None:
    cursor = KEY.sign([("status", "failed")], "place")
    others = [
        (CursorKey(secret=b"secret", tenant="other"), [("status", "failed")], cursor),
        (CursorKey(secret=b"another", tenant="local"), [("status", "failed")], cursor),
        (KEY, [("status", "completed")], cursor),
        (KEY, [], cursor),
        (KEY, [("status", "failed")], ("B" if cursor[0] == "A" else "A") + cursor[1:]),
    ]
    for key, parameters, given_cursor in others:
        with pytest.raises(InvalidRequest):
            key.place(parameters, given_cursor)


@pytest.mark.parametrize(
    ("query", "pointers"),
    [
        ({"status": "done"}, ["/status"]),
        ({"pageSize": "0"}, ["/pageSize"]),
        ({"pageSize": "201"}, ["/pageSize"]),
        ({"pageSize": "٣"}, ["/pageSize"]),
        ({"createdAfter": "yesterday", "priority": "1"}, ["/createdAfter", "/priority"]),
        ({"createdBefore": "2026-11-22T12:00:00"}, ["/createdBefore"]),
        ({"createdBefore": "9999-12-31T23:59:59Z"}, ["/createdBefore"]),
        ({"createdBefore": "0001-01-01T00:00:00+23:00"}, ["/createdBefore"]),
        ({"tag": ""}, ["/tag"]),
        ({"userid": "me"}, ["/userid"]),
        ({"cursor": "somewhere-else"}, ["/cursor"]),
    ],
)
async def test_wrong_parameters_are_named(query: dict[str, str], pointers: list[str]) -> None:
    reply = await World().call(controller_jobs.list_jobs, query=query)
    assert (reply.status, [e["pointer"] for e in body_of(reply)["errors"]]) == (422, pointers)


async def test_a_job_is_listed_from_its_submission_with_the_status_of_its_row() -> None:
    world = World()
    job = (await world.submit(userId="ann", tags=["t"])).job
    for status, page in (("queued", [job.job_id]), ("processing", []), ("completed", [])):
        assert await follow(world, {"status": status, "userId": "ann", "tag": "t"}) == [page]
    await world.work()
    assert await follow(world, {"status": "queued"}) == [[]]
    assert await follow(world, {"status": "completed", "userId": "ann"}) == [[job.job_id]]
    assert await follow(world, {}) == [[job.job_id]]
    shown = body_of(await world.call(controller_jobs.list_jobs))["value"][0]
    assert (shown["status"], shown["metadata"]["userId"]) == ("completed", "ann")


async def test_another_tenant_sees_nothing() -> None:
    world = World()
    await world.submit()
    query = parse_query({}, CursorKey(secret=b"", tenant="other"))
    page = await world.app.jobs.management.page("other", query)
    assert (page.jobs, page.place) == ((), None)


async def test_a_late_index_row_of_the_submission_does_not_hide_the_end() -> None:
    world = World()
    job = (await world.submit()).job
    await world.work()
    await JobIndex(store=world.store).add(job)
    assert await follow(world, {"status": "completed"}) == [[job.job_id]]


async def test_jobs_that_wait_are_listed_newest_first_page_by_page() -> None:
    world = World()
    made = []
    for _ in range(5):
        made.append((await world.submit()).job.job_id)
        world.clock.advance(1)
    assert await follow(world, {"status": "queued", "pageSize": "2"}) == [
        made[4:2:-1],
        made[2:0:-1],
        made[:1],
    ]


async def test_a_rare_filter_answers_after_a_bounded_scan_and_goes_on_by_cursor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("orchestration.management.job_listing.MAX_SCANNED", 10)
    monkeypatch.setattr("orchestration.management.job_listing._CHUNK", 5)
    world = World()
    for number in range(30):
        done = new_job(
            job_id=str(UUID(int=number)), status=JobStatus.COMPLETED, tags=("rare",) if number == 0 else ()
        )
        created = stamp(START + timedelta(seconds=number))
        await JobIndex(store=world.store).finish(replace(done, created_at=created))
    pages = await follow(world, {"tag": "rare", "pageSize": "3"})
    assert len(pages) > 1
    assert [job for page in pages for job in page] == [str(UUID(int=0))]


async def test_a_submission_is_accepted_while_the_index_cannot_be_written() -> None:
    world = World()

    class Down:
        def __getattr__(self, name: str) -> Any:
            async def fail(*_: object, **__: object) -> None:
                raise StorageUnavailable("down")

            return fail

    tables = world.store._tables
    tables["jobindex"] = tables["audit"] = Down()  # type: ignore[assignment]
    job = (await world.submit()).job
    tables.clear()
    await world.work()
    assert await follow(world, {"status": "completed"}) == [[job.job_id]]
