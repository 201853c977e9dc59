"""What is said of a run as a whole."""

from dataclasses import replace

import pytest

from leakcheck.model.explanation import KnownEntry
from leakcheck.model.failure import Failure, FailureKind
from leakcheck.model.run import Run, Shard
from leakcheck.reporters.messages.run import RunFact, run_phrases, run_sentences
from tests.unit.runs import BROKEN, CLEAN, LEAK, NAIVE, UNSURE, run_of


@pytest.mark.parametrize(
    ("run", "outcome"),
    [
        (run_of(CLEAN), "1 passed"),
        (run_of(LEAK, NAIVE, CLEAN), "2 failed, 1 passed"),
        (run_of(BROKEN, BROKEN, UNSURE, UNSURE), "2 errors, 2 inconclusive"),
        (run_of(*[CLEAN] * 1234), "1,234 passed"),
        (run_of(), "nothing was measured"),
    ],
)
def test_the_outcome_counts_the_gates_and_the_worst_come_first(run: Run, outcome: str) -> None:
    assert run_phrases(run, RunFact.OUTCOME) == [outcome]


def test_an_ordinary_run_has_no_sentences_and_is_finished() -> None:
    run = run_of(CLEAN, LEAK)
    assert run_sentences(run) == []
    assert run_phrases(run, RunFact.UNFINISHED, RunFact.BASELINE) == []


def test_a_known_leak_of_every_scenario_may_only_not_have_been_covered() -> None:
    entries = (
        KnownEntry(match="*SENT*", reason="ticket 7"),
        KnownEntry(fingerprint="a1b2c3d4e5f6", scenario="shop", reason="ticket 8"),
    )
    assert run_sentences(replace(run_of(CLEAN), known_leaks_not_found=entries)) == [
        "The known leak *SENT* did not occur in this run: if the run covers it, its entry can be removed (ticket 7).",
        "The known leak a1b2c3d4e5f6 no longer occurs in shop: its entry can be removed (ticket 8).",
    ]


def test_peaks_that_were_skipped_have_one_sentence_with_the_remedy() -> None:
    missing = replace(CLEAN, peak_bytes=None, peak_failure=Failure(kind=FailureKind.MISSING, message="no memray"))
    assert run_sentences(run_of(missing, missing)) == [
        "Peaks were not measured: there is no memray in the measured Python; add it with: pip install memray"
    ]


def test_a_shard_that_was_interrupted_before_its_first_scenario_had_something_to_measure() -> None:
    empty = replace(run_of(), shard=Shard(number=3, count=3, whole=("a", "b")))
    [nothing] = run_sentences(empty)
    assert nothing.startswith("There is nothing to measure for shard 3 of 3, because there are 2 scenarios in all. ")
    [interrupted] = run_sentences(replace(empty, finished=False))
    assert interrupted == ("This is shard 3 of 3, with 0 of 2 scenarios. Merge the shards with: leakcheck merge DIR...")
