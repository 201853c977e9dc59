"""The result of what was not measured, or not to its end: by our own fault too, it is the result of one scenario."""

from collections.abc import Iterator
from dataclasses import replace

from leakcheck.model.answers import Failure
from leakcheck.model.errors import LeakcheckError
from leakcheck.model.failure import MeasurementStopped, internal_trouble
from leakcheck.model.protocol import Pass
from leakcheck.model.result import Result
from leakcheck.model.verdict import Gate, Verdict
from leakcheck.runner.task import Task
from leakcheck.scenario import replaced, to_be_kept


def bare_result(task: Task) -> Result:
    """Return the result of what is not measured yet."""
    scenario = task.scenario
    return Result(
        scenario=scenario.name,
        variant=scenario.variant,
        target=replaced(scenario.target),
        verdict=Verdict.INCONCLUSIVE,
        gate=Gate.INCONCLUSIVE,
        failures=(),
        budget=task.settings.budget(scenario),
        lesson=scenario.lesson,
        growth_options=to_be_kept(task.options_for(Pass.GROWTH)),
        peak_options=to_be_kept(task.options_for(Pass.PEAK)),
    )


def guarded(task: Task, stages: Iterator[Result]) -> Result:
    """Return the last of the results; where one cannot be had, the one before it, as failed. Raises Stopped alone."""
    result = bare_result(task)
    try:
        for stage in stages:
            result = stage
    except MeasurementStopped:
        raise
    except LeakcheckError as error:
        return _failed(result, Failure(kind="usage", message=str(error)))
    except Exception as error:  # whatever we did not think of
        return _failed(result, internal_trouble(error))
    return result


def _failed(result: Result, trouble: Failure) -> Result:
    return replace(result, trouble=result.trouble or trouble, gate=Gate.ERROR)
