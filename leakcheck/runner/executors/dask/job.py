"""What crosses the wire: an errand goes out, an answer comes back, each as JSON.

A Task holds what only its own process has: an event, folders that are open here. A Measurement is what remains, and
a Task is made of it again where it is measured.
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
    """One measurement as it travels: all that a Task needs, and where it belongs."""

    scenario: ScenarioInfo
    settings: Settings
    options: Mapping[str, OptionValue]
    setup: str | None
    measure_peak: bool
    serving: LimitRequest | None
    accepted: Mapping[str, BaselineEntry] | None
    place: ExecutionEnvironment

    @property
    def expected_memory(self) -> float:
        """Return the bytes that its process is taken to need."""
        return self.here().expected_memory

    def here(self) -> Task:
        """Return the task as something to ask, and not to measure."""
        return self.task(Path(), Event(), None)

    def task(self, folder: Path, stop: Event, shared_folder: Path | None) -> Task:
        """Return the task that it is on this machine."""
        return Task(
            scenario=self.scenario,
            settings=self.settings,
            options=self.options,
            setup=self.setup,
            measure_peak=self.measure_peak,
            serving=self.serving,
            folder=folder,
            stop=stop,
            accepted=self.accepted,
            shared_folder=shared_folder,
        )


def measurement_of(task: Task, place: ExecutionEnvironment) -> JobTask:
    """Return what travels of a task."""
    accepted = task.accepted
    return JobTask(
        scenario=task.scenario,
        # no other process may send it on
        settings=replace(task.settings, cluster=None),
        options=task.options,
        setup=task.setup,
        measure_peak=task.measure_peak,
        serving=task.serving,
        accepted=None
        if accepted is None
        else {name: one for name, one in accepted.items() if name == task.scenario.id},
        place=place,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DaskJob:
    """What one worker is to do in one go, in turn: all of it there, or all of it again on another."""

    name: str
    """What people are told that it is: a scenario's id."""
    measurements: tuple[JobTask, ...]
    turns: tuple[int, ...] = (0,)
    """The numbers of the measurements, in the order in which they are made; none: only look whether they could be."""
    keeps_captures: bool = True
    leakcheck: str = __version__

    @property
    def needs(self) -> dict[str, float]:
        """Return the resources that it takes of a worker."""
        return {"cores": 1, "memory": max(one.expected_memory for one in self.measurements)}


@dataclass(frozen=True, slots=True, kw_only=True)
class JobResult:
    """What came of one turn."""

    result: Result
    capture: bytes | None = None
    """The file that the result names, compressed; None where there is none, or it is too large to travel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobAnswer:
    """What a worker answers."""

    host: str
    worker: str
    refused: tuple[str, ...] = ()
    """Why nothing was measured there: what is not as it is here."""
    done: tuple[JobResult, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Header:
    leakcheck: str = ""


def encode(message: object) -> bytes:
    """Return a message as one line. Raises UsageError for what JSON has no word for."""
    try:
        return msgspec.json.encode(message, enc_hook=_to_text)
    except (TypeError, ValueError) as error:
        raise UsageError(f"cannot be sent to a cluster: {error}") from error


def decode(data: bytes, kind: type[_Message]) -> _Message:
    """Return a message. Raises msgspec.ValidationError for one that is none."""
    return msgspec.json.decode(data, type=kind, dec_hook=_from_text)


def version_in(data: bytes) -> str:
    """Return which leakcheck wrote an errand: of another one the rest may not be understood."""
    return msgspec.json.decode(data, type=_Header).leakcheck


def _to_text(value: Any) -> str:
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"a {type(value).__name__} does not travel")


def _from_text(kind: type[Any], value: Any) -> Any:
    return kind(value)
