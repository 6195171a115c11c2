"""A thread that outlives its step is counted, keeps its place in the pool, and its result goes nowhere."""

import asyncio
import threading
from concurrent.futures import Future

import pytest

from orchestration.jobs import Priority
from orchestration.step_threads import GRACE_SECONDS, StepThreads, working_for


@pytest.fixture
async def pool() -> StepThreads:
    threads = StepThreads(2)
    asyncio.get_running_loop().set_default_executor(threads)
    return threads


async def test_work_is_done_and_nobody_is_abandoned(pool: StepThreads) -> None:
    assert await asyncio.gather(*(asyncio.to_thread(pow, 2, n) for n in range(5))) == [1, 2, 4, 8, 16]
    with pytest.raises(ZeroDivisionError):
        await asyncio.to_thread(divmod, 1, 0)
    assert (pool.abandoned, pool.circuit()) == (0, "closed")


async def test_a_pool_whose_threads_are_all_lost_is_open(pool: StepThreads) -> None:
    go_on = threading.Event()
    for _ in range(2):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await asyncio.to_thread(go_on.wait, 10)
    assert (pool.abandoned, pool.circuit()) == (2, "open")
    go_on.set()
    pool.shutdown(wait=True)
    assert pool.circuit() == "closed"


async def test_a_thread_whose_step_ran_out_of_time_is_counted_until_it_ends(
    pool: StepThreads, caplog: pytest.LogCaptureFixture
) -> None:
    go_on, begun, ended = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        go_on.wait(10)
        ended.set()

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await asyncio.to_thread(work)
    assert begun.is_set()
    assert (pool.abandoned, pool.circuit()) == (1, "half_open")
    assert "a step's thread is abandoned" in caplog.messages
    assert await asyncio.to_thread(pow, 2, 3) == 8, "the other thread is free"
    go_on.set()
    assert await asyncio.to_thread(ended.wait, 10)
    pool.shutdown(wait=True)
    assert pool.abandoned == 0


async def test_work_that_has_not_begun_is_taken_back(pool: StepThreads) -> None:
    go_on = threading.Event()
    busy = [asyncio.ensure_future(asyncio.to_thread(go_on.wait, 10)) for _ in range(2)]
    waiting = asyncio.ensure_future(asyncio.to_thread(pytest.fail, "was taken back"))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    go_on.set()
    assert await asyncio.gather(*busy) == [True, True]
    assert pool.abandoned == 0


def submitted(pool: StepThreads, priority: Priority, name: str, order: list[str]) -> "Future[None]":
    with working_for(priority):
        return pool.submit(order.append, name)


def test_what_is_more_urgent_begins_first_and_equals_in_the_order_they_came() -> None:
    pool, go_on, order = StepThreads(1), threading.Event(), list[str]()
    pool.submit(go_on.wait, 10)
    futures = [
        submitted(pool, priority, f"{priority} {number}", order)
        for number in (1, 2)
        for priority in (Priority.LOW, Priority.NORMAL, Priority.URGENT, Priority.HIGH)
    ]
    futures.append(pool.submit(order.append, "no job"))
    go_on.set()
    for future in futures:
        future.result(10)
    assert order == [
        "urgent 1", "urgent 2", "no job", "high 1", "high 2", "normal 1", "normal 2", "low 1", "low 2",
    ]  # fmt: skip
    pool.shutdown()


def test_nobody_waits_for_ever_behind_what_comes_later(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("orchestration.step_threads.time.monotonic", lambda: now[0])
    pool, go_on, order = StepThreads(1), threading.Event(), list[str]()
    pool.submit(go_on.wait, 10)
    futures = [submitted(pool, Priority.LOW, "low", order)]
    now[0] = GRACE_SECONDS[Priority.LOW] - 1
    futures.append(submitted(pool, Priority.URGENT, "a second before its time", order))
    now[0] = GRACE_SECONDS[Priority.LOW] + 1
    futures.append(submitted(pool, Priority.URGENT, "a second after its time", order))
    go_on.set()
    for future in futures:
        future.result(10)
    assert order == ["a second before its time", "low", "a second after its time"]
    pool.shutdown()


async def test_the_priority_of_a_job_goes_into_its_tasks_and_their_threads(pool: StepThreads) -> None:
    events, order = [threading.Event(), threading.Event()], list[str]()
    busy = [asyncio.ensure_future(asyncio.to_thread(event.wait, 10)) for event in events]
    await asyncio.sleep(0)

    async def job(priority: Priority) -> None:
        with working_for(priority):
            await asyncio.create_task(asyncio.to_thread(order.append, priority.value))

    jobs = [
        asyncio.create_task(job(priority)) for priority in (Priority.LOW, Priority.NORMAL, Priority.URGENT)
    ]
    while len(pool._waiting) < len(jobs):
        await asyncio.sleep(0)
    events[0].set()  # one thread is free, the other stays busy
    await asyncio.gather(*jobs)
    assert order == ["urgent", "normal", "low"]
    events[1].set()
    await asyncio.gather(*busy)


def test_a_pool_that_shuts_down_lets_go_of_what_has_not_begun() -> None:
    pool, go_on = StepThreads(1), threading.Event()
    running = pool.submit(go_on.wait, 10)
    waiting = [pool.submit(pow, 2, 3) for _ in range(3)]
    pool.shutdown(wait=False, cancel_futures=True)
    go_on.set()
    assert running.result(10)
    assert all(future.cancelled() for future in waiting)
