"""The messages between the parent and a Dask worker: a job goes out, an answer comes back, both as JSON.

A Task holds what only its own process has: an event, and folders of this machine. A JobTask is the rest of it, and
becomes a Task again in the process that measures it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from typing import Any, TypeVar

import msgspec

from leakcheck import __version__
from leakcheck.config.settings import Settings
from leakcheck.model.answers import ScenarioInfo
from leakcheck.model.baseline import BaselineEntry
from leakcheck.model.errors import UsageError
from leakcheck.model.memory_limit import LimitRequest
from leakcheck.model.protocol import OptionValue
from leakcheck.model.result import Result
from leakcheck.runner.executors.dask.environment_check import ExecutionEnvironment
from leakcheck.runner.task import Task

_Message = TypeVar("_Message")


@dataclass(frozen=True, slots=True, kw_only=True)
class JobTask:
    """A task as it is sent: everything else that a Task needs, and the environment that it must be measured in."""

    scenario: ScenarioInfo
    settings: Settings
    options: Mapping[str, OptionValue]
    setup: str | None
    measure_peak: bool
    limit_request: LimitRequest | None
    baseline_entries: Mapping[str, BaselineEntry] | None
    environment: ExecutionEnvironment

    @property
    def expected_memory(self) -> float:
        """Return the bytes that its process is taken to need."""
        return self.detached().expected_memory

    def detached(self) -> Task:
        """Return a Task without a folder, for its properties: it cannot be measured."""
        return self.task(Path(), Event(), None)

    def task(self, folder: Path, stop: Event, shared_folder: Path | None) -> Task:
        """Return the Task to measure on this machine."""
        return Task(
            scenario=self.scenario,
            settings=self.settings,
            options=self.options,
            setup=self.setup,
            measure_peak=self.measure_peak,
            limit_request=self.limit_request,
            folder=folder,
            stop=stop,
            baseline_entries=self.baseline_entries,
            shared_folder=shared_folder,
        )


def job_task_of(task: Task, place: ExecutionEnvironment) -> JobTask:
    """Return the part of a task that is sent."""
    accepted = task.baseline_entries
    return JobTask(
        scenario=task.scenario,
        # without the cluster: whoever receives it measures it, and does not submit it again
        settings=replace(task.settings, cluster=None),
        options=task.options,
        setup=task.setup,
        measure_peak=task.measure_peak,
        limit_request=task.limit_request,
        baseline_entries=None
        if accepted is None
        else {name: entry for name, entry in accepted.items() if name == task.scenario.id},
        environment=place,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DaskJob:
    """Measurements that one worker makes, one after the other; if it is lost, another one makes all of them again."""

    name: str
    """The name that progress and messages show: a scenario's id."""
    tasks: tuple[JobTask, ...]
    turns: tuple[int, ...] = (0,)
    """Indices into `measurements`, in the order in which to make them; empty: only check whether they can be made."""
    keeps_captures: bool = True
    leakcheck: str = __version__

    @property
    def needs(self) -> dict[str, float]:
        """Return the resources of a worker that it takes."""
        return {"cores": 1, "memory": max(task.expected_memory for task in self.tasks)}


@dataclass(frozen=True, slots=True, kw_only=True)
class JobResult:
    """The result of one turn."""

    result: Result
    capture: bytes | None = None
    """The capture file that the result names, compressed; None where there is none, or it is too large to send."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobAnswer:
    """The answer to a job."""

    host: str
    worker: str
    refused: tuple[str, ...] = ()
    """What differs between the two machines, so that nothing was measured."""
    results: tuple[JobResult, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _JobHeader:
    leakcheck: str = ""


def encode(message: object) -> bytes:
    """Return a message as one line of JSON. Raises UsageError for what JSON cannot represent."""
    try:
        return msgspec.json.encode(message, enc_hook=_to_text)
    except (TypeError, ValueError) as error:
        raise UsageError(f"cannot be sent to a cluster: {error}") from error


def decode(data: bytes, kind: type[_Message]) -> _Message:
    """Return the message of that type. Raises msgspec.ValidationError where the data is no such message."""
    return msgspec.json.decode(data, type=kind, dec_hook=_from_text)


def version_in(data: bytes) -> str:
    """Return the version of leakcheck that wrote a job; the job of another version may not decode."""
    return msgspec.json.decode(data, type=_JobHeader).leakcheck


def _to_text(value: Any) -> str:
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"a {type(value).__name__} does not travel")


def _from_text(kind: type[Any], value: Any) -> Any:
    return kind(value)
