"""Growing containers that one object owns: a cache with its two tables, a tree of lists. They are one holder."""

import _thread
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import CellType, FrameType, FunctionType, ModuleType
from typing import Any

from leakcheck.probe.heap import introspect
from leakcheck.probe.heap.container_types import AT_EXIT
from leakcheck.probe.heap.lengths import LengthGrowth
from leakcheck.probe.heap.path_names import name_of_type, name_path
from leakcheck.probe.heap.referrers import ReferrerSearch
from leakcheck.probe.originals import BUILTINS
from leakcheck.probe.retention.candidate import ContainerOwner, RetentionCandidate

__builtins__ = BUILTINS

_BOXES = (dict, list, tuple, set, frozenset, deque)
_NO_OWNERS = (CellType, FrameType)
_MOST_PARTS_NAMED = 3


@dataclass(slots=True, eq=False)
class CandidateChain:
    """A holder and the chain of objects that leads to it, root first."""

    found: RetentionCandidate
    chain: Sequence[Any]


def note_owners(ways: Sequence[CandidateChain], world: ReferrerSearch) -> None:
    """Give the holders that have an object in common that object as their owner, the one nearest to them.

    First a container that grows itself and holds the others, then an object of some class, a plain container, and last
    a class or a function.
    """
    left = [way for way in ways if _may_be_a_part(way.found)]
    own = {id(way.chain[-1]) for way in left}
    rounds = (lambda one: id(one) in own, _is_instance, _is_box, _is_class_or_function)
    for is_candidate in rounds:
        left = _noted(left, is_candidate, world)


def _may_be_a_part(found: RetentionCandidate) -> bool:
    steady = all(one.growth in (LengthGrowth.GROWING, LengthGrowth.ONCE) for one in found.grown)
    return steady and found.limit is None and not found.is_weak and found.grown[0].container_type is not AT_EXIT


def _noted(
    ways: list[CandidateChain], is_candidate: Callable[[Any], bool], world: ReferrerSearch
) -> list[CandidateChain]:
    """Note owners of one kind, the deepest first; return the holders that have none of it."""
    depths: dict[int, int] = {}
    members: dict[int, list[CandidateChain]] = {}
    for way in ways:
        for depth, one in _owners_on(way.chain):
            if is_candidate(one):
                depths[id(one)] = max(depth, depths.get(id(one), 0))
                members.setdefault(id(one), []).append(way)
    done: set[int] = set()
    for key in sorted(members, key=lambda key: -depths[key]):
        together = [way for way in members[key] if id(way) not in done]
        if len(together) > 1:
            done.update(map(id, together))
            _note(together, key, world)
    return [way for way in ways if id(way) not in done]


def _owners_on(chain: Sequence[Any]) -> Iterator[tuple[int, Any]]:
    """Yield what may own a container, with its place in the chain: no module, and no table of attributes."""
    if _is_class_or_function(chain[0]) and len(chain) > 1:
        yield 0, chain[0]
    for place in range(1, len(chain)):
        one, before = chain[place], chain[place - 1]
        is_table = type(one) is dict and (
            introspect.is_class(before)
            or introspect.namespace(before) is one
            or issubclass(type(before), _thread._local)
        )
        # what lies between a function and its variables is nobody's business either
        if not is_table and type(before) is not FunctionType:
            yield place, one


def _is_instance(one: Any) -> bool:
    cls = type(one)
    # by identity: a metaclass may have an __eq__ of its own
    if any(cls is known for known in _NO_OWNERS) or introspect.is_generator(one) or _is_class_or_function(one):
        return False
    return not issubclass(cls, (*_BOXES, ModuleType))


def _is_box(one: Any) -> bool:
    return issubclass(type(one), _BOXES)


def _is_class_or_function(one: Any) -> bool:
    return introspect.is_class(one) or type(one) is FunctionType


def _note(ways: Sequence[CandidateChain], key: int, world: ReferrerSearch) -> None:
    chain = ways[0].chain
    place = next(place for place, one in enumerate(chain) if id(one) == key)
    told = name_path(chain[: place + 1], world)
    itself = next((way.found for way in ways if id(way.chain[-1]) == key), None)
    parts = sorted(_beyond(way.found.told.name, told.name) for way in ways)
    where = f"in {len(parts)} containers"
    if itself is not None:
        where = itself.told.where
    elif len(parts) <= _MOST_PARTS_NAMED and all(parts):
        where = f"in {', '.join(parts[:-1])} and {parts[-1]}"
    kind = "class" if introspect.is_class(chain[place]) else name_of_type(chain[place])
    owner = ContainerOwner(told, kind if itself is None else itself.kind, where, itself)
    for way in ways:
        way.found.owner = owner


def _beyond(name: str, owner: str) -> str:
    if name.endswith(f" in {owner}"):
        return name.removesuffix(f" in {owner}")  # a variable of a function
    return name.removeprefix(owner) if name.startswith(owner) else ""
