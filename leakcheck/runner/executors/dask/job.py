"""The messages between the parent and a Dask worker: a job goes out, an answer comes back, both as JSON.

A Task holds what only its own process has: an event, and folders of this machine. Its request is sent, and becomes a
Task again in the process that measures it.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from leakcheck import __version__
from leakcheck.model.errors import UsageError
from leakcheck.model.result import Result
from leakcheck.runner.executors.dask.environment_check import ExecutionEnvironment
from leakcheck.runner.task import MeasureRequest

_Message = TypeVar("_Message")


@dataclass(frozen=True, slots=True, kw_only=True)
class JobTask:
    """A request as it is sent, and the environment that it must be measured in."""

    request: MeasureRequest
    environment: ExecutionEnvironment


def job_task_of(request: MeasureRequest, environment: ExecutionEnvironment) -> JobTask:
    """Return what is sent of a request: its receiver measures it, and does not submit it to the cluster again."""
    request = replace(request, settings=replace(request.settings, cluster=None))
    return JobTask(request=request, environment=environment)


@dataclass(frozen=True, slots=True, kw_only=True)
class DaskJob:
    """Measurements that one worker makes, one after the other; if it is lost, another one makes all of them again."""

    name: str
    """The name that progress and messages show: a scenario's id."""
    tasks: tuple[JobTask, ...]
    turns: tuple[int, ...] = (0,)
    """Indices into `tasks`, in the order in which to make them; empty: only check whether they can be made."""
    keeps_captures: bool = True
    leakcheck: str = __version__

    @property
    def needs(self) -> dict[str, float]:
        """Return the resources of a worker that it takes."""
        return {"cores": 1, "memory": max(task.request.expected_memory for task in self.tasks)}


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
    return msgspec.json.decode(data, type=kind, dec_hook=lambda wanted, value: wanted(value))


def version_in(data: bytes) -> str:
    """Return the version of leakcheck that wrote a job; the job of another version may not decode."""
    return msgspec.json.decode(data, type=_JobHeader).leakcheck


def _to_text(value: Any) -> str:
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"a {type(value).__name__} has no JSON form")
