"""Samples of the mappings of a process: few, and one in the first half of the calls."""

import os

from leakcheck.runner.process_usage import MappingSamples


def test_each_sample_is_taken_at_four_times_the_calls_of_the_last() -> None:
    # GIVEN a process whose mappings can be listed
    samples = MappingSamples()
    assert samples.early_and_late is None
    # WHEN samples are taken while calls are replayed
    for calls in (20, 60, 100, 300, 500, 800, 1000):
        samples.take(os.getpid(), calls)
    samples.take(os.getpid(), 1200, last=True)
    # THEN the early sample is the latest one of the first half of the calls
    assert samples.early_and_late is not None
    (early, text), (late, _) = samples.early_and_late
    assert (early, late) == (500, 1200)
    assert "[heap]" in text


def test_a_process_that_is_gone_or_cannot_be_read_has_no_mappings() -> None:
    samples = MappingSamples()
    for pid in (0, 2**22 + 1):
        samples.take(pid, 10)
        samples.take(pid, 100, last=True)
    assert samples.early_and_late is None
