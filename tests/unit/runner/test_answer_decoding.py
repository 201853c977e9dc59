"""The parent believes no answer unseen: a hundred mutations of a good one end its scenario at most."""

import json
import random
from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any
from unittest import mock

import pytest

from leakcheck.analysis.growth.progress import ReplayProgress
from leakcheck.config.settings import resolve
from leakcheck.config.sources import SettingsLayer
from leakcheck.model.answers import Failure, Readings, ScenarioInfo
from leakcheck.model.errors import ExitCode
from leakcheck.model.explanation import Explain
from leakcheck.model.failure import MeasurementStopped, WorkerFailed, interfered, misunderstood
from leakcheck.model.result import Result
from leakcheck.model.verdict import Gate, Verdict
from leakcheck.runner.answer_decoding import block_in, descriptions_in, environment_in, part, seconds_in, trouble_in
from leakcheck.runner.measure import measure
from leakcheck.runner.message_reader import MessageReader
from leakcheck.runner.scheduler import Capacity, Job, side_by_side
from leakcheck.runner.session import exit_code
from leakcheck.runner.task import Task
from tests.unit.runner.test_message_reader import TOKEN, frame
from tests.unit.scripted import Script, ScriptedWorker, leak

ODD: list[Any] = [None, True, -1, 0, 1 << 40, 1 << 59, 1 << 70, 1e17, 1e300, float("nan"), "", "x", "\udce9", [], {}]

# --- a run of ten, one of which is mutated ---------------------------------------------------------


def mutated(value: Any, chance: random.Random) -> Any:
    """Return a value that is another somewhere."""
    if chance.random() < 0.2 or not isinstance(value, dict | list) or not value:
        return chance.choice(ODD)
    if isinstance(value, dict):
        name = chance.choice(sorted(value))
        left_out = chance.random() < 0.2
        rest = {key: one for key, one in value.items() if key != name}
        return rest if left_out else {**value, name: mutated(value[name], chance)}
    place = chance.randrange(len(value))
    return [*value[:place], mutated(value[place], chance), *value[place + 1 :]]


def mutated_bytes(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(changed) + 1)
        changed[place : place + chance.randint(0, 3)] = chance.randbytes(chance.randint(0, 3))
    return bytes(changed)


class MutatedWorker(ScriptedWorker):
    """A scripted worker whose answers come over the line, and are not what they were."""

    def __init__(self, script: Script, chance: random.Random) -> None:
        super().__init__(script)
        self._chance, self._inbox = chance, MessageReader(TOKEN)

    def ask(self, message: Any, *, during: str, extra_seconds: float = 0.0) -> dict[str, Any]:
        answer = {"kind": "block", **super().ask(message, during=during)}
        way = self._chance.random()
        if way < 0.4:
            answer = mutated(answer, self._chance)
        data = frame(json.dumps(answer).encode())
        self._inbox.feed(mutated_bytes(data, self._chance) if 0.4 < way < 0.5 else data)
        if self._inbox.foreign:
            raise interfered(self._inbox.foreign)
        if self._inbox.broken:
            raise misunderstood(self._inbox.broken)
        if not self._inbox.messages:
            raise WorkerFailed(Failure(kind="hung", message="nothing came"))
        return self._inbox.messages.popleft()


def task_of(name: str) -> Task:
    return Task(
        scenario=ScenarioInfo(target=f"{name}.py::{name}", name=name),
        settings=resolve(SettingsLayer(explain=Explain.NEVER, calls=2000), environment={}, folder=Path("/")),
        options={},
        setup=None,
        measure_peak=False,
        folder=Path("/nowhere"),
        stop=Event(),
    )


def unwatched(scenario: ScenarioInfo, doing: str, progress: ReplayProgress) -> None:
    """Look away."""


def ran(worker_of: Callable[[str], Any], *names: str) -> list[Result]:
    """Return what a crew of two makes of scenarios whose processes are made up."""
    with mock.patch("leakcheck.runner.measure.WorkerProcess", side_effect=lambda plan, around: worker_of(plan.target)):
        jobs = [Job(work=partial(measure, task_of(name), unwatched), memory_bytes=1) for name in names]
        found = dict(side_by_side(jobs, Capacity(jobs=2, memory_bytes=10)))
    return [found[number] for number in range(len(names))]


@pytest.mark.parametrize("decade", range(10))
def test_ten_mutations_each_cost_their_own_scenario_at_most(decade: int) -> None:
    for seed in range(10 * decade, 10 * decade + 10):
        # GIVEN one whose answers are mutated beside one that leaks 100 bytes a call
        chance = random.Random(seed)

        def worker_of(target: str, chance: random.Random = chance) -> Any:
            script = Script(heap=leak(100)) if target.startswith("good") else Script()
            return MutatedWorker(script, chance) if target.startswith("bad") else ScriptedWorker(script)

        # WHEN both are measured
        before, bad, after = ran(worker_of, "good", "bad", "good_too")
        # THEN the other is found at its size, and the mutated one is an error or is measured; never our own fault
        for good in (before, after):
            assert (good.verdict, good.gate) == (Verdict.LEAK, Gate.OVER), seed
            assert good.growth is not None
            assert good.growth.bytes_per_1000_calls == pytest.approx(100_000, rel=0.01)
        assert bad.trouble is None or bad.trouble.kind in ("answer", "hung", "raised"), (seed, bad.trouble)
        assert (bad.gate is Gate.ERROR) == (bad.trouble is not None), seed


def test_most_mutations_are_noticed() -> None:
    def worker(target: str) -> MutatedWorker:
        return MutatedWorker(Script(), random.Random(int(target.partition(".")[0])))

    gates = [ran(worker, str(seed))[0].gate for seed in range(40)]
    assert gates.count(Gate.ERROR) > 20


# --- what is no answer -----------------------------------------------------------------------------

BLOCK: dict[str, Any] = {
    "readings": {"calls": [2, 3], "rss_bytes": [4096, 8192]},
    "calls": 3,
    "latencies_ns": [100, 200],
    "replay_seconds": 0.1,
    "settle_seconds": 0.1,
    "set_aside_seconds": 0.0,
}
BEFORE = Readings(calls=(1,), rss_bytes=(4096,))


def test_a_block_that_goes_on_from_what_was_read_is_one() -> None:
    assert block_in({"block": BLOCK}, BEFORE, 1).readings.rss_bytes == (4096, 8192)
    assert block_in({"block": BLOCK}, Readings(), 1).readings.rss_bytes == (4096, 8192)
    nothing_read = {**BLOCK, "readings": {}}
    assert block_in({"block": nothing_read}, BEFORE, 1).calls == 3


@pytest.mark.parametrize(
    "changed",
    [
        {"calls": 0},
        {"calls": 1 << 54},
        {"calls": 2},
        {"readings": {"calls": [3, 2], "rss_bytes": [4096, 8192]}},
        {"readings": {"calls": [0, 2], "rss_bytes": [4096, 8192]}},
        {"readings": {"calls": [2, 3], "rss_bytes": [4096]}},
        {"readings": {"calls": [2, 3]}},
        {"readings": {"calls": [2, 3], "rss_bytes": [4096, 8192], "threads": [1, 1]}},
        {"readings": {"calls": [2, 3], "rss_bytes": [4096, 1 << 62]}},
        {"readings": {"calls": [2, 3], "rss_bytes": [4096, "a"]}},
        {"readings": {"rss_bytes": [4096]}},
        {"latencies_ns": [-1]},
        {"replay_seconds": -1.0},
        {"settle_seconds": 1e9},
    ],
    ids=str,
)
def test_a_block_that_cannot_be_is_none(changed: dict[str, Any]) -> None:
    with pytest.raises(WorkerFailed, match="an answer that makes no sense"):
        block_in({"block": {**BLOCK, **changed}}, BEFORE, 1)


@pytest.mark.parametrize(
    "trouble",
    [{"a": 1}, {"kind": "nothing", "message": "x"}, {"kind": "internal", "message": "x"}, "x", None]
    + [{"kind": "raised", "message": "x", "call": call} for call in (-1, 1 << 60, "1")],
    ids=str,
)
def test_trouble_that_no_process_can_have_is_none(trouble: object) -> None:
    with pytest.raises(WorkerFailed) as caught:
        trouble_in({"kind": "trouble", "trouble": trouble})
    assert caught.value.trouble.kind == "answer"


def test_trouble_of_a_million_letters_is_cut() -> None:
    told = trouble_in({"trouble": {"kind": "raised", "message": "x" * 10**6, "details": "y" * 10**6, "call": 1}})
    assert (len(told.message), len(told.details)) == (8000, 8000)


@pytest.mark.parametrize(
    "scenario",
    [
        {},
        {"target": "a.py::b", "name": ""},
        {"target": "", "name": "b"},
        {"target": "a.py::b", "name": "b", "timeout_seconds": -1},
        {"target": "a.py::b", "name": "b", "peak_bytes": -1},
        {"target": "a.py::b", "name": ["b"]},
    ],
    ids=str,
)
def test_a_scenario_that_cannot_be_measured_is_none(scenario: dict[str, Any]) -> None:
    with pytest.raises(WorkerFailed):
        descriptions_in({"scenarios": [scenario]})


def test_an_environment_has_its_fields_and_no_others() -> None:
    names = ("python", "implementation", "executable", "platform", "allocator", "libc")
    said = {**dict.fromkeys(names, "x"), "packages": {"a": "1"}}
    assert environment_in({"environment": {**said, "git_commit": "f00", "more": 1}}) == said
    for name in said:
        with pytest.raises(WorkerFailed):
            environment_in({"environment": {**said, name: 1}})


def test_a_part_that_is_missing_says_what_came_instead() -> None:
    with pytest.raises(WorkerFailed, match="found was asked for, and the answer is of the kind 'bye'"):
        part({"kind": "bye"}, "found", list)
    with pytest.raises(WorkerFailed, match="extra_seconds is -1"):
        seconds_in({"extra_seconds": -1.0}, "extra_seconds")


# --- what we did not think of ----------------------------------------------------------------------


def test_an_exception_of_ours_is_the_result_of_one_scenario() -> None:
    class Broken(ScriptedWorker):
        def ask(self, message: Any, *, during: str, extra_seconds: float = 0.0) -> dict[str, Any]:
            raise LookupError("no such thing")

    bad, good = ran(lambda target: (Broken if target.startswith("bad") else ScriptedWorker)(Script()), "bad", "good")
    assert (good.verdict, good.gate) == (Verdict.CLEAN, Gate.WITHIN)
    assert bad.gate is Gate.ERROR
    assert bad.trouble is not None
    assert bad.trouble.message == (
        "internal error in leakcheck: LookupError: no such thing "
        f"(leakcheck/runner/measure.py:{_line_of(bad.trouble)}); "
        "the other scenarios are measured; please report it with `leakcheck doctor --markdown`"
    )
    assert exit_code([bad, good]) is ExitCode.INTERNAL


def _line_of(trouble: Failure) -> str:
    return trouble.message.partition("measure.py:")[2].partition(")")[0]


def test_an_exception_while_it_is_explained_costs_no_verdict() -> None:
    # GIVEN a leak, and an explanation that fails by our own fault
    task = task_of("leaks")
    with (
        mock.patch("leakcheck.runner.measure.WorkerProcess", return_value=ScriptedWorker(Script(heap=leak(5000)))),
        mock.patch("leakcheck.runner.measure.is_to_be_explained", return_value=True),
        mock.patch("leakcheck.runner.explain.explain", side_effect=ZeroDivisionError),
    ):
        result = measure(task, unwatched)
    # THEN the verdict stands, and the run does not pass for a good one
    assert (result.verdict, result.gate) == (Verdict.LEAK, Gate.ERROR)
    assert exit_code([result]) is ExitCode.INTERNAL


def test_who_stops_a_measurement_is_heard() -> None:
    class Ended(ScriptedWorker):
        def ask(self, message: Any, *, during: str, extra_seconds: float = 0.0) -> dict[str, Any]:
            raise MeasurementStopped

    with (
        mock.patch("leakcheck.runner.measure.WorkerProcess", return_value=Ended(Script())),
        pytest.raises(MeasurementStopped),
    ):
        measure(task_of("stopped"), unwatched)
