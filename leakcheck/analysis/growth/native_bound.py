"""What native memory may do unseen where no meter reads it: no more than the resident pages leave room for.

Another malloc than glibc's has none of the exact counters. The pages show what it takes, but late: what was freed
before is used again first, and a slab of an allocator is taken whole.
"""

import math
from collections.abc import Sequence

from leakcheck.analysis.growth.progress import ReplayProgress
from leakcheck.analysis.growth.series import Series, steps_of
from leakcheck.analysis.growth.trend import CHUNKS, STEADY_SHARE, is_rising, rate_without_bounds
from leakcheck.model.answers import Readings
from leakcheck.model.result import Budget
from leakcheck.model.units import CALLS_PER_RATE
from leakcheck.model.verdict import Verdict

HIDDEN_BYTES = 256 * 1024
"""What a leak may keep before the pages tell. Under jemalloc, mimalloc and tcmalloc, for blocks of 24 to 8000 B, in a
bare interpreter and after the import of pandas, it was 240 KB at most; quiet code moves pages by 40 KB."""

_STARTS = (1 / 4, 1 / 2)
"""Of the calls: from where on the pages are looked at. The earlier has more calls, the later less of a warm-up."""

WIDEST_CLEAN_BYTES_PER_CALL = 32.0
"""What is known less closely is not called clean, and pages that rise steadily at this rate are no standstill."""

_PAGE, _FEWEST_PAGES = 4096.0, 2
"""So many pages in each half of the calls are more than the one that any program touches now and then."""

_MOVING_SECONDS = 10.0
"""How long pages that move are given to come to rest."""


def is_native_unseen(readings: Readings) -> bool:
    """Tell whether native memory is seen by the resident pages alone."""
    return bool(readings.rss_bytes) and not readings.native_bytes


def hidden_bytes_per_call(readings: Readings, calls: int) -> float:
    """Return what native code, which no meter reads, may keep of each call.

    Pages that moved count as if all of it were kept: those of the whole program, without what Python's own bytes
    tell. So does the address space, for what is allocated and never touched has no pages.
    """
    resident = _without(readings.rss_bytes, readings.python_bytes)
    mapped = _without(readings.mapped_bytes, readings.arena_bytes)
    hidden = max((HIDDEN_BYTES, *readings.page_bytes[-1:]))
    return min(_over(readings.calls, (resident, mapped), start * calls, hidden) for start in _STARTS)


def steady_pages(resident: Series) -> float:
    """Return the bytes per call by which pages rise steadily over a heap that stands still; 0.0 where they do not.

    They may be too few yet to be a leak. An extension's own allocator can have taken them: no heap has those bytes.
    """
    rising = is_rising(resident, smallest_rate=WIDEST_CLEAN_BYTES_PER_CALL) or _creeps(resident)
    return rate_without_bounds(resident) if rising else 0.0


def _creeps(resident: Series) -> bool:
    """Tell whether pages never fall and rise in both halves alike, as far as that can be said of a few of them."""
    parts = resident.chunks(2) if len(resident) > 2 and resident.span else []
    if len(parts) < 2 or min(steps_of(resident.values)) < 0:
        return False
    early, late = parts[0].values, parts[1].values
    first, second = early[-1] - early[0], late[-1] - early[-1]
    steady = second >= STEADY_SHARE * first - _PAGE
    enough = min(first, second) >= _FEWEST_PAGES * _PAGE
    return steady and enough and first + second >= WIDEST_CLEAN_BYTES_PER_CALL * resident.span


def can_be_told(
    progress: ReplayProgress, bytes_per_call: float, budget: Budget, calls: int | None, seconds: float
) -> bool:
    """Tell whether so many calls and seconds, in all, suffice for the pages to tell anything more that matters.

    That is what may be called clean, and what the budget allows. Pages that go on moving tell no more later.
    """
    most = min(seconds / max(progress.seconds_per_call, 1e-9), math.inf if calls is None else calls)
    still = max((HIDDEN_BYTES, *progress.readings.page_bytes[-1:])) / max(progress.calls * (1 - min(_STARTS)), 1.0)
    moving = bytes_per_call - still if progress.seconds >= _MOVING_SECONDS else 0.0
    matters = (WIDEST_CLEAN_BYTES_PER_CALL, budget.growth_bytes_per_1000_calls / CALLS_PER_RATE)
    return any(
        progress.calls * bytes_per_call <= wanted * most and moving < wanted
        for wanted in matters
        if wanted < bytes_per_call
    )


def as_far_as_seen(verdict: Verdict, hidden_bytes_per_call: float) -> Verdict:
    """Return a verdict that claims no more than was seen: a cache with a limit excuses nothing that is hidden."""
    unknown = verdict is Verdict.BOUNDED and hidden_bytes_per_call > WIDEST_CLEAN_BYTES_PER_CALL
    return Verdict.INCONCLUSIVE if unknown else verdict


def _over(calls: Sequence[int], columns: Sequence[Sequence[int]], since: float, hidden: float) -> float:
    late = [Series(calls, column).after(since) for column in columns if column]
    if not late or len(late[0]) < 2 or not late[0].span:
        return math.inf
    return (hidden + max(map(_moved, late))) / late[0].span


def _moved(series: Series) -> float:
    floors = series.floors(CHUNKS)
    # the last floor lies before the end, and the first at the beginning
    return floors.spread * series.span / max(floors.span, 1.0)


def _without(whole: Sequence[int], part: Sequence[int]) -> tuple[int, ...]:
    return tuple(one - other for one, other in zip(whole, part, strict=False)) if part else tuple(whole)
