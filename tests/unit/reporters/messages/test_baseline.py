"""The sentences about what was accepted: none where nothing happened, and the right one where something did."""

from dataclasses import replace

import pytest

from leakcheck.analysis.gate.baseline import compare_with_baseline
from leakcheck.model.baseline import BaselineChange, BaselineEntry
from leakcheck.model.result import Result
from leakcheck.model.verdict import Gate
from leakcheck.reporters.messages.baseline import change_sentences, change_text
from leakcheck.reporters.messages.run import run_sentences
from tests.unit.runs import CLEAN, KIB, LEAK, MIB, TOLERANCE, growth, run_of


def sentence_of(result: Result, growth_bytes: int, reason: str = "") -> str:
    entry = BaselineEntry(verdict=result.verdict, target="x", growth_bytes_per_1000_calls=growth_bytes, reason=reason)
    return " ".join(change_sentences(compare_with_baseline(result, entry, TOLERANCE)))


@pytest.mark.parametrize(
    ("before", "words"),
    [
        (120 * MIB, "+20.0 % over the accepted 120 MiB: worse by more than +5 % and +16 KiB."),
        (12 * MIB, "12 times the accepted 12.0 MiB: worse"),
        (0, "+144 MiB over the accepted 0 B: worse"),
        (
            140 * MIB,
            "+2.9 % over the accepted 140 MiB: within +5 % and +16 KiB; its growth is over the budget of 64.0 KiB",
        ),
        (144 * MIB, "its growth is over the budget of 64.0 KiB, as accepted in the baseline."),
        (200 * MIB, "28.0 % under the accepted 200 MiB: better by more than +5 % and +16 KiB; its growth is over"),
    ],
)
def test_a_growth_is_compared_with_the_accepted_one(before: int, words: str) -> None:
    assert words in sentence_of(LEAK, before)


def test_what_is_perhaps_better_is_not_said_to_be_within_the_tolerance() -> None:
    sentence = sentence_of(replace(LEAK, growth=growth(80 * KIB, 10 * KIB)), 100 * KIB)
    assert "perhaps better by more than +5 % and +16 KiB: between 70.0 KiB and 90.0 KiB" in sentence


def test_the_reason_is_given_where_it_excuses_a_figure() -> None:
    assert sentence_of(LEAK, 144 * MIB, "ticket 12").endswith("as accepted in the baseline (ticket 12).")
    assert "ticket 12" not in sentence_of(LEAK, 12 * MIB, "ticket 12")


def test_an_accepted_figure_and_noise_have_no_sentence() -> None:
    assert sentence_of(CLEAN, 0) == ""
    within_budget = replace(LEAK, growth=growth(50 * KIB))
    assert sentence_of(within_budget, 50 * KIB) == ""
    assert sentence_of(within_budget, 51 * KIB) == ""
    assert "within" in sentence_of(within_budget, 52 * KIB)


def test_a_run_without_a_baseline_has_no_sentences_about_one() -> None:
    assert (run_sentences(run_of(CLEAN, LEAK))) == []
    assert (run_sentences(replace(run_of(CLEAN), baseline="b.json"))) == []


def test_the_remedy_names_each_scenario_as_the_command_line_takes_it() -> None:
    new = (
        replace(CLEAN, is_new=True),
        replace(CLEAN, is_new=True, variant=None, scenario="shop", target="bench/my shop.py::shop"),
        replace(CLEAN, is_new=True, variant=None, scenario="json:dumps", target="json:dumps"),
    )
    (sentence,) = run_sentences(replace(run_of(*new), baseline="b.json"))
    assert sentence.endswith(
        "leakcheck baseline update 'scenarios/newsletter/scenario.py::newsletter[iterator]' "
        "'bench/my shop.py::shop' json:dumps"
    )


def test_a_change_says_whether_it_is_worse_or_better() -> None:
    worse = BaselineChange(metric="growth", before=KIB, after=3 * KIB, low=3 * KIB, high=3 * KIB, gate=Gate.OVER)
    assert change_text(worse) == "growth 1.00 KiB → 3.00 KiB, worse"
    assert change_text(replace(worse, gate=Gate.WITHIN)) == "growth 1.00 KiB → 3.00 KiB"
    assert change_text(replace(worse, gate=Gate.WITHIN, better=True)) == "growth 1.00 KiB → 3.00 KiB, better"
