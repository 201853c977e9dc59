"""Weigh the containers that are filling: what do they hold, and does their limit hold?

They are emptied in the process that is about to end anyway, and the bytes set free say what share of
the growth was their doing. An estimate from object sizes would miss what is shared, and miss native
memory.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import compress
from time import perf_counter
from types import FrameType
from typing import Any

from leakcheck.probe.heap import introspect
from leakcheck.probe.heap.containers import LruCache, length_of, lengths, longer_than, of_types, slot_bytes, table_bytes
from leakcheck.probe.heap.limits import ContainerLimit, OwnedLimit, holder_of, is_weak, owners_of
from leakcheck.probe.meters.settle import settle
from leakcheck.probe.originals import BUILTINS, gc, signal

__builtins__ = BUILTINS

_MOST_CONTAINERS = 64
_FEWEST_EXPECTED = 10
"""Entries that a replay must have been about to add before their absence proves a limit."""

_LOOKS = 8
_UNITS = sum(range(1, _LOOKS + 1))

_GOES_ON = 0.75
"""Share of its rate, and of what the poorest stretch before gained, that a growth must still have in the calls replayed
here: with less there is reason to look further."""

_TEMPORARY_BYTES = 1024
"""What the first readings in a place may hold more than later ones: less than that has not ended."""

_EACH_CALL = 0.9
"""Entries a call from which a container gains one with every call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedGrowth:
    """What the calls that are replayed here should gain, by those before."""

    rate: float
    """Bytes per call, at the least; 0 where nothing is expected of so few."""
    least: float = 0.0
    """Bytes: what the poorest stretch of so many calls gained; none where some gained nothing."""


def weigh_limited(
    replay: Callable[[int], None], calls: int, heap: Callable[[], int], replayed: int, expected: ExpectedGrowth
) -> dict[str, Any]:
    """Replay `calls` more after those `replayed`, and return the fields of a `model.Weighed`.

    Its `limited` are the containers with a limit that gained entries within these calls, its `beside` those without
    one that gained an entry with each. They are emptied on the way, so this is the last thing that a process is
    asked; but where the growth that is expected has ended, and something is full or no earlier stretch gained so
    little, nothing is emptied.
    """
    gc.unfreeze()  # frozen objects are in no generation, and so in no list
    settle()
    before = lengths()
    live = [0, 0, 0]
    began = perf_counter()
    # single calls first, so that readings are taken in the same place, and not for the first time: else other
    # temporaries are alive
    for at, count in enumerate((1, 1, calls)):
        replay(count)
        settle()
        live[at] = heap()
    seconds = perf_counter() - began
    risen = live[2] - live[1]
    answer: dict[str, Any] = {"calls": calls, "risen_bytes": risen, "has_ended": False, "limited": [], "beside": []}
    is_unusual = risen < _GOES_ON * expected.least
    if _falls_short(risen, calls, expected) and (is_unusual or _is_any_full(before)):
        return {**answer, "has_ended": True}
    calls += 2
    grown = longer_than(before)[:_MOST_CONTAINERS]
    owners = owners_of([one for one, _ in grown]) if grown else {}
    filling = _filling(grown, owners)
    rates = {id(one.container): _rate(one, before[id(one.container)], calls, replayed) for one in filling}
    gaining = [one for one, earlier in grown if length_of(one) - earlier >= _EACH_CALL * calls]
    filling, gaining = _never_shorter(filling, gaining, replay, calls)
    proved = [holder for holder in filling if holder.found.proved]
    enough = _FEWEST_EXPECTED / calls
    to_prove = [one for one in filling if not one.found.proved and rates[id(one.container)] >= enough]
    if to_prove:
        proved += _proved(to_prove, lambda: replay(calls), seconds=1 + 2 * seconds)
        settle()
    beside = _without_limit(gaining, proved, owners) if proved else []
    answer["limited"] = [_weighed(one, rates[id(one.container)], heap) for one in proved if one.length()]
    answer["beside"] = [_weighed(one, 1.0, heap) for one in beside if one.length()]
    return answer


def _falls_short(risen: int, calls: int, expected: ExpectedGrowth) -> bool:
    missing, allowed = expected.rate * calls - risen, (1 - _GOES_ON) * expected.rate * calls
    return expected.rate > 0 and missing > max(allowed, _TEMPORARY_BYTES)


def _without_limit(
    gaining: Sequence[Any], proved: Sequence[OwnedLimit], owners: dict[int, list[object]]
) -> list[OwnedLimit]:
    """Return those that gain an entry with each call and belong to none of those that have a limit.

    What lists weakly holds nothing; what stands beside a limited container in the same owner is a part of it, and
    the table inside an lru_cache is the cache.
    """
    known = {id(part) for holder in proved for part in (holder.container, *holder.parts())}
    known.update(id(part) for holder in proved for part in gc.get_referents(holder.container) if type(part) is dict)
    owned = {id(holder.owner) for holder in proved}
    left = []
    for one in gaining:
        its_owners = owners.get(id(one), [])
        if id(one) in known or is_weak(its_owners) or any(id(owner) in owned for owner in its_owners):
            continue
        found = ContainerLimit(kind=type(one).__qualname__, limit=0, length=length_of(one))
        left.append(OwnedLimit(container=one, owner=one, found=found))
    return left


def _rate(holder: OwnedLimit, earlier: int, calls: int, replayed: int) -> float:
    """Return the entries added with each call; of one that became full, those of all calls so far, which is less."""
    length = length_of(holder.container)
    rate = (length - earlier) / calls * holder.units
    return rate if holder.found.length < holder.found.limit else max(rate, holder.found.length / (replayed + calls))


def _filling(grown: Sequence[tuple[Any, int]], owners: dict[int, list[object]]) -> list[OwnedLimit]:
    """Return each of the containers that became longer, and has a limit or looks as if it had."""
    holders = [holder_of(container, owners[id(container)]) for container, _ in grown]
    # several containers of one owner may lead to the same one
    found = {id(holder.container): holder for holder in holders if holder is not None}
    known = {id(container) for container, _ in grown}
    return [holder for holder in found.values() if holder.found.length and id(holder.container) in known]


def _never_shorter(
    holders: Sequence[OwnedLimit], gaining: Sequence[Any], replay: Callable[[int], None], calls: int
) -> tuple[list[OwnedLimit], list[Any]]:
    """Return those that no further call makes shorter, of holders with a limit and of containers without.

    A cache that is pruned again and again is full, whatever its length was at two moments. The looks
    are further and further apart, so that they cannot keep step with its teeth.
    """
    read: list[Callable[[], int]] = [holder.length for holder in holders]
    read += [partial(length_of, one) for one in gaining]
    before = [length() for length in read]
    rising = [True] * len(read)
    for part in range(1, _LOOKS + 1) if holders else ():
        replay(max(1, calls * part // (2 * _UNITS)))
        now = [length() for length in read]
        rising = [rises and later >= earlier for rises, earlier, later in zip(rising, before, now, strict=True)]
        before = now
    return list(compress(holders, rising)), list(compress(gaining, rising[len(holders) :]))


def _is_any_full(before: dict[int, int]) -> bool:
    """Return whether a container whose type has a limit is as full as it was: what it added may be what has ended."""
    steady = (one for one in of_types(deque, LruCache) if before.get(id(one)) == length_of(one))
    sized = (holder_of(one, ()) for one in steady)
    return any(one is not None and one.found.length == one.found.limit for one in sized)


def _proved(holders: Sequence[OwnedLimit], replay: Callable[[], None], *, seconds: float) -> list[OwnedLimit]:
    """Return those that stop growing when their limit is lowered to their present length.

    That a number is called `maxsize` proves nothing. Lowered, it either ends the growth or it does
    not. The code may dislike it: what raises, or waits for room for longer than `seconds`, has not
    shown a limit.
    """
    lowered: dict[tuple[int, str], tuple[int, OwnedLimit]] = {}
    for holder in holders:
        place = (id(holder.owner), holder.attribute)
        length = max(holder.length(), lowered[place][0] if place in lowered else 0)
        lowered[place] = (length, holder)
    undo = [introspect.set_attribute(holder.owner, holder.attribute, length) for length, holder in lowered.values()]
    try:
        with _alarm(seconds):
            replay()
    except BaseException:  # SystemExit too: it is our doing, and nobody is to hear of it
        return []
    finally:
        for put_back in undo:
            if put_back is not None:
                put_back()
    # one more: some look before they add, and some after it
    kept = [holder for holder in holders if holder.length() <= lowered[id(holder.owner), holder.attribute][0] + 1]
    return [replace(holder, found=replace(holder.found, kind=_kept_to(holder), proved=True)) for holder in kept]


def _kept_to(holder: OwnedLimit) -> str:
    return f"{type(holder.container).__qualname__} kept to .{holder.attribute}={holder.found.limit}"


@contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    """End what takes longer, where no alarm of the user's is set; elsewhere the engine's timeout would end it all."""
    if signal.getsignal(signal.SIGALRM) is not signal.SIG_DFL or signal.getitimer(signal.ITIMER_REAL)[0]:
        raise TimeoutError

    def ring(number: int, frame: FrameType | None) -> None:
        raise TimeoutError

    signal.signal(signal.SIGALRM, ring)
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)


def _weighed(holder: OwnedLimit, length_per_call: float, heap: Callable[[], int]) -> dict[str, Any]:
    name = _name_of(holder)
    # a cache that is cleared when it is full holds few by now, where its limit was proved
    length = holder.length()
    parts = holder.parts()
    slots = sum(length_of(part) * slot_bytes(part) for part in parts)
    tables = sum(map(table_bytes, parts))
    settle()  # what the search for the name has left is none of it
    full = heap()
    holder.let_go()
    settle()
    # a table that has just doubled takes much, and no part of that is in the growth: its steps are left out there
    freed = full - heap() - (tables - sum(map(table_bytes, parts))) + slots
    return {
        "name": name,
        "kind": holder.found.kind,
        "limit": holder.found.limit,
        "length": holder.found.length,
        "length_per_call": length_per_call,
        "bytes_per_entry": freed / length,
    }


def _name_of(holder: OwnedLimit) -> str:
    """Return what a person would call it: a function's name, a module's or an object's attribute."""
    # only now: whatever is loaded is measured, and most processes never come here
    from leakcheck.probe.heap.path_names import name_of

    return name_of(holder.container, [holder])
