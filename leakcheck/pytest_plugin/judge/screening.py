"""Screen in a process that lives on: what stands still there, and keeps its budget, is done."""

import time
from collections.abc import Mapping
from dataclasses import replace

from leakcheck.analysis.growth.resources import may_rise
from leakcheck.analysis.growth.stopping import StopPolicy
from leakcheck.analysis.growth.trend import SMALLEST_RATE, is_rising
from leakcheck.model.failure import WorkerFailed
from leakcheck.model.result import Result
from leakcheck.model.verdict import Gate, Verdict
from leakcheck.runner.child_processes import ReplayingProcess
from leakcheck.runner.growth_pass import GrowthPass, follow, take, take_trouble
from leakcheck.runner.measure import judged, measure_peak
from leakcheck.runner.task import Task

_MOST_CALLS, _FEWEST_CALLS = 1200, 200
"""A screen either sees a standstill soon, or hands over; before so many calls a rise is no reason to."""


def screen(task: Task, process: ReplayingProcess) -> Result | None:
    """Return the result of what stands still, or fails; None wherever a process of its own has to tell.

    This process has a past, so what it kept may be full already; it has a future, so no container may be
    emptied to see what it holds, and it is left alone as soon as anything seems to rise. A peak has a
    process of its own in any case.
    """
    began = time.monotonic()
    seen = GrowthPass()
    allowed = task.settings.resource_budgets
    patience = StopPolicy(
        calls=min(task.settings.calls or _MOST_CALLS, _MOST_CALLS), seconds=task.settings.time_seconds
    )
    try:
        take(seen, process.ask({"kind": "first"}, during="call 1"))
        budget = task.settings.budget(task.scenario)
        follow(seen, process, patience, budget, allowed, lambda: _raise_if_rising(seen, allowed))
    except _NeedsOwnProcess:
        return None
    except WorkerFailed as failed:
        take_trouble(seen, failed)
    peak, peak_trouble = None, None
    if seen.trouble is None:
        result = judged(replace(task, measure_peak=False), seen, None, None)
        if result.verdict is not Verdict.CLEAN or result.gate is not Gate.WITHIN or result.resources:
            return None
        if task.measure_peak:
            peak, peak_trouble, _ = measure_peak(task)
    return replace(judged(task, seen, peak, peak_trouble), duration_seconds=time.monotonic() - began)


class _NeedsOwnProcess(Exception):
    """Something seems to rise: what is lost here is lost to all that this process does afterwards."""


def _raise_if_rising(seen: GrowthPass, allowed: Mapping[str, float]) -> None:
    assert seen.shape is not None
    if seen.progress.calls < _FEWEST_CALLS:
        return
    rises = not seen.shape.flat and is_rising(seen.shape.tail, smallest_rate=SMALLEST_RATE)
    if rises or may_rise(seen.progress.readings, allowed):
        raise _NeedsOwnProcess
