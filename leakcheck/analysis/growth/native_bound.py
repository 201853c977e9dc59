"""An upper bound from resident pages for native memory that no meter reads.

Only glibc's malloc has exact counters. Resident pages show what another malloc takes, but late: freed memory is reused
first, and an allocator takes whole slabs.
"""

import math
from collections.abc import Sequence

from leakcheck.analysis.growth.progress import ReplayProgress
from leakcheck.analysis.growth.series import Series, differences
from leakcheck.analysis.growth.trend import CHUNKS, STEADY_SHARE, is_rising, rate_without_bounds
from leakcheck.model.answers import Readings
from leakcheck.model.result import Budget
from leakcheck.model.units import CALLS_PER_RATE
from leakcheck.model.verdict import Verdict

HIDDEN_BYTES = 256 * 1024
"""What a leak may keep before pages show it, and so the smallest rise of pages that is a leak. Under jemalloc, mimalloc
and tcmalloc, with blocks of 24 to 8000 B, in a bare interpreter and after importing pandas, it was 240 KB at most. Code
without a leak moves pages by 40 KB."""

_STARTS = (1 / 4, 1 / 2)
"""Shares of the calls after which pages are compared: the earlier leaves more calls, the later less of the warm-up."""

WIDEST_CLEAN_BYTES_PER_CALL = 32.0
"""Nothing with wider bounds is called clean, and pages that rise steadily at this rate are not flat."""

_PAGE = 4096.0  # not tuned: a page
_FEWEST_PAGES = 2
"""In each half of the calls: more than the single page that any program touches now and then."""

_SETTLING_SECONDS = 10.0
"""How long pages may take to settle."""


def is_native_unseen(readings: Readings) -> bool:
    """Return whether only resident pages show native memory."""
    return bool(readings.rss_bytes) and not readings.native_bytes


def hidden_bytes_per_call(readings: Readings, calls: int) -> float:
    """Return the most that native code may keep of each call where no meter reads its memory.

    All changes of resident pages count as kept, after subtracting Python's own bytes. So do changes of the address
    space, because memory that is allocated and never touched has no pages.
    """
    resident = _difference(readings.rss_bytes, readings.python_bytes)
    mapped = _difference(readings.mapped_bytes, readings.arena_bytes)
    hidden = max((HIDDEN_BYTES, *readings.page_bytes[-1:]))
    return min(_most_per_call(readings.calls, (resident, mapped), start * calls, hidden) for start in _STARTS)


def steady_pages(resident: Series) -> float:
    """Return the bytes per call by which pages rise steadily while the heap is flat; 0.0 if they do not.

    They may still be too few for a leak. An extension with an allocator of its own may have taken them.
    """
    rising = is_rising(resident, smallest_rate=WIDEST_CLEAN_BYTES_PER_CALL) or _creeps(resident)
    return rate_without_bounds(resident) if rising else 0.0


def _creeps(resident: Series) -> bool:
    """Return whether pages never fall and rise about equally in both halves, as far as a few pages can show that."""
    parts = resident.chunks(2) if len(resident) > 2 and resident.span else []
    if len(parts) < 2 or min(differences(resident.values)) < 0:
        return False
    early, late = parts[0].values, parts[1].values
    first, second = early[-1] - early[0], late[-1] - early[-1]
    steady = second >= STEADY_SHARE * first - _PAGE
    enough = min(first, second) >= _FEWEST_PAGES * _PAGE
    return steady and enough and first + second >= WIDEST_CLEAN_BYTES_PER_CALL * resident.span


def can_narrow_bound(
    progress: ReplayProgress, bytes_per_call: float, budget: Budget, calls: int | None, seconds: float
) -> bool:
    """Return whether a total of `calls` calls, or `seconds`, could narrow the bound enough to matter.

    It matters below what may be called clean, or below the budget. The bound does not narrow while pages keep moving.
    """
    most_calls = min(seconds / max(progress.seconds_per_call, 1e-9), math.inf if calls is None else calls)
    still = max((HIDDEN_BYTES, *progress.readings.page_bytes[-1:])) / max(progress.calls * (1 - min(_STARTS)), 1.0)
    moving = bytes_per_call - still if progress.seconds >= _SETTLING_SECONDS else 0.0
    bounds = (WIDEST_CLEAN_BYTES_PER_CALL, budget.growth_bytes_per_1000_calls / CALLS_PER_RATE)
    return any(
        progress.calls * bytes_per_call <= bound * most_calls and moving < bound
        for bound in bounds
        if bound < bytes_per_call
    )


def verdict_with_hidden_bytes(verdict: Verdict, hidden_bytes_per_call: float) -> Verdict:
    """Return INCONCLUSIVE for BOUNDED if native memory may hide a leak, which the limit of a cache does not explain."""
    is_uncertain = verdict is Verdict.BOUNDED and hidden_bytes_per_call > WIDEST_CLEAN_BYTES_PER_CALL
    return Verdict.INCONCLUSIVE if is_uncertain else verdict


def _most_per_call(calls: Sequence[int], columns: Sequence[Sequence[int]], since: float, hidden: float) -> float:
    late = [Series(calls, column).after(since) for column in columns if column]
    if not late or len(late[0]) < 2 or not late[0].span:
        return math.inf
    return (hidden + max(map(_moved, late))) / late[0].span


def _moved(series: Series) -> float:
    floors = series.floors(CHUNKS)
    # the last minimum is read before the end of the series, the first at its beginning
    return floors.spread * series.span / max(floors.span, 1.0)


def _difference(whole: Sequence[int], part: Sequence[int]) -> tuple[int, ...]:
    return tuple(total - known for total, known in zip(whole, part, strict=False)) if part else tuple(whole)
