"""What is there beside memory, counted and named in this process: files, sockets, threads, tasks, children."""

import asyncio
import gc
import os
import socket
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leakcheck.probe.meters import resources
from leakcheck.probe.meters.resource_labels import grouped
from leakcheck.probe.meters.resource_names import name_resources, snapshot

# --- counting, in this process ---------------------------------------------------------------------


def gained(read: Callable[[], int] | None, before: int) -> int:
    assert read is not None
    return read() - before


def test_files_threads_and_children_are_counted() -> None:
    files, threads, children = resources.open_files(), resources.threads(), resources.children()
    assert files is not None
    assert children is not None
    before = files(), threads(), children()
    pipe = os.pipe()
    stop = threading.Event()
    worker = threading.Thread(target=stop.wait)
    worker.start()
    # a zombie counts, and so does the child of another thread
    zombie = subprocess.Popen(["/bin/true"])
    started: list[subprocess.Popen[bytes]] = []

    def start_and_wait() -> None:
        started.append(subprocess.Popen(["sleep", "60"]))
        stop.wait()

    other = threading.Thread(target=start_and_wait)
    other.start()
    while not started:
        pass
    assert (files() - before[0], threads() - before[1], children() - before[2]) == (2, 2, 2)
    stop.set()
    worker.join()
    other.join()
    started[0].kill()
    started[0].wait()
    zombie.wait()
    for descriptor in pipe:
        os.close(descriptor)
    assert (files(), children()) == (before[0], before[2])


def test_tasks_are_counted_until_they_are_done_and_a_done_of_the_users_is_not_asked() -> None:
    read = resources.tasks()
    before = read()

    class Liar(asyncio.Task[None]):
        def done(self) -> bool:
            raise AssertionError("it was asked")

    async def main() -> tuple[int, int]:
        never = asyncio.Event()

        async def wait() -> None:
            await never.wait()

        kept: list[asyncio.Task[None]] = [asyncio.create_task(wait()), Liar(wait(), loop=asyncio.get_running_loop())]
        await asyncio.sleep(0)
        pending = read() - before
        never.set()
        await asyncio.wait_for(kept[0], 5)
        await asyncio.sleep(0)
        return pending, read() - before

    assert asyncio.run(main()) == (3, 1)  # main's own is one of them


def test_uncollectable_objects_are_counted() -> None:
    read = resources.uncollectable()
    before = read()
    gc.garbage.append(object())
    try:
        assert read() == before + 1
    finally:
        gc.garbage.pop()


# --- names, from this process ----------------------------------------------------------------------


def named(kind: str, before: Any) -> dict[str, int]:
    return {one["what"]: one["count"] for one in name_resources([kind], before)[kind]}


def test_files_are_named_by_what_they_are_and_what_was_there_before_is_left_out(tmp_path: Path) -> None:
    before = snapshot()
    files = [(tmp_path / f"{number}.log").open("w") for number in range(6)]
    same = [(tmp_path / "app.txt").open("w") for _ in range(3)]
    pipe = os.pipe()
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
        here, there = socket.socketpair()
        with closing(socket.create_connection(("127.0.0.1", port))) as client, closing(socket.socket()) as idle:
            found = named("open files", before)
            mine = client.getsockname()[1]
            assert idle.fileno() > 0
        here.close()
        there.close()
    for file in (*files, *same):
        file.close()
    for descriptor in pipe:
        os.close(descriptor)
    assert found == {
        f"{tmp_path}/[*].log": 6,
        f"{tmp_path}/app.txt": 3,
        "a pipe": 2,
        "Unix socket, unnamed": 2,
        f"TCP socket, not connected, on 127.0.0.1:{port}": 1,
        f"TCP socket 127.0.0.1:{mine} to 127.0.0.1:{port}": 1,
        "TCP socket, not connected": 1,
    }


def stand_still(stop: threading.Event) -> None:
    stop.wait()


def test_threads_are_named_by_name_target_and_where_they_stand() -> None:
    before, stop = snapshot(), threading.Event()
    threads = [threading.Thread(target=stand_still, args=(stop,)) for _ in range(6)]
    for thread in threads:
        thread.start()
    found = named("threads", before)
    stop.set()
    for thread in threads:
        thread.join()
    [(what, count)] = found.items()
    assert count == 6
    assert what.startswith(f"Thread-[*] (stand_still), runs {__name__}.stand_still, stands at ")
    assert what.endswith(" stand_still")
    assert f"{Path(__file__).name}:{stand_still.__code__.co_firstlineno + 1}" in what


def test_tasks_are_named_by_their_coroutine_and_where_it_waits() -> None:
    async def innermost(never: asyncio.Event) -> None:
        await never.wait()

    async def poll(never: asyncio.Event) -> None:
        await innermost(never)

    async def main() -> dict[str, int]:
        before, never = snapshot(), asyncio.Event()
        kept = [asyncio.create_task(poll(never)) for _ in range(3)]
        await asyncio.sleep(0)
        fresh = asyncio.create_task(poll(never))
        found = named("asyncio tasks", before)
        never.set()
        await asyncio.wait([*kept, fresh])
        return found

    found = asyncio.run(main())
    waits, fresh = sorted(found, key=lambda what: -found[what])
    assert ".poll, waits at " in waits
    assert f"{Path(__file__).name}:{innermost.__code__.co_firstlineno + 1} " in waits
    assert found == {waits: 3, fresh: 1}


def test_children_are_named_by_their_command_and_what_became_of_them() -> None:
    before = snapshot()
    sleeper = subprocess.Popen(["sleep", "60"])
    zombie = subprocess.Popen(["/bin/true"])
    assert os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)
    found = named("child processes", before)
    sleeper.kill()
    sleeper.wait()
    zombie.wait()
    assert found == {"sleep 60 (still runs)": 1, "true (ended, and never waited for)": 1}


def test_garbage_is_named_by_type_and_an_unknown_kind_by_nothing() -> None:
    gc.garbage.append(Counter())
    try:
        assert named("uncollectable objects", {}) == {"collections.Counter": 1}
    finally:
        gc.garbage.pop()
    assert name_resources(["spoons"]) == {"spoons": []}


@pytest.fixture
def many_files(tmp_path: Path) -> Iterator[None]:
    files = [(tmp_path / f"{'abcdefghijkl'[number] * 3}{number}" / "x").parent for number in range(12)]
    opened = []
    for folder in files:
        folder.mkdir()
        opened.append((folder / "data").open("w"))
    yield
    for file in opened:
        file.close()


@pytest.mark.usefixtures("many_files")
def test_at_most_ten_are_named() -> None:
    assert len(name_resources(["open files"], {})["open files"]) <= 10


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["/tmp/1.log", "/tmp/2.log"], {"/tmp/1.log": 1, "/tmp/2.log": 1}),
        ([f"/tmp/{n}.log" for n in range(9)], {"/tmp/[*].log": 9}),
        ([f"/run/7/{n}.log" for n in range(9)], {"/run/7/[*].log": 9}),
        ([f"/tmp/tmp{word}.txt" for word in ("xa", "yb", "zc", "wd", "ve")], {"/tmp/tmp[*].txt": 5}),
        ([f"TCP socket 10.0.0.1:{40_000 + n} to 10.0.0.5:5432" for n in range(7)], {
            "TCP socket 10.0.0.1:[*] to 10.0.0.5:5432": 7
        }),
        (["a pipe"] * 9, {"a pipe": 9}),
        ([], {}),
    ],
)  # fmt: skip
def test_names_that_differ_by_a_number_or_within_a_folder_are_put_together(
    names: list[str], expected: dict[str, int]
) -> None:
    assert grouped(Counter(names)) == expected


@given(st.lists(st.text(alphabet="ab/.0123456789", max_size=8), max_size=40))
def test_putting_together_loses_none(names: list[str]) -> None:
    assert sum(grouped(Counter(names)).values()) == len(names)
