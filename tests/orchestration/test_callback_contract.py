"""What callbacks stand on, twin and adapter alike: rows under ETags, the sender, and a delivery on real tables."""

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest

from orchestration.adapters.callback_http import LIMITS, HttpCallbackSender
from orchestration.adapters.guarded_http import GuardedClient
from orchestration.adapters.memory import MemoryJobStore, MemoryQueue
from orchestration.adapters.memory_callbacks import MemoryCallbackSender
from orchestration.callbacks import Callback, CallbackAnswer, CallbackSender, CallbackStatus
from orchestration.checkpoints import Row, event_key
from orchestration.connections import Outside
from orchestration.errors import AddressRefused, RowConflict
from orchestration.jobs import Job, JobStatus
from orchestration.messages import Delivery
from orchestration.outcomes import Completed, RetryLater
from orchestration.ports import JobStore
from orchestration.webhooks.secrets import WebhookSecrets
from orchestration.webhooks.service import CallbackService
from tests.orchestration.receiver import Receiver, receiving
from tests.orchestration.support import FakeClock, new_job
from tests.orchestration.test_callbacks import update
from tests.orchestration.test_webhooks import accepts

USES_SERVICES = True


@pytest.fixture(params=["memory", "azure"])
def store(request: pytest.FixtureRequest) -> JobStore:
    if request.param == "memory":
        return MemoryJobStore(FakeClock())
    outside: Outside = request.getfixturevalue("outside")
    return outside.store


def row(text: str, key: str = "callback|00000004") -> Row:
    return Row(key=key, values={"text": text, "number": 3})


@pytest.mark.parametrize("name", ["jobs", "secrets", "workflows"])
async def test_a_row_is_replaced_with_others_if_it_is_unchanged(store: JobStore, name: str) -> None:
    table, partition = store.table(name), uuid.uuid4().hex
    assert await table.read_tagged(partition, row("").key) is None
    await table.insert(partition, [row("first")])
    first = await table.read_tagged(partition, row("").key)
    assert first is not None
    assert first.row == row("first")
    other = row("other", "callback|00000004|0001")
    await table.replace(partition, row("second"), etag=first.etag, also=[other])
    with pytest.raises(RowConflict):
        await table.replace(partition, row("third"), etag=first.etag, also=[row("none", "callback|9")])
    with pytest.raises(RowConflict):
        await table.replace(partition, row("x", "callback|7"), etag=first.etag)
    found = await table.between(partition, after="callback|", before="callback}", limit=10)
    assert found == [row("second"), other]


async def test_callbacks_lie_beside_their_jobs_events_and_go_with_them(store: JobStore) -> None:
    job = new_job(job_id=str(uuid.uuid4()))
    event = Row(key=event_key(4), values={"body": update().to_json()})
    await store.insert_job(job, [event, Callback.of(job, update()).to_row()])
    found = await store.table("jobs").between(job.job_id, after="callback|", before="callback}", limit=10)
    assert [Callback.from_row(each) for each in found] == [Callback.of(job, update())]
    assert len(await store.read_events(job.job_id, after=0, limit=10)) == 1
    await store.delete_rows(job.job_id)
    assert await store.table("jobs").read(job.job_id, found[0].key) is None


# ---------------------------------------------------------------- the sender


@dataclass
class Line:
    """A sender under contract, an address that it may call, and how to see and answer its calls."""

    sender: CallbackSender
    url: str
    receiver: Receiver | MemoryCallbackSender

    def will_answer(self, status: int, **headers: str) -> None:
        if isinstance(self.receiver, Receiver):
            self.receiver.answers.append((status, {"retry-after": headers.get("retry_after", "")}))
            return
        error = "" if status < 300 else f"status {status}"
        wait = float(headers["retry_after"]) if headers else None
        self.receiver.answers.append(CallbackAnswer(status=status, error=error, retry_after=wait))

    def received(self) -> list[tuple[bytes, dict[str, str]]]:
        if isinstance(self.receiver, Receiver):
            return self.receiver.received
        return [(body, headers) for _, body, headers in self.receiver.sent]


@pytest.fixture(params=["memory", "http"])
async def line(request: pytest.FixtureRequest) -> AsyncIterator[Line]:
    if request.param == "memory":
        memory = MemoryCallbackSender(refused={"inside.example"})
        yield Line(sender=memory, url="https://example.org/hook", receiver=memory)
        return

    async def resolve(host: str, port: int) -> list[str]:
        del port
        return [host if host[0].isdigit() else "10.0.0.7"]

    with receiving() as receiver:
        client = GuardedClient(
            user_agent="Test/1", limits=LIMITS, resolve=resolve, loopback=frozenset({"127.0.0.1"})
        )
        sender = HttpCallbackSender(client, FakeClock())
        yield Line(sender=sender, url=receiver.url, receiver=receiver)
        await sender.close()


async def test_a_call_hands_over_body_and_headers_and_gives_the_status(line: Line) -> None:
    await line.sender.check(line.url)
    line.will_answer(200)
    line.will_answer(503, retry_after="30")
    line.will_answer(302)
    body = '{"type":"job.ö"}'.encode()
    answers = [await line.sender.post(line.url, body, {"webhook-id": f"a.{n}"}) for n in range(3)]
    assert [(a.status, a.accepted, a.retry_after, a.error) for a in answers] == [
        (200, True, None, ""),
        (503, False, 30.0, "status 503"),
        (302, False, None, "status 302"),
    ]
    assert [(sent, headers["webhook-id"]) for sent, headers in line.received()] == [
        (body, f"a.{n}") for n in range(3)
    ]


async def test_an_address_that_may_not_be_called_is_not(line: Line) -> None:
    with pytest.raises(AddressRefused):
        await line.sender.check("https://inside.example/")
    answer = await line.sender.post("https://inside.example/", b"{}", {})
    assert (answer.status, answer.accepted, bool(answer.error)) == (None, False, True)
    assert line.received() == []


async def test_a_receiver_that_is_not_there_is_an_answer() -> None:
    with receiving() as receiver:
        url = receiver.url
    client = GuardedClient(user_agent="Test/1", limits=LIMITS, loopback=frozenset({"127.0.0.1"}))
    sender = HttpCallbackSender(client, FakeClock())
    answer = await sender.post(url, b"{}", {})
    assert (answer.status, answer.error) == (None, "ConnectError")
    await sender.close()


# ---------------------------------------------------------------- a delivery


async def owed(outside: Outside, url: str) -> Job:
    job = new_job(
        job_id=str(uuid.uuid4()),
        tenant=uuid.uuid4().hex,
        status=JobStatus.COMPLETED,
        callback_url=url,
        sequence=4,
    )
    await outside.store.insert_job(job, [Callback.of(job, update()).to_row()])
    return job


async def test_a_delivery_on_real_tables_retries_and_ends(outside: Outside) -> None:
    with receiving() as receiver:
        clock = FakeClock()
        client = GuardedClient(user_agent="Test/1", limits=LIMITS, loopback=frozenset({"127.0.0.1"}))
        sender = HttpCallbackSender(client, clock)
        secrets = WebhookSecrets(store=outside.store, clock=clock)
        service = CallbackService(
            store=outside.store,
            queue=MemoryQueue(),  # others read the broker of these tests
            sender=sender,
            secrets=secrets,
            clock=clock,
            max_delivery_count=5,
        )
        job = await owed(outside, receiver.url)
        body = f'{{"jobId":"{job.job_id}","sequence":4}}'.encode()
        wake = Delivery(queue="content-callbacks", message_id="m", delivery_count=1, body=body)
        receiver.answers.append((500, {}))
        assert await service.deliver(wake) == RetryLater(5.25)
        assert await service.deliver(replace(wake, delivery_count=2)) == Completed("sent again")
        clock.advance(6)
        assert await service.deliver(wake) == Completed("the callback is delivered")
        ((callback, tries),) = await service.deliveries(job)
        await sender.close()
    assert (callback.status, [t.status for t in tries]) == (CallbackStatus.DELIVERED, [500, 200])
    (secret,) = await secrets.in_use(job.tenant)
    for received, headers in receiver.received:
        assert accepts(secret, headers, received)
        assert received.decode() == Callback.of(job, update()).body
    assert len({headers["webhook-id"] for _, headers in receiver.received}) == 1


async def test_workflows_keep_their_versions_in_real_tables(outside: Outside) -> None:
    from layers.catalog import CATALOG
    from orchestration.management.audit import Actor, AuditTrail
    from orchestration.management.estimates import Estimates
    from orchestration.management.job_statistics import StatisticsService
    from orchestration.workflow.service import WorkflowService
    from orchestration.workflow.store import WorkflowStore
    from tests.orchestration.test_custom_workflows import STEPS, definition, step

    clock, me = FakeClock(), Actor(tenant=uuid.uuid4().hex)
    audit = AuditTrail(store=outside.store, clock=clock)
    statistics = StatisticsService(store=outside.store, clock=clock)
    workflows = WorkflowService(
        store=WorkflowStore(store=outside.store),
        audit=audit,
        clock=clock,
        catalog=CATALOG,
        estimates=Estimates(statistics=statistics, clock=clock),
    )
    many = definition(*STEPS, step("intent", "queryIntentAnalyzer"))
    await workflows.create(me, definition(id="mine"))
    await workflows.update(me, "mine", many)
    assert len((await workflows.get(me.tenant, "mine")).definition.steps) == 4
    await workflows.activate(me, "mine", None)
    assert len((await workflows.get(me.tenant, "mine")).definition.steps) == 5
    assert [head.id for head in await workflows.of_tenant(me.tenant)] == ["mine"]
    await workflows.delete(me, "mine")
    assert await workflows.of_tenant(me.tenant) == []
