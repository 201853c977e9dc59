"""What a log says of each result while a run goes on."""

from dataclasses import replace

import pytest

from leakcheck.cli.progress import watching
from leakcheck.model.answers import ScenarioInfo
from leakcheck.model.result import Result
from tests.unit.runs import BROKEN, CLEAN, LEAK, UNSURE, limit_of


@pytest.mark.parametrize(
    ("result", "said"),
    [
        (CLEAN, "clean, within"),
        (LEAK, "leak, over"),
        (UNSURE, "inconclusive"),
        (BROKEN, "error"),
        (replace(LEAK, limit=limit_of(30)), "30 of 200 failed, leak, over"),
    ],
    ids=["clean", "leak", "undecided", "failed before it was measured", "served"],
)
def test_a_line_says_what_there_is_and_no_word_twice(
    result: Result, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with watching() as observer:
        observer.found([ScenarioInfo(target="shop.py::cart", name="cart")] * 2)
        observer.measured(replace(result, duration_seconds=1.5))
    assert capsys.readouterr().err == f"[1/2] {result.id}: {said} (1.5 s)\n"
