"""Find the limits of containers: known by their type, declared with `limited()`, or read from an attribute.

A straight line may be a cache that is not full yet. If a container knows its own limit, there is no need to wait. A
limit that is not enforced would hide a leak, so an attribute that merely looks like a limit counts for nothing until
`bounded` has proved it by lowering it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from leakcheck.probe.heap import introspect
from leakcheck.probe.heap.container_types import growth_type_of
from leakcheck.probe.heap.containers import empty, is_container, length_of
from leakcheck.probe.originals import BUILTINS, gc
from leakcheck.scenario import KnownLimit, known_limits

__builtins__ = BUILTINS


def _with_threshold(cache: Any) -> int:
    """Return the length at which an LRUCache of SQLAlchemy or Mako is pruned."""
    capacity, threshold = introspect.attribute(cache, "capacity"), introspect.attribute(cache, "threshold")
    return int(capacity + capacity * threshold)


# by the name that the class was defined under, so nothing has to be imported
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
"""For instances of these classes and their subclasses, the attributes that hold the entries; () is the instance itself.
"""

_IN_MODULES: Mapping[tuple[str, str], str] = {("re", "_cache"): "_MAXCACHE", ("re", "_cache2"): "_MAXCACHE2"}
_WEAK = frozenset({"weakref.WeakValueDictionary", "_weakrefset.WeakSet"})
_LOOKS_LIKE_A_LIMIT = re.compile(r"max|limit|capacity", re.IGNORECASE)
_UNLIMITED = 10**9
"""A limit of this or more means "unlimited"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerLimit:
    """How long a container may become, and how long it is."""

    kind: str
    """`deque(maxlen=2000)`, `LocMemCache(max_entries=300)`, `list, limit read from .capacity`."""
    maximum: int
    length: int
    proved: bool = True
    """False if an attribute looks like a limit that has not been proved yet."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LimitedContainer:
    """A container with its limit and owner, and what has to be emptied to weigh it."""

    container: Any
    owner: Any
    limit: ContainerLimit
    rule: KnownLimit | None = None
    attribute: str = ""
    """The attribute that an unproved limit was read from."""

    def length(self) -> int:
        """Return the current length, in the unit of its limit."""
        if self.rule is not None and self.rule.length is not None:
            return int(_number_from(self.rule.length, self.owner) or 0)
        return length_of(self.container)

    def parts(self) -> list[Any]:
        """Return the containers that hold the entries."""
        if self.rule is None or not self.rule.entries:
            return [self.container]
        values = (introspect.attribute(self.owner, name) for name in self.rule.entries)
        return [value for value in values if is_container(value)]

    def empty(self) -> None:
        """Empty the container, and drop other attributes that entries hang on, such as the head of a linked list."""
        for part in self.parts():
            empty(part)
        for name in self.rule.entries if self.rule is not None else ():
            if not is_container(introspect.attribute(self.owner, name)):
                introspect.set_attribute(self.owner, name, None)


def any_weak_valued(owners: Sequence[object]) -> bool:
    """Return whether one of these is a WeakSet or WeakValueDictionary, which never retain their entries.

    A WeakKeyDictionary is none of them: it retains its values, and a value may refer to its key.
    """
    return any(introspect.dotted_name(cls) in _WEAK for owner in owners for cls in introspect.mro(type(owner)))


def find_limit(container: object, owners: Sequence[object]) -> LimitedContainer | None:
    """Return a container with its limit, by its type rather than by an attribute's name; None if no limit is known.

    `owners` are objects that may know the limit, the nearest first.
    """
    row = growth_type_of(type(container))
    if row is not None and (maximum := row.limit(container)):
        kind = f"{row.label or row.base.__name__}({row.limit_name}={maximum})"
        limit = ContainerLimit(kind=kind, maximum=maximum, length=length_of(container))
        return LimitedContainer(container=container, owner=container, limit=limit)
    # other containers below an entry of a weak dictionary may well have a limit
    if any(any_weak_valued([owner]) and introspect.attribute(owner, "data") is container for owner in owners):
        return None
    candidates = (container, *owners)
    for owner in candidates:
        bounded = _by_class(container, owner) or _by_module(container, owner)
        if bounded is not None:
            return bounded
    return next(filter(None, (_by_looks(container, owner) for owner in candidates)), None)


def _by_class(container: object, owner: object) -> LimitedContainer | None:
    names = [introspect.dotted_name(cls) for cls in introspect.mro(type(owner))]
    rules = {**KNOWN, **known_limits()}
    rule = next((rules[name] for name in names if name in rules), None)
    if rule is None:
        return None
    entries = [introspect.attribute(owner, name) for name in rule.entries] or [owner]
    if not any(value is container for value in entries) or not is_container(entries[0]):
        return None
    maximum = _number_from(rule.limit, owner)
    bounded = LimitedContainer(
        container=entries[0], owner=owner, limit=ContainerLimit(kind="", maximum=0, length=0), rule=rule
    )
    length = bounded.length()
    if maximum is None or not length <= maximum < _UNLIMITED:
        return None  # a limit that has been exceeded is none
    word = rule.limit.rpartition("__")[2].lstrip("_") if isinstance(rule.limit, str) else "limit"
    kind = f"{names[0].rpartition('.')[2]}({word}={maximum:.0f})"
    limit = ContainerLimit(kind=kind, maximum=int(maximum), length=length)
    return LimitedContainer(container=entries[0], owner=owner, limit=limit, rule=rule)


def _number_from(source: Any, owner: object) -> float | None:
    """Return the number that a rule names, for one instance; None if there is none."""
    number = source(owner) if callable(source) else source
    if isinstance(source, str):
        number = introspect.attribute(owner, source)
    # not isinstance: a proxy would answer for its target
    return number if type(number) is int or type(number) is float else None


def _by_module(container: object, owner: object) -> LimitedContainer | None:
    if type(owner) is not ModuleType:
        return None
    module = introspect.attribute(owner, "__name__")
    for (name, entries), word in _IN_MODULES.items():
        maximum = introspect.attribute(owner, word)
        if module == name and introspect.attribute(owner, entries) is container and type(maximum) is int:
            kind = f"dict({name}.{word}={maximum})"
            limit = ContainerLimit(kind=kind, maximum=maximum, length=length_of(container))
            return LimitedContainer(container=container, owner=owner, limit=limit)
    return None


def _by_looks(container: object, owner: object) -> LimitedContainer | None:
    """Return the smallest number that looks like a limit, in the container's owner or its class."""
    own = dict(introspect.attributes(owner))
    if container is not owner and not any(value is container for value in own.values()):
        return None
    length = length_of(container)
    numbers = {
        name: value
        for name, value in {**dict(introspect.inherited(owner)), **own}.items()
        if type(value) is int and length <= value < _UNLIMITED and _LOOKS_LIKE_A_LIMIT.search(name)
    }
    if not numbers:
        return None
    attribute = min(numbers, key=lambda name: numbers[name])
    kind = f"{introspect.name_of_class(type(container))}, limit read from .{attribute}"
    limit = ContainerLimit(kind=kind, maximum=numbers[attribute], length=length, proved=False)
    return LimitedContainer(container=container, owner=owner, limit=limit, attribute=attribute)


def owners_of(containers: Sequence[object]) -> dict[int, list[object]]:
    """Return, by the id of each container, the objects that have it as an attribute.

    It takes two steps back, for all containers at once: an object refers to its attributes directly or through a
    dictionary.
    """
    owners: dict[int, list[object]] = {id(container): [] for container in containers}
    namespaces = {}
    for referrer in gc.get_referrers(*containers):
        if type(referrer) is dict:
            namespaces[id(referrer)] = referrer
        elif referrer is not containers:
            _add_owner(owners, referrer)
    if namespaces:
        for referrer in gc.get_referrers(*namespaces.values()):
            if introspect.is_class(referrer) or id(introspect.namespace(referrer)) in namespaces:
                _add_owner(owners, referrer)
    return owners


def _add_owner(owners_by_id: dict[int, list[object]], owner: object) -> None:
    for _, value in introspect.attributes(owner):
        owners = owners_by_id.get(id(value))
        if owners is not None and not any(known is owner for known in owners):
            owners.append(owner)
