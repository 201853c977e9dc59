"""The order in which results are told, and the lines that every report says of one."""

from dataclasses import replace

import pytest

from leakcheck.model.baseline import BaselineChange
from leakcheck.model.explanation import Resource, ResourceKind
from leakcheck.model.result import Budget, Result
from leakcheck.model.verdict import Gate, Verdict
from leakcheck.reporters.messages.causes import CauseRow
from leakcheck.reporters.messages.result import (
    align_rows,
    budget_ratio,
    headline,
    worst_first,
)
from tests.unit.reported import EXPLAINED
from tests.unit.runs import BROKEN, CLEAN, KIB, LEAK, MIB, NAIVE, UNSURE
from tests.unit.statements import lines

FILES = Resource(
    kind=ResourceKind.OPEN_FILES,
    per_1000_calls=1000.0,
    low=1000.0,
    high=1000.0,
    budget_per_1000_calls=5.0,
    verdict=Verdict.LEAK,
    gate=Gate.OVER,
)
WORSE = BaselineChange(metric="growth", before=KIB, after=3 * KIB, low=3 * KIB, high=3 * KIB, gate=Gate.OVER)


def test_the_worst_is_first_and_among_equals_the_furthest_over_budget() -> None:
    assert worst_first([CLEAN, UNSURE, NAIVE, LEAK, BROKEN]) == [BROKEN, LEAK, NAIVE, UNSURE, CLEAN]


@pytest.mark.parametrize(
    ("result", "times"),
    [
        (CLEAN, 0.0),
        (LEAK, 144 * 1024 / 64),
        (NAIVE, pytest.approx(9.31)),
        (replace(LEAK, over_budget=("peak",)), pytest.approx(9.34)),
        (replace(CLEAN, resources=(FILES,)), 200.0),
        (replace(CLEAN, resources=(replace(FILES, gate=Gate.WITHIN),)), 0.0),
        (replace(CLEAN, baseline_changes=(WORSE,)), 3.0),
        # a budget of nothing at all is used as often as there are bytes
        (replace(LEAK, budget=Budget(growth_bytes_per_1000_calls=0.0)), 144 * MIB),
    ],
)
def test_the_ratio_is_that_of_the_worst_exceeded_budget(result: Result, times: float) -> None:
    assert budget_ratio(result) == times


def test_a_headline_names_the_exceeded_budgets() -> None:
    assert headline(LEAK) == "newsletter[retained]: FAIL growth, peak"
    assert headline(CLEAN) == "newsletter[iterator]: pass"
    assert headline(BROKEN) == "parser: error"


def test_a_result_without_a_sentence_has_its_headline() -> None:
    silent = replace(CLEAN, gate=Gate.OVER, over_budget=("something new",))
    assert lines(silent) == ["newsletter[iterator]: FAIL something new."]
    assert lines(CLEAN) == []


def test_the_lines_of_a_result_are_sentences_causes_and_the_end_of_a_traceback() -> None:
    labels = [line.split("  ")[1] for line in lines(EXPLAINED) if line.startswith("  ")]
    assert labels[0] == "allocated at"
    assert labels[-1] == "fingerprint"
    assert lines(BROKEN)[1:] == ['      File "parser.py", line 3', "    ValueError"]


def test_rows_are_aligned_and_a_long_place_does_not_push_the_others() -> None:
    rows = [
        CauseRow(label="a", where="here", what="x"),
        CauseRow(label="long", where="z" * 90, what="y"),
        CauseRow(label="", where="w"),
    ]
    assert align_rows(rows) == [
        f"  a     {'here':<60}  x",
        f"  long  {'z' * 90}  y",
        "        w",
    ]
    assert align_rows([]) == []


def test_advice_is_in_every_report() -> None:
    from leakcheck.model.result import Advice
    from leakcheck.reporters.html.page import render_report
    from leakcheck.reporters.pytest_text import result_text
    from tests.unit.runs import LEAK, run_of

    advised = replace(LEAK, advice=(Advice(trap="mail outbox", remedy="empty it", evidence="mail.outbox"),))
    sentence = "dvice: mail outbox; empty it (mail.outbox)."
    assert f"newsletter[retained]: a{sentence}" in lines(advised)
    assert sentence in result_text(advised)
    [(_, page)] = render_report(run_of(advised))
    assert sentence in page.decode()
