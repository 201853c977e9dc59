"""The line for each result in a log, while a run is measured."""

from dataclasses import replace

import pytest

from leakcheck.cli.progress import progress_observer
from leakcheck.model.answers import ScenarioInfo
from leakcheck.model.result import Result
from leakcheck.model.verdict import Gate
from tests.unit.runs import BROKEN, CLEAN, LEAK, UNSURE, limit_of

OVER = "growth 144 MiB > 64.0 KiB per 1000 calls, peak 93.4 MiB > 10.0 MiB (leak)"
PEAK_ONLY = replace(CLEAN, gate=Gate.OVER, over_budget=("peak",), peak_bytes=LEAK.peak_bytes)


@pytest.mark.parametrize(
    ("result", "outcome"),
    [
        (CLEAN, "pass"),
        (LEAK, f"FAIL {OVER}"),
        (PEAK_ONLY, "FAIL peak 93.4 MiB > 10.0 MiB (no leak)"),
        (UNSURE, "inconclusive"),
        (BROKEN, "error"),
        (replace(LEAK, memory_limit=limit_of(30)), f"30 of 200 requests failed, FAIL {OVER}"),
    ],
    ids=["clean", "leak", "peak over budget", "inconclusive", "failed before it was measured", "served"],
)
def test_a_line_has_the_gate_and_the_verdict_where_they_differ(
    result: Result, outcome: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with progress_observer() as observer:
        observer.collected([ScenarioInfo(target="shop.py::cart", name="cart")] * 2)
        observer.measured(replace(result, duration_seconds=1.5))
    assert capsys.readouterr().err == f"[1/2] {result.id}: {outcome}, 1.5 s\n"
