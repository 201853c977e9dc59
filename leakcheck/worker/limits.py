"""Containers with a limit: find those that grow, and weigh what they hold.

A straight line may be a cache that is not full yet. Where a container knows its own limit, waiting
is not needed: it is emptied in the process that is about to end anyway, and the bytes set free
say what share of the growth was its doing. An estimate from object sizes would miss what is
shared, and miss native memory.
"""

import gc
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from leakcheck.worker.settle import settle

_LruCache = type(lru_cache(lambda: None))


@dataclass(slots=True)
class _Holder:
    container: Any
    kind: str
    limit: int
    length: Callable[[], int]
    empty: Callable[[], None]
    """Let go of what it holds."""
    own_bytes: Callable[[], int]
    """What it takes by itself and keeps when it is emptied."""


def _deques(candidate: Any) -> _Holder | None:
    # through the base class, here and below: a subclass may have attributes and a __len__ of its own
    limit = deque.maxlen.__get__(candidate)
    if not limit:
        return None
    return _Holder(
        candidate,
        f"deque(maxlen={limit})",
        limit,
        lambda: deque.__len__(candidate),
        lambda: _blank(candidate),
        lambda: deque.__sizeof__(candidate),
    )


def _blank(entries: "deque[Any]") -> None:
    """Put None in the place of each entry: clear() would keep 16 blocks for later, which nobody could weigh."""
    for _ in range(deque.__len__(entries)):
        deque.rotate(entries)
        deque.__setitem__(entries, 0, None)


def _lru_caches(candidate: Any) -> _Holder | None:
    # through the type: the wrapped function's own attributes are copied over the wrapper's
    limit = _LruCache.cache_info(candidate).maxsize
    if not limit:
        return None
    return _Holder(
        candidate,
        f"lru_cache(maxsize={limit})",
        limit,
        lambda: _LruCache.cache_info(candidate).currsize,
        lambda: _LruCache.cache_clear(candidate),
        lambda: 0,
    )


_PROBES: dict[type, Callable[[Any], _Holder | None]] = {deque: _deques, _LruCache: _lru_caches}


def _holders() -> Iterator[_Holder]:
    for candidate in gc.get_objects():
        for known, probe in _PROBES.items():
            # type(), not isinstance: a proxy's __class__ answers for what it stands for
            if issubclass(type(candidate), known):
                holder = probe(candidate)
                if holder is not None:
                    yield holder


def weigh_limited(replay: Callable[[int], None], calls: int, heap: Callable[[], int]) -> list[dict[str, Any]]:
    """Replay `calls` more and return the fields of a `model.Limited` for each filling container.

    They are emptied on the way, so this is the last thing that a process is asked.
    """
    gc.unfreeze()  # frozen objects are in no generation, and so in no list
    settle()
    before = [(holder, holder.length()) for holder in _holders()]
    replay(calls)
    settle()
    found = []
    for holder, earlier in before:
        length = holder.length()
        if not earlier < length < holder.limit:
            continue
        name = _name_of(holder.container, before)
        full = heap()
        holder.empty()
        settle()
        found.append(
            {
                "name": name,
                "kind": holder.kind,
                "limit": holder.limit,
                "length": length,
                "length_per_call": (length - earlier) / calls,
                "bytes_per_entry": (full - heap() + holder.own_bytes()) / length,
            }
        )
    return found


def _name_of(container: Any, ours: object) -> str:
    """Return what a person would call it: a function's name, a module's or an object's attribute."""
    if isinstance(container, _LruCache):
        return f"{container.__module__}.{container.__qualname__}"
    for referrer in gc.get_referrers(container):
        if type(referrer) is not dict or referrer is ours:
            continue
        attribute = next((key for key, value in referrer.items() if value is container), None)
        if not isinstance(attribute, str):
            continue
        if isinstance(referrer.get("__name__"), str) and "__spec__" in referrer:
            return f"{referrer['__name__']}.{attribute}"
        for owner in gc.get_referrers(referrer):
            if getattr(type(owner), "__dictoffset__", 0) and owner is not ours:
                return f"{type(owner).__module__}.{type(owner).__qualname__}.{attribute}"
    return f"a {type(container).__qualname__}"
