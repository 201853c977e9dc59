"""Leaks beside caches, swept: kind of cache × when it is full × cost of a call × bytes that leak.

    python benchmarks/full_caches.py [--sample]

A cache that is full explains nothing, and one that fills explains what it takes in and no more: no arm that leaks may
be called clean or bounded, and no arm without a leak may be called one.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

SCENARIOS = '''
import time
from collections import OrderedDict, deque
from functools import lru_cache
from itertools import count
from leakcheck import scenario


class Pages:
    def __init__(self, maxsize):
        self.maxsize, self.pages = maxsize, OrderedDict()

    def add(self, number, page):
        self.pages[number] = page
        if len(self.pages) > self.maxsize:
            self.pages.popitem(last=False)


def cache_of(kind, size):
    """Return what puts one entry of about 300 bytes into a cache of so many."""
    if kind == "lru_cache":
        cached = lru_cache(maxsize=size)(lambda number: b"x" * (300 + number % 2))
        return cached
    if kind == "deque":
        kept = deque(maxlen=size)
        return lambda number: kept.append(bytes(300))
    if kind == "pages":
        kept = Pages(size)
        return lambda number: kept.add(number, bytes(300))
    import cachetools

    kept = cachetools.LRUCache(size)

    def put(number):
        kept[number] = bytes(300)

    return put


def spin(seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


ARMS = {arms}


@scenario(variants=tuple(ARMS))
def beside(variant):
    kind, size, per_call, cost, leak = ARMS[variant]
    put, numbers, kept = cache_of(kind, size), count(1000), []

    def call():
        for _ in range(per_call):
            put(next(numbers))
        if leak:
            kept.append(bytes(leak))
        if cost:
            spin(cost)

    yield call
'''

KINDS = ("lru_cache", "deque", "pages", "cachetools")
FILLED = {
    "in call 1": (128, 128),
    "by call 20": (128, 7),
    "by call 128": (128, 1),
    "by call 900": (900, 1),
    "later": (200_000, 1),
}
COSTS = {0.0: "60", 1e-3: "60", 5e-2: "8"}
LEAKS = (0, 1, 40, 300, 4000)


def arms_of(*, is_sample: bool, cost: float) -> dict[str, tuple[str, int, int, float, int]]:
    """Return the arms by their name: cache, its size, entries a call, seconds a call, bytes that leak."""
    return {
        f"{kind}-full {filled}-{1000 * cost:g}ms-leak {leak}": (kind, size, per_call, cost, leak)
        for kind in (KINDS[:2] if is_sample else KINDS)
        for filled, (size, per_call) in FILLED.items()
        for leak in (LEAKS[::2] if is_sample else LEAKS)
    }


def run(
    arms: dict[str, tuple[str, int, int, float, int]], seconds: str, kept: Path, folder: str
) -> list[dict[str, object]]:
    """Return the results of the arms."""
    Path(folder, "sweep.py").write_text(SCENARIOS.replace("{arms}", repr(arms)), encoding="utf-8")
    command = [sys.executable, "-m", "leakcheck", "run", "sweep.py", "--explain", "never", "--no-peak", "-j", "1"]
    done = subprocess.run(
        [*command, "--json", str(kept), "--time", seconds], cwd=folder, check=False, stdout=subprocess.DEVNULL
    )
    assert done.returncode in (0, 1, 6)
    results: list[dict[str, object]] = json.loads(kept.read_text(encoding="utf-8"))["results"]
    return results


def main() -> int:
    """Run the sweep; 1 where a leak was missed, or a cache was called one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", action="store_true", help="two kinds of caches, and cheap calls alone")
    said = parser.parse_args()
    wrong = unsure = count = 0
    for cost, seconds in list(COSTS.items())[: 2 if said.sample else None]:
        arms = arms_of(is_sample=said.sample, cost=cost)
        with tempfile.TemporaryDirectory() as folder:
            for result in run(arms, seconds, Path(folder, "run.json"), folder):
                leak, verdict = arms[str(result["variant"])][-1], result["verdict"]
                count += 1
                unsure += verdict == "inconclusive"
                if verdict in (("clean", "bounded") if leak else ("leak",)):
                    wrong += 1
                    print(f"{result['variant']}: {verdict}, {result['growth']}")
    print(f"{count} arms, {wrong} wrong, {unsure} inconclusive")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
