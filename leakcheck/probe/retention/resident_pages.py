"""What holders explain of resident pages: memory of allocators whose bytes no meter of the heap sees.

Such an allocator gives pages back late, or never, so they are not seen to fall. But room that became free is used
again: a holder is emptied, calls go on, and the pages that they need less than before are what it had held. Where an
allocator has a place for each thread that takes several rounds.
This is done in the process itself, which is about to end, and as the last thing there: threads of such an allocator
are not in a copy.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter, sleep

from leakcheck.probe.heap.search_budget import SearchBudget, resident_bytes
from leakcheck.probe.meters.settle import settle
from leakcheck.probe.originals import BUILTINS
from leakcheck.probe.retention.candidate import RetentionCandidate

__builtins__ = BUILTINS

_FEWEST_PER_CALL = 0.05
_MOST_WEIGHED = 3
_MOST_TRIALS, _MOST_ROUNDS = 4, 8
_NAP_SECONDS, _MOST_NAPS = 0.05, 24
_MOST_SECONDS = 8.0
"""For one holder, of calls."""

_ENOUGH = 0.9
_LIKE_BEFORE = 0.5
"""Share of the growth that calls must show before anything is emptied: what the search has freed is used up first."""

_LEAST_SHARE = 0.05
Replay = Callable[[int], None]


@dataclass(slots=True)
class PageWeighing:
    """What became of the weighing."""

    emptied: bool = False
    """Something of the user's is not as it was."""
    is_known: bool = False
    """What each holder explains of the pages is known."""


def weigh_pages(
    found: Sequence[RetentionCandidate], replay: Replay, calls: int, grown_bytes: float, budget: SearchBudget
) -> PageWeighing:
    """Give the holders that gain an entry per call, or hang at one place, their shares of the pages that calls need.

    Where the user's code misses what was taken out, the weights stay as they were.
    """
    may_hold = [one for one in found if _may_hold(one, calls)]
    likely = may_hold[:_MOST_WEIGHED]
    weighing = PageWeighing(is_known=not may_hold)
    if not likely or grown_bytes <= 0:
        return weighing
    budget.pause()
    try:
        usual = _usual(replay, calls, grown_bytes)
        if usual is None:
            return weighing
        weighing.emptied = True
        shares: list[float] = []
        for one in likely:
            shares.append(_share([one], replay, calls, usual) if sum(shares) < _ENOUGH else 0.0)
        if len(likely) > 1 and sum(shares) < _LIKE_BEFORE:
            # entries that several hold: none frees them alone
            together = _share(likely, replay, calls, usual)
            first = min(range(len(likely)), key=lambda place: (likely[place].is_library, place))
            shares[first] = max(shares[first], together - sum(shares) + shares[first])
    except BaseException:  # the user's code may raise anything when it misses what it had kept
        return weighing
    finally:
        budget.resume()
    above_all = max(1.0, sum(shares))
    for one, share in zip(likely, shares, strict=True):
        held = share / above_all * grown_bytes
        if share >= _LEAST_SHARE and held > (one.bytes or 0.0):
            one.bytes, one.weighed = held, "emptied"
    weighing.is_known = likely == may_hold
    return weighing


def _may_hold(one: RetentionCandidate, calls: int) -> bool:
    if not one.grown:
        return one.cut is not None
    if one.is_weak or one.is_stopped or one.limit is not None or one.gained < _FEWEST_PER_CALL * calls:
        return False
    # a file that is closed takes nothing in any more, and the interpreter needs its functions at its end
    return all(grown.container_type.takes_entries_again for grown in one.grown)


def _usual(replay: Replay, calls: int, grown_bytes: float) -> float | None:
    """Return the pages that so many calls need, in bytes; None where they do not show the growth that was measured."""
    most = 0.0
    for _ in range(_MOST_TRIALS):
        most = max(most, _needed(replay, calls))
        if most >= _ENOUGH * grown_bytes:
            break
    return most if most >= _LIKE_BEFORE * grown_bytes else None


def _share(some: Sequence[RetentionCandidate], replay: Replay, calls: int, usual: float) -> float:
    """Return which share of the pages that calls need was not needed after some holders were emptied."""
    deadline = perf_counter() + _MOST_SECONDS
    settle()
    before = _used_bytes()
    for one in some:
        _empty(one)
    settle()
    most = 0.0
    for _ in range(_MOST_NAPS):
        # threads of its own may give pages back, and it uses them again once they have put them in order
        sleep(_NAP_SECONDS)
        most = before - _used_bytes()
        if most >= _ENOUGH * usual:
            return min(1.0, most / usual)
    for rounds in range(1, _MOST_ROUNDS + 1):
        replay(calls)
        settle()
        # from the beginning: an allocator may give pages back at any time
        most = max(most, rounds * usual - (_used_bytes() - before))
        if most >= _ENOUGH * usual or perf_counter() > deadline:
            break
    return min(1.0, most / usual)


def _needed(replay: Replay, calls: int) -> float:
    settle()
    before = _used_bytes()
    replay(calls)
    settle()
    return float(_used_bytes() - before)


def _used_bytes() -> int:
    """Return the resident pages, but for those that were given back and are there until the kernel needs them."""
    try:
        with open("/proc/self/smaps_rollup", "rb") as rollup:
            kib = {line.split()[0]: int(line.split()[1]) for line in rollup if line.endswith(b"kB\n")}
        return 1024 * (kib[b"Rss:"] - kib.get(b"LazyFree:", 0))
    except (OSError, KeyError, ValueError):
        return resident_bytes()


def _empty(one: RetentionCandidate) -> None:
    if one.cut is not None:
        one.cut()
    for grown in one.grown:
        if issubclass(grown.container_type.base, deque):
            # entries that are None, as a copy may have, would be found by the calls to come
            for _ in range(min(grown.gained, grown.length)):
                deque.pop(grown.container)
        else:
            grown.container_type.remove_newest(grown.container, min(grown.gained, grown.length))
