"""A thread that outlives its step is counted, keeps its place in the pool, and its result goes nowhere."""

import asyncio
import threading

import pytest

from orchestration.step_threads import StepThreads


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
