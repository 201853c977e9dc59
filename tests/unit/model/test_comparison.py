"""The exit code of a comparison: by growth and peak and what failed, and by nothing else."""

import pytest

from leakcheck.model.comparison import (
    COMPARISON_SCHEMA,
    Comparison,
    Metric,
    MetricComparison,
    ScenarioComparison,
    Side,
)
from leakcheck.model.errors import ExitCode
from leakcheck.model.tolerance import ChangeVerdict
from tests.unit.runs import TOLERANCE


def comparison(metric: Metric, verdict: ChangeVerdict | None, *failures: str) -> Comparison:
    row = MetricComparison(metric=metric, before=None, after=None, change=None, verdict=verdict, tolerance=TOLERANCE)
    scenario = ScenarioComparison(scenario="send", before="send", after="send", rows=(row,), rounds=1)
    side = Side(label="main")
    return Comparison(schema=COMPARISON_SCHEMA, before=side, after=side, scenarios=(scenario,), failures=failures)


@pytest.mark.parametrize("metric", Metric)
def test_only_a_growth_or_a_peak_that_is_worse_is_over(metric: Metric) -> None:
    over = ExitCode.OVER_BUDGET if metric in (Metric.GROWTH, Metric.PEAK) else ExitCode.WITHIN
    assert comparison(metric, ChangeVerdict.WORSE).exit_code is over
    others = [verdict for verdict in (*ChangeVerdict, None) if verdict is not ChangeVerdict.WORSE]
    assert {comparison(metric, verdict).exit_code for verdict in others} == {ExitCode.WITHIN}


@pytest.mark.parametrize("verdict", [*ChangeVerdict, None])
def test_what_failed_is_an_error_whatever_else_changed(verdict: ChangeVerdict | None) -> None:
    assert comparison(Metric.GROWTH, verdict, "send failed in main").exit_code is ExitCode.SCENARIO_FAILED
