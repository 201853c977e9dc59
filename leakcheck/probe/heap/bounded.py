"""Weigh the containers that are filling: how much of the growth is theirs, and is their limit enforced?

A forked copy of the process empties them, and the bytes freed are their share of the growth (see `weigh`).
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import compress
from time import perf_counter
from types import FrameType
from typing import Any

from leakcheck.probe.heap import introspect
from leakcheck.probe.heap.containers import (
    length_of,
    lengths,
    longer_than,
    steady_slot_bytes,
    table_bytes,
    with_own_limit,
)
from leakcheck.probe.heap.limits import ContainerLimit, LimitedContainer, any_weak_valued, find_limit, owners_of
from leakcheck.probe.heap.weigh import freeze_all_but, in_copy, retained_by
from leakcheck.probe.meters.settle import settle
from leakcheck.probe.originals import BUILTINS, gc, signal

__builtins__ = BUILTINS

_MAX_CONTAINERS = 64  # any value from 16 to 256 does: those that gained most come first
_MIN_EXPECTED_ENTRIES = 10
"""Entries that a replay should have added, so that their absence proves a limit."""

_ROUNDS = 8  # any value from 4 to 12 does: a sawtooth falls in one of them
_ROUND_UNITS = sum(range(1, _ROUNDS + 1))

_MIN_GOING_ON_SHARE = 0.75
"""The share of the earlier rate, and of what the slowest earlier stretch gained, that the calls replayed here must
still gain: with less there is reason to look further.
"""

_TEMPORARY_BYTES = 1024
"""Readings may be this much higher at first, from temporaries: a growth that is short by less has not ended."""

_MAX_WEIGHING_SECONDS = 20.0  # any value from 10 to 60 does: a copy that hangs is ended
"""A copy collects its whole heap for each container, which takes a second where there are millions of objects."""

_MIN_ENTRIES_PER_CALL = 0.9
"""From this many entries per call a container counts as gaining one with every call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedGrowth:
    """What the calls replayed here should gain, judging by those before."""

    rate: float
    """Lower bound, in bytes per call; 0 if nothing is expected of so few calls."""
    least: float = 0.0
    """Bytes that the slowest stretch of so many calls gained; 0 if some gained nothing."""


def weigh_bounded_containers(
    replay: Callable[[int], None], calls: int, heap: Callable[[], int], replayed: int, expected: ExpectedGrowth
) -> dict[str, Any]:
    """Replay `calls` more after those `replayed`, and return the fields of a `model.Weighed`.

    Its `limited` are the containers with a limit that gained entries within these calls, its `beside` those without a
    limit that gained an entry with each. Nothing is weighed if the expected growth has ended, and something is full or
    no earlier stretch gained so little. A further field, `emptied`, says whether containers were emptied in this
    process, because no copy of it could weigh them.
    """
    gc.unfreeze()  # frozen objects are in no generation, and so in none of the collector's lists
    settle()
    before = lengths()
    heap_bytes = [0, 0, 0]
    started = perf_counter()
    # single calls first, so that readings are taken in the same place and not for the first time: otherwise other
    # temporaries are alive
    for index, count in enumerate((1, 1, calls)):
        replay(count)
        settle()
        heap_bytes[index] = heap()
    seconds = perf_counter() - started
    gained_bytes = heap_bytes[2] - heap_bytes[1]
    answer: dict[str, Any] = {"calls": calls, "has_ended": False}
    is_unusual = gained_bytes < _MIN_GOING_ON_SHARE * expected.least
    if _falls_short(gained_bytes, calls, expected) and (is_unusual or _is_any_full(before)):
        return {**answer, "has_ended": True, "limited": [], "beside": [], "emptied": False}
    calls += 2
    grown = longer_than(before)[:_MAX_CONTAINERS]
    owners = owners_of([container for container, _ in grown]) if grown else {}
    filling = _filling(grown, owners)
    rates = {
        id(bounded.container): _rate(bounded, before[id(bounded.container)], calls, replayed) for bounded in filling
    }
    gaining = [
        container for container, earlier in grown if length_of(container) - earlier >= _MIN_ENTRIES_PER_CALL * calls
    ]
    filling, gaining = _without_falling(filling, gaining, replay, calls)
    proved = [bounded for bounded in filling if bounded.limit.proved]
    min_rate = _MIN_EXPECTED_ENTRIES / calls
    unproved = [bounded for bounded in filling if not bounded.limit.proved and rates[id(bounded.container)] >= min_rate]
    if unproved:
        proved += _prove(unproved, lambda: replay(calls), seconds=1 + 2 * seconds)
        settle()
    unbounded = _without_limit(gaining, proved, owners) if proved else []
    all_rates = [*(rates[id(bounded.container)] for bounded in proved), *([1.0] * len(unbounded))]
    rows, answer["emptied"] = _weigh([*proved, *unbounded], all_rates, heap)
    for field, some in (("limited", rows[: len(proved)]), ("beside", rows[len(proved) :])):
        answer[field] = [row for row in some if not math.isnan(row["bytes_per_entry"])]
    return answer


def _falls_short(gained_bytes: int, calls: int, expected: ExpectedGrowth) -> bool:
    missing, allowed = expected.rate * calls - gained_bytes, (1 - _MIN_GOING_ON_SHARE) * expected.rate * calls
    return expected.rate > 0 and missing > max(allowed, _TEMPORARY_BYTES)


def _without_limit(
    gaining: Sequence[Any], proved: Sequence[LimitedContainer], owners: dict[int, list[object]]
) -> list[LimitedContainer]:
    """Return those that gain an entry with each call and belong to no bounded container.

    Weak collections retain nothing; a container that has the same owner as a bounded one is a part of it, and so is the
    table inside an lru_cache.
    """
    parts = {id(part) for bounded in proved for part in (bounded.container, *bounded.parts())}
    parts.update(id(part) for bounded in proved for part in gc.get_referents(bounded.container) if type(part) is dict)
    owner_ids = {id(bounded.owner) for bounded in proved}
    result = []
    for container in gaining:
        its_owners = owners.get(id(container), [])
        if id(container) in parts or any_weak_valued(its_owners) or any(id(owner) in owner_ids for owner in its_owners):
            continue
        limit = ContainerLimit(kind=introspect.name_of_class(type(container)), maximum=0, length=length_of(container))
        result.append(LimitedContainer(container=container, owner=container, limit=limit))
    return result


def _rate(bounded: LimitedContainer, earlier: int, calls: int, replayed: int) -> float:
    """Return the entries added per call; for a container that became full, at least its mean over all calls so far."""
    length = length_of(bounded.container)
    # units of the limit per entry: 1, unless entries have sizes of their own
    units = bounded.length() / max(1, length)
    rate = (length - earlier) / calls * units
    return (
        rate if bounded.limit.length < bounded.limit.maximum else max(rate, bounded.limit.length / (replayed + calls))
    )


def _filling(grown: Sequence[tuple[Any, int]], owners: dict[int, list[object]]) -> list[LimitedContainer]:
    """Return those of the grown containers that have a limit, or an attribute that looks like one."""
    matches = [find_limit(container, owners[id(container)]) for container, _ in grown]
    # several containers of one owner may lead to the same one
    by_container = {id(bounded.container): bounded for bounded in matches if bounded is not None}
    grown_ids = {id(container) for container, _ in grown}
    return [bounded for bounded in by_container.values() if bounded.limit.length and id(bounded.container) in grown_ids]


def _without_falling(
    filling: Sequence[LimitedContainer], gaining: Sequence[Any], replay: Callable[[int], None], calls: int
) -> tuple[list[LimitedContainer], list[Any]]:
    """Return those that no further call makes shorter, among bounded containers and those without a limit.

    A cache that is pruned again and again is full, whatever its length was at two moments. The rounds get longer and
    longer, so that they cannot stay in step with a sawtooth.
    """
    readers: list[Callable[[], int]] = [bounded.length for bounded in filling]
    readers += [partial(length_of, container) for container in gaining]
    before = [length() for length in readers]
    never_fell = [True] * len(readers)
    for round_number in range(1, _ROUNDS + 1) if filling else ():
        replay(max(1, calls * round_number // (2 * _ROUND_UNITS)))
        after = [length() for length in readers]
        never_fell = [
            still and later >= earlier for still, earlier, later in zip(never_fell, before, after, strict=True)
        ]
        before = after
    return list(compress(filling, never_fell)), list(compress(gaining, never_fell[len(filling) :]))


def _is_any_full(before: dict[int, int]) -> bool:
    """Return whether a container that knows its limit is full and unchanged: then its growth may be what has ended."""
    unchanged = (container for container in with_own_limit() if before.get(id(container)) == length_of(container))
    matches = (find_limit(container, ()) for container in unchanged)
    return any(bounded is not None and bounded.limit.length == bounded.limit.maximum for bounded in matches)


def _prove(
    candidates: Sequence[LimitedContainer], replay: Callable[[], None], *, seconds: float
) -> list[LimitedContainer]:
    """Return those that stop growing when their limit is lowered to their present length.

    That a number is called `maxsize` proves nothing. Lowered, it either ends the growth or it does not. The user's code
    may fail with it: if it raises, or waits for longer than `seconds`, no limit is proved.
    """
    lowered: dict[tuple[int, str], tuple[int, LimitedContainer]] = {}
    for bounded in candidates:
        key = (id(bounded.owner), bounded.attribute)
        length = max(bounded.length(), lowered[key][0] if key in lowered else 0)
        lowered[key] = (length, bounded)
    undo = [introspect.set_attribute(bounded.owner, bounded.attribute, length) for length, bounded in lowered.values()]
    try:
        with _alarm(seconds):
            replay()
    except BaseException:  # SystemExit too: leakcheck caused it, so it is not reported
        return []
    finally:
        for restore in undo:
            if restore is not None:
                restore()
    # one more: some check before adding, and some after
    proved = [
        bounded for bounded in candidates if bounded.length() <= lowered[id(bounded.owner), bounded.attribute][0] + 1
    ]
    return [
        replace(bounded, limit=replace(bounded.limit, kind=_proved_kind(bounded), proved=True)) for bounded in proved
    ]


def _proved_kind(bounded: LimitedContainer) -> str:
    return f"{introspect.name_of_class(type(bounded.container))} kept to .{bounded.attribute}={bounded.limit.maximum}"


@contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    """Raise TimeoutError after so many seconds; at once if the user has set an alarm, which must not be replaced."""
    if signal.getsignal(signal.SIGALRM) is not signal.SIG_DFL or signal.getitimer(signal.ITIMER_REAL)[0]:
        raise TimeoutError

    def raise_timeout(signal_number: int, frame: FrameType | None) -> None:
        raise TimeoutError

    signal.signal(signal.SIGALRM, raise_timeout)
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)


def _weigh(
    containers: Sequence[LimitedContainer], rates: Sequence[float], heap: Callable[[], int]
) -> tuple[list[dict[str, Any]], bool]:
    """Return the fields of a `BoundedContainer` for each, and whether they were emptied in this process.

    They are emptied one after the other, so that entries which several refer to count with the last of these. The bytes
    are nan for a container that has no entries left by then.
    """
    if not containers:
        return [], False
    # imported here, because whatever is loaded is measured, and most processes never get here
    from leakcheck.probe.heap.path_names import name_of

    names = [name_of(bounded.container, [bounded]) for bounded in containers]

    def bytes_per_entry() -> list[float]:
        result = []
        for bounded in containers:
            # a cache that is cleared when full may hold few by now, if its limit was proved
            length, parts = bounded.length(), bounded.parts()
            slots = sum(length_of(part) * steady_slot_bytes(part) for part in parts)
            tables = sum(map(table_bytes, parts))
            settle()  # what reading the lengths left does not count
            before = heap()
            bounded.empty()
            settle()
            # a table that has just doubled takes much, but the growth is measured without such steps
            freed = before - heap() - (tables - sum(map(table_bytes, parts))) + slots
            result.append(freed / length if length else math.nan)
        return result

    def bytes_per_entry_of_copy() -> list[float]:
        entries = retained_by(part for bounded in containers for part in (bounded.container, *bounded.parts()))
        if entries is not None:
            freeze_all_but(entries)
            entries.clear()
        return bytes_per_entry()

    weights = in_copy(bytes_per_entry_of_copy, len(containers), _MAX_WEIGHING_SECONDS)
    # without a copy they are emptied here, in a process that is about to end
    freed = bytes_per_entry() if weights is None else weights
    return [
        {
            "name": name,
            "kind": bounded.limit.kind,
            "limit": bounded.limit.maximum,
            "length": bounded.limit.length,
            "length_per_call": rate,
            "bytes_per_entry": entry_bytes,
        }
        for bounded, rate, name, entry_bytes in zip(containers, rates, names, freed, strict=True)
    ], weights is None
