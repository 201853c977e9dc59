"""What is sent to a cluster and what comes back, played through with a scripted one."""

import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from queue import SimpleQueue
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest

from leakcheck import __version__
from leakcheck.compare.sides import compare_variants
from leakcheck.config.settings import resolve
from leakcheck.config.sources import SettingsLayer
from leakcheck.model.answers import Failure, ScenarioInfo
from leakcheck.model.baseline import BaselineEntry
from leakcheck.model.errors import ExecutorLost, UsageError
from leakcheck.model.result import Host
from leakcheck.model.verdict import Gate, Verdict
from leakcheck.reporters.messages.run import elsewhere_sentences
from leakcheck.runner.executors.dask import submission
from leakcheck.runner.executors.dask.client import ClusterWorker, WorkerEvent, WorkersLost
from leakcheck.runner.executors.dask.environment_check import ExecutionEnvironment, differences_here, enter, place_here
from leakcheck.runner.executors.dask.executor import keep_capture, not_measured, result_of
from leakcheck.runner.executors.dask.job import (
    DaskJob,
    JobAnswer,
    JobResult,
    JobTask,
    decode,
    encode,
    measurement_of,
    version_in,
)
from leakcheck.runner.executors.dask.submission import JobOutcome, sent
from leakcheck.runner.task import Task
from tests.unit.runs import CLEAN, ENVIRONMENT, run_of

HERE = Host(host="ten", worker="tcp://ten:1")
PLACE = ExecutionEnvironment(
    folder="/shop", environment=ENVIRONMENT, python=None, files={"a.py": "12"}, changes=None, variables={}
)


def measurement(name: str = "cart", memory: float | None = None) -> JobTask:
    scenario = ScenarioInfo(target=f"a.py::{name}", name=name, growth_options={"rows": 2}, memory_bytes=memory)
    task = Task(
        scenario=scenario,
        settings=resolve(SettingsLayer(executor="dask:tcp://ten:8786"), environment={}, folder=Path("/")),
        options={"rows": 1.5, "fast": True},
        setup=None,
        measure_peak=True,
        folder=Path("/kept/here"),
        stop=Event(),
        accepted={"cart": BaselineEntry(verdict=Verdict.CLEAN), "other": BaselineEntry(verdict=Verdict.LEAK)},
    )
    return measurement_of(task, PLACE)


# --- what crosses the wire ------------------------------------------------------------------------


def test_an_errand_comes_out_as_it_went_in() -> None:
    errand = DaskJob(name="cart", measurements=(measurement(),), turns=(0, 0))
    data = encode(errand)
    assert b"\n" not in data
    assert decode(data, DaskJob) == errand
    assert version_in(data) == __version__


def test_a_measurement_takes_along_what_concerns_it_and_no_more() -> None:
    travels = measurement()
    assert travels.settings.cluster is None
    assert list(travels.accepted or ()) == ["cart"]
    assert b"/kept/here" not in encode(travels)


def test_what_json_has_no_word_for_is_refused_here() -> None:
    with pytest.raises(UsageError, match="cannot be sent to a cluster"):
        encode(replace(measurement(), setup=object()))  # type: ignore[arg-type]


# --- the loop -------------------------------------------------------------------------------------


class Future:
    def __init__(self, number: int, key: str) -> None:
        self.number, self.key = number, key
        self.status = "pending"
        self.outcome: JobAnswer | Exception | None = None


class Scripted:
    """A cluster whose workers do what a script says: for each errand and attempt `answer`, or what happens to it."""

    address = "tcp://ten:8786"
    run = "leakcheck-1"

    def __init__(self, script: Mapping[tuple[int, int], Sequence[str]], slots: int = 2) -> None:
        self.told: SimpleQueue[WorkerEvent] = SimpleQueue()
        self.is_connected = True
        self.script = {key: list(steps) for key, steps in script.items()}
        self.sent: list[str] = []
        self.cancelled: list[str] = []
        self.most_at_once = 0
        self._turns = 0
        self._futures: list[Future] = []
        self._members = [ClusterWorker(address="tcp://ten:1", threads=slots, has={"cores": slots, "memory": 1e9})]

    def members(self) -> list[ClusterWorker]:
        self._play()
        return self._members

    def send(self, errand: bytes, key: str, needs: Mapping[str, float]) -> Future:
        number, _ = key.removeprefix(f"{self.run}-").split("-")
        self.sent.append(key)
        future = Future(int(number), key)
        self._futures.append(future)
        self.most_at_once = max(self.most_at_once, sum(one.status == "pending" for one in self._futures))
        return future

    def _play(self) -> None:
        self._turns += 1
        assert self._turns < 100_000, "it never ends"
        for future in self._futures:
            if future.status != "pending":
                continue
            number, attempt = map(int, future.key.removeprefix(f"{self.run}-").split("-"))
            steps = self.script.setdefault((number, attempt), ["begin", "answer"])
            if not steps:
                continue
            step = steps.pop(0)
            if step == "begin":
                self.told.put(WorkerEvent(key=future.key, worker="tcp://ten:1", doing=b""))
            elif step == "answer":
                done = JobResult(result=CLEAN)
                future.status, future.outcome = "finished", JobAnswer(host="ten", worker="tcp://ten:1", done=(done,))
            elif step == "refuse":
                refused = ("Python: 3.11, 3.12",)
                future.status, future.outcome = "finished", JobAnswer(host="ten", worker="tcp://ten:1", refused=refused)
            elif step == "killed":
                future.status, future.outcome = "error", WorkersLost()
            elif step == "raise":
                future.status, future.outcome = "error", ValueError("out of order")
            elif step == "scheduler gone":
                self.is_connected = False

    def take(self, future: Future) -> bytes:
        if isinstance(future.outcome, Exception):
            raise future.outcome
        return encode(future.outcome)

    def cancel(self, futures: Sequence[Future]) -> None:
        for future in futures:
            future.status = "cancelled"
            self.cancelled.append(future.key)

    def lost(self) -> ExecutorLost:
        return ExecutorLost("gone")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask for members at each turn, wait for nothing, and let time pass by being asked for and not otherwise."""
    seconds = count()
    clock = SimpleNamespace(monotonic=lambda: float(next(seconds)), sleep=lambda _: None)
    monkeypatch.setattr(submission, "time", clock)
    monkeypatch.setattr(submission, "_MEMBERS_SECONDS", -1.0)
    monkeypatch.setattr(submission, "PATIENCE_SECONDS", 50.0)


def outcomes(cluster: Scripted, count: int, watch: list[str] | None = None) -> Iterator[tuple[int, JobOutcome]]:
    def told(number: int, name: str, doing: str) -> None:
        if watch is not None:
            watch.append(f"{name}: {doing}")

    errands = [DaskJob(name=f"s{number}", measurements=(measurement(f"s{number}"),)) for number in range(count)]
    return sent(cluster, errands, told)  # type: ignore[arg-type]


def trouble_of(came: JobOutcome) -> Failure:
    assert came.trouble is not None
    return came.trouble


@pytest.mark.usefixtures("quick")
def test_no_more_is_sent_than_the_workers_can_do_at_once() -> None:
    cluster = Scripted({}, slots=2)
    came = dict(outcomes(cluster, 7))
    assert sorted(came) == list(range(7))
    assert all(one.answer is not None and one.elsewhere == HERE for one in came.values())
    assert cluster.most_at_once == 2


@pytest.mark.usefixtures("quick")
def test_what_lost_one_worker_is_done_again_and_says_so() -> None:
    told: list[str] = []
    cluster = Scripted({(0, 1): ["begin", "begin", "answer"]})
    [(_, came)] = outcomes(cluster, 1, told)
    assert came.elsewhere == replace(HERE, begun=2)
    assert told == ["s0: begun on ten:1", "s0: begun again, because a worker was lost, on ten:1"]


@pytest.mark.usefixtures("quick")
def test_what_lost_two_workers_is_set_aside_and_done_alone_in_the_end() -> None:
    # GIVEN one that kills, and one that was only beside it
    killer = {(0, 1): ["begin", "begin", "begin"], (0, 2): ["begin", "begin"]}
    innocent = {(1, 1): ["begin", "begin", "killed"]}
    cluster = Scripted({**killer, **innocent})
    # WHEN
    came = dict(outcomes(cluster, 4))
    # THEN each was tried again alone, and the innocent one has a result
    assert cluster.sent[-2:] == ["leakcheck-1-1-2", "leakcheck-1-0-2"] or cluster.sent[-2:] == [
        "leakcheck-1-0-2",
        "leakcheck-1-1-2",
    ]
    assert came[1].elsewhere == replace(HERE, begun=3)
    assert trouble_of(came[0]).message.startswith("each worker that measured it was lost, the last time when it was")
    assert [came[number].trouble for number in (1, 2, 3)] == [None] * 3


@pytest.mark.usefixtures("quick")
def test_what_fits_no_worker_does_not_keep_the_others_waiting() -> None:
    cluster = Scripted({})
    errands = [
        DaskJob(name="huge", measurements=(measurement("huge", 2e9),)),
        DaskJob(name="just", measurements=(measurement("just", 1e9),)),
    ]
    came = list(sent(cluster, errands, lambda *_: None))  # type: ignore[arg-type]
    assert [number for number, _ in came] == [1, 0]
    assert (
        '`dask worker tcp://ten:8786 --nthreads 1 --resources "cores=1 memory=2000000000"`'
        in trouble_of(came[1][1]).message
    )


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("step", "said"),
    [("refuse", "ten (tcp://ten:1) cannot measure this: Python: 3.11, 3.12; workers need"), ("raise", "ValueError")],
)
def test_what_went_wrong_on_a_worker_is_the_trouble_of_that_errand(step: str, said: str) -> None:
    came = dict(outcomes(Scripted({(0, 1): ["begin", step]}), 2))
    assert said in trouble_of(came[0]).message
    assert came[1].trouble is None


def _take(running: Iterator[tuple[int, JobOutcome]], came: list[int]) -> None:
    for number, _ in running:
        came.append(number)


@pytest.mark.usefixtures("quick")
def test_a_scheduler_that_is_gone_ends_it_and_what_came_before_is_there() -> None:
    cluster = Scripted({(1, 1): ["begin", "begin", "scheduler gone"]}, slots=1)
    came: list[int] = []
    with pytest.raises(ExecutorLost):
        _take(outcomes(cluster, 3), came)
    assert came == [0]
    assert cluster.sent == ["leakcheck-1-0-1", "leakcheck-1-1-1"]


@pytest.mark.usefixtures("quick")
def test_leaving_early_cancels_what_was_sent() -> None:
    cluster = Scripted({(1, 1): ["begin"], (2, 1): ["begin"]}, slots=2)
    running = outcomes(cluster, 3)
    next(running)
    assert isinstance(running, Iterator)
    running.close()  # type: ignore[attr-defined]
    assert set(cluster.cancelled) <= {"leakcheck-1-1-1", "leakcheck-1-2-1"}
    assert "leakcheck-1-1-1" in cluster.cancelled


# --- where it is measured -------------------------------------------------------------------------


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a scenario and a module, to stand in; variables are put back afterwards."""
    monkeypatch.setattr(os, "environ", dict(os.environ))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scenarios.py").write_text("first\n")
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "cart.py").write_text("first\n")
    (tmp_path / "pyproject.toml").write_text("")
    return tmp_path


def place(target: str) -> ExecutionEnvironment:
    found = ScenarioInfo(target=target, name="cart")
    return place_here(found, resolve(SettingsLayer(), environment={}), ENVIRONMENT)


@pytest.mark.parametrize(
    ("target", "file"),
    [("scenarios.py::cart", "scenarios.py"), ("shop.cart:pay", "shop/cart.py"), ("json:dumps", None)],
)
def test_a_place_names_the_file_that_holds_the_scenario_and_the_settings(
    shop: Path, target: str, file: str | None
) -> None:
    assert set(place(target).files) == {"pyproject.toml", *([file] if file else [])}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda path: path.write_text("second\n"),
            "scenarios.py in {} is another one, or was changed since the run began",
        ),
        (lambda path: path.unlink(), "there is no file scenarios.py in {}"),
    ],
)
def test_another_file_is_told(shop: Path, change: Any, said: str) -> None:
    here = place("scenarios.py::cart")
    settings = resolve(SettingsLayer(), environment={})
    before = list(differences_here(here, "shop.cart:pay", settings))
    change(shop / "scenarios.py")
    after = list(differences_here(here, "shop.cart:pay", settings))
    assert said.format(shop) not in before
    assert after[0] == said.format(shop)


def test_another_python_is_told_and_its_path_does_not_matter(shop: Path) -> None:
    settings = resolve(SettingsLayer(), environment={})
    found = list(differences_here(place("scenarios.py::cart"), "shop.cart:pay", settings))
    assert any(one.startswith("libc: ") or one.startswith("Python: ") or one.startswith("package ") for one in found)
    assert not any("executable" in one for one in found)


def test_a_python_that_is_not_there_is_told(shop: Path) -> None:
    here = replace(place("scenarios.py::cart"), python="/nowhere/python")
    found = list(differences_here(here, "shop.cart:pay", resolve(SettingsLayer(), environment={})))
    assert found == ["there is no Python /nowhere/python"]


def test_variables_that_decide_are_those_of_the_command(shop: Path) -> None:
    os.environ.update(MALLOC_TRIM_THRESHOLD_="65536", OMP_NUM_THREADS="1", DASK_X="1", PYTHONPATH="/theirs", KEPT="1")
    enter(replace(PLACE, folder=str(shop), variables={"PYTHONPATH": "/ours"}))
    found = {name: os.environ.get(name) for name in ("MALLOC_TRIM_THRESHOLD_", "OMP_NUM_THREADS", "DASK_X")}
    assert list(found.values()) == [None] * 3
    assert (os.environ["PYTHONPATH"], os.environ["KEPT"]) == ("/ours", "1")


# --- what comes back ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("captures/cart.bin", "captures/cart.bin"),
        ("../../cart.bin", "captures/cart.bin"),
        ("/etc/cart.bin", "captures/cart.bin"),
        ("captures/..", "captures/capture.bin"),
        ("\0", "captures/capture.bin"),
    ],
)
def test_a_capture_is_kept_in_the_runs_folder_whatever_its_name(tmp_path: Path, name: str, kept: str) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    assert keep_capture(folder, name, zlib.compress(b"memray")) == kept
    assert (folder / kept).read_bytes() == b"memray"
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [folder / kept]


def test_a_second_capture_of_that_name_replaces_nothing(tmp_path: Path) -> None:
    first, second = (keep_capture(tmp_path, "captures/cart.bin", zlib.compress(data)) for data in (b"1", b"2"))
    assert (first, second) == ("captures/cart.bin", "captures/cart-2.bin")
    assert (tmp_path / first).read_bytes() == b"1"


def test_a_capture_that_cannot_be_kept_costs_the_result_nothing_else(tmp_path: Path) -> None:
    done = JobResult(result=replace(CLEAN, capture="captures/cart.bin"), capture=b"no zlib")
    result = result_of(done, HERE, tmp_path)
    assert (result.verdict, result.capture, result.elsewhere) == (CLEAN.verdict, None, HERE)
    assert "its capture could not be kept" in result.explain_notes[0]


def test_what_nobody_measured_is_an_error_of_that_scenario() -> None:
    result = not_measured(measurement(), Failure(kind="fleet", message="no room"))
    assert (result.id, result.gate, result.growth) == ("cart", Gate.ERROR, None)
    assert result.growth_options == {"rows": 1.5, "fast": True}


def test_machines_are_named_once_and_what_was_measured_again_by_itself() -> None:
    on_ten, again = replace(CLEAN, elsewhere=HERE), replace(CLEAN, variant="naive", elsewhere=replace(HERE, begun=3))
    assert list(elsewhere_sentences(run_of(on_ten, again))) == [
        "Measured on ten (2).",
        "newsletter[naive]: 2 workers were lost with it, so it was measured again from its beginning, on ten.",
    ]
    assert list(elsewhere_sentences(run_of(CLEAN))) == []


def test_timings_of_different_machines_are_not_compared() -> None:
    before = replace(CLEAN, variant="before", elsewhere=HERE)
    after = replace(CLEAN, variant="after", elsewhere=replace(HERE, host="eleven"))
    comparison = compare_variants(run_of(before, after), "before", "after")
    assert comparison.notes == (
        "newsletter was measured on ten and on eleven: timings of different machines are not compared",
    )
