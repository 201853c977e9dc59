"""A forked copy of the process releases something, and answers with numbers; the process itself stays as it is."""

import gc
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from leakcheck.probe import originals
from leakcheck.probe.heap import weigh as weigh_module
from leakcheck.probe.heap.weigh import freeze_all_but, in_copy, retained_by, weigh
from leakcheck.probe.meters.memory import Meters


def test_the_numbers_of_the_copy_come_back() -> None:
    parent = os.getpid()
    answer = in_copy(lambda: [1.5, float(os.getpid() != parent), float("nan")], 3, 60.0)

    assert answer is not None
    assert answer[:2] == [1.5, 1.0]
    assert answer[2] != answer[2]


def test_as_many_numbers_come_back_as_a_pipe_takes_undivided() -> None:
    assert in_copy(lambda: map(float, range(512)), 512, 60.0) == list(map(float, range(512)))


def test_what_the_copy_does_stays_in_the_copy(tmp_path: Path) -> None:
    kept, file = [1, 2, 3], tmp_path / "written"

    def empty() -> list[float]:
        kept.clear()
        try:
            file.write_text("by the copy")
        except PermissionError:
            return [7.0]
        return [0.0]

    assert in_copy(empty, 1, 60.0) == [7.0]
    assert kept == [1, 2, 3]
    assert not file.exists()


def fail() -> list[float]:
    raise KeyboardInterrupt


def die() -> list[float]:
    os._exit(1)


def answer_too_little() -> list[float]:
    return [1.0]


@pytest.mark.parametrize("measure", [fail, die, answer_too_little])
def test_a_copy_that_fails_gives_no_answer(measure: Callable[[], list[float]]) -> None:
    assert in_copy(measure, 2, 60.0) is None


def hang() -> list[float]:
    time.sleep(3600)
    return [0.0]


def test_a_copy_that_hangs_is_ended() -> None:
    pids: list[int] = []
    fork = originals.os.fork

    def remember() -> int:
        pids.append(fork())
        return pids[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(originals.os, "fork", remember)
        assert in_copy(hang, 1, 0.01) is None
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)


def test_without_time_or_without_a_fork_there_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> int:
        raise BlockingIOError

    assert in_copy(lambda: [1.0], 1, 0.0) is None
    monkeypatch.setattr(originals.os, "fork", refuse)
    assert in_copy(lambda: [1.0], 1, 60.0) is None


def test_the_bytes_that_releasing_frees_are_those_that_were_kept() -> None:
    kept: list[object] = [bytes(10_000) for _ in range(100)]

    def release() -> Callable[[int, float | None], float]:
        kept.clear()
        return lambda freed, share: freed

    freed = weigh(release, [], Meters(("python", "native")).heap, 60.0)

    assert freed == pytest.approx(100 * 10_033, rel=0.01)
    assert len(kept) == 100


class Node:
    """An object in a cycle, beside a function, which leads to all that its module holds."""

    def __init__(self, number: int) -> None:
        self.number, self.myself, self.function = number, self, test_the_numbers_of_the_copy_come_back


def test_what_containers_retain_ends_at_modules() -> None:
    nodes = [Node(number) for number in range(20)]
    retained = retained_by([nodes])

    assert retained is not None
    assert {id(node) for node in nodes} < {id(found) for found in retained}
    assert not {id(vars(module)) for module in sys.modules.values()} & {id(found) for found in retained}
    assert len({id(found) for found in retained}) == len(retained) < 2000


def test_what_is_too_much_to_list_is_not_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    nodes = [[number] for number in range(20)]
    nested = [[nodes[0], [nodes]]]
    monkeypatch.setattr(weigh_module, "_MAX_RETAINED", 5)
    assert retained_by([nested]) is None


def test_a_copy_collects_only_what_it_releases_and_cycles_among_that() -> None:
    others = [[number] for number in range(50_000)]
    nodes = [Node(number) for number in range(1000)]

    def release() -> list[float]:
        freeze_all_but(retained_by([nodes]) or [])
        unfrozen = len(gc.get_objects())
        nodes.clear()
        return [float(gc.get_freeze_count() >= len(others)), unfrozen, gc.collect()]

    gc.collect()
    is_frozen, unfrozen, collected = in_copy(release, 3, 60.0) or (0.0, 0.0, 0.0)
    assert is_frozen
    assert unfrozen < 10_000
    assert collected >= 1000
