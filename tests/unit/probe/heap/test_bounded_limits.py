"""How much a growth must fall short to have ended, and from which rate on a container counts."""

import pytest

from tests.unit.probe.heap.test_bounded import FULL_AND_KEPT, weighed


@pytest.mark.parametrize(("size", "has_ended"), [(1160, True), (1660, False)])
def test_growth_has_ended_that_falls_short_of_its_rate_by_a_quarter(size: int, has_ended: bool) -> None:
    """GIVEN 2000 bytes per call so far, something that is full, and 60 or 85 % as many bytes in these calls."""
    statement = f"FULL.append(bytes(100)); KEPT.append(bytes({size}))"
    assert weighed(FULL_AND_KEPT, statement=statement, rate=2000.0)["has_ended"] is has_ended


@pytest.mark.parametrize(("rate", "has_ended"), [(18.0, False), (32.0, True)])
def test_growth_has_not_ended_that_falls_short_by_a_few_temporaries(rate: float, has_ended: bool) -> None:
    """GIVEN forty calls that gain nothing, of which 0.7 or 1.2 KiB were expected."""
    result = weighed(FULL_AND_KEPT, statement="FULL.append(bytes(100))", rate=rate)
    assert result["has_ended"] is has_ended


@pytest.mark.parametrize(("calls_per_gap", "is_listed"), [(5, False), (20, True)])
def test_a_list_beside_a_filling_cache_gains_an_entry_with_nearly_every_call(
    calls_per_gap: int, is_listed: bool
) -> None:
    result = weighed(
        "FULL, KEPT, COUNT = [], [], [0]; CACHE = deque(maxlen=10_000)",
        statement=f"CACHE.append(bytes(1000)); COUNT[0] += 1; COUNT[0] % {calls_per_gap} and KEPT.append(bytes(40))",
    )
    assert len(result["limited"]) == 1
    assert bool(result["beside"]) is is_listed


@pytest.mark.parametrize(("of_ten_calls", "is_proved"), [(2, False), (3, True)])
def test_a_limit_is_proved_by_the_absence_of_ten_entries(of_ten_calls: int, is_proved: bool) -> None:
    # GIVEN a cache that enforces its maxsize, and takes 8 or 12 entries in 42 calls
    setup = """
FULL = []

class Cache:
    def __init__(self):
        self.entries, self.maxsize = {}, 1000

    def add(self, number):
        self.entries[number] = bytes(1000)
        if len(self.entries) > self.maxsize:
            del self.entries[next(iter(self.entries))]

CACHE, COUNT = Cache(), [1000]
"""
    statement = f"COUNT[0] += 1; COUNT[0] % 10 < {of_ten_calls} and CACHE.add(COUNT[0])"
    assert bool(weighed(setup, statement=statement)["limited"]) is is_proved
