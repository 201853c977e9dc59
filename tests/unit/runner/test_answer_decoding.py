"""The parent validates every answer: a hundred mutations of a valid one cost at most its own scenario."""

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
from leakcheck.model.answers import Readings, ScenarioInfo
from leakcheck.model.errors import ExitCode
from leakcheck.model.explanation import Explain
from leakcheck.model.failure import (
    Failure,
    FailureKind,
    MeasurementStopped,
    WorkerFailed,
    foreign_output,
    undecodable_answer,
)
from leakcheck.model.result import Result
from leakcheck.model.verdict import Gate, Verdict
from leakcheck.runner.answer_decoding import (
    decode_block,
    decode_environment,
    decode_failure,
    decode_field,
    decode_scenarios,
    decode_seconds,
)
from leakcheck.runner.measure import measure
from leakcheck.runner.message_reader import MessageReader
from leakcheck.runner.scheduler import Capacity, Job, run_parallel
from leakcheck.runner.session import exit_code
from leakcheck.runner.task import MeasureRequest, Task
from tests.unit.runner.test_message_reader import TOKEN, frame
from tests.unit.scripted import Script, ScriptedWorker, leak

ODD: list[Any] = [None, True, -1, 0, 1 << 40, 1 << 59, 1 << 70, 1e17, 1e300, float("nan"), "", "x", "\udce9", [], {}]

# --- mutated answers -------------------------------------------------------------------------------


def mutated(value: Any, chance: random.Random) -> Any:
    """Return the value with a random part replaced or removed."""
    if chance.random() < 0.2 or not isinstance(value, dict | list) or not value:
        return chance.choice(ODD)
    if isinstance(value, dict):
        name = chance.choice(sorted(value))
        is_removed = chance.random() < 0.2
        rest = {key: item for key, item in value.items() if key != name}
        return rest if is_removed else {**value, name: mutated(value[name], chance)}
    index = chance.randrange(len(value))
    return [*value[:index], mutated(value[index], chance), *value[index + 1 :]]


def mutated_bytes(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        start = chance.randrange(len(changed) + 1)
        changed[start : start + chance.randint(0, 3)] = chance.randbytes(chance.randint(0, 3))
    return bytes(changed)


class MutatedWorker(ScriptedWorker):
    """A scripted worker whose answers pass through a MessageReader, mutated."""

    def __init__(self, script: Script, chance: random.Random) -> None:
        super().__init__(script)
        self._chance, self._reader = chance, MessageReader(TOKEN)

    def ask(self, message: Any, *, during: str, extra_seconds: float = 0.0) -> dict[str, Any]:
        answer = {"kind": "block", **super().ask(message, during=during)}
        kind = self._chance.random()
        if kind < 0.4:
            answer = mutated(answer, self._chance)
        data = frame(json.dumps(answer).encode())
        self._reader.feed(mutated_bytes(data, self._chance) if 0.4 < kind < 0.5 else data)
        if self._reader.foreign:
            raise foreign_output(self._reader.foreign)
        if self._reader.broken:
            raise undecodable_answer(self._reader.broken)
        if not self._reader.messages:
            raise WorkerFailed(Failure(kind=FailureKind.HUNG, message="nothing came"))
        return self._reader.messages.popleft()


def task_of(name: str) -> Task:
    return Task(
        request=MeasureRequest(
            scenario=ScenarioInfo(target=f"{name}.py::{name}", name=name),
            settings=resolve(SettingsLayer(explain=Explain.NEVER, calls=2000), environment={}, folder=Path("/")),
            measure_peak=False,
        ),
        folder=Path("/nowhere"),
        stop=Event(),
    )


def no_watch(scenario: ScenarioInfo, doing: str, progress: ReplayProgress) -> None:
    """Do nothing."""


def measured(worker_of: Callable[[str], Any], *names: str) -> list[Result]:
    """Return the results of scenarios that are measured two at a time by scripted workers."""
    with mock.patch(
        "leakcheck.runner.measure.WorkerProcess", side_effect=lambda request, limits: worker_of(request.target)
    ):
        jobs = [Job(work=partial(measure, task_of(name), no_watch), memory_bytes=1) for name in names]
        results = dict(run_parallel(jobs, Capacity(jobs=2, memory_bytes=10)))
    return [results[number] for number in range(len(names))]


@pytest.mark.parametrize("decade", range(10))
def test_mutated_answers_cost_their_own_scenario_at_most(decade: int) -> None:
    for seed in range(10 * decade, 10 * decade + 10):
        # GIVEN a scenario whose answers are mutated, and others that leak 100 bytes per call
        chance = random.Random(seed)

        def worker_of(target: str, chance: random.Random = chance) -> Any:
            script = Script(heap=leak(100)) if target.startswith("good") else Script()
            return MutatedWorker(script, chance) if target.startswith("bad") else ScriptedWorker(script)

        # WHEN they are measured
        before, bad, after = measured(worker_of, "good", "bad", "good_too")
        # THEN the leaks are found at their size; the mutated one is an error or measured, never an internal error
        for good in (before, after):
            assert (good.verdict, good.gate) == (Verdict.LEAK, Gate.OVER), seed
            assert good.growth is not None
            assert good.growth.bytes_per_1000_calls == pytest.approx(100_000, rel=0.01)
        assert bad.failure is None or bad.failure.kind in ("answer", "hung", "raised"), (seed, bad.failure)
        assert (bad.gate is Gate.ERROR) == (bad.failure is not None), seed


def test_most_mutations_are_detected() -> None:
    def worker(target: str) -> MutatedWorker:
        return MutatedWorker(Script(), random.Random(int(target.partition(".")[0])))

    gates = [measured(worker, str(seed))[0].gate for seed in range(40)]
    assert gates.count(Gate.ERROR) > 20


# --- invalid answers -------------------------------------------------------------------------------

BLOCK: dict[str, Any] = {
    "readings": {"calls": [2, 3], "rss_bytes": [4096, 8192]},
    "calls": 3,
    "latencies_ns": [100, 200],
    "replay_seconds": 0.1,
    "settle_seconds": 0.1,
    "set_aside_seconds": 0.0,
}
BEFORE = Readings(calls=(1,), rss_bytes=(4096,))


def test_a_block_that_continues_the_readings_is_valid() -> None:
    assert decode_block({"block": BLOCK}, BEFORE, 1).readings.rss_bytes == (4096, 8192)
    assert decode_block({"block": BLOCK}, Readings(), 1).readings.rss_bytes == (4096, 8192)
    nothing_read = {**BLOCK, "readings": {}}
    assert decode_block({"block": nothing_read}, BEFORE, 1).calls == 3


@pytest.mark.parametrize(
    "changed",
    [
        {"calls": 0},
        {"calls": 1 << 54},
        {"calls": 2},
        {"readings": {"calls": [3, 2], "rss_bytes": [4096, 8192]}},
        {"readings": {"calls": [0, 2], "rss_bytes": [4096, 8192]}},
        {"readings": {"calls": [2, 2], "rss_bytes": [4096, 8192]}},
        {"readings": {"calls": [1, 3], "rss_bytes": [4096, 8192]}},
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
def test_an_impossible_block_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(WorkerFailed, match="sent an invalid answer"):
        decode_block({"block": {**BLOCK, **changed}}, BEFORE, 1)


def test_the_first_reading_may_be_at_call_0_but_not_before_it() -> None:
    def block(first: int) -> dict[str, Any]:
        return {"block": {**BLOCK, "readings": {"calls": [first, 3], "rss_bytes": [4096, 8192]}}}

    assert decode_block(block(0), Readings(), 0).readings.calls == (0, 3)
    with pytest.raises(WorkerFailed, match="the calls of its readings do not rise"):
        decode_block(block(-1), Readings(), 0)


@pytest.mark.parametrize(
    "failure",
    [{"a": 1}, {"kind": "nothing", "message": "x"}, {"kind": "internal", "message": "x"}, "x", None]
    + [{"kind": "raised", "message": "x", "call": call} for call in (-1, 1 << 60, "1")],
    ids=str,
)
def test_a_trouble_that_no_process_can_have_is_refused(failure: object) -> None:
    with pytest.raises(WorkerFailed) as caught:
        decode_failure({"kind": "failure", "failure": failure})
    assert caught.value.failure.kind == "answer"


def test_a_trouble_of_a_million_characters_is_cut() -> None:
    failure = decode_failure({"failure": {"kind": "raised", "message": "x" * 10**6, "details": "y" * 10**6, "call": 1}})
    assert (len(failure.message), len(failure.details)) == (8000, 8000)


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
def test_a_scenario_that_cannot_be_measured_is_refused(scenario: dict[str, Any]) -> None:
    with pytest.raises(WorkerFailed):
        decode_scenarios({"scenarios": [scenario]})


def test_an_environment_has_its_fields_and_no_others() -> None:
    names = ("python", "implementation", "executable", "platform", "allocator", "libc")
    fields = {**dict.fromkeys(names, "x"), "packages": {"a": "1"}}
    assert decode_environment({"environment": {**fields, "git_commit": "f00", "more": 1}}) == fields
    for name in fields:
        with pytest.raises(WorkerFailed):
            decode_environment({"environment": {**fields, name: 1}})


def test_the_error_for_a_missing_field_names_the_kind_of_the_answer() -> None:
    with pytest.raises(WorkerFailed, match="found is missing from an answer of the kind 'bye'"):
        decode_field({"kind": "bye"}, "found", list)
    with pytest.raises(WorkerFailed, match="extra_seconds is -1"):
        decode_seconds({"extra_seconds": -1.0}, "extra_seconds")


# --- internal errors -------------------------------------------------------------------------------


def test_an_internal_error_is_the_result_of_one_scenario() -> None:
    class Broken(ScriptedWorker):
        def ask(self, message: Any, *, during: str, extra_seconds: float = 0.0) -> dict[str, Any]:
            raise LookupError("no such thing")

    bad, good = measured(
        lambda target: (Broken if target.startswith("bad") else ScriptedWorker)(Script()), "bad", "good"
    )
    assert (good.verdict, good.gate) == (Verdict.CLEAN, Gate.WITHIN)
    assert bad.gate is Gate.ERROR
    assert bad.failure is not None
    assert bad.failure.message == (
        "internal error in leakcheck: LookupError: no such thing "
        f"(leakcheck/runner/measure.py:{_line_of(bad.failure)}); "
        "the other scenarios are measured; please report it with `leakcheck doctor --markdown`"
    )
    assert exit_code([bad, good]) is ExitCode.INTERNAL


def _line_of(failure: Failure) -> str:
    return failure.message.partition("measure.py:")[2].partition(")")[0]


def test_an_internal_error_while_explaining_costs_no_verdict() -> None:
    # GIVEN a leak, and a bug in the explanation
    task = task_of("leaks")
    with (
        mock.patch("leakcheck.runner.measure.WorkerProcess", return_value=ScriptedWorker(Script(heap=leak(5000)))),
        mock.patch("leakcheck.runner.measure.needs_explanation", return_value=True),
        mock.patch("leakcheck.runner.explain.explain", side_effect=ZeroDivisionError),
    ):
        result = measure(task, no_watch)
    # THEN the verdict stands, and the run fails
    assert (result.verdict, result.gate) == (Verdict.LEAK, Gate.ERROR)
    assert exit_code([result]) is ExitCode.INTERNAL


def test_a_stopped_measurement_raises() -> None:
    class Stopped(ScriptedWorker):
        def ask(self, message: Any, *, during: str, extra_seconds: float = 0.0) -> dict[str, Any]:
            raise MeasurementStopped

    with (
        mock.patch("leakcheck.runner.measure.WorkerProcess", return_value=Stopped(Script())),
        pytest.raises(MeasurementStopped),
    ):
        measure(task_of("stopped"), no_watch)
