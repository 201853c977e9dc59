"""One step of a retention path: how an object leads to the next one, as a person would write it.

A path comes from the collector, which knows of dictionaries, cells and hash tables where a person sees an
attribute or a variable. So a step may pass several objects at once.
"""

import _thread
from collections.abc import Callable, Sequence
from contextvars import Context, ContextVar
from dataclasses import dataclass
from types import CellType, FrameType, FunctionType, GetSetDescriptorType, ModuleType, TracebackType
from typing import Any

from leakcheck.probe.heap import introspect
from leakcheck.probe.heap.container_types import LruCache, kind_of
from leakcheck.probe.originals import BUILTINS

__builtins__ = BUILTINS

CODE = FunctionType.__dict__["__code__"]
_CLOSURE = FunctionType.__dict__["__closure__"]
_DEFAULTS = FunctionType.__dict__["__defaults__"]
_KEYWORD_DEFAULTS = FunctionType.__dict__["__kwdefaults__"]
_CONTENTS = CellType.__dict__["cell_contents"]
_OBJCLASS = GetSetDescriptorType.__dict__["__objclass__"]

_TRUSTED = ("_asyncio", "_functools", "functools", "collections", "_collections")
"""C modules whose computed attributes may be read: they return what they hold, and run nothing."""
_LEFT_ALONE = frozenset({"__dict__", "__weakref__", "__annotations__", "__annotate__", "f_locals", "f_trace"})


@dataclass(frozen=True, slots=True)
class PathStep:
    """How to get from one object of a chain to a later one."""

    text: str
    to: int
    """The place in the chain that it leads to."""
    where: str = ""
    """What kind of place that is, where that is no plain attribute or entry."""
    variable_of: str = ""
    """The function whose variable it is: then `text` is that variable's name."""


Look = Callable[[Sequence[Any], int], PathStep | None]


def step_from(chain: Sequence[Any], at: int) -> PathStep:
    """Return how `chain[at]` leads on."""
    for known in _LOOKS:
        found = known(chain, at)
        if found is not None:
            return found
    return PathStep(".*", at + 1)


def key_of(mapping: dict[Any, Any], value: object) -> Any:
    """Return the key that a value is under; None where it is under none."""
    try:
        return next((key for key, held in dict.items(mapping) if held is value), None)
    except RuntimeError:  # another thread changed it meanwhile
        return None


def contents(cell: CellType) -> Any:
    """Return what a cell holds; None where it is empty."""
    try:
        return _CONTENTS.__get__(cell)
    except ValueError:
        return None


def is_class_dict(cls: type, mapping: object) -> bool:
    """Tell whether a dictionary is the one that a class's attributes lie in."""
    return any(held is mapping for held in introspect.referents((introspect.class_dict(cls),)))


def attribute_of(owner: object, value: object) -> str | None:
    """Return the name of the attribute that holds a value, found without asking the owner."""
    for name, held in introspect.attributes(owner):
        if held is value:
            return name
    for cls in introspect.mro(type(owner)):
        if not (issubclass(cls, BaseException | TracebackType) or introspect.module_of_class(cls) in _TRUSTED):
            continue
        for name, descriptor in introspect.class_dict(cls).items():
            if type(descriptor) is GetSetDescriptorType and name not in _LEFT_ALONE:
                try:
                    if descriptor.__get__(owner) is value:
                        return str(name)
                except Exception:  # a task that has not ended has no result
                    continue
    return None


def _following(chain: Sequence[Any], at: int, by: int) -> Any:
    return chain[at + by] if at + by < len(chain) else None


def _from_namespace_owner(chain: Sequence[Any], at: int) -> PathStep | None:
    """A module, class or instance, its dictionary, and the value in that."""
    owner, mapping = chain[at], chain[at + 1]
    if type(mapping) is not dict or at + 2 >= len(chain):
        return None
    if introspect.is_class(owner):
        if not is_class_dict(owner, mapping):
            return None
        where = "class attribute"
    elif introspect.namespace(owner) is mapping:
        where = ""
    else:
        return None
    key = key_of(mapping, chain[at + 2])
    return PathStep(f".{key}", at + 2, where) if type(key) is str else None


def _from_thread_local(chain: Sequence[Any], at: int) -> PathStep | None:
    if not issubclass(type(chain[at]), _thread._local):
        return None
    # the thread's own dictionary lies in one of all threads, with a key that is nobody's business
    for by in (2, 1):
        mapping, value = _following(chain, at, by), _following(chain, at, by + 1)
        if type(mapping) is dict and value is not None:
            key = key_of(mapping, value)
            if type(key) is str:
                return PathStep(f".{key}", at + by + 1, "thread-local")
    return None


def _from_function(chain: Sequence[Any], at: int) -> PathStep | None:
    function, held = chain[at], chain[at + 1]
    if type(function) is not FunctionType:
        return None
    name = introspect.name_of_function(function)
    cells = _CLOSURE.__get__(function)
    if held is cells and at + 2 < len(chain):
        place = next((n for n, cell in enumerate(cells) if cell is chain[at + 2]), None)
        if place is not None:
            variable = CODE.__get__(function).co_freevars[place]
            return PathStep(variable, min(at + 3, len(chain) - 1), "closure's cell", name)
    if held is _DEFAULTS.__get__(function) or held is _KEYWORD_DEFAULTS.__get__(function):
        return PathStep("a default", min(at + 2, len(chain) - 1), "default argument", name)
    return None


def _from_frame(chain: Sequence[Any], at: int) -> PathStep | None:
    """A frame, or what keeps one, and one of its local variables, perhaps in a cell."""
    keeper = chain[at]
    if type(keeper) is FrameType:
        frame, where = keeper, "local variable"
    elif introspect.is_generator(keeper):
        suspended = introspect.frame_of(keeper)
        if suspended is None:
            return None
        frame, where = suspended, introspect.word_of_generator(keeper)
    else:
        return None
    by = 2 if type(chain[at + 1]) is CellType and at + 2 < len(chain) else 1
    value = chain[at + by]
    name = next((name for name, held in introspect.local_names(frame) if held is value), None)
    if name is None:
        return PathStep(".frame", at + by)  # on its stack: what it iterates over
    return PathStep(name, at + by, where, introspect.place_of(frame))


def variable_of(context: Context, held: Sequence[Any]) -> tuple[ContextVar[Any], int] | None:
    """Return the context variable whose value is the first to be among some objects, and that one's place."""
    places = {id(one): place for place, one in reversed(list(enumerate(held)))}
    found = [(places[id(value)], var) for var, value in Context.items(context) if id(value) in places]
    return min(((var, place) for place, var in found), key=lambda pair: pair[1], default=None)


def _from_context(chain: Sequence[Any], at: int) -> PathStep | None:
    if type(chain[at]) is not Context:
        return None
    found = variable_of(chain[at], chain[at + 1 :])
    if found is None:
        return None
    return PathStep(f"[{ContextVar.name.__get__(found[0])}]", at + 1 + found[1], "context variable")


def _from_cell(chain: Sequence[Any], at: int) -> PathStep | None:
    return PathStep(".cell_contents", at + 1) if type(chain[at]) is CellType else None


def _is_fixed(key: object) -> bool:
    """Tell whether a key looks like a name that is the same in every run, and not like a number or an id."""
    return type(key) is str and key.isidentifier() and not any(map(str.isdigit, key))


def _from_container(chain: Sequence[Any], at: int) -> PathStep | None:
    holder = chain[at]
    if issubclass(type(holder), dict):
        key = key_of(holder, chain[at + 1])
        return PathStep(f"['{key}']" if _is_fixed(key) else "[*]", at + 1)
    if issubclass(type(holder), LruCache):
        # its table may lie between it and what it keeps
        return PathStep("[*]", at + 2 if type(chain[at + 1]) is dict and at + 2 < len(chain) else at + 1)
    known = issubclass(type(holder), tuple | frozenset) or kind_of(type(holder)) is not None
    return PathStep("[*]", at + 1) if known else None


def _from_attribute(chain: Sequence[Any], at: int) -> PathStep | None:
    if issubclass(type(chain[at]), ModuleType):
        return None
    name = attribute_of(chain[at], chain[at + 1])
    if name is None and type(chain[at + 1]) is list and _is_future(chain[at]):
        name = "_callbacks"  # asked for, it answers with a copy
    return None if name is None else PathStep(f".{name}", at + 1)


def _is_future(owner: object) -> bool:
    return any(introspect.module_of_class(cls) == "_asyncio" for cls in introspect.mro(type(owner)))


_LOOKS: tuple[Look, ...] = (
    _from_namespace_owner,
    _from_thread_local,
    _from_function,
    _from_frame,
    _from_context,
    _from_cell,
    # before the containers: a list of a class of the user's may have attributes
    _from_attribute,
    _from_container,
)
