"""Jobs that are sent to a Dask cluster and what becomes of them, against a scripted cluster."""

import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from queue import SimpleQueue
from types import SimpleNamespace
from typing import Any

import pytest

from leakcheck import __version__
from leakcheck.compare.sides import compare_variants
from leakcheck.config.settings import resolve
from leakcheck.config.sources import SettingsLayer
from leakcheck.model.answers import ScenarioInfo
from leakcheck.model.baseline import BaselineEntry
from leakcheck.model.errors import ExecutorLost, UsageError
from leakcheck.model.failure import Failure, FailureKind
from leakcheck.model.result import Host
from leakcheck.model.verdict import Gate, Verdict
from leakcheck.reporters.messages.run import RunFact, run_phrases
from leakcheck.runner.executors.dask import submission
from leakcheck.runner.executors.dask.client import ClusterWorker, WorkerEvent, WorkersLost
from leakcheck.runner.executors.dask.environment_check import (
    ExecutionEnvironment,
    differences,
    enter,
    required_environment,
)
from leakcheck.runner.executors.dask.executor import failed_result, keep_capture, result_of
from leakcheck.runner.executors.dask.job import (
    DaskJob,
    JobAnswer,
    JobResult,
    JobTask,
    decode,
    encode,
    job_task_of,
    version_in,
)
from leakcheck.runner.executors.dask.submission import JobOutcome, submit_jobs
from leakcheck.runner.session import RunRequest
from tests.unit.runs import CLEAN, ENVIRONMENT, TOLERANCE, run_of

TEN = Host(host="ten", worker="tcp://ten:1")
EXPECTED_ENVIRONMENT = ExecutionEnvironment(
    folder="/shop", environment=ENVIRONMENT, python=None, files={"a.py": "12"}, changes=None, variables={}
)


def job_task(name: str = "cart", memory: float | None = None) -> JobTask:
    scenario = ScenarioInfo(target=f"a.py::{name}", name=name, growth_options={"rows": 2}, memory_bytes=memory)
    request = RunRequest(
        targets=(),
        settings=resolve(SettingsLayer(executor="dask:tcp://ten:8786"), environment={}, folder=Path("/")),
        options={"rows": 1.5, "fast": True},
    )
    entries = {"cart": BaselineEntry(verdict=Verdict.CLEAN), "other": BaselineEntry(verdict=Verdict.LEAK)}
    return job_task_of(request.for_scenario(scenario, entries), EXPECTED_ENVIRONMENT)


# --- messages -------------------------------------------------------------------------------------


def test_a_job_is_decoded_as_it_was_encoded_on_one_line() -> None:
    job = DaskJob(name="cart", tasks=(job_task(),), turns=(0, 0))
    data = encode(job)
    assert b"\n" not in data
    assert decode(data, DaskJob) == job
    assert version_in(data) == __version__


def test_a_request_is_sent_without_the_cluster_and_the_baseline_entries_of_others() -> None:
    request = job_task().request
    assert request.settings.cluster is None
    assert list(request.baseline_entries or ()) == ["cart"]


def test_what_json_cannot_represent_is_refused_before_it_is_sent() -> None:
    with pytest.raises(UsageError, match="cannot be sent to a cluster"):
        encode(replace(job_task().request, setup=object()))  # type: ignore[arg-type]


# --- submission -----------------------------------------------------------------------------------


class Future:
    def __init__(self, number: int, key: str) -> None:
        self.number, self.key = number, key
        self.status = "pending"
        self.outcome: JobAnswer | Exception | None = None


class ScriptedCluster:
    """A cluster that follows a script: for each job and attempt, `answer` or another step in `_play`."""

    address = "tcp://ten:8786"
    run = "leakcheck-1"

    def __init__(self, script: Mapping[tuple[int, int], Sequence[str]], slots: int = 2) -> None:
        self.events: SimpleQueue[WorkerEvent] = SimpleQueue()
        self.is_connected = True
        self.script = {key: list(steps) for key, steps in script.items()}
        self.submitted: list[str] = []
        self.cancelled: list[str] = []
        self.most_at_once = 0
        self._turns = 0
        self._futures: list[Future] = []
        self._workers = [ClusterWorker(address="tcp://ten:1", threads=slots, resources={"cores": slots, "memory": 1e9})]

    def usable_workers(self) -> list[ClusterWorker]:
        self._play()
        return self._workers

    def submit(self, job: bytes, key: str, needs: Mapping[str, float]) -> Future:
        number, _ = key.removeprefix(f"{self.run}-").split("-")
        self.submitted.append(key)
        future = Future(int(number), key)
        self._futures.append(future)
        self.most_at_once = max(self.most_at_once, sum(each.status == "pending" for each in self._futures))
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
                self.events.put(WorkerEvent(key=future.key, worker="tcp://ten:1", doing=b""))
            elif step == "answer":
                result = JobResult(result=CLEAN)
                future.status, future.outcome = (
                    "finished",
                    JobAnswer(host="ten", worker="tcp://ten:1", results=(result,)),
                )
            elif step == "refuse":
                refused = ("Python: 3.11, 3.12",)
                future.status, future.outcome = "finished", JobAnswer(host="ten", worker="tcp://ten:1", refused=refused)
            elif step == "killed":
                future.status, future.outcome = "error", WorkersLost()
            elif step == "raise":
                future.status, future.outcome = "error", ValueError("out of order")
            elif step == "scheduler gone":
                self.is_connected = False

    def result(self, future: Future) -> bytes:
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
def scripted_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """List the workers in each turn, never sleep, and have a second pass whenever the time is read."""
    seconds = count()
    clock = SimpleNamespace(monotonic=lambda: float(next(seconds)), sleep=lambda _: None)
    monkeypatch.setattr(submission, "time", clock)
    monkeypatch.setattr(submission, "_WORKERS_SECONDS", -1.0)
    monkeypatch.setattr(submission, "WORKER_WAIT_SECONDS", 50.0)


def outcomes(
    cluster: ScriptedCluster, count: int, progress: list[str] | None = None
) -> Iterator[tuple[int, JobOutcome]]:
    def watch(number: int, name: str, doing: str) -> None:
        if progress is not None:
            progress.append(f"{name}: {doing}")

    jobs = [DaskJob(name=f"s{number}", tasks=(job_task(f"s{number}"),)) for number in range(count)]
    return submit_jobs(cluster, jobs, watch)  # type: ignore[arg-type]


def trouble_of(outcome: JobOutcome) -> Failure:
    assert outcome.failure is not None
    return outcome.failure


@pytest.mark.usefixtures("scripted_clock")
def test_no_more_jobs_are_submitted_than_the_workers_can_run_at_once() -> None:
    cluster = ScriptedCluster({}, slots=2)
    done = dict(outcomes(cluster, 7))
    assert sorted(done) == list(range(7))
    assert all(outcome.answer is not None and outcome.host == TEN for outcome in done.values())
    assert cluster.most_at_once == 2


@pytest.mark.usefixtures("scripted_clock")
def test_a_job_that_lost_one_worker_runs_again_and_this_is_reported() -> None:
    progress: list[str] = []
    cluster = ScriptedCluster({(0, 1): ["begin", "begin", "answer"]})
    [(_, outcome)] = outcomes(cluster, 1, progress)
    assert outcome.host == replace(TEN, attempts=2)
    assert progress == ["s0: started on ten:1", "s0: started again, because a worker was lost, on ten:1"]


@pytest.mark.usefixtures("scripted_clock")
def test_a_job_that_lost_two_workers_is_set_aside_and_runs_alone_at_the_end() -> None:
    # GIVEN a job that kills its workers, and one that only ran beside it
    killer = {(0, 1): ["begin", "begin", "begin"], (0, 2): ["begin", "begin"]}
    innocent = {(1, 1): ["begin", "begin", "killed"]}
    cluster = ScriptedCluster({**killer, **innocent})
    # WHEN
    done = dict(outcomes(cluster, 4))
    # THEN each was tried again alone, and the innocent one has a result
    assert cluster.submitted[-2:] == ["leakcheck-1-1-2", "leakcheck-1-0-2"] or cluster.submitted[-2:] == [
        "leakcheck-1-0-2",
        "leakcheck-1-1-2",
    ]
    assert done[1].host == replace(TEN, attempts=3)
    assert trouble_of(done[0]).message.startswith(
        "every worker that measured it was lost (5 in all), the last one while"
    )
    assert [done[number].failure for number in (1, 2, 3)] == [None] * 3


@pytest.mark.usefixtures("scripted_clock")
def test_a_job_that_fits_no_worker_does_not_delay_the_others() -> None:
    cluster = ScriptedCluster({})
    jobs = [
        DaskJob(name="huge", tasks=(job_task("huge", 2e9),)),
        DaskJob(name="just", tasks=(job_task("just", 1e9),)),
    ]
    done = list(submit_jobs(cluster, jobs, lambda *_: None))  # type: ignore[arg-type]
    assert [number for number, _ in done] == [1, 0]
    assert (
        '`dask worker tcp://ten:8786 --nthreads 1 --resources "cores=1 memory=2000000000"`'
        in trouble_of(done[1][1]).message
    )


@pytest.mark.usefixtures("scripted_clock")
@pytest.mark.parametrize(
    ("step", "message"),
    [("refuse", "ten (tcp://ten:1) cannot measure this: Python: 3.11, 3.12; workers need"), ("raise", "ValueError")],
)
def test_what_goes_wrong_on_a_worker_is_the_trouble_of_its_job_alone(step: str, message: str) -> None:
    done = dict(outcomes(ScriptedCluster({(0, 1): ["begin", step]}), 2))
    assert message in trouble_of(done[0]).message
    assert done[1].failure is None


def _append_numbers(running: Iterator[tuple[int, JobOutcome]], numbers: list[int]) -> None:
    for number, _ in running:
        numbers.append(number)


@pytest.mark.usefixtures("scripted_clock")
def test_a_lost_scheduler_ends_the_run_after_the_outcomes_that_it_had() -> None:
    cluster = ScriptedCluster({(1, 1): ["begin", "begin", "scheduler gone"]}, slots=1)
    numbers: list[int] = []
    with pytest.raises(ExecutorLost):
        _append_numbers(outcomes(cluster, 3), numbers)
    assert numbers == [0]
    assert cluster.submitted == ["leakcheck-1-0-1", "leakcheck-1-1-1"]


@pytest.mark.usefixtures("scripted_clock")
def test_leaving_early_cancels_the_jobs_that_were_submitted() -> None:
    cluster = ScriptedCluster({(1, 1): ["begin"], (2, 1): ["begin"]}, slots=2)
    running = outcomes(cluster, 3)
    next(running)
    assert isinstance(running, Iterator)
    running.close()  # type: ignore[attr-defined]
    assert set(cluster.cancelled) <= {"leakcheck-1-1-1", "leakcheck-1-2-1"}
    assert "leakcheck-1-1-1" in cluster.cancelled


# --- environment ----------------------------------------------------------------------------------


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder with a scenario and a module; the variables are restored afterwards."""
    monkeypatch.setattr(os, "environ", dict(os.environ))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scenarios.py").write_text("first\n")
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "cart.py").write_text("first\n")
    (tmp_path / "pyproject.toml").write_text("")
    return tmp_path


def environment_for(target: str) -> ExecutionEnvironment:
    scenario = ScenarioInfo(target=target, name="cart")
    return required_environment(scenario, resolve(SettingsLayer(), environment={}), ENVIRONMENT)


@pytest.mark.parametrize(
    ("target", "file"),
    [("scenarios.py::cart", "scenarios.py"), ("shop.cart:pay", "shop/cart.py"), ("json:dumps", None)],
)
def test_an_environment_names_the_file_of_the_scenario_and_of_the_settings(
    shop: Path, target: str, file: str | None
) -> None:
    assert set(environment_for(target).files) == {"pyproject.toml", *([file] if file else [])}


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        (
            lambda path: path.write_text("second\n"),
            "scenarios.py in {} differs, or was changed after the run began",
        ),
        (lambda path: path.unlink(), "there is no file scenarios.py in {}"),
    ],
)
def test_a_file_that_differs_is_reported(shop: Path, change: Any, difference: str) -> None:
    expected = environment_for("scenarios.py::cart")
    settings = resolve(SettingsLayer(), environment={})
    before = list(differences(expected, "shop.cart:pay", settings))
    change(shop / "scenarios.py")
    after = list(differences(expected, "shop.cart:pay", settings))
    assert difference.format(shop) not in before
    assert after[0] == difference.format(shop)


def test_another_python_is_reported_and_its_path_does_not_matter(shop: Path) -> None:
    settings = resolve(SettingsLayer(), environment={})
    reported = list(differences(environment_for("scenarios.py::cart"), "shop.cart:pay", settings))
    assert any(line.startswith(("libc: ", "Python: ", "package ")) for line in reported)
    assert not any("executable" in line for line in reported)


def test_a_missing_python_is_reported(shop: Path) -> None:
    expected = replace(environment_for("scenarios.py::cart"), python="/nowhere/python")
    reported = list(differences(expected, "shop.cart:pay", resolve(SettingsLayer(), environment={})))
    assert reported == ["there is no interpreter /nowhere/python"]


def test_variables_that_affect_a_measurement_are_taken_from_the_command(shop: Path) -> None:
    os.environ.update(MALLOC_TRIM_THRESHOLD_="65536", OMP_NUM_THREADS="1", DASK_X="1", PYTHONPATH="/theirs", KEPT="1")
    enter(replace(EXPECTED_ENVIRONMENT, folder=str(shop), variables={"PYTHONPATH": "/ours"}))
    removed = ("MALLOC_TRIM_THRESHOLD_", "OMP_NUM_THREADS", "DASK_X")
    assert [os.environ.get(name) for name in removed] == [None] * 3
    assert (os.environ["PYTHONPATH"], os.environ["KEPT"]) == ("/ours", "1")


# --- results --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("captures/cart.bin", "captures/cart.bin"),
        ("../../cart.bin", "captures/cart.bin"),
        ("/etc/cart.bin", "captures/cart.bin"),
        ("captures/..", "captures/capture.bin"),
        ("\0", "captures/capture.bin"),
    ],
)
def test_a_capture_is_written_to_the_runs_folder_whatever_its_name(tmp_path: Path, name: str, path: str) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    assert keep_capture(folder, name, zlib.compress(b"memray")) == path
    assert (folder / path).read_bytes() == b"memray"
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == [folder / path]


def test_a_second_capture_of_that_name_replaces_nothing(tmp_path: Path) -> None:
    first, second = (keep_capture(tmp_path, "captures/cart.bin", zlib.compress(data)) for data in (b"1", b"2"))
    assert (first, second) == ("captures/cart.bin", "captures/cart-2.bin")
    assert (tmp_path / first).read_bytes() == b"1"


def test_a_capture_that_cannot_be_written_costs_the_result_nothing_else(tmp_path: Path) -> None:
    job_result = JobResult(result=replace(CLEAN, capture="captures/cart.bin"), capture=b"no zlib")
    result = result_of(job_result, TEN, tmp_path)
    assert (result.verdict, result.capture, result.measured_on) == (CLEAN.verdict, None, TEN)
    assert "its capture could not be saved" in result.explanation.notes[0]


def test_a_task_that_was_not_measured_is_an_error_of_its_scenario() -> None:
    result = failed_result(job_task().request, Failure(kind=FailureKind.CLUSTER, message="no room"))
    assert (result.id, result.gate, result.growth) == ("cart", Gate.ERROR, None)
    assert result.growth_options == {"rows": 1.5, "fast": True}


def test_each_machine_is_named_once_and_each_scenario_that_was_measured_again() -> None:
    on_ten, again = (
        replace(CLEAN, measured_on=TEN),
        replace(CLEAN, variant="naive", measured_on=replace(TEN, attempts=3)),
    )
    assert run_phrases(run_of(on_ten, again), RunFact.HOSTS, RunFact.RETRIED) == [
        "Measured on ten (2).",
        "newsletter[naive]: 2 workers were lost with it, so it was measured again from the start, on ten.",
    ]
    assert run_phrases(run_of(CLEAN), RunFact.HOSTS, RunFact.RETRIED) == []


def test_timings_of_different_machines_are_not_compared() -> None:
    before = replace(CLEAN, variant="before", measured_on=TEN)
    after = replace(CLEAN, variant="after", measured_on=replace(TEN, host="eleven"))
    comparison = compare_variants(run_of(before, after), "before", "after", TOLERANCE)
    assert comparison.notes == (
        "newsletter was measured on ten and on eleven: timings of different machines are not compared",
    )
