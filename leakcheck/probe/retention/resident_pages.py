"""Weigh candidates by resident pages, for memory of allocators whose bytes no meter of the heap sees.

Such an allocator gives pages back late, or never, so resident memory does not fall. But freed space is used again: a
candidate is emptied, calls go on, and the pages that they need less than before are what it had retained. If the
allocator has a pool per thread, that takes several rounds.

This is the last step, in the process itself, which is about to end. In a forked copy (`heap.weigh`) such an allocator
has no threads, and no calls can be replayed, because files and connections are closed.
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

_MIN_PER_CALL = 0.05
_MAX_WEIGHED = 3  # any value from 1 to 9 does: the heaviest come first
_MAX_TRIALS, _MAX_ROUNDS = 4, 8  # any value from half to twice of each does: they end once enough is known
# any value from half to twice of each does: an allocator gives pages back within a second
_NAP_SECONDS, _MAX_NAPS = 0.05, 24
_MAX_SECONDS = 8.0  # any value from 2 to 30 does: rounds end once enough is known
"""Seconds of calls for one candidate."""

_ENOUGH = 0.9
_MIN_REPRODUCED = 0.5
"""Share of the growth that calls must reproduce before anything is emptied: what the search freed is used up first."""

_MIN_SHARE = 0.05
Replay = Callable[[int], None]


@dataclass(slots=True)
class PageWeighing:
    """The result of weighing."""

    emptied: bool = False
    """Whether anything of the user's was changed."""
    is_known: bool = False
    """Whether every candidate's share of the pages is known."""


def weigh_pages(
    candidates: Sequence[RetentionCandidate], replay: Replay, calls: int, grown_bytes: float, budget: SearchBudget
) -> PageWeighing:
    """Weigh the candidates that gain an entry per call, or hang on one reference, by the pages that calls then need.

    If the user's code fails without what was removed, the weights stay as they were.
    """
    possible = [candidate for candidate in candidates if _can_be_emptied(candidate, calls)]
    likely = possible[:_MAX_WEIGHED]
    weighing = PageWeighing(is_known=not possible)
    if not likely or grown_bytes <= 0:
        return weighing
    budget.pause()
    try:
        usual = _usual_bytes(replay, calls, grown_bytes)
        if usual is None:
            return weighing
        weighing.emptied = True
        shares: list[float] = []
        for candidate in likely:
            shares.append(_share_of([candidate], replay, calls, usual) if sum(shares) < _ENOUGH else 0.0)
        if len(likely) > 1 and sum(shares) < _MIN_REPRODUCED:
            # entries that several refer to: none frees them alone
            total = _share_of(likely, replay, calls, usual)
            credited = min(range(len(likely)), key=lambda index: (likely[index].is_library, index))
            shares[credited] = max(shares[credited], total - sum(shares) + shares[credited])
    except BaseException:  # the user's code may raise anything without what it had kept
        return weighing
    finally:
        budget.resume()
    scale = max(1.0, sum(shares))
    for candidate, share in zip(likely, shares, strict=True):
        share_bytes = share / scale * grown_bytes
        if share >= _MIN_SHARE and share_bytes > (candidate.bytes or 0.0):
            candidate.bytes, candidate.weighed = share_bytes, "emptied"
    weighing.is_known = likely == possible
    return weighing


def _can_be_emptied(candidate: RetentionCandidate, calls: int) -> bool:
    if not candidate.grown:
        return candidate.clear is not None
    if candidate.is_weak or candidate.is_stopped or candidate.limit is not None:
        return False
    if candidate.gained < _MIN_PER_CALL * calls:
        return False
    # a closed file takes no more entries, and the interpreter needs its exit functions at the end
    return all(grown.container_type.takes_entries_again for grown in candidate.grown)


def _usual_bytes(replay: Replay, calls: int, grown_bytes: float) -> float | None:
    """Return the bytes of pages that so many calls need; None if they do not reproduce the growth that was measured."""
    result = 0.0
    for _ in range(_MAX_TRIALS):
        settle()
        before = _used_bytes()
        replay(calls)
        settle()
        result = max(result, _used_bytes() - before)
        if result >= _ENOUGH * grown_bytes:
            break
    return result if result >= _MIN_REPRODUCED * grown_bytes else None


def _share_of(candidates: Sequence[RetentionCandidate], replay: Replay, calls: int, usual: float) -> float:
    """Return the share of the pages needed by calls that was saved by emptying some candidates."""
    deadline = perf_counter() + _MAX_SECONDS
    settle()
    before = _used_bytes()
    for candidate in candidates:
        _empty(candidate)
    settle()
    freed = 0.0
    for _ in range(_MAX_NAPS):
        # the allocator's own threads may give pages back, or make them available for use
        sleep(_NAP_SECONDS)
        freed = before - _used_bytes()
        if freed >= _ENOUGH * usual:
            return min(1.0, freed / usual)
    for rounds in range(1, _MAX_ROUNDS + 1):
        replay(calls)
        settle()
        # since the beginning: an allocator may give pages back at any time
        freed = max(freed, rounds * usual - (_used_bytes() - before))
        if freed >= _ENOUGH * usual or perf_counter() > deadline:
            break
    return min(1.0, freed / usual)


def _used_bytes() -> int:
    """Return the resident bytes, without pages that were given back and stay until the kernel needs them."""
    try:
        with open("/proc/self/smaps_rollup", "rb") as rollup:
            kib = {line.split()[0]: int(line.split()[1]) for line in rollup if line.endswith(b"kB\n")}
        return 1024 * (kib[b"Rss:"] - kib.get(b"LazyFree:", 0))
    except (OSError, KeyError, ValueError):
        return resident_bytes()


def _empty(candidate: RetentionCandidate) -> None:
    if candidate.clear is not None:
        candidate.clear()
    for grown in candidate.grown:
        if issubclass(grown.container_type.base, deque):
            # None in place of the entries, as in a copy, would be found by the following calls
            for _ in range(min(grown.gained, grown.length)):
                deque.pop(grown.container)
        else:
            grown.container_type.remove_newest(grown.container, min(grown.gained, grown.length))
