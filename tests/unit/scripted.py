"""A measured process that replays a script: the readings of every call are known beforehand.

`simulate` drives the real road (`measure`): the parent asks for blocks and judges as it always
does, and only what answers is made up. Time is made up too, so nothing here waits.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from threading import Event
from typing import Any, Self
from unittest import mock

import numpy as np
from numpy.typing import NDArray

from leakcheck.config.settings import resolve
from leakcheck.config.sources import SettingsLayer
from leakcheck.model.answers import BoundedContainer, ScenarioInfo
from leakcheck.model.child_processes import ChildrenReading
from leakcheck.model.explanation import Explain
from leakcheck.model.failure import Failure, FailureKind, WorkerFailed
from leakcheck.model.result import Result
from leakcheck.probe.meters.memory import BLOCK_CAPACITY
from leakcheck.runner.measure import measure
from leakcheck.runner.task import MeasureRequest, Task

Column = Callable[[NDArray[np.int64]], NDArray[Any]]
"""Bytes (or blocks) that are live after so many calls."""

PAGE = 4096
_CHILDREN_BYTES = 2**24
_PROGRAM_BYTES, _PROGRAM_BLOCKS = 20 * 1024**2, 50_000


def still(calls: NDArray[np.int64]) -> NDArray[np.float64]:
    """Keep nothing."""
    return np.zeros(len(calls))


def leak(bytes_per_call: float) -> Column:
    """Keep as much with every call."""
    return lambda calls: bytes_per_call * calls.astype(np.float64)


def recorded(values: NDArray[np.float64]) -> Column:
    """Play back a value for each call, the first for call 0."""
    return lambda calls: values[calls]


def total(*columns: Column) -> Column:
    """Return what several columns keep together."""
    return lambda calls: np.sum([column(calls) for column in columns], axis=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """What a process will answer."""

    heap: Column | None = still
    """None where the platform has no exact meter."""
    rss: Column | None = None
    """None: the heap's pages."""
    blocks: Column | None = still
    """None where Python takes its blocks from another malloc, and counts none."""
    seconds_per_call: float = 0.001
    seconds_per_reading: float = 0.0003
    limited: Sequence[BoundedContainer] = ()
    """What a search for filling containers finds."""
    counted: Mapping[str, Column] = field(default_factory=dict)
    """Open files, threads and the like, by their kind; none where the platform does not tell."""
    named: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    """What is said when it is asked what they are."""
    children: Column | None = None
    """What the pages of two child processes take that live on; None where there are none."""
    children_gain: Column | None = None
    """What those that live gain while they live, where they come and go; else all that they take."""
    unmeasured: int = 0
    """Those of them whose memory cannot be read."""
    fails_after: int | None = None
    """The call after which the next one raises."""


class ScriptedWorker:
    """Stands in for `engine.Worker`; each block advances the script."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._calls = 0
        self.pid = 0
        self.cpu_seconds = 1.0
        self.django: object = None
        self.response_statuses: object = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None: ...

    def start(self) -> None: ...

    def finish(self) -> None: ...

    def children(self) -> ChildrenReading:
        """Answer as the runner does, which looks at them from outside."""
        script, calls = self._script, np.array([self._calls])
        if script.children is None:
            return ChildrenReading()
        held = int(script.children(calls)[0])
        gained = held if script.children_gain is None else int(script.children_gain(calls)[0])
        return ChildrenReading(
            processes=2, unmeasured=script.unmeasured, held_bytes=_CHILDREN_BYTES + held, gained_bytes=gained
        )

    def ask(self, message: Mapping[str, Any], *, during: str, extra_seconds: float = 0.0) -> dict[str, Any]:
        """Answer as the worker does: the first call alone, a block of windows, or a search for limits."""
        if message["kind"] == "first":
            return {"block": self._block(windows=0, calls_per_window=1, first=True)}
        if message["kind"] == "name":
            return {"resources": {kind: self._script.named.get(kind, []) for kind in message["resources"]}}
        if message["kind"] == "weigh":
            return {"weighed": {"calls": 1, "limited": [asdict(one) for one in self._script.limited]}}
        if message["kind"] == "look":
            return {"block": self._look(message["calls"]), "gains": {"gained_bytes": 0.0, "followed": []}}
        windows = min(message["windows"], BLOCK_CAPACITY)
        return {"block": self._block(windows=windows, calls_per_window=message["calls_per_window"])}

    def _look(self, calls: int) -> dict[str, Any]:
        """Replay without a reading; no container gains anything in a script."""
        self._calls += calls
        return {
            "readings": {},
            "calls": self._calls,
            "latencies_ns": [],
            "replay_seconds": calls * self._script.seconds_per_call,
            "settle_seconds": 0.0,
            "set_aside_seconds": 0.0,
        }

    def _block(self, *, windows: int, calls_per_window: int, first: bool = False) -> dict[str, Any]:
        script, began = self._script, self._calls
        read_at = began + calls_per_window * np.arange(1, windows + 1)
        last = script.fails_after
        if last is not None and (failed := began + calls_per_window * max(windows, 1) > last):
            read_at = read_at[read_at <= last]
            self._calls = last
        else:
            failed = False
            self._calls = 1 if first else int(read_at[-1])
        replayed = self._calls - began
        block = {
            "readings": self._readings(read_at),
            "calls": self._calls,
            "latencies_ns": [int(script.seconds_per_call * 1e9)] * min(replayed, 100),
            "replay_seconds": replayed * script.seconds_per_call,
            "settle_seconds": len(read_at) * script.seconds_per_reading,
            "set_aside_seconds": 0.0,
        }
        if failed:
            raise WorkerFailed(
                Failure(kind=FailureKind.RAISED, call=self._calls + 1, message="ValueError: as scripted"), block
            )
        return block

    def _readings(self, calls: NDArray[np.int64]) -> dict[str, list[int]]:
        script = self._script
        exact = None if script.heap is None else script.heap(calls)
        rss = script.rss or script.heap or still
        pages = np.ceil((_PROGRAM_BYTES + rss(calls)) / PAGE) * PAGE
        return {
            "calls": _whole(calls),
            "python_bytes": [] if exact is None else _whole(exact),
            "native_bytes": [] if exact is None else [_PROGRAM_BYTES] * len(calls),
            "blocks": _whole(_PROGRAM_BLOCKS + script.blocks(calls)) if script.blocks else [0] * len(calls),
            "rss_bytes": _whole(pages),
            **{name: _whole(column(calls)) for name, column in script.counted.items()},
        }


def _whole(values: NDArray[Any]) -> list[int]:
    whole: list[int] = np.round(values).astype(np.int64).tolist()
    return whole


def simulate(
    script: Script, *, growth: str | None = None, calls: int | None = None, seconds: float | None = None
) -> Result:
    """Return what leakcheck says of a scripted scenario, under a budget, most calls and a time."""
    said = SettingsLayer(growth=growth, calls=calls, time=seconds)
    task = Task(
        request=MeasureRequest(
            scenario=ScenarioInfo(target="scripted.py::scripted", name="scripted"),
            settings=resolve(replace(said, explain=Explain.NEVER), environment={}, folder=Path("/")),
            measure_peak=False,
        ),
        folder=Path("/nowhere"),
        stop=Event(),
    )
    with mock.patch("leakcheck.runner.measure.WorkerProcess", return_value=ScriptedWorker(script)):
        return measure(task, lambda scenario, doing, progress: None)
