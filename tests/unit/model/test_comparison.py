"""Whether a comparison is worse: by growth or peak, and by nothing else."""

import pytest

from leakcheck.model.comparison import (
    COMPARISON_SCHEMA,
    Comparison,
    Metric,
    MetricComparison,
    ScenarioComparison,
    Side,
)
from leakcheck.model.tolerance import ChangeVerdict
from tests.unit.runs import TOLERANCE


def comparison(metric: Metric, verdict: ChangeVerdict | None) -> Comparison:
    row = MetricComparison(metric=metric, before=None, after=None, change=None, verdict=verdict, tolerance=TOLERANCE)
    scenario = ScenarioComparison(scenario="send", before="send", after="send", rows=(row,), rounds=1)
    side = Side(label="main")
    return Comparison(schema=COMPARISON_SCHEMA, before=side, after=side, scenarios=(scenario,))


@pytest.mark.parametrize("metric", Metric)
def test_only_a_growth_or_a_peak_that_is_worse_makes_it_worse(metric: Metric) -> None:
    assert comparison(metric, ChangeVerdict.WORSE).is_worse == (metric in (Metric.GROWTH, Metric.PEAK))
    others = [verdict for verdict in (*ChangeVerdict, None) if verdict is not ChangeVerdict.WORSE]
    assert not any(comparison(metric, verdict).is_worse for verdict in others)
