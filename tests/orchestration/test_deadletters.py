"""Dead letters: looking, sending back, and noticing messages that died without us."""

import asyncio
import json
from typing import Any

import pytest

from orchestration.adapters.memory import MemoryJobStore
from orchestration.controller import ContentArchitectController as Controller
from orchestration.handlers import jobs as controller_jobs
from orchestration.jobs import JobStatus, StoredJob
from orchestration.management.audit import Actor
from orchestration.management.letter_errors import LetterErrors
from orchestration.management.letters import DeadLetter, Meaning, meaning
from orchestration.management.redrive import parse_redrive
from orchestration.messages import Delivery
from orchestration.outcomes import DeadLetter as Refused
from tests.orchestration.crashing import Died, Fuse, Mortal
from tests.orchestration.support import REQUEST, START, World, body_of, message, new_job, stored
from tests.orchestration.test_reruns import WRITER, audited, broken, failed_job

JOB = new_job().job_id
ACTOR = Actor(tenant="local")
REDRIVE_ALL = parse_redrive({"queue": "content-jobs", "all": True})


def letter(delivery: Delivery, number: int = 1, reason: str = "MaxDeliveryCountExceeded") -> DeadLetter:
    return DeadLetter(
        sequence_number=number, delivery=delivery, reason=reason, description="5 attempts", enqueued_at=START
    )


def wake_up(job_id: str = JOB, dispatch: int = 1, number: int = 1, **parts: Any) -> DeadLetter:
    return letter(message({"jobId": job_id}, message_id=f"{job_id}:{dispatch}"), number, **parts)


def bury(world: World) -> list[DeadLetter]:
    """Move what the broker gave up to the dead-letter queue."""
    start = len(world.letters.letters)
    letters = [letter(delivery, start + number + 1) for number, delivery in enumerate(world.dead)]
    world.dead.clear()
    world.letters.letters += letters
    return letters


async def redrive(world: World, **body: Any) -> Any:
    data = json.dumps({"queue": "content-jobs", **body}).encode()
    return await world.call(controller_jobs.redrive, "POST", body=data)


# ---------------------------------------------------------------- the rule


@pytest.mark.parametrize(
    ("job", "dead", "expected"),
    [
        ({}, wake_up(), Meaning.FAILED),
        ({}, wake_up(reason="TTLExpiredException"), Meaning.RUN_AGAIN),
        ({"dispatch": 2}, wake_up(), Meaning.NOTHING),
        ({"dispatch": 2}, wake_up(dispatch=2), Meaning.FAILED),
        ({"status": JobStatus.PROCESSING, "lease_owner": "somebody"}, wake_up(), Meaning.NOTHING),
        ({"status": JobStatus.COMPLETED}, wake_up(), Meaning.NOTHING),
        ({}, letter(message({"type": "content_generation", "request": {}, "jobId": JOB})), Meaning.NOTHING),
        ({}, letter(message(b"{")), Meaning.NOTHING),
    ],
)
def test_only_the_message_that_carries_an_idle_job_means_something(
    job: dict[str, Any], dead: DeadLetter, expected: Meaning
) -> None:
    assert meaning(dead, stored(new_job(**job))) is expected


def test_the_dispatch_is_read_from_our_own_message_ids_only() -> None:
    ids = {f"{JOB}:7": 7, f"{JOB}:7:later:ab": 7, "order-12": 1, f"{JOB}": 1, f"{JOB}:x": 1}
    for message_id, dispatch in ids.items():
        assert letter(message({"jobId": JOB}, message_id=message_id)).dispatch == dispatch


# ---------------------------------------------------------------- looking


async def test_letters_are_shown_queue_by_queue_and_page_by_page() -> None:
    world = World()
    for number, queue in enumerate(["content-jobs", "content-jobs-low", "content-jobs-high", "content-jobs"]):
        delivery = message({"jobId": JOB}, message_id=f"{JOB}:{number}", queue=queue)
        world.letters.letters.append(letter(delivery, number + 1))
    seen, query = [], {"pageSize": "1"}
    while True:
        body = body_of(await world.call(controller_jobs.dead_letters, query=query))
        seen += [(item["queue"], item["sequenceNumber"]) for item in body["value"]]
        if "nextLink" not in body:
            break
        query = {"pageSize": "1", "cursor": body["nextLink"].split("cursor=")[1]}
    assert seen == [
        ("content-jobs-high", 3),
        ("content-jobs", 1),
        ("content-jobs", 4),
        ("content-jobs-low", 2),
    ]


async def test_a_letter_shows_its_job_and_why_it_died_and_any_body() -> None:
    world = World()
    world.letters.letters += [wake_up(), letter(message(b"\xff\xfe", message_id="odd"), 2)]
    first, second = body_of(await world.call(controller_jobs.dead_letters))["value"]
    assert (first["jobId"], first["reason"]) == (JOB, "MaxDeliveryCountExceeded")
    assert (second["jobId"], second["body"]) == (None, "//4=")


async def refused(world: World, body: object, number: int = 1, **properties: Any) -> str:
    """Have a message refused and buried; the reason that was given."""
    delivery = message(body, message_id=f"order-{number}", **properties)
    outcome = await world.app.processor.process(delivery)
    assert isinstance(outcome, Refused)
    world.letters.letters.append(letter(delivery, number))
    return outcome.reason


async def errors_shown(world: World) -> list[Any]:
    shown = body_of(await world.call(controller_jobs.dead_letters))["value"]
    return [item.get("error") for item in shown]


def message_refused(reason: str) -> dict[str, Any]:
    return {"code": "message_refused", "message": reason, "step": None, "retryable": False}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"not json", "JSON"),
        ({"jobId": "mine"}, "/jobId should be a UUID"),
        ({"type": "content_generation", "request": {}}, "/topic"),
    ],
    ids=["not readable", "no job", "a request that does not hold"],
)
async def test_a_refused_message_shows_why(body: object, says: str) -> None:
    world = World()
    reason = await refused(world, body)
    assert says in reason
    assert [message_refused(reason)] == await errors_shown(world)


@pytest.mark.parametrize("produced", [True, False], ids=["a producer's message", "our own wake-up"])
async def test_the_letter_of_a_failed_job_shows_what_the_job_failed_of(produced: bool) -> None:
    world = World()
    if produced:
        world.steps.behaviours[WRITER] = broken
        delivery = message({"type": "content_generation", "request": REQUEST}, message_id="order-1")
        assert isinstance(await world.app.processor.process(delivery), Refused)
        world.letters.letters.append(letter(delivery))
        (job_id,) = world.store._rows
        job = await world.job(job_id)
    else:
        job = await failed_job(world)
        bury(world)
    (error,) = await errors_shown(world)
    assert body_of(await world.call(Controller.job, route={"jobId": job.job_id}))["error"] == error
    assert ("broken", "optimize_content") == (error["code"], error["step"])


async def test_a_letter_of_which_no_row_tells_shows_no_error() -> None:
    """Dead-lettered by hand, of a deleted job, or older than the audit rows."""
    world = World()
    produced = message({"type": "content_generation", "request": REQUEST}, message_id="order-2")
    world.letters.letters += [letter(message(b"{")), wake_up(number=2), letter(produced, 3)]
    assert [None, None, None] == await errors_shown(world)


async def test_the_same_id_of_another_body_or_another_tenant_is_another_message() -> None:
    world = World()
    first = await refused(world, b"not json")
    second = await refused(world, b'{"jobId": 7}')
    assert [message_refused(first), message_refused(second)] == await errors_shown(world)
    assert first != second
    world.letters.letters = [letter(message(b"not json", message_id="order-1", tenantId="mine"))]
    page = await world.app.jobs.letters.errors(Actor(tenant="mine"), world.letters.letters)
    assert [None] == page


async def test_a_letter_that_names_a_foreign_job_tells_nothing_of_it() -> None:
    world = World()
    job = await failed_job(world)
    naming = message({"type": "content_generation", "request": {}, "jobId": job.job_id}, tenantId="mine")
    letters = [of_tenant("mine", 1, job.job_id), letter(naming, 2)]
    service = world.app.jobs.letters
    assert [None, None] == await service.errors(Actor(tenant="mine"), letters)
    assert job.error == (await service.errors(Actor(tenant="ops", everywhere=True), letters))[0]


async def test_letters_of_a_page_are_looked_up_side_by_side() -> None:
    world = World()
    together = asyncio.Barrier(50)
    reads: list[str] = []

    class Watched(MemoryJobStore):
        async def read_job(self, job_id: str) -> StoredJob | None:
            reads.append(job_id)
            await together.wait()
            return await world.store.read_job(job_id)

    looked = LetterErrors(store=Watched(world.clock), default_tenant="local")
    await looked.of(ACTOR, [wake_up(number=number) for number in range(50)])
    assert 50 == len(reads)


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ({"queue": "content-callbacks"}, "/queue"),
        ({"pageSize": "x"}, "/pageSize"),
        ({"cursor": "QQ"}, "/cursor"),
        ({"page": "2"}, "/page"),
    ],
)
async def test_wrong_questions_are_named(query: dict[str, str], pointer: str) -> None:
    reply = await World().call(controller_jobs.dead_letters, query=query)
    assert (reply.status, [e["pointer"] for e in body_of(reply)["errors"]]) == (422, [pointer])


# ---------------------------------------------------------------- redrive


@pytest.mark.parametrize("choice", ["all", "jobIds", "sequenceNumbers"])
async def test_redrive_sends_a_failed_job_back_and_removes_its_letter(choice: str) -> None:
    world = World()
    job = await failed_job(world)
    (dead,) = bury(world)
    asked = {"all": True, "jobIds": [job.job_id], "sequenceNumbers": [dead.sequence_number]}
    reply = await redrive(world, **{choice: asked[choice]})
    assert body_of(reply) == {"redriven": [job.job_id], "removed": 0, "purged": 0, "left": [], "more": False}
    assert world.letters.letters == []
    assert ("redrive", job.job_id) in audited(world)
    await world.work()
    assert (await world.job(job.job_id)).status is JobStatus.COMPLETED


async def test_letters_that_were_not_asked_for_stay() -> None:
    world = World()
    await failed_job(world)
    bury(world)
    for asked in ({"jobIds": [JOB]}, {"sequenceNumbers": [77]}):
        assert body_of(await redrive(world, **asked))["redriven"] == []
    assert len(world.letters.letters) == 1


async def test_the_letter_of_a_job_that_is_not_failed_any_more_is_only_removed() -> None:
    world = World()
    job = await failed_job(world)
    bury(world)
    await world.app.jobs.management.retry(ACTOR, job.job_id)
    reply = body_of(await redrive(world, all=True))
    assert (reply["redriven"], reply["removed"]) == ([], 1)
    await world.work()
    assert (await world.job(job.job_id)).retries == 1


async def test_malformed_letters_stay_unless_they_are_to_be_purged() -> None:
    world = World()
    world.letters.letters += [
        letter(message(b"not json"), 1),
        letter(message({"type": "content_generation", "request": {}}, message_id="m-2"), 2),
    ]
    left = body_of(await redrive(world, all=True))
    assert [item["sequenceNumber"] for item in left["left"]] == [1, 2]
    assert body_of(await redrive(world, all=True, purgeMalformed=True))["purged"] == 2
    assert world.letters.letters == []
    assert [action for action, _ in audited(world)].count("purge") == 2


async def test_a_producer_that_names_a_job_of_others_does_not_send_it_back() -> None:
    world = World()
    job = await failed_job(world)
    foreign = {"type": "content_generation", "request": {}, "jobId": job.job_id}
    world.letters.letters.append(letter(message(foreign, message_id="m-9"), 9))
    assert [i["sequenceNumber"] for i in body_of(await redrive(world, all=True))["left"]] == [9]
    assert (await world.job(job.job_id)).status is JobStatus.FAILED


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"all": True, "jobIds": [JOB]},
        {"all": False},
        {"jobIds": ["no id"]},
        {"sequenceNumbers": []},
        {"sequenceNumbers": list(range(1001))},
        {"all": True, "queue": "content-callbacks"},
        {"all": True, "force": True},
    ],
)
async def test_a_redrive_that_does_not_hold_is_refused(body: dict[str, Any]) -> None:
    assert (await redrive(World(), **body)).status == 422


async def test_a_redrive_cut_off_anywhere_can_be_repeated() -> None:
    for writes in range(40):
        fuse = Fuse()
        world = World()
        world.app = world.instance("one", store=Mortal(world.store, fuse), queue=Mortal(world.queue, fuse))
        job = await failed_job(world)
        bury(world)
        fuse.light(writes)
        try:
            await world.app.jobs.letters.redrive(ACTOR, REDRIVE_ALL)
        except Died:
            died = True
            assert len(world.letters.letters) == 1, f"write {writes}"
        else:
            died = False
        fuse.put_out()
        await world.app.jobs.letters.redrive(ACTOR, REDRIVE_ALL)
        world.clock.advance(61)
        await world.app.sweeper.sweep()
        await world.work()
        ended = await world.job(job.job_id)
        assert (ended.status, ended.retries) == (JobStatus.COMPLETED, 1), f"write {writes}"
        assert world.letters.letters == []
        assert world.store.active() == []
        if not died:
            return
    pytest.fail("the redrive has more than 40 writes")


# ---------------------------------------------------------------- reconciliation


async def look(world: World) -> int:
    """The look of a minute later; the very first one only takes the time."""
    await world.app.jobs.letters.reconcile()
    world.clock.advance(61)
    return await world.app.jobs.letters.reconcile()


async def test_a_job_whose_message_died_without_us_fails_and_can_be_redriven() -> None:
    world = World()
    job = (await world.submit()).job
    dead = world.queue.take()
    assert dead is not None
    world.letters.letters.append(wake_up(job.job_id))
    assert await look(world) == 1
    failed = await world.job(job.job_id)
    assert (failed.status, failed.dead_lettered) == (JobStatus.FAILED, True)
    assert failed.error is not None
    assert failed.error.code == "message_dead_lettered"
    assert world.store.active() == []
    assert len(world.letters.letters) == 1
    assert body_of(await redrive(world, all=True))["redriven"] == [job.job_id]


async def test_a_job_whose_message_expired_is_sent_again_and_its_letter_goes() -> None:
    world = World()
    job = (await world.submit()).job
    world.queue.take()
    world.letters.letters.append(wake_up(job.job_id, reason="TTLExpiredException"))
    assert await look(world) == 1
    assert world.letters.letters == []
    await world.work()
    assert (await world.job(job.job_id)).status is JobStatus.COMPLETED


async def test_letters_are_looked_at_once_a_minute_and_from_the_beginning_once_an_hour() -> None:
    world = World()
    looks: list[int] = []
    peek = world.letters.peek

    async def watched(queue: str, *, after: int, limit: int) -> list[DeadLetter]:
        if queue == "content-jobs":
            looks.append(after)
        return await peek(queue, after=after, limit=limit)

    world.letters.peek = watched  # type: ignore[method-assign]
    world.letters.letters.append(wake_up(number=40))
    for _ in range(2 * 60):
        await world.app.jobs.letters.reconcile()
        world.clock.advance(31)
    assert looks.count(0) == 2
    assert set(looks) == {0, 40}
    assert len(looks) in range(58, 62)


# ---------------------------------------------------------------- tenants


def of_tenant(tenant: str, number: int, job_id: str = JOB) -> DeadLetter:
    return letter(message({"jobId": job_id}, message_id=f"{job_id}:{number}", tenantId=tenant), number)


async def test_a_page_shows_letters_of_one_tenant_however_many_others_lie_between(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World()
    world.letters.letters = [of_tenant("mine" if n % 40 == 0 else "theirs", n) for n in range(1, 401)]
    seen: list[int] = []
    place: tuple[str, int] | None = ("content-jobs", 0)
    while place:
        page = await world.app.jobs.letters.page(Actor(tenant="mine"), ("content-jobs",), place, 3)
        seen += [letter.sequence_number for letter in page.letters]
        place = page.place
    assert seen == list(range(40, 401, 40))
    monkeypatch.setattr("orchestration.management.deadletters.MOST_PEEKED", 50)
    page = await world.app.jobs.letters.page(Actor(tenant="mine"), ("content-jobs",), ("content-jobs", 0), 3)
    assert [letter.sequence_number for letter in page.letters] == [40]
    assert page.place == ("content-jobs", 50)
    everywhere = Actor(tenant="local", everywhere=True)
    page = await world.app.jobs.letters.page(everywhere, ("content-jobs",), ("content-jobs", 0), 3)
    assert [letter.sequence_number for letter in page.letters] == [1, 2, 3]


async def test_a_redrive_leaves_letters_of_other_tenants_as_if_they_were_not_there() -> None:
    world = World()
    job = await failed_job(world)
    (theirs,) = bury(world)
    assert theirs.delivery.properties["tenantId"] == "local"
    mine = of_tenant("mine", 77)
    malformed = letter(message(b"{", tenantId="mine"), 78)
    world.letters.letters += [mine, malformed]
    me = Actor(tenant="mine")
    for body in (
        {"sequenceNumbers": [theirs.sequence_number]},
        {"jobIds": [job.job_id]},
    ):
        request = parse_redrive({"queue": "content-jobs", **body})
        found = await world.app.jobs.letters.redrive(me, request)
        assert found == {"redriven": [], "removed": 0, "purged": 0, "left": [], "more": False}
    request = parse_redrive({"queue": "content-jobs", "all": True, "purgeMalformed": True})
    found = await world.app.jobs.letters.redrive(me, request)
    assert (found["redriven"], found["removed"], found["purged"]) == ([], 1, 1)
    assert world.letters.letters == [theirs]
    assert (await world.job(job.job_id)).status is JobStatus.FAILED


async def test_a_message_that_names_a_foreign_job_wakes_nobody_up() -> None:
    """A producer may write any tenant and any job into its message: the job's own tenant decides."""
    world = World()
    job = await failed_job(world)
    world.letters.letters = [of_tenant("mine", 5, job.job_id)]
    found = await world.app.jobs.letters.redrive(Actor(tenant="mine"), REDRIVE_ALL)
    assert (found["redriven"], found["removed"]) == ([], 1)
    assert (await world.job(job.job_id)).status is JobStatus.FAILED
