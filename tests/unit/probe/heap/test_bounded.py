"""Containers that fill are weighed, full ones explain nothing, and a growth that has ended is reported."""

import json
import subprocess
import sys
from typing import Any

import pytest


def weighed(setup: str, *, statement: str, replayed: int = 100, rate: float = 100.0, least: float = 0.0) -> Any:
    """Return the result for a statement, from a process of its own: this one has garbage and full caches of its own."""
    script = f"""
import json
from collections import deque
from leakcheck.probe.heap import bounded
from leakcheck.probe.meters.memory import Meters

{setup}

def replay(calls):
    for _ in range(calls):
        {statement}

replay({replayed})
expected = bounded.ExpectedGrowth(rate={rate}, least={least})
result = bounded.weigh_bounded_containers(replay, 40, Meters(("python", "native")).heap, {replayed}, expected)
print(json.dumps({{**result, "full": sum(entry is not None for entry in FULL)}}))
"""
    process = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(process.stdout)


FULL_AND_KEPT = "FULL, KEPT = deque([bytes(100)] * 8, maxlen=8), []"


def test_a_full_container_explains_nothing_while_another_grows() -> None:
    result = weighed(FULL_AND_KEPT, statement="FULL.append(bytes(100)); KEPT.append(bytes(1000))")
    assert (result["has_ended"], result["limited"], result["full"]) == (False, [], 8)


def test_growth_has_ended_if_a_container_is_full_and_nothing_is_emptied() -> None:
    result = weighed(FULL_AND_KEPT, statement="FULL.append(bytes(100))", rate=140.0)
    assert (result["has_ended"], result["limited"], result["full"]) == (True, [], 8)


ENDED, RARE = "[] if len(KEPT) == 100 else KEPT.append(bytes(1000))", "COUNT[0] += 1; COUNT[0] % 90 or KEPT.append(0)"


@pytest.mark.parametrize(("statement", "least", "has_ended"), [(ENDED, 40_000.0, True), (RARE, 0.0, False)])
def test_growth_has_ended_if_no_earlier_stretch_gained_so_little(statement: str, least: float, has_ended: bool) -> None:
    # GIVEN nothing that is full, WHEN the calls gain nothing, THEN the slowest earlier stretch decides
    result = weighed("FULL, KEPT, COUNT = [], [], [0]", statement=statement, rate=1000.0, least=least)
    assert result["has_ended"] is has_ended


def test_no_growth_has_ended_if_nothing_is_expected_of_so_few_calls() -> None:
    result = weighed(FULL_AND_KEPT, statement="FULL.append(bytes(100)); KEPT.clear()", rate=0.0)
    assert result["has_ended"] is False


def test_a_list_that_grows_beside_a_filling_cache_is_weighed_too() -> None:
    result = weighed(
        "FULL, KEPT = deque(maxlen=10_000), []", statement="FULL.append(bytes(1000)); KEPT.append(bytes(40))"
    )
    assert [row["kind"] for row in result["limited"]] == ["deque(maxlen=10000)"]
    assert [row["kind"] for row in result["beside"]] == ["list"]
    assert result["beside"][0]["bytes_per_entry"] == pytest.approx(88, rel=0.05)


def test_a_list_of_the_filling_caches_owner_is_no_leak_beside_it() -> None:
    setup = """
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
    result = weighed(setup, statement="CACHE.add(next(COUNT))")
    assert result["limited"]
    assert result["beside"] == []


FILLING = "FULL, KEPT = deque(maxlen=10_000), []"


def test_a_filling_container_is_weighed_in_a_copy_and_keeps_its_entries() -> None:
    result = weighed(FILLING, statement="FULL.append(bytes(1000))")

    assert result["limited"][0]["bytes_per_entry"] == pytest.approx(1064, rel=0.01)
    assert (result["emptied"], result["full"] >= result["limited"][0]["length"]) == (False, True)


def test_where_no_copy_can_be_made_the_process_itself_empties_it_and_says_so() -> None:
    refused = """
from leakcheck.probe.heap import weigh

def refuse():
    raise BlockingIOError

weigh.os.fork = refuse
"""
    copied = weighed(FILLING, statement="FULL.append(bytes(1000))")
    result = weighed(FILLING + refused, statement="FULL.append(bytes(1000))")

    assert result["limited"][0]["bytes_per_entry"] == pytest.approx(copied["limited"][0]["bytes_per_entry"], rel=0.01)
    assert (result["emptied"], result["full"]) == (True, 0)


def test_entries_that_form_cycles_are_weighed_too() -> None:
    setup = f"""
{FILLING}

class Node:
    def __init__(self):
        self.itself, self.body = self, bytes(1000)
"""
    result = weighed(setup, statement="FULL.append(Node())")
    assert result["limited"][0]["bytes_per_entry"] > 1041


def test_what_two_caches_share_counts_with_the_last_that_is_emptied() -> None:
    setup = "FULL, OTHER, KEPT = deque(maxlen=10_000), deque(maxlen=10_000), []"
    result = weighed(setup, statement="entry = bytes(1000); FULL.append(entry); OTHER.append(entry)")

    light, heavy = sorted(row["bytes_per_entry"] for row in result["limited"])
    assert light < 100
    assert heavy > 1000
