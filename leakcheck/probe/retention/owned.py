"""Find growing containers that one object owns, such as a cache with two tables or a tree of lists: one candidate."""

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

_CONTAINER_BASES = (dict, list, tuple, set, frozenset, deque)
_NEVER_OWNERS = (ModuleType, CellType, FrameType)
_MAX_NAMES = 3  # any value from 2 to 6 does: a line of text


@dataclass(slots=True, eq=False)
class CandidateChain:
    """A candidate and the chain of objects that leads to it, root first."""

    candidate: RetentionCandidate
    chain: Sequence[Any]


def assign_owners(candidates: Sequence[CandidateChain], search: ReferrerSearch) -> None:
    """Set the nearest common object of candidates as their owner.

    A container that grows itself and holds the others comes first, then an instance of some class, a plain container,
    and last a class or function.
    """
    remaining = [item for item in candidates if _may_have_owner(item.candidate)]
    own_ids = {id(item.chain[-1]) for item in remaining}
    rounds = (lambda owner: id(owner) in own_ids, _is_instance, _is_plain_container, _is_class_or_function)
    for may_own in rounds:
        remaining = _assign_owners_of_kind(remaining, may_own, search)


def _may_have_owner(candidate: RetentionCandidate) -> bool:
    if candidate.limit is not None or candidate.is_weak or candidate.grown[0].container_type is AT_EXIT:
        return False
    return all(grown.growth in (LengthGrowth.GROWING, LengthGrowth.ONCE) for grown in candidate.grown)


def _assign_owners_of_kind(
    candidates: list[CandidateChain], may_own: Callable[[Any], bool], search: ReferrerSearch
) -> list[CandidateChain]:
    """Set owners of one kind, the deepest first; return the candidates that have none of it."""
    depths: dict[int, int] = {}
    members: dict[int, list[CandidateChain]] = {}
    for item in candidates:
        for depth, owner in _owners_on(item.chain):
            if may_own(owner):
                depths[id(owner)] = max(depth, depths.get(id(owner), 0))
                members.setdefault(id(owner), []).append(item)
    assigned: set[int] = set()
    for owner_id in sorted(members, key=lambda owner_id: -depths[owner_id]):
        unassigned = [item for item in members[owner_id] if id(item) not in assigned]
        if len(unassigned) > 1:
            assigned.update(map(id, unassigned))
            _assign_owner(unassigned, owner_id, search)
    return [item for item in candidates if id(item) not in assigned]


def _owners_on(chain: Sequence[Any]) -> Iterator[tuple[int, Any]]:
    """Yield the possible owners in a chain with their index: no modules, and no dictionaries of attributes."""
    if _is_class_or_function(chain[0]) and len(chain) > 1:
        yield 0, chain[0]
    for index in range(1, len(chain)):
        candidate, previous = chain[index], chain[index - 1]
        is_table = type(candidate) is dict and (
            introspect.is_class(previous)
            or introspect.namespace(previous) is candidate
            or issubclass(type(previous), _thread._local)
        )
        # what lies between a function and its variables is not shown either
        if not is_table and type(previous) is not FunctionType:
            yield index, candidate


def _is_instance(candidate: Any) -> bool:
    if introspect.is_generator(candidate) or _is_class_or_function(candidate):
        return False
    return not issubclass(type(candidate), (*_CONTAINER_BASES, *_NEVER_OWNERS))


def _is_plain_container(candidate: Any) -> bool:
    return issubclass(type(candidate), _CONTAINER_BASES)


def _is_class_or_function(candidate: Any) -> bool:
    return introspect.is_class(candidate) or type(candidate) is FunctionType


def _assign_owner(group: Sequence[CandidateChain], owner_id: int, search: ReferrerSearch) -> None:
    chain = group[0].chain
    index = next(index for index, candidate in enumerate(chain) if id(candidate) == owner_id)
    path = name_path(chain[: index + 1], search)
    container = next((item.candidate for item in group if id(item.chain[-1]) == owner_id), None)
    names = sorted(_name_within(item.candidate.path.name, path.name) for item in group)
    where = f"in {len(names)} containers"
    if container is not None:
        where = container.path.where
    elif len(names) <= _MAX_NAMES and all(names):
        where = f"in {', '.join(names[:-1])} and {names[-1]}"
    kind = "class" if introspect.is_class(chain[index]) else name_of_type(chain[index])
    owner = ContainerOwner(path, kind if container is None else container.kind, where, container)
    for item in group:
        item.candidate.owner = owner


def _name_within(name: str, owner: str) -> str:
    if name.endswith(f" in {owner}"):
        return name.removesuffix(f" in {owner}")  # a variable of a function
    return name.removeprefix(owner) if name.startswith(owner) else ""
