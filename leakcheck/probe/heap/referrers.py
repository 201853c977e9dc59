"""Find the path from a root to an object: the shortest through its referrers, and of several the most recognisable."""

import re
import sys
from collections.abc import Collection, Sequence
from contextvars import Context
from time import thread_time
from types import FrameType, FunctionType, ModuleType
from typing import Any

from leakcheck.probe.heap import introspect
from leakcheck.probe.heap.container_functions import LruCache
from leakcheck.probe.heap.path_steps import key_of
from leakcheck.probe.heap.search_budget import SearchBudget
from leakcheck.probe.originals import BUILTINS, gc

__builtins__ = BUILTINS

_MAX_LEVELS = 100  # any value from 30 to 1000 does: paths are shorter, and the time ends longer ones
_MAX_SECONDS = 1.0  # any value from 0.5 to 5 does: a path takes milliseconds
"""CPU seconds for one path; what hangs at the end of a chain of thousands is reported from where the search ends.

CPU time and not wall time, or a busy machine would find other names than an idle one.
"""
_MAX_LEVELS_AFTER_FRAME = 4  # any value from 2 to 8 does: a module is near, or the variable is named
"""A variable of a running function may refer to what belongs to a module."""

_MAX_FRONTIER = 32  # any value from 16 to 128 does: it costs time
"""Objects whose referrers are requested at once: the collector compares every reference with all of them."""

_MAX_SOURCE_BYTES = 1 << 20  # any value from 2**16 to 2**24 does: sources are shorter


class ReferrerSearch:
    """What the search for paths needs to know: modules, variables of running frames, and objects to skip."""

    def __init__(self, budget: SearchBudget, skipped: Collection[int] = frozenset()) -> None:
        self.budget = budget
        self.skipped = skipped
        """Ids of objects through which no path goes: those that the calls have made."""
        self._kept_alive: list[object] = []
        self._hidden = {id(self._kept_alive)}
        self.namespaces: dict[int, str] = {}
        """Names of modules by the id of their attribute dictionary."""
        for module in list(sys.modules.values()):
            if issubclass(type(module), ModuleType):
                self._add_module(module)
        self._variables: dict[int, FrameType] = {}
        for frame in introspect.thread_frames():
            self._variables.update((id(value), frame) for _, value in introspect.local_names(frame))

    def _add_module(self, module: object) -> str:
        namespace = introspect.namespace(module)
        name = None if namespace is None else namespace.get("__name__")
        if type(name) is not str:
            return ""
        if introspect.is_our_module(name):
            self._hidden.add(id(namespace))
        self.namespaces[id(namespace)] = name
        return name

    def hide(self, *ours: object) -> None:
        """Skip objects that belong to the search itself."""
        self._hidden.update(map(id, ours))
        # kept alive with this search: an id that becomes free may be taken by an object of the user's
        self._kept_alive.extend(ours)

    def is_hidden(self, candidate: object) -> bool:
        """Return whether paths must not go through an object."""
        return id(candidate) in self.skipped or self.is_ours(candidate)

    def is_ours(self, candidate: object) -> bool:
        """Return whether an object belongs to the search, or to leakcheck's other code in this process."""
        return id(candidate) in self._hidden or introspect.is_ours(candidate)

    def frame_of_variable(self, value: object) -> FrameType | None:
        """Return a running frame that has a value among its variables, which the collector does not know of."""
        return self._variables.get(id(value))

    def is_root(self, candidate: object) -> bool:
        """Return whether an object needs no further explanation of why it is alive."""
        cls = type(candidate)
        if cls is dict:
            return id(candidate) in self.namespaces or candidate is sys.modules
        if issubclass(cls, ModuleType):
            self._add_module(candidate)  # it may no longer be in sys.modules
            return True
        is_known_root = cls is FunctionType or cls is Context or introspect.is_generator(candidate)
        return is_known_root or introspect.is_class(candidate) or issubclass(cls, LruCache)

    def is_rooted(self, chain: Sequence[Any]) -> bool:
        """Return whether a chain begins at a root, and not at the target itself."""
        return len(chain) > 1 or self.is_root(chain[0])


def path_to(target: object, search: ReferrerSearch) -> list[Any]:
    """Return the chain of objects that retains the target, root first and the target last.

    If no root leads to it, the chain begins at the target: only native code refers to it, or leakcheck itself.
    """
    if search.is_root(target):
        return [target]
    trail = _Trail(target)
    temporary = None
    started = thread_time()
    for level in range(_MAX_LEVELS):
        if search.budget.is_spent() or thread_time() > started + _MAX_SECONDS:
            break
        roots, next_frontier = trail.step_back(search)
        temporary = temporary or next((root for root in roots if _is_temporary(root, trail.children)), None)
        if permanent := [root for root in roots if not _is_temporary(root, trail.children)]:
            best = min(permanent, key=lambda root: _obscurity(root, trail.children, permanent, search))
            return trail.chain_from(best)
        if not next_frontier or (temporary is not None and level >= _MAX_LEVELS_AFTER_FRAME):
            break
        trail.continue_from(_mix_types(sorted(next_frontier, key=_detour_rank), _MAX_FRONTIER))
    return [target] if temporary is None else trail.chain_from(temporary)


class _Trail:
    def __init__(self, target: object) -> None:
        self._target = target
        self.children: dict[int, Any] = {}
        """Maps the id of an object to the next one on the path to the target."""
        self._visited = {id(target)}
        # our own lists refer to the objects searched for; kept alive until the end, or their ids would be used again
        self._lists: list[object] = []
        self._frontier = self._hide_own([target])

    def _hide_own(self, created: Any) -> Any:
        self._visited.add(id(created))
        self._lists.append(created)
        return created

    def continue_from(self, frontier: list[Any]) -> None:
        """Search for the referrers of these next."""
        self._frontier = self._hide_own(frontier)

    def step_back(self, search: ReferrerSearch) -> tuple[list[Any], list[Any]]:
        """Return the referrers of the current objects: roots, and those to search from next."""
        roots: list[Any] = self._hide_own([])
        others: list[Any] = self._hide_own([])
        targets = self._hide_own({id(target): target for target in self._frontier})
        self._visited.update((id(self.children), id(self._lists)))
        running = [
            (frame, target) for target in self._frontier if (frame := search.frame_of_variable(target)) is not None
        ]
        referrers = self._hide_own(gc.get_referrers(*self._frontier))
        for referrer, child in [*((referrer, None) for referrer in referrers), *running]:
            if id(referrer) in self._visited or search.is_hidden(referrer):
                continue
            self._visited.add(id(referrer))
            if child is None:
                child = _target_of(referrer, targets)
            if child is None:
                continue
            self.children[id(referrer)] = child
            is_root = search.is_root(referrer) or (
                type(referrer) is FrameType and search.frame_of_variable(child) is referrer
            )
            (roots if is_root else others).append(referrer)
        return roots, others

    def chain_from(self, root: Any) -> list[Any]:
        """Return the chain from a root to the target."""
        chain = [root]
        while chain[-1] is not self._target:
            chain.append(self.children[id(chain[-1])])
        return chain


def _target_of(referrer: object, targets: dict[int, Any]) -> Any:
    if type(referrer) is ModuleType:
        return targets.get(id(introspect.namespace(referrer)))
    return next((targets[key] for key in map(id, introspect.referents((referrer,))) if key in targets), None)


def _is_temporary(root: object, children: dict[int, Any]) -> bool:
    """Return whether a root only works on what belongs to something else: a running function, or a method."""
    if type(root) is FrameType:
        return True
    frame = introspect.frame_of(root) if introspect.is_generator(root) else None
    child = children[id(root)]
    return frame is not None and any(
        name == "self" and variable is child for name, variable in introspect.local_names(frame)
    )


def _mix_types(candidates: Sequence[Any], count: int) -> list[Any]:
    """Return so many candidates, the first of each type before the second of any.

    Among hundreds of the same type none is the owner: they are a container's entries, and refer back to it.
    """
    if len(candidates) <= count:
        return list(candidates)
    last_turns: dict[int, int] = {}
    turns = []
    for candidate in candidates:
        turn = last_turns[id(type(candidate))] = last_turns.get(id(type(candidate)), -1) + 1
        turns.append(turn)
    order = sorted(range(len(candidates)), key=turns.__getitem__)
    return [candidates[place] for place in order[:count]]


def _detour_rank(candidate: object) -> int:
    """Rank candidates: dictionaries and lists first, those that are likely to be temporary last."""
    cls = type(candidate)
    if cls is dict or cls is list:
        return 0
    return 2 if cls is tuple or cls is FrameType else 1


def _obscurity(
    root: object, children: dict[int, Any], roots: Sequence[object], search: ReferrerSearch
) -> tuple[int, int, str]:
    """Return a sort key that is least for the root that a person would look at first."""
    child = children[id(root)]
    name = search.namespaces.get(id(root))
    if name is not None:
        assert type(root) is dict
        key = key_of(root, child)
        is_private = type(key) is not str or key.startswith("_")
        module_count = sum(id(candidate) in search.namespaces for candidate in roots)
        is_imported = module_count > 1 and type(key) is str and not _defines(root, key)
        is_foreign = _is_foreign(root, name, children)
        return (1 if is_private else 0) + (2 if is_imported or is_foreign else 0), name.count("."), name
    if introspect.is_class(root):
        return 1 + (2 if _is_foreign(root, introspect.dotted_name(root), children) else 0), 0, ""
    return 4, 0, ""


def _is_foreign(root: object, name: str, children: dict[int, Any]) -> bool:
    """Return whether a root leads to an instance of another package's class: that is the place to look first."""
    candidate = children[id(root)]
    while type(candidate) is dict and id(candidate) in children:
        candidate = children[id(candidate)]
    package = introspect.dotted_name(type(candidate)).partition(".")[0]
    return package not in ("builtins", "collections") and package != name.partition(".")[0]


def _defines(namespace: dict[str, Any], name: str) -> bool:
    """Return whether a module's source assigns to a name; other modules import it from there."""
    path = namespace.get("__file__")
    if type(path) is not str or not path.endswith(".py"):
        return False
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            text = file.read(_MAX_SOURCE_BYTES)
    except OSError:
        return False
    return re.search(rf"^{re.escape(name)}\s*[:=]", text, re.MULTILINE) is not None


def possible_owners(container: object, chain: Sequence[Any], search: ReferrerSearch) -> list[Any]:
    """Return objects that may know a container's limit: those of its chain, nearest first, then other referrers."""
    on_chain = set(map(id, chain))
    referrers = [
        owner for owner in gc.get_referrers(container) if id(owner) not in on_chain and not search.is_hidden(owner)
    ]
    dictionaries = [owner for owner in referrers if type(owner) is dict and id(owner) not in search.namespaces][
        :_MAX_FRONTIER
    ]
    if dictionaries:
        # one of them may be the dictionary of an object's attributes
        referrers += [owner for owner in gc.get_referrers(*dictionaries) if not search.is_hidden(owner)]
    return [
        *reversed(chain[:-1]),
        *(owner for owner in referrers if type(owner) is not list and type(owner) is not dict),
    ][:64]
