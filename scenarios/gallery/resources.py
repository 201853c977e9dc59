"""What leaks and is no memory: open files, sockets, threads, child processes, tasks.

The heap may well stand still while they rise. The look-alikes are pools, which fill and are full, and
whatever is given back.
"""

import asyncio
import itertools
import os
import queue
import socket
import subprocess
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from leakcheck.scenario import scenario

NUMBERS = itertools.count()
POOL_SIZE = 8


@scenario
def file_never_closed() -> None:
    """Open a file by its descriptor, and lose the number."""
    os.open(__file__, os.O_RDONLY)


@scenario
def file_never_closed_at_times() -> None:
    """Lose one in fifty, as the branch that nobody tests does."""
    descriptor = os.open(__file__, os.O_RDONLY)
    if next(NUMBERS) % 50:
        os.close(descriptor)


@scenario
def log_file_per_call() -> Iterator[Callable[[], object]]:
    """Open a new log for each request, and keep it open."""
    with TemporaryDirectory() as folder:
        yield lambda: os.open(f"{folder}/{next(NUMBERS)}.log", os.O_WRONLY | os.O_CREAT)


@scenario
def file_closed() -> None:
    """Open and close a file."""
    with Path(__file__).open("rb") as file:
        file.read(1)


@scenario
def sockets_never_closed() -> None:
    """Connect, detach the descriptors, and forget them."""
    for end in socket.socketpair():
        end.detach()


@scenario
def sockets_pooled() -> Iterator[Callable[[], None]]:
    """Connect anew until the pool is full, then take connections in turn."""
    pool: list[tuple[socket.socket, socket.socket]] = []

    def call() -> None:
        if len(pool) < POOL_SIZE:
            pool.append(socket.socketpair())
        here, there = pool[next(NUMBERS) % len(pool)]
        here.send(b"ping")
        there.recv(4)

    yield call
    for pair in pool:
        for end in pair:
            end.close()


def wait_for_work(work: "queue.SimpleQueue[object]") -> None:
    """Wait for something that nobody will ever send."""
    work.get()


@scenario
def thread_waits_for_ever() -> None:
    """Start a worker for each request, and send it nothing."""
    threading.Thread(target=wait_for_work, args=(queue.SimpleQueue(),), daemon=True).start()


@scenario
def thread_pool() -> Iterator[Callable[[], object]]:
    """Hand work to a pool, which starts a thread at a time until it has all."""
    with ThreadPoolExecutor(POOL_SIZE) as pool:
        yield lambda: pool.submit(len, "work").result()


@scenario
def thread_joined() -> None:
    """Start a worker and wait for its end."""
    worker = threading.Thread(target=len, args=("work",))
    worker.start()
    worker.join()


@scenario
def child_never_waited_for() -> None:
    """Start a program and never ask how it ended: what is left of it waits forever."""
    os.posix_spawn("/bin/true", ["true"], {})


@scenario
def child_waited_for() -> None:
    """Start a program and wait for its end."""
    subprocess.run(["/bin/true"], check=True)


@scenario
async def task_never_ends() -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Start a background task for each request, which polls until something becomes true that never does."""
    never = asyncio.Event()

    async def poll() -> None:
        await never.wait()

    async def call() -> None:
        asyncio.create_task(poll())  # noqa: RUF006 - the trap itself
        await asyncio.sleep(0)

    yield call


@scenario
async def task_awaited() -> None:
    """Start a background task and await it."""
    await asyncio.create_task(asyncio.sleep(0))
