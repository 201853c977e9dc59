"""Screen a test in the test process: if its memory is level there, no isolated process is needed."""

import time
from collections.abc import Mapping
from dataclasses import replace

from leakcheck.analysis.growth.resources import may_rise
from leakcheck.analysis.growth.stopping import StopPolicy
from leakcheck.analysis.growth.trend import SMALLEST_RATE, is_rising
from leakcheck.model.errors import LeakcheckException
from leakcheck.model.failure import WorkerFailed
from leakcheck.model.result import Result
from leakcheck.model.verdict import Gate, Verdict
from leakcheck.runner.child_memory import ReplayingProcess
from leakcheck.runner.growth_pass import GrowthPass, add_block, add_failure, replay_until_clear
from leakcheck.runner.measure import judged_result, measure_peak
from leakcheck.runner.task import Task

_MOST_CALLS, _FEWEST_CALLS = 1200, 200
"""A screening either finds a level soon or gives up; a rise within the first `_FEWEST_CALLS` is no reason to."""


def screen(task: Task, process: ReplayingProcess) -> Result | None:
    """Return the result of a test that is clean or fails; None if an isolated process has to decide.

    In the test process, containers may already be full from earlier tests, and none may be emptied to weigh its
    entries, because later tests need them. So screening gives up as soon as anything seems to rise. A peak is always
    measured in an isolated process.
    """
    start = time.monotonic()
    growth_pass = GrowthPass()
    request, settings = task.request, task.request.settings
    policy = StopPolicy(calls=min(settings.calls or _MOST_CALLS, _MOST_CALLS), seconds=settings.time_seconds)
    try:
        add_block(growth_pass, process.ask({"kind": "first"}, during="call 1"))
        replay_until_clear(
            growth_pass,
            process,
            policy,
            settings.budget(request.scenario),
            settings.resource_budgets,
            lambda: _raise_if_rising(growth_pass, settings.resource_budgets),
        )
    except _NeedsOwnProcess:
        return None
    except WorkerFailed as failed:
        add_failure(growth_pass, failed)
    peak, peak_failure = None, None
    if growth_pass.failure is None:
        result = judged_result(request, growth_pass, None, None)
        if result.verdict is not Verdict.CLEAN or result.gate is not Gate.WITHIN or result.resources:
            return None
        if request.measure_peak:
            peak, peak_failure, _ = measure_peak(task)
    return replace(judged_result(request, growth_pass, peak, peak_failure), duration_seconds=time.monotonic() - start)


class _NeedsOwnProcess(LeakcheckException):
    """Something seems to rise, and what the test leaks in this process stays there."""


def _raise_if_rising(growth_pass: GrowthPass, resource_budgets: Mapping[str, float]) -> None:
    assert growth_pass.shape is not None
    if growth_pass.progress.calls < _FEWEST_CALLS:
        return
    rises = not growth_pass.shape.flat and is_rising(growth_pass.shape.tail, smallest_rate=SMALLEST_RATE)
    if rises or may_rise(growth_pass.progress.readings, resource_budgets):
        raise _NeedsOwnProcess
