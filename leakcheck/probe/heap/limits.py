"""Which containers have a limit: those known by their type, those taught, and those that look like it.

A straight line may be a cache that is not full yet. Where a container knows its own limit, waiting
is not needed. A limit that is not kept would hide a leak, so an attribute that merely looks like one
counts for nothing until it is proved (`weigh` does that, by lowering it).
"""

import re
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from leakcheck.probe.heap import introspect
from leakcheck.probe.heap.containers import LruCache, empty, is_container, length_of
from leakcheck.probe.originals import BUILTINS, gc
from leakcheck.scenario import KnownLimit, taught

__builtins__ = BUILTINS


def _with_threshold(cache: Any) -> int:
    """Return the length at which a cache of SQLAlchemy's or Mako's is pruned."""
    capacity, threshold = introspect.attribute(cache, "capacity"), introspect.attribute(cache, "threshold")
    return int(capacity + capacity * threshold)


# by the name that the class was defined under: nothing is imported to look for it
KNOWN: Mapping[str, KnownLimit] = {
    "django.core.cache.backends.locmem.LocMemCache": KnownLimit(
        entries=("_cache", "_expire_info"), limit="_max_entries"
    ),
    "jinja2.utils.LRUCache": KnownLimit(entries=("_mapping", "_queue"), limit="capacity"),
    "cachetools.Cache": KnownLimit(
        entries=(
            *("_Cache__data", "_Cache__size", "_FIFOCache__order", "_LRUCache__order"),
            *("_LFUCache__counter", "_LFUCache__links", "_LFUCache__root", "_MRUCache__order", "_RRCache__index"),
            *("_RRCache__keys", "_TTLCache__links", "_TTLCache__root", "_TLRUCache__items", "_TLRUCache__order"),
        ),
        limit="_Cache__maxsize",
        length="_Cache__currsize",
    ),
    "urllib3._collections.RecentlyUsedContainer": KnownLimit(entries=("_container",), limit="_maxsize"),
    "kombu.utils.functional.LRUCache": KnownLimit(entries=("data",), limit="limit"),
    "sqlalchemy.util._collections.LRUCache": KnownLimit(entries=("_data",), limit=_with_threshold),
    "mako.util.LRUCache": KnownLimit(entries=(), limit=_with_threshold),
}
"""What the instances of these classes, and of classes derived from them, hold; () is the instance itself."""

_IN_MODULES: Mapping[tuple[str, str], str] = {("re", "_cache"): "_MAXCACHE", ("re", "_cache2"): "_MAXCACHE2"}
_WEAK = frozenset({"weakref.WeakValueDictionary", "_weakrefset.WeakSet"})
_LOOKS_LIKE_A_LIMIT = re.compile(r"max|limit|capacity", re.IGNORECASE)
_cache_info: Any = LruCache.cache_info
_NO_LIMIT = 10**9
"""What is set to this or more was set to "as many as you like"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerLimit:
    """How long a container may become, and how long it is."""

    kind: str
    """`deque(maxlen=2000)`, `LocMemCache(max_entries=300)`, `list, limit read from .capacity`."""
    limit: int
    length: int
    proved: bool = True
    """False where an attribute looks like a limit, and nobody saw yet that it is one."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OwnedLimit:
    """A container with its limit, who owns it, and what has to be emptied to see what it holds."""

    container: Any
    owner: Any
    found: ContainerLimit
    rule: KnownLimit | None = None
    attribute: str = ""
    """Where an unproved limit was read."""

    def length(self) -> int:
        """Return its length now, in what its limit counts."""
        if self.rule is not None and self.rule.length is not None:
            return int(_said(self.rule.length, self.owner) or 0)
        return length_of(self.container)

    @property
    def units(self) -> float:
        """Return what an entry counts as: 1, unless entries have a size of their own."""
        return self.length() / max(1, length_of(self.container))

    def parts(self) -> list[Any]:
        """Return the containers that hold its entries."""
        if self.rule is None or not self.rule.entries:
            return [self.container]
        held = (introspect.attribute(self.owner, name) for name in self.rule.entries)
        return [one for one in held if is_container(one)]

    def let_go(self) -> None:
        """Empty it, and drop what else it hangs its entries on: the head of a linked list."""
        for part in self.parts():
            empty(part)
        for name in self.rule.entries if self.rule is not None else ():
            if not is_container(introspect.attribute(self.owner, name)):
                introspect.set_attribute(self.owner, name, None)


def limit_of(container: object, owners: Sequence[object] = ()) -> ContainerLimit | None:
    """Return the limit of a container; None where none is known.

    `owners` are the objects on the way to it, the nearest first. Where they do not tell, whoever has it
    as an attribute is asked.
    """
    holder = holder_of(container, owners) or holder_of(container, owners_of([container]).get(id(container), ()))
    return None if holder is None else holder.found


def is_weak(owners: Sequence[object]) -> bool:
    """Return whether one of these is a weak set, or a dictionary with weak values: those never hold what they list.

    A WeakKeyDictionary is none of them. It holds its values, and a value may hold its key.
    """
    return any(introspect.dotted_name(cls) in _WEAK for owner in owners for cls in introspect.mro(type(owner)))


def holder_of(container: object, owners: Sequence[object]) -> OwnedLimit | None:
    """Return a container's limit with all that is needed to weigh it; one by its type rather than by its looks."""
    # through the base classes: a subclass may have attributes and a __len__ of its own
    cls = type(container)
    if issubclass(cls, deque) and (most := deque.maxlen.__get__(container)):
        return _sized(container, f"deque(maxlen={most})", most)
    if issubclass(cls, LruCache) and (most := _cache_info(container).maxsize):
        return _sized(container, f"lru_cache(maxsize={most})", most)
    # what lies further on in what such a dictionary lists may well have a limit
    if any(is_weak([owner]) and introspect.attribute(owner, "data") is container for owner in owners):
        return None
    asked = (container, *owners)
    for owner in asked:
        found = _by_class(container, owner) or _by_module(container, owner)
        if found is not None:
            return found
    return next(filter(None, (_by_looks(container, owner) for owner in asked)), None)


def _sized(container: object, kind: str, limit: int) -> OwnedLimit:
    found = ContainerLimit(kind=kind, limit=limit, length=length_of(container))
    return OwnedLimit(container=container, owner=container, found=found)


def _by_class(container: object, owner: object) -> OwnedLimit | None:
    names = [introspect.dotted_name(cls) for cls in introspect.mro(type(owner))]
    rules = {**KNOWN, **taught()}
    rule = next((rules[name] for name in names if name in rules), None)
    if rule is None:
        return None
    entries = [introspect.attribute(owner, name) for name in rule.entries] or [owner]
    if not any(held is container for held in entries) or not is_container(entries[0]):
        return None
    limit = _said(rule.limit, owner)
    holder = OwnedLimit(container=entries[0], owner=owner, found=ContainerLimit(kind="", limit=0, length=0), rule=rule)
    length = holder.length()
    if limit is None or not length <= limit < _NO_LIMIT:
        return None  # one that is passed by is none
    word = rule.limit.rpartition("__")[2].lstrip("_") if isinstance(rule.limit, str) else "limit"
    kind = f"{names[0].rpartition('.')[2]}({word}={limit:.0f})"
    found = ContainerLimit(kind=kind, limit=int(limit), length=length)
    return OwnedLimit(container=entries[0], owner=owner, found=found, rule=rule)


def _said(said: Any, owner: object) -> float | None:
    """Return the number that a rule names, for one instance; None where there is none."""
    number = introspect.attribute(owner, said) if isinstance(said, str) else said(owner) if callable(said) else said
    # not isinstance: a proxy would answer as what it stands for
    return number if type(number) is int or type(number) is float else None


def _by_module(container: object, owner: object) -> OwnedLimit | None:
    if type(owner) is not ModuleType:
        return None
    module = introspect.attribute(owner, "__name__")
    for (name, entries), word in _IN_MODULES.items():
        limit = introspect.attribute(owner, word)
        if module == name and introspect.attribute(owner, entries) is container and type(limit) is int:
            length = length_of(container)
            return OwnedLimit(
                container=container,
                owner=owner,
                found=ContainerLimit(kind=f"dict({name}.{word}={limit})", limit=limit, length=length),
            )
    return None


def _by_looks(container: object, owner: object) -> OwnedLimit | None:
    """Return the nearest number that looks like a limit, beside the container or in the owner's class."""
    own = dict(introspect.attributes(owner))
    if container is not owner and not any(value is container for value in own.values()):
        return None
    length = length_of(container)
    looks = {
        name: value
        for name, value in {**dict(introspect.inherited(owner)), **own}.items()
        if type(value) is int and length <= value < _NO_LIMIT and _LOOKS_LIKE_A_LIMIT.search(name)
    }
    if not looks:
        return None
    attribute = min(looks, key=lambda name: looks[name])
    kind = f"{type(container).__qualname__}, limit read from .{attribute}"
    found = ContainerLimit(kind=kind, limit=looks[attribute], length=length, proved=False)
    return OwnedLimit(container=container, owner=owner, found=found, attribute=attribute)


def owners_of(containers: Sequence[object]) -> dict[int, list[object]]:
    """Return the owners of each container by its id; it has an attribute for each.

    Two steps back, for all at once: an object refers to its attributes itself or through a dictionary.
    """
    found: dict[int, list[object]] = {id(container): [] for container in containers}
    namespaces = {}
    for referrer in gc.get_referrers(*containers):
        if type(referrer) is dict:
            namespaces[id(referrer)] = referrer
        elif referrer is not containers:
            _note(found, referrer)
    if namespaces:
        for referrer in gc.get_referrers(*namespaces.values()):
            if introspect.is_class(referrer) or id(introspect.namespace(referrer)) in namespaces:
                _note(found, referrer)
    return found


def _note(found: dict[int, list[object]], owner: object) -> None:
    for _, value in introspect.attributes(owner):
        owners = found.get(id(value))
        if owners is not None and not any(one is owner for one in owners):
            owners.append(owner)
