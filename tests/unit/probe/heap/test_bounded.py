"""What fills is weighed, what is full explains nothing, and a growth that has ended is told."""

import json
import subprocess
import sys
from typing import Any

import pytest


def weighed(kept: str, *, statement: str, replayed: int = 100, rate: float = 100.0, least: float = 0.0) -> Any:
    """Return what is found of a function in a process of its own: this one has garbage and full caches of its own."""
    script = f"""
import json
from collections import deque
from leakcheck.probe.heap import bounded
from leakcheck.probe.meters.memory import Meters

{kept}

def replay(calls):
    for _ in range(calls):
        {statement}

replay({replayed})
expected = bounded.ExpectedGrowth(rate={rate}, least={least})
found = bounded.weigh_limited(replay, 40, Meters(("python", "native")).heap, {replayed}, expected)
print(json.dumps({{**found, "full": len(FULL)}}))
"""
    done = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


FULL_AND_KEPT = "FULL, KEPT = deque([bytes(100)] * 8, maxlen=8), []"


def test_what_is_full_already_explains_nothing_and_growth_beside_it_goes_on() -> None:
    found = weighed(FULL_AND_KEPT, statement="FULL.append(bytes(100)); KEPT.append(bytes(1000))")
    assert (found["has_ended"], found["limited"], found["full"]) == (False, [], 8)


def test_a_growth_that_has_ended_where_something_is_full_is_told_and_nothing_is_emptied() -> None:
    found = weighed(FULL_AND_KEPT, statement="FULL.append(bytes(100))", rate=140.0)
    assert (found["has_ended"], found["limited"], found["full"]) == (True, [], 8)


ENDED, RARE = "[] if len(KEPT) == 100 else KEPT.append(bytes(1000))", "COUNT[0] += 1; COUNT[0] % 90 or KEPT.append(0)"


@pytest.mark.parametrize(("statement", "least", "ended"), [(ENDED, 40_000.0, True), (RARE, 0.0, False)])
def test_a_growth_that_has_ended_is_told_where_no_stretch_before_gained_so_little(
    statement: str, least: float, ended: bool
) -> None:
    # GIVEN nothing that is full, WHEN the calls gain nothing, THEN that says what it would have said before
    found = weighed("FULL, KEPT, COUNT = [], [], [0]", statement=statement, rate=1000.0, least=least)
    assert found["has_ended"] is ended


def test_where_nothing_is_expected_of_so_few_calls_no_growth_has_ended() -> None:
    found = weighed(FULL_AND_KEPT, statement="FULL.append(bytes(100)); KEPT.clear()", rate=0.0)
    assert found["has_ended"] is False


def test_what_gains_an_entry_with_each_call_beside_a_filling_cache_is_told_with_its_weight() -> None:
    found = weighed(
        "FULL, KEPT = deque(maxlen=10_000), []", statement="FULL.append(bytes(1000)); KEPT.append(bytes(40))"
    )
    assert [one["kind"] for one in found["limited"]] == ["deque(maxlen=10000)"]
    assert [one["kind"] for one in found["beside"]] == ["list"]
    assert found["beside"][0]["bytes_per_entry"] == pytest.approx(88, rel=0.05)


def test_what_belongs_to_the_owner_of_a_filling_cache_is_no_leak_beside_it() -> None:
    kept = """
FULL = []

class Cache:
    def __init__(self):
        self.entries, self.order, self.maxsize = {}, [], 1000

    def add(self, number):
        self.entries[number] = bytes(1000)
        self.order.append(number)
        if len(self.order) > self.maxsize:
            del self.entries[self.order.pop(0)]

CACHE, COUNT = Cache(), iter(range(1000, 10**6))
"""
    found = weighed(kept, statement="CACHE.add(next(COUNT))")
    assert found["limited"]
    assert found["beside"] == []
