"""From an object back to a root: the shortest way through what refers to it, and of several the one people use."""

import re
import sys
from collections.abc import Collection, Sequence
from contextvars import Context
from time import thread_time
from types import FrameType, FunctionType, ModuleType
from typing import Any

from leakcheck.probe.heap import introspect
from leakcheck.probe.heap.container_types import LruCache
from leakcheck.probe.heap.path_steps import key_of
from leakcheck.probe.heap.search_budget import SearchBudget
from leakcheck.probe.originals import BUILTINS, gc

__builtins__ = BUILTINS

_MOST_LEVELS = 100
_MOST_SECONDS = 1.0
"""Of CPU, for one path: what hangs at the end of a chain of thousands is told from where the search ends.

The CPU's seconds and not the clock's, or a busy machine would find other names than an idle one.
"""
_MOST_LEVELS_PAST_A_FRAME = 4
"""A variable of a running function may hold what belongs to a module."""

_MOST_FRONTIER = 32
"""Objects whose referrers are asked for at once: the collector compares each reference with all of them."""

_MOST_SOURCE_BYTES = 1 << 20


class ReferrerSearch:
    """What the search for paths has to know: modules, variables of running frames, and what is to be overlooked."""

    def __init__(self, budget: SearchBudget, overlooked: Collection[int] = frozenset()) -> None:
        self.budget = budget
        self.overlooked = overlooked
        """Ids of objects that are no way to anything: what the calls have made."""
        self._kept: list[object] = []
        self._hidden = {id(self._kept)}
        self.namespaces: dict[int, str] = {}
        """The names of modules, by the id of the dictionary that their attributes lie in."""
        for module in list(sys.modules.values()):
            if issubclass(type(module), ModuleType):
                self._note(module)
        self._variables: dict[int, FrameType] = {}
        for frame in introspect.thread_frames():
            self._variables.update((id(value), frame) for _, value in introspect.local_names(frame))

    def _note(self, module: object) -> str:
        namespace = introspect.namespace(module)
        name = None if namespace is None else namespace.get("__name__")
        if type(name) is not str:
            return ""
        if introspect.is_our_module(name):
            self._hidden.add(id(namespace))
        self.namespaces[id(namespace)] = name
        return name

    def hide(self, *ours: object) -> None:
        """Overlook objects of ours."""
        self._hidden.update(map(id, ours))
        # for as long as this lives: an id that becomes free is taken over by one of the user's
        self._kept.extend(ours)

    def is_hidden(self, candidate: object) -> bool:
        """Tell whether a way through this object is none that a person would want to see."""
        return id(candidate) in self.overlooked or self.is_ours(candidate)

    def is_ours(self, candidate: object) -> bool:
        """Tell whether it belongs to the search, or to the measured process's own machinery."""
        return id(candidate) in self._hidden or introspect.is_ours(candidate)

    def frame_with(self, value: object) -> FrameType | None:
        """Return a running frame that has a value among its variables: the collector does not know of those."""
        return self._variables.get(id(value))

    def is_root(self, candidate: object) -> bool:
        """Tell whether a person needs no further explanation of why this is alive."""
        cls = type(candidate)
        if cls is dict:
            return id(candidate) in self.namespaces or candidate is sys.modules
        if issubclass(cls, ModuleType):
            self._note(candidate)  # one that is no longer in sys.modules
            return True
        known = cls is FunctionType or cls is Context or introspect.is_generator(candidate)
        return known or introspect.is_class(candidate) or issubclass(cls, LruCache)

    def is_rooted(self, chain: Sequence[Any]) -> bool:
        """Tell whether a chain begins at a root, and not at what it leads to."""
        return len(chain) > 1 or self.is_root(chain[0])


def path_to(target: object, world: ReferrerSearch) -> list[Any]:
    """Return the chain of objects that keeps the target, root first and the target last.

    Where no root leads to it, the chain begins at the target: it is held by native code alone, or by us.
    """
    if world.is_root(target):
        return [target]
    trail = _Trail(target)
    passing = None
    began = thread_time()
    for level in range(_MOST_LEVELS):
        if world.budget.is_spent() or thread_time() > began + _MOST_SECONDS:
            break
        roots, further = trail.step_back(world)
        passing = passing or next((root for root in roots if _is_passing(root, trail.children)), None)
        if lasting := [root for root in roots if not _is_passing(root, trail.children)]:
            best = min(lasting, key=lambda root: _obscurity(root, trail.children, lasting, world))
            return trail.chain_from(best)
        if not further or (passing is not None and level >= _MOST_LEVELS_PAST_A_FRAME):
            break
        trail.go_on_from(_of_each_type(sorted(further, key=_detour), _MOST_FRONTIER))
    return [target] if passing is None else trail.chain_from(passing)


class _Trail:
    """What the search for a path has seen so far."""

    def __init__(self, target: object) -> None:
        self._target = target
        self.children: dict[int, Any] = {}
        """By the id of an object, the next one on the way to the target."""
        self._seen = {id(target)}
        # our own lists refer to what we look for; they live as long as this, or their ids would be used again
        self._lists: list[object] = []
        self._frontier = self._ours([target])

    def _ours(self, made: Any) -> Any:
        self._seen.add(id(made))
        self._lists.append(made)
        return made

    def go_on_from(self, further: list[Any]) -> None:
        """Look next at what refers to these."""
        self._frontier = self._ours(further)

    def step_back(self, world: ReferrerSearch) -> tuple[list[Any], list[Any]]:
        """Return what refers to the objects looked at last: the roots, and what leads further back."""
        roots: list[Any] = self._ours([])
        further: list[Any] = self._ours([])
        targets = self._ours({id(one): one for one in self._frontier})
        self._seen.update((id(self.children), id(self._lists)))
        running = [(frame, one) for one in self._frontier if (frame := world.frame_with(one)) is not None]
        found = self._ours(gc.get_referrers(*self._frontier))
        for referrer, child in [*((one, None) for one in found), *running]:
            if id(referrer) in self._seen or world.is_hidden(referrer):
                continue
            self._seen.add(id(referrer))
            if child is None:
                child = _target_of(referrer, targets)
            if child is None:
                continue
            self.children[id(referrer)] = child
            is_root = world.is_root(referrer) or (type(referrer) is FrameType and world.frame_with(child) is referrer)
            (roots if is_root else further).append(referrer)
        return roots, further

    def chain_from(self, root: Any) -> list[Any]:
        """Return the way from a root to the target."""
        chain = [root]
        while chain[-1] is not self._target:
            chain.append(self.children[id(chain[-1])])
        return chain


def _target_of(referrer: object, targets: dict[int, Any]) -> Any:
    if type(referrer) is ModuleType:
        return targets.get(id(introspect.namespace(referrer)))
    return next((targets[one] for one in map(id, introspect.referents((referrer,))) if one in targets), None)


def _is_passing(root: object, children: dict[int, Any]) -> bool:
    """Tell whether a root is a function at work on what belongs to something else: a running one, or a method."""
    if type(root) is FrameType:
        return True
    frame = introspect.frame_of(root) if introspect.is_generator(root) else None
    child = children[id(root)]
    return frame is not None and any(name == "self" and held is child for name, held in introspect.local_names(frame))


def _of_each_type(candidates: Sequence[Any], most: int) -> list[Any]:
    """Return so many, the first of each type before the second of any: of hundreds that are alike none is the owner.

    They are what a container holds, and point back to it.
    """
    if len(candidates) <= most:
        return list(candidates)
    places: dict[int, int] = {}
    turns = []
    for candidate in candidates:
        turn = places[id(type(candidate))] = places.get(id(type(candidate)), -1) + 1
        turns.append(turn)
    order = sorted(range(len(candidates)), key=turns.__getitem__)
    return [candidates[place] for place in order[:most]]


def _detour(candidate: object) -> int:
    """Rank what leads on: a dictionary or an object first, what is likely to be passing by last."""
    cls = type(candidate)
    if cls is dict or cls is list:
        return 0
    return 2 if cls is tuple or cls is FrameType else 1


def _obscurity(
    root: object, children: dict[int, Any], roots: Sequence[object], world: ReferrerSearch
) -> tuple[int, int, str]:
    """Return a key that is least for the root a person would look at first."""
    child = children[id(root)]
    name = world.namespaces.get(id(root))
    if name is not None:
        assert type(root) is dict
        key = key_of(root, child)
        hidden = type(key) is not str or key.startswith("_")
        rivals = sum(id(one) in world.namespaces for one in roots)
        imported = rivals > 1 and type(key) is str and not _defines(root, key)
        abroad = _is_abroad(root, name, children)
        return (1 if hidden else 0) + (2 if imported or abroad else 0), name.count("."), name
    if introspect.is_class(root):
        return 1 + (2 if _is_abroad(root, introspect.dotted_name(root), children) else 0), 0, ""
    return 4, 0, ""


def _is_abroad(root: object, name: str, children: dict[int, Any]) -> bool:
    """Tell whether what it leads to is an object of another package's class: that package is where to look first."""
    on_the_way = children[id(root)]
    while type(on_the_way) is dict and id(on_the_way) in children:
        on_the_way = children[id(on_the_way)]
    home = introspect.dotted_name(type(on_the_way)).partition(".")[0]
    return home not in ("builtins", "collections") and home != name.partition(".")[0]


def _defines(namespace: dict[str, Any], name: str) -> bool:
    """Tell whether a module's text gives a name its value: others have imported it from there."""
    path = namespace.get("__file__")
    if type(path) is not str or not path.endswith(".py"):
        return False
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            text = file.read(_MOST_SOURCE_BYTES)
    except OSError:
        return False
    return re.search(rf"^{re.escape(name)}\s*[:=]", text, re.MULTILINE) is not None


def owners_beside(container: object, chain: Sequence[Any], world: ReferrerSearch) -> list[Any]:
    """Return who may know a container's limit: those on the way to it, the nearest first, and others that have it."""
    known = set(map(id, chain))
    others = [one for one in gc.get_referrers(container) if id(one) not in known and not world.is_hidden(one)]
    dictionaries = [one for one in others if type(one) is dict and id(one) not in world.namespaces][:_MOST_FRONTIER]
    if dictionaries:
        # one of them may be where an object keeps its attributes
        others += [one for one in gc.get_referrers(*dictionaries) if not world.is_hidden(one)]
    return [*reversed(chain[:-1]), *(one for one in others if type(one) is not list and type(one) is not dict)][:64]
