"""Counting and naming resources of this process: files, sockets, threads, tasks, children."""

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

from leakcheck.model.explanation import ResourceKind
from leakcheck.probe.meters.resource_labels import grouped
from leakcheck.probe.meters.resources import name_resources, resource_keys, resource_readers

# --- counting, in this process ---------------------------------------------------------------------


def reader(kind: str) -> Callable[[], int]:
    read = resource_readers()[kind]
    assert read is not None
    return read


def test_every_kind_of_resource_is_counted_here_and_named() -> None:
    assert list(resource_readers()) == list(resource_keys()) == list(ResourceKind)
    assert None not in resource_readers().values()


def test_files_threads_and_children_are_counted() -> None:
    files, threads, children = map(reader, ("open files", "threads", "child processes"))
    before = files(), threads(), children()
    pipe = os.pipe()
    stop = threading.Event()
    worker = threading.Thread(target=stop.wait)
    worker.start()
    # zombies count, and so do children of other threads
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


def test_tasks_are_counted_until_they_are_done_without_calling_the_users_done() -> None:
    read = reader("asyncio tasks")
    before = read()

    class Liar(asyncio.Task[None]):
        def done(self) -> bool:
            raise AssertionError("done() was called")

    async def main() -> tuple[int, int]:
        never = asyncio.Event()

        async def wait() -> None:
            await never.wait()

        tasks: list[asyncio.Task[None]] = [asyncio.create_task(wait()), Liar(wait(), loop=asyncio.get_running_loop())]
        await asyncio.sleep(0)
        pending = read() - before
        never.set()
        await asyncio.wait_for(tasks[0], 5)
        await asyncio.sleep(0)
        return pending, read() - before

    assert asyncio.run(main()) == (3, 1)  # main's own is one of them


def test_uncollectable_objects_are_counted() -> None:
    read = reader("uncollectable objects")
    before = read()
    gc.garbage.append(object())
    try:
        assert read() == before + 1
    finally:
        gc.garbage.pop()


# --- names, from this process ----------------------------------------------------------------------


def named(kind: str, before: Any) -> dict[str, int]:
    return {row["what"]: row["count"] for row in name_resources([kind], before)[kind]}


def test_files_opened_since_the_snapshot_are_named(tmp_path: Path) -> None:
    before = resource_keys()
    files = [(tmp_path / f"{number}.log").open("w") for number in range(6)]
    same = [(tmp_path / "app.txt").open("w") for _ in range(3)]
    pipe = os.pipe()
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
        first, second = socket.socketpair()
        with closing(socket.create_connection(("127.0.0.1", port))) as client, closing(socket.socket()) as idle:
            names = named("open files", before)
            local_port = client.getsockname()[1]
            assert idle.fileno() > 0
        first.close()
        second.close()
    for file in (*files, *same):
        file.close()
    for descriptor in pipe:
        os.close(descriptor)
    assert names == {
        f"{tmp_path}/[*].log": 6,
        f"{tmp_path}/app.txt": 3,
        "a pipe": 2,
        "Unix socket, unnamed": 2,
        f"TCP socket, not connected, on 127.0.0.1:{port}": 1,
        f"TCP socket 127.0.0.1:{local_port} to 127.0.0.1:{port}": 1,
        "TCP socket, not connected": 1,
    }


def wait_for(stop: threading.Event) -> None:
    stop.wait()


def test_threads_are_named_by_name_target_and_current_line() -> None:
    before, stop = resource_keys(), threading.Event()
    threads = [threading.Thread(target=wait_for, args=(stop,)) for _ in range(6)]
    for thread in threads:
        thread.start()
    names = named("threads", before)
    stop.set()
    for thread in threads:
        thread.join()
    [(name, count)] = names.items()
    assert count == 6
    assert name.startswith(f"Thread-[*] (wait_for), runs {__name__}.wait_for, stands at ")
    assert name.endswith(" wait_for")
    assert f"{Path(__file__).name}:{wait_for.__code__.co_firstlineno + 1}" in name


def test_tasks_are_named_by_their_coroutine_and_the_line_where_it_waits() -> None:
    async def innermost(never: asyncio.Event) -> None:
        await never.wait()

    async def poll(never: asyncio.Event) -> None:
        await innermost(never)

    async def main() -> dict[str, int]:
        before, never = resource_keys(), asyncio.Event()
        waiting = [asyncio.create_task(poll(never)) for _ in range(3)]
        await asyncio.sleep(0)
        unstarted = asyncio.create_task(poll(never))
        names = named("asyncio tasks", before)
        never.set()
        await asyncio.wait([*waiting, unstarted])
        return names

    names = asyncio.run(main())
    waiting_name, unstarted_name = sorted(names, key=lambda name: -names[name])
    assert ".poll, waits at " in waiting_name
    assert f"{Path(__file__).name}:{innermost.__code__.co_firstlineno + 1} " in waiting_name
    assert names == {waiting_name: 3, unstarted_name: 1}


def test_children_are_named_by_their_command_and_state() -> None:
    before = resource_keys()
    sleeper = subprocess.Popen(["sleep", "60"])
    zombie = subprocess.Popen(["/bin/true"])
    assert os.waitid(os.P_PID, zombie.pid, os.WEXITED | os.WNOWAIT)
    names = named("child processes", before)
    sleeper.kill()
    sleeper.wait()
    zombie.wait()
    assert names == {"sleep 60 (still runs)": 1, "true (ended, and never waited for)": 1}


def test_garbage_is_named_by_type_and_an_unknown_kind_has_no_names() -> None:
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
def test_names_that_differ_by_a_number_or_within_a_folder_are_grouped(
    names: list[str], expected: dict[str, int]
) -> None:
    assert grouped(Counter(names)) == expected


@given(st.lists(st.text(alphabet="ab/.0123456789", max_size=8), max_size=40))
def test_grouping_keeps_the_total_count(names: list[str]) -> None:
    assert sum(grouped(Counter(names)).values()) == len(names)
