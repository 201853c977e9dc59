"""One sentence for each thing that a reader has to know or to fix."""

from dataclasses import replace

import pytest

from leakcheck.model.explanation import Explanation
from leakcheck.model.failure import Failure, FailureKind
from leakcheck.model.result import Budget, Meter
from leakcheck.model.verdict import Gate, Verdict
from leakcheck.reporters.messages.cells import budget_text
from leakcheck.reporters.messages.result import ResultFact
from leakcheck.reporters.messages.verdict import peak_was_skipped
from tests.unit.causes import SENT_PATH
from tests.unit.runs import BOUNDED, BROKEN, CLEAN, KIB, LEAK, MIB, NAIVE, UNSURE, growth
from tests.unit.statements import reasons_of, said


def test_a_clean_result_within_budget_has_no_sentences() -> None:
    assert reasons_of(CLEAN) == []


def test_a_leak_over_budget_names_the_rate_the_budget_and_the_calls() -> None:
    assert reasons_of(LEAK) == [
        "newsletter[retained]: memory grows by 144 MiB per 1000 calls, over the budget of 64.0 KiB "
        "(1,600 calls measured).",
        "newsletter[retained]: one call peaks at 93.4 MiB; the budget is 10.0 MiB.",
    ]


@pytest.mark.parametrize(
    ("fraction", "held", "words"),
    [
        (0.05, (), " 95% of the growth is not accounted for."),
        (0.49, (), " 51% of the growth is not accounted for."),
        (0.51, (), ""),
        (1.41, (), ""),
        (0.0, (0.95,), ""),
        (0.0, (0.2, 0.1), " 70% of the growth is not accounted for."),
        (None, (0.2,), " 80% of the growth is not accounted for."),
        (None, (), ""),
    ],
)
def test_the_first_line_of_a_leak_says_that_most_of_it_is_not_accounted_for(
    fraction: float | None, held: tuple[float, ...], words: str
) -> None:
    paths = tuple(replace(SENT_PATH, share=share) for share in held)
    explained = replace(LEAK, explanation=Explanation(explained_fraction=fraction, retention_paths=paths))
    assert reasons_of(explained)[0] == reasons_of(LEAK)[0] + words


def test_a_leak_within_its_budget_is_still_reported() -> None:
    allowed = replace(LEAK, over_budget=(), gate=Gate.WITHIN, budget=Budget(growth_bytes_per_1000_calls=200.0 * MIB))
    [sentence] = reasons_of(allowed)
    assert "memory grows by 144 MiB per 1000 calls, within the budget of 200 MiB (" in sentence


def test_sizes_that_rounding_would_make_equal_are_in_bytes() -> None:
    over = replace(NAIVE, peak_bytes=10 * MIB + 1)
    assert reasons_of(over) == ["newsletter[naive]: one call peaks at 10,485,761 B; the budget is 10,485,760 B."]


@pytest.mark.parametrize(
    ("meter", "words"),
    [
        (Meter.RSS, "Only resident pages grow: memory is mapped outside the heap."),
        (Meter.BLOCKS, "Estimated from Python's blocks: this platform has no exact meter of bytes."),
        (Meter.HEAP, "(1,600 calls measured)."),
    ],
)
def test_a_leak_names_the_meter_where_it_was_not_the_heap(meter: Meter, words: str) -> None:
    assert reasons_of(replace(LEAK, growth=growth(MIB, calls=1600, meter=meter)))[0].endswith(words)


def test_a_leak_in_native_code_is_called_that() -> None:
    native = replace(LEAK, explanation=Explanation(nothing_in_python=True))
    assert "No Python object retains it: native code does, or never freed it." in reasons_of(native)[0]
    assert "No Python object" not in reasons_of(LEAK)[0]


def test_a_bounded_result_names_the_container_and_its_limit() -> None:
    assert reasons_of(BOUNDED) == [
        "newsletter[debug_queries]: memory grows by 605 KiB per 1000 calls, but growth will stop: "
        "django.db.backends.sqlite3.base.DatabaseWrapper.queries_log (deque(maxlen=9000)) holds 2,100 items and is "
        "full at 9,000 (5.32 MiB), after about 6,900 more calls."
    ]


def test_a_growth_that_stopped_says_when() -> None:
    stopped = replace(BOUNDED, bounded_by=None, settled_after_calls=1200)
    assert reasons_of(stopped) == [
        "newsletter[debug_queries]: memory grew until about call 1,200, and has been stable since "
        "(2,000 calls measured)."
    ]
    assert "memory grew, and has been stable since" in reasons_of(replace(stopped, settled_after_calls=None))[0]


@pytest.mark.parametrize(
    ("stopped_by", "remedy"),
    [
        ("calls", "all 300 calls are used up; raise --calls."),
        ("time", "the time is up after 300 calls; raise --time, or make one call cheaper."),
        (None, "300 calls were measured."),
    ],
)
def test_an_inconclusive_result_says_what_would_make_it_sure(stopped_by: str | None, remedy: str) -> None:
    [sentence] = reasons_of(replace(UNSURE, stopped_by=stopped_by))
    assert sentence == (f"warming: memory is neither stable nor growing steadily: {remedy}")


def test_an_inconclusive_result_of_few_calls_says_how_many_it_takes_and_how_long() -> None:
    """GIVEN 300 calls in 60 seconds, where a verdict takes 1500 THEN 300 seconds and a fifth more are asked for."""
    slow = replace(UNSURE, stopped_by="time", calls_needed=1500, replay_seconds=60.0, watch_seconds=0.0)
    [sentence] = reasons_of(slow)
    assert "the time is up after 300 calls; a verdict takes about 1,500; raise --time to 360, or make" in sentence


def test_a_container_that_became_full_during_the_run_does_not_grow_now() -> None:
    assert BOUNDED.bounded_by is not None
    full = replace(BOUNDED, bounded_by=replace(BOUNDED.bounded_by, length=9000))
    [sentence] = reasons_of(full)
    assert "what grew is full now" in sentence
    assert "more calls" not in sentence


def test_a_clean_result_whose_budget_is_within_the_bounds_names_them() -> None:
    uncertain = replace(CLEAN, gate=Gate.INCONCLUSIVE, growth=growth(0.0, 100.0 * KIB))
    [sentence] = reasons_of(uncertain)
    assert "between -100 KiB and 100 KiB per 1000 calls, which includes the budget of 64.0 KiB" in sentence


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (
            Failure(kind=FailureKind.RAISED, call=1, message="ValueError: no"),
            "parser: raised on call 1: ValueError: no",
        ),
        (Failure(kind=FailureKind.RAISED, call=1700, message="E"), "parser: raised on call 1,700: E"),
        (Failure(kind=FailureKind.IMPORT, message="No module"), "parser: does not import: No module"),
        (Failure(kind=FailureKind.SETUP, message="E"), "parser: its set-up failed: E"),
        (Failure(kind=FailureKind.DIED, message="the process ended"), "parser: the process ended"),
        (Failure(kind=FailureKind.EXITED, call=3, message="E"), "parser: on call 3 E"),
    ],
)
def test_a_failure_names_the_call_and_the_error(failure: Failure, words: str) -> None:
    assert reasons_of(replace(BROKEN, failure=failure)) == [words]


def test_a_failure_after_a_growth_was_measured_leaves_the_growth() -> None:
    first, second, _ = reasons_of(replace(LEAK, failure=Failure(kind=FailureKind.RAISED, call=700, message="E")))
    assert first == "newsletter[retained]: raised on call 700: E"
    assert "memory grows by" in second


def test_a_peak_pass_that_died_leaves_the_growth_verdict_standing() -> None:
    died = replace(CLEAN, peak_bytes=None, peak_failure=Failure(kind=FailureKind.DIED, message="killed by SIGSEGV"))
    assert reasons_of(died) == [
        "newsletter[iterator]: the peak pass failed, but the growth verdict stands: killed by SIGSEGV"
    ]
    assert not peak_was_skipped(died)


def test_a_skipped_peak_is_reported_once_for_the_run_and_not_here() -> None:
    missing = replace(CLEAN, peak_bytes=None, peak_failure=Failure(kind=FailureKind.MISSING, message="no memray"))
    assert reasons_of(missing) == []
    [sentence] = said(missing, ResultFact.PEAK_SKIPPED)
    assert sentence.startswith("its peak was not measured: there is no memray in the measured Python")
    assert peak_was_skipped(missing)
    assert not peak_was_skipped(CLEAN)


def test_foreign_text_is_escaped_in_every_sentence() -> None:
    hostile = "\x1b[31m\u202e"
    holder = BOUNDED.bounded_by
    assert holder is not None
    results = [
        replace(BROKEN, scenario=hostile, failure=Failure(kind=FailureKind.RAISED, call=1, message=hostile)),
        replace(BOUNDED, scenario=hostile, bounded_by=replace(holder, name=hostile, kind=hostile)),
        replace(LEAK, variant=hostile, peak_failure=Failure(kind=FailureKind.DIED, message=hostile)),
    ]
    for sentence in (sentence for result in results for sentence in reasons_of(result)):
        assert "\x1b" not in sentence
        assert "\u202e" not in sentence
        assert "\\x1b[31m" in sentence


def test_budgets_are_shown_as_they_are_written() -> None:
    assert budget_text(CLEAN.budget) == "64.0 KiB / 1000 calls, peak 10.0 MiB"
    assert budget_text(UNSURE.budget) == "4.00 KiB / 1000 calls"


def test_every_verdict_has_a_sentence_or_is_meant_to_have_none() -> None:
    """A verdict that is added must be thought of here."""
    results = {verdict: replace(UNSURE, verdict=verdict, gate=Gate.WITHIN) for verdict in Verdict}
    assert {verdict: bool(reasons_of(result)) for verdict, result in results.items()} == {
        Verdict.CLEAN: False,
        Verdict.LEAK: True,
        Verdict.BOUNDED: True,
        Verdict.INCONCLUSIVE: True,
    }
