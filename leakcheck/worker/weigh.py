"""Weigh the containers that are filling: what do they hold, and does their limit hold?

They are emptied in the process that is about to end anyway, and the bytes set free say what share of
the growth was their doing. An estimate from object sizes would miss what is shared, and miss native
memory.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import compress
from time import perf_counter
from types import FrameType
from typing import Any

from leakcheck.worker import bare
from leakcheck.worker.containers import LruCache, length_of, lengths, longer_than, of_types, slot_bytes, table_bytes
from leakcheck.worker.limits import Holder, holder_of
from leakcheck.worker.own import BUILTINS, gc, signal
from leakcheck.worker.owners import owners_of
from leakcheck.worker.settle import settle

__builtins__ = BUILTINS

_MOST_CONTAINERS = 64
_FEWEST_EXPECTED = 10
"""Entries that a replay must have been about to add before their absence proves a limit."""

_LOOKS = 8
_UNITS = sum(range(1, _LOOKS + 1))

_FULL_BY = 0.9
"""Share of the calls by which a container was full at the earliest: a standstill of more is seen as one."""

_STOOD_STILL = 0.1
"""Memory that rises by no more than this share of what a full container once added has stopped growing."""


def full_ones() -> frozenset[int]:
    """Return the ids of the containers that are full; of those whose type has a limit.

    Asked before the first call: what set-up has filled explains nothing of what the calls leave.
    """
    objects = gc.get_objects()
    sized = set(map(id, _with_subclasses(deque, LruCache)))
    # one run over what may be millions, and no loop of Python's; by id, as a metaclass may have a __hash__
    chosen = compress(objects, map(sized.__contains__, map(id, map(type, objects))))
    holders = (holder_of(one, ()) for one in chosen)
    return frozenset(id(one.container) for one in holders if one is not None and one.found.length == one.found.limit)


def _with_subclasses(*classes: type) -> Iterator[type]:
    for cls in classes:
        yield cls
        yield from _with_subclasses(*type.__subclasses__(cls))


def weigh_limited(
    replay: Callable[[int], None],
    calls: int,
    heap: Callable[[], int],
    replayed: int,
    full_before: frozenset[int] = frozenset(),
) -> list[dict[str, Any]]:
    """Replay `calls` more after those `replayed`, and return the fields of a `model.Limited` for each container.

    Those that are filling, and those that have become full since the `full_before`: the growth that was seen
    may be theirs. They are emptied on the way, so this is the last thing that a process is asked.
    """
    gc.unfreeze()  # frozen objects are in no generation, and so in no list
    settle()
    before = lengths()
    heap_before = heap()
    began = perf_counter()
    replay(calls)
    seconds = perf_counter() - began
    settle()
    risen = heap() - heap_before
    filling = _filling(before)
    rates = {id(one.container): _rate(one, before[id(one.container)], calls, replayed) for one in filling}
    filling = _never_shorter(filling, replay, calls)
    proved = [holder for holder in filling if holder.found.proved]
    enough = _FEWEST_EXPECTED / calls
    to_prove = [one for one in filling if not one.found.proved and rates[id(one.container)] >= enough]
    if to_prove:
        proved += _proved(to_prove, lambda: replay(calls), seconds=1 + 2 * seconds)
        settle()
    found = [_weighed(holder, rates[id(holder.container)], heap) for holder in proved if holder.length()]
    for holder in _full(before, full_before):
        weighed = _weighed(holder, holder.found.limit / (_FULL_BY * replayed), heap)
        if risen <= _STOOD_STILL * weighed["length_per_call"] * weighed["bytes_per_entry"] * calls:
            found.append(weighed)
    return found


def _rate(holder: Holder, earlier: int, calls: int, replayed: int) -> float:
    """Return the entries added with each call; of one that became full, those of all calls so far, which is less."""
    length = length_of(holder.container)
    rate = (length - earlier) / calls * holder.units
    return rate if holder.found.length < holder.found.limit else max(rate, holder.found.length / (replayed + calls))


def _filling(before: dict[int, int]) -> list[Holder]:
    """Return each container that became longer, and has a limit or looks as if it had."""
    grown = [container for container, _ in longer_than(before)[:_MOST_CONTAINERS]]
    owners = owners_of(grown) if grown else {}
    holders = [holder_of(container, owners[id(container)]) for container in grown]
    # several containers of one owner may lead to the same one
    found = {id(holder.container): holder for holder in holders if holder is not None}
    return [holder for holder in found.values() if holder.found.length and id(holder.container) in before]


def _never_shorter(holders: Sequence[Holder], replay: Callable[[int], None], calls: int) -> list[Holder]:
    """Return those that no further call makes shorter.

    A cache that is pruned again and again is full, whatever its length was at two moments. The looks
    are further and further apart, so that they cannot keep step with its teeth.
    """
    lengths_before = [holder.length() for holder in holders]
    rising = [True] * len(holders)
    for part in range(1, _LOOKS + 1) if holders else ():
        replay(max(1, calls * part // (2 * _UNITS)))
        for at, holder in enumerate(holders):
            length = holder.length()
            rising[at] = rising[at] and length >= lengths_before[at]
            lengths_before[at] = length
    return [holder for holder, rises in zip(holders, rising, strict=True) if rises]


def _full(before: dict[int, int], full_before: frozenset[int]) -> list[Holder]:
    """Return each container that is as full as it was before, and was not at first; of those whose type has a limit.

    A limit that was reached in the last look's calls leaves the growth of those before it, and nothing
    that grows.
    """
    steady = (one for one in of_types(deque, LruCache) if before.get(id(one)) == length_of(one))
    sized = (holder_of(one, ()) for one in steady if id(one) not in full_before)
    return [one for one in sized if one is not None and one.found.proved and one.found.length == one.found.limit]


def _proved(holders: Sequence[Holder], replay: Callable[[], None], *, seconds: float) -> list[Holder]:
    """Return those that stop growing when their limit is lowered to their present length.

    That a number is called `maxsize` proves nothing. Lowered, it either ends the growth or it does
    not. The code may dislike it: what raises, or waits for room for longer than `seconds`, has not
    shown a limit.
    """
    lowered: dict[tuple[int, str], tuple[int, Holder]] = {}
    for holder in holders:
        place = (id(holder.owner), holder.attribute)
        length = max(holder.length(), lowered[place][0] if place in lowered else 0)
        lowered[place] = (length, holder)
    undo = [bare.put(holder.owner, holder.attribute, length) for length, holder in lowered.values()]
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


def _kept_to(holder: Holder) -> str:
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


def _weighed(holder: Holder, length_per_call: float, heap: Callable[[], int]) -> dict[str, Any]:
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


def _name_of(holder: Holder) -> str:
    """Return what a person would call it: a function's name, a module's or an object's attribute."""
    # only now: whatever is loaded is measured, and most processes never come here
    from leakcheck.worker.hold.names import name_of

    return name_of(holder.container, [holder])
