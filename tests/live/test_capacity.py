"""Leaks that no meter shows for most of the calls, and leaks beside caches that are full: a sample of two sweeps."""

import capacity
import full_caches
import pytest

from leakcheck.model.errors import ExitCode
from leakcheck.model.verdict import Verdict
from tests.live.command import Leakcheck

FIRST = {"vector": 150}
ARMS = {
    name: arm
    for name, arm in capacity.arms_of(is_sample=False).items()
    if arm[2] == 0.0 and arm[1] == capacity.ENTRIES.get(arm[0], (1, 4))[0] and arm[3] == FIRST.get(arm[0], 7777)
}


def test_what_enlarges_by_a_factor_is_found_at_its_mean_rate_between_two_resizes(leakcheck: Leakcheck) -> None:
    assert {arm[0] for arm in ARMS.values()} == set(capacity.KINDS)
    leakcheck.write("sweep.py", capacity.SCENARIOS.replace("{arms}", repr(ARMS)))
    ran = leakcheck.run("sweep.py")
    assert len(ran.document.results) == len(ARMS)
    wrong = [
        f"{result.variant}: {result.verdict}, {result.growth}"
        for result in ran.document.results
        if not capacity.is_right(ARMS[result.variant or ""], result.verdict, result.growth)
    ]
    assert wrong == []


def test_a_list_that_is_given_a_constant_is_a_leak_that_its_length_shows(leakcheck: Leakcheck) -> None:
    """GIVEN None kept with each call in a list of many: no resize is within reach of any replay."""
    leakcheck.write(
        "keeps.py",
        """
        from leakcheck import scenario

        KEPT = [None] * 1_000_000

        @scenario
        def keeps():
            KEPT.append(None)
        """,
    )
    ran = leakcheck.run("keeps.py")
    assert ran.result.verdict is Verdict.LEAK
    assert ran.result.growth is not None
    assert ran.result.growth.from_lengths
    assert 8000 <= ran.result.growth.bytes_per_1000_calls <= 9000
    assert (ran.result.growth.low, ran.result.growth.high) == pytest.approx((8000, 9000), rel=0.01)
    assert "This was computed from the lengths of containers" in ran.output
    assert ran.code == ExitCode.OVER_BUDGET


@pytest.mark.parametrize(
    "statement",
    [
        "KEPT.append(None); del KEPT[200:]",
        "KEPT.append(None); KEPT.pop(0)",
        "KEPT.append(None) if len(KEPT) < 2000 else KEPT.clear()",
        "None if len(KEPT) > 150 else KEPT.append(None)",
        "KEPT.append(next(DONE, None)) if len(KEPT) < 300 else None",
    ],
    ids=["capped", "a ring", "cleared now and then", "stops during the look", "stops later"],
)
def test_a_list_that_somebody_looks_after_is_none(leakcheck: Leakcheck, statement: str) -> None:
    leakcheck.write(
        "looked_after.py",
        f"""
        from leakcheck import scenario

        KEPT, DONE = [None] * 100, iter([None] * 700)

        @scenario
        def looked_after():
            {statement}
        """,
    )
    ran = leakcheck.run("looked_after.py")
    assert ran.result.verdict is Verdict.CLEAN
    assert ran.code == ExitCode.WITHIN


def test_no_cache_that_is_full_excuses_what_grows_beside_it(leakcheck: Leakcheck) -> None:
    arms = {
        name: arm
        for name, arm in full_caches.arms_of(is_sample=False, cost=0.0).items()
        if arm[0] in ("lru_cache", "pages") and arm[1] == 128 and arm[-1] in (0, 40)
    }
    leakcheck.write("sweep.py", full_caches.SCENARIOS.replace("{arms}", repr(arms)))
    ran = leakcheck.run("sweep.py")
    assert len(ran.document.results) == len(arms)
    leaks = {result.variant: result.verdict is Verdict.LEAK for result in ran.document.results}
    assert leaks == {name: arm[-1] > 0 for name, arm in arms.items()}


def test_of_dear_calls_beside_a_full_cache_nothing_is_called_bounded(leakcheck: Leakcheck) -> None:
    """GIVEN a page of 50 ms with a router's cache, full after the first call, and 80 bytes that stay."""
    leakcheck.write(
        "dear.py",
        """
        import functools, time
        from leakcheck import scenario

        SEEN = []

        @functools.lru_cache(maxsize=128)
        def route(number):
            return f"route {number} " * 8

        @scenario
        def page():
            for number in range(128):
                route(number)
            time.sleep(0.05)
            SEEN.append(bytes(40))
        """,
    )
    ran = leakcheck.run("dear.py", "--calls", "60")
    assert ran.result.verdict is Verdict.LEAK
    assert ran.result.bounded_by is None
    assert ran.result.growth is not None
    assert ran.result.growth.bytes_per_1000_calls == pytest.approx(82_000, rel=0.1)


def test_a_few_dear_calls_say_how_many_a_verdict_takes(leakcheck: Leakcheck) -> None:
    leakcheck.write(
        "dear.py",
        """
        import time
        from leakcheck import scenario

        @scenario
        def page():
            time.sleep(0.05)
        """,
    )
    ran = leakcheck.run("dear.py", "--calls", "20")
    assert (ran.result.verdict, ran.code) == (Verdict.INCONCLUSIVE, ExitCode.INCONCLUSIVE)
    assert ran.result.calls_needed is not None
    assert ran.result.calls_needed >= 30
    assert f"a verdict takes about {ran.result.calls_needed:,}" in ran.output
