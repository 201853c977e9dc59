"""Growth by capacity, swept: containers × bytes per call × cost of a call × when measuring begins.

    python benchmarks/capacity.py [--sample] [--keep FILE.json]

Each arm leaks a little with every call into something that is enlarged by a factor, so memory stands still for most of
the calls. No arm may be called clean or bounded, and the mean rate has to be right; beside them stand twins that keep
nothing, of which none may be called a leak.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

SCENARIOS = '''
import ctypes, time
from array import array
from collections import OrderedDict, deque
from io import BytesIO
from itertools import count
from leakcheck import scenario

KEYS = [object() for _ in range(200_000)]
libc = ctypes.CDLL(None)
libc.realloc.restype = ctypes.c_void_p
libc.realloc.argtypes = [ctypes.c_void_p, ctypes.c_size_t]


class Vector:
    """What C++ does: twice the room whenever it is full, by realloc."""

    def __init__(self):
        self.used, self.room, self.at = 0, 16, libc.realloc(None, 16)

    def add(self, size):
        self.used += size
        while self.used > self.room:
            self.room *= 2
            self.at = libc.realloc(self.at, self.room)


def spin(seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


def fill(kind, entries, first):
    numbers = count(first)
    if kind == "list":
        kept = [None] * first
        return lambda: [kept.append(None) for _ in range(entries)]
    if kind == "bytearray":
        kept, chunk = bytearray(first), b"x" * entries
        return lambda: kept.extend(chunk)
    if kind == "array":
        kept, more = array("q", bytes(8 * first)), array("q", bytes(8 * entries))
        return lambda: kept.extend(more)
    if kind == "dict":
        kept = dict.fromkeys(KEYS[:first])
        return lambda: [kept.setdefault(KEYS[next(numbers) % len(KEYS)]) for _ in range(entries)]
    if kind == "set":
        kept = set(KEYS[:first])
        return lambda: [kept.add(KEYS[next(numbers) % len(KEYS)]) for _ in range(entries)]
    if kind == "deque":
        kept = deque([None] * first)
        return lambda: [kept.append(None) for _ in range(entries)]
    if kind == "buffer":
        kept, chunk = BytesIO(bytes(first)), b"x" * entries
        kept.seek(first)
        return lambda: kept.write(chunk)
    kept = Vector()
    kept.add(max(1, first))
    return lambda: kept.add(entries)


ARMS = {arms}


def make(kind, entries, cost, first, leaks):
    call = fill(kind, entries, first)
    if not leaks:
        held = fill(kind, entries, first)
        held()
        call = lambda: None
    return (lambda: (spin(cost), call())) if cost else call


@scenario(variants=tuple(ARMS))
def capacity(variant):
    kind, entries, cost, first, leaks = ARMS[variant]
    call = make(kind, entries, cost, first, leaks)

    def replayed():
        call()

    yield replayed
'''

KINDS = ("list", "bytearray", "array", "dict", "set", "deque", "buffer", "vector")
ENTRIES = {"bytearray": (8, 100), "buffer": (8, 100), "vector": (8, 100), "list": (1, 12), "array": (1, 12)}
COSTS = (0.0, 1e-4, 1e-3, 5e-3)
PHASES = (0, 150, 1000, 7777, 60_000)
PHASES_OF_VECTORS = (0, 150, 400, 1000, 1900)
"""A vector in C tells nobody its length: what is large before the first call has no step within a run."""

BYTES_PER_ENTRY = {
    "list": (8, 9),
    "bytearray": (1, 1.125),
    "array": (8, 8.5),
    "dict": (17, 60),
    "set": (26, 107),
    "deque": (8.25, 8.25),
    "buffer": (1, 1.125),
    "vector": (1, 2),
}


def arms_of(*, is_sample: bool) -> dict[str, tuple[str, int, float, int, bool]]:
    """Return the arms by their name: container, entries a call, seconds a call, entries at first, whether it leaks."""
    found = {}
    for kind in KINDS:
        for entries in ENTRIES.get(kind, (1, 4)):
            for cost in COSTS[:2] if is_sample else COSTS:
                phases = PHASES_OF_VECTORS if kind == "vector" else PHASES
                for first in phases[::3] if is_sample else phases:
                    for leaks in (True, False):
                        name = f"{kind}-{entries}-{cost * 1e6:.0f}us-{first}-{'leak' if leaks else 'still'}"
                        found[name] = (kind, entries, cost, first, leaks)
    return found


class Rated(Protocol):
    """What has a rate."""

    @property
    def bytes_per_1000_calls(self) -> float:
        """Bytes that 1000 calls add."""


@dataclass(frozen=True)
class Estimate:
    """The growth of a document."""

    bytes_per_1000_calls: float


def is_right(arm: tuple[str, int, float, int, bool], verdict: str, growth: Rated | None) -> bool:
    """Tell whether an arm was judged rightly, and a leak at its mean rate, within a twentieth of its bounds."""
    kind, entries, _, _, leaks = arm
    if not leaks or growth is None:
        return verdict == ("leak" if leaks else "clean")
    low, high = (entries * one for one in BYTES_PER_ENTRY[kind])
    return verdict == "leak" and 0.95 * low <= growth.bytes_per_1000_calls / 1000 <= 1.05 * high


def main() -> int:
    """Run the sweep; 1 where an arm was missed, or a still one was called a leak."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", action="store_true", help="the cheap arms alone")
    parser.add_argument("--keep", help="where to leave the run")
    said = parser.parse_args()
    arms = arms_of(is_sample=said.sample)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "sweep.py").write_text(SCENARIOS.replace("{arms}", repr(arms)), encoding="utf-8")
        kept = Path(said.keep).resolve() if said.keep else Path(folder, "run.json")
        command = [sys.executable, "-m", "leakcheck", "run", "sweep.py", "--explain", "never", "--no-peak", "-j", "1"]
        subprocess.run(
            [*command, "--json", str(kept), "--time", "30"], cwd=folder, check=False, stdout=subprocess.DEVNULL
        )
        results = json.loads(kept.read_text(encoding="utf-8"))["results"]
    wrong = 0
    for result in results:
        arm, growth = arms[result["variant"]], result["growth"]
        estimate = None if growth is None else Estimate(growth["bytes_per_1000_calls"])
        if not is_right(arm, result["verdict"], estimate):
            wrong += 1
            rate = 0.0 if estimate is None else estimate.bytes_per_1000_calls / 1000
            print(f"{result['variant']}: {result['verdict']}, {rate:.2f} B a call")
    print(f"{len(results)} arms, {wrong} wrong")
    return 1 if wrong or len(results) < len(arms) else 0


if __name__ == "__main__":
    sys.exit(main())
