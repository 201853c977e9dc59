"""The asynchronous twins: a coroutine function is one call, an async generator sets up once."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from leakcheck.scenario import scenario

WAITERS: list[asyncio.Future[bytes]] = []


@scenario
async def future_never_awaited() -> None:
    """Queue a waiter with its request and forget it, as a lock without a timeout does."""
    waiter: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    waiter.set_result(bytes(1000))
    WAITERS.append(waiter)
    await asyncio.sleep(0)


@scenario
async def task_kept() -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Keep every background task in a list, so that none is lost; its result stays too."""
    tasks: list[asyncio.Task[bytes]] = []

    async def work() -> bytes:
        return bytes(4000)

    async def call() -> None:
        task = asyncio.create_task(work())
        tasks.append(task)
        await task

    yield call


@scenario
async def queue_drained() -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Put and take a hundred messages through a queue; the look-alike of the two above."""
    queue: asyncio.Queue[bytes] = asyncio.Queue()

    async def call() -> None:
        for _ in range(100):
            queue.put_nowait(bytes(100))
        while not queue.empty():
            await queue.get()

    yield call
