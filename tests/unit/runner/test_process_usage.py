"""Looks at the mappings of a process: few, and one in the first half of the calls beside the last."""

import os

from leakcheck.runner.process_usage import MappingSamples


def test_looks_are_taken_at_four_times_the_calls_of_the_one_before() -> None:
    # GIVEN a process of which mappings can be listed
    looks = MappingSamples()
    assert looks.early_and_late is None
    # WHEN it is looked at as the calls go on
    for calls in (20, 60, 100, 300, 500, 800, 1000):
        looks.take(os.getpid(), calls)
    looks.take(os.getpid(), 1200, last=True)
    # THEN the early one lies in the first half, as late there as there is one
    assert looks.early_and_late is not None
    (early, text), (late, _) = looks.early_and_late
    assert (early, late) == (500, 1200)
    assert "[heap]" in text


def test_a_process_that_is_gone_or_cannot_be_looked_at_has_no_mappings() -> None:
    looks = MappingSamples()
    for pid in (None, 2**22 + 1):
        looks.take(pid, 10)
        looks.take(pid, 100, last=True)
    assert looks.early_and_late is None
