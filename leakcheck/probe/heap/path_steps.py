"""A step of a retention path: how an object refers to the next one, as a person would write it.

The collector reports dictionaries, cells and hash tables where a person sees an attribute or a variable, so a step may
pass several objects at once.
"""

import _thread
from collections.abc import Sequence
from contextvars import Context, ContextVar
from dataclasses import dataclass
from types import CellType, FrameType, FunctionType, GetSetDescriptorType, ModuleType, TracebackType
from typing import Any

from leakcheck.probe.heap import introspect
from leakcheck.probe.heap.container_functions import LruCache
from leakcheck.probe.heap.container_types import container_type_of
from leakcheck.probe.originals import BUILTINS

__builtins__ = BUILTINS

CODE = FunctionType.__dict__["__code__"]
_CLOSURE = FunctionType.__dict__["__closure__"]
_DEFAULTS = FunctionType.__dict__["__defaults__"]
_KEYWORD_DEFAULTS = FunctionType.__dict__["__kwdefaults__"]
_CONTENTS = CellType.__dict__["cell_contents"]

_TRUSTED_MODULES = ("_asyncio", "_functools", "functools", "collections", "_collections")
"""C modules whose computed attributes may be read: those return what the object refers to, and run no other code."""
_SKIPPED_ATTRIBUTES = frozenset({"__dict__", "__weakref__", "__annotations__", "__annotate__", "f_locals", "f_trace"})


@dataclass(frozen=True, slots=True)
class PathStep:
    """A step from one object of a chain to a later one."""

    text: str
    to: int
    """The index in the chain that it leads to."""
    where: str = ""
    """The kind of the place, if it is no plain attribute or entry."""
    variable_of: str = ""
    """The function whose variable it is; then `text` is the name of that variable."""


def step_from(chain: Sequence[Any], position: int) -> PathStep:
    """Return the step from `chain[position]`."""
    for rule in _STEP_RULES:
        step = rule(chain, position)
        if step is not None:
            return step
    return PathStep(".*", position + 1)


def key_of(mapping: dict[Any, Any], value: object) -> Any:
    """Return the key of a value in a mapping; None if there is none."""
    try:
        return next((key for key, entry in dict.items(mapping) if entry is value), None)
    except RuntimeError:  # another thread changed the mapping meanwhile
        return None


def contents(cell: CellType) -> Any:
    """Return the contents of a cell; None if it is empty."""
    try:
        return _CONTENTS.__get__(cell)
    except ValueError:
        return None


def attribute_of(owner: object, value: object) -> str | None:
    """Return the name of the attribute that refers to a value, without running the owner's code."""
    for name, attribute in introspect.attributes(owner):
        if attribute is value:
            return name
    for cls in introspect.mro(type(owner)):
        if not (issubclass(cls, BaseException | TracebackType) or introspect.module_of_class(cls) in _TRUSTED_MODULES):
            continue
        for name, descriptor in introspect.class_dict(cls).items():
            if type(descriptor) is GetSetDescriptorType and name not in _SKIPPED_ATTRIBUTES:
                try:
                    if descriptor.__get__(owner) is value:
                        return str(name)
                except Exception:  # for instance, a task that has not ended has no result
                    continue
    return None


def _following(chain: Sequence[Any], position: int, offset: int) -> Any:
    return chain[position + offset] if position + offset < len(chain) else None


def _from_namespace_owner(chain: Sequence[Any], position: int) -> PathStep | None:
    owner, mapping = chain[position], chain[position + 1]
    if type(mapping) is not dict or position + 2 >= len(chain):
        return None
    is_class = introspect.is_class(owner)
    own = introspect.referents((introspect.class_dict(owner),)) if is_class else [introspect.namespace(owner)]
    key = key_of(mapping, chain[position + 2]) if any(candidate is mapping for candidate in own) else None
    return PathStep(f".{key}", position + 2, "class attribute" if is_class else "") if type(key) is str else None


def _from_thread_local(chain: Sequence[Any], position: int) -> PathStep | None:
    if not issubclass(type(chain[position]), _thread._local):
        return None
    # the dictionary of this thread is an entry of one for all threads, whose key is not shown
    for offset in (2, 1):
        mapping, value = _following(chain, position, offset), _following(chain, position, offset + 1)
        if type(mapping) is dict and value is not None:
            key = key_of(mapping, value)
            if type(key) is str:
                return PathStep(f".{key}", position + offset + 1, "thread-local")
    return None


def _from_function(chain: Sequence[Any], position: int) -> PathStep | None:
    function, referent = chain[position], chain[position + 1]
    if type(function) is not FunctionType:
        return None
    name = introspect.name_of_function(function)
    cells = _CLOSURE.__get__(function)
    if referent is cells and position + 2 < len(chain):
        index = next((number for number, cell in enumerate(cells) if cell is chain[position + 2]), None)
        if index is not None:
            variable = CODE.__get__(function).co_freevars[index]
            return PathStep(variable, min(position + 3, len(chain) - 1), "closure's cell", name)
    if referent is _DEFAULTS.__get__(function) or referent is _KEYWORD_DEFAULTS.__get__(function):
        return PathStep("a default", min(position + 2, len(chain) - 1), "default argument", name)
    return None


def _from_frame(chain: Sequence[Any], position: int) -> PathStep | None:
    """From a frame, or a generator that keeps one, to a local variable, perhaps in a cell."""
    source = chain[position]
    if type(source) is FrameType:
        frame, where = source, "local variable"
    elif introspect.is_generator(source):
        suspended = introspect.frame_of(source)
        if suspended is None:
            return None
        frame, where = suspended, introspect.generator_kind(source)
    else:
        return None
    offset = 2 if type(chain[position + 1]) is CellType and position + 2 < len(chain) else 1
    value = chain[position + offset]
    name = next((name for name, variable in introspect.local_names(frame) if variable is value), None)
    if name is None:
        return PathStep(".frame", position + offset)  # on the evaluation stack: an iterator, for example
    return PathStep(name, position + offset, where, introspect.location_of(frame))


def variable_of(context: Context, objects: Sequence[Any]) -> tuple[ContextVar[Any], int] | None:
    """Return the first context variable with a value among some objects, and the index of that object."""
    indices = {id(candidate): index for index, candidate in reversed(list(enumerate(objects)))}
    matches = [(indices[id(value)], var) for var, value in Context.items(context) if id(value) in indices]
    return min(((var, index) for index, var in matches), key=lambda pair: pair[1], default=None)


def _from_context(chain: Sequence[Any], position: int) -> PathStep | None:
    if type(chain[position]) is not Context:
        return None
    match = variable_of(chain[position], chain[position + 1 :])
    if match is None:
        return None
    return PathStep(f"[{ContextVar.name.__get__(match[0])}]", position + 1 + match[1], "context variable")


def _from_cell(chain: Sequence[Any], position: int) -> PathStep | None:
    return PathStep(".cell_contents", position + 1) if type(chain[position]) is CellType else None


def _is_name(key: object) -> bool:
    """Return whether a key looks like a name that is the same in every run, not like a number or an id."""
    return type(key) is str and key.isidentifier() and not any(map(str.isdigit, key))


def _from_container(chain: Sequence[Any], position: int) -> PathStep | None:
    container = chain[position]
    if issubclass(type(container), dict):
        key = key_of(container, chain[position + 1])
        return PathStep(f"['{key}']" if _is_name(key) else "[*]", position + 1)
    if issubclass(type(container), LruCache):
        # the cache's table may lie between it and the entry
        return PathStep(
            "[*]", position + 2 if type(chain[position + 1]) is dict and position + 2 < len(chain) else position + 1
        )
    is_container = issubclass(type(container), tuple | frozenset) or container_type_of(type(container)) is not None
    return PathStep("[*]", position + 1) if is_container else None


def _from_attribute(chain: Sequence[Any], position: int) -> PathStep | None:
    if issubclass(type(chain[position]), ModuleType):
        return None
    name = attribute_of(chain[position], chain[position + 1])
    if name is None and type(chain[position + 1]) is list and _is_future(chain[position]):
        name = "_callbacks"  # its getter would return a copy
    return None if name is None else PathStep(f".{name}", position + 1)


def _is_future(owner: object) -> bool:
    return any(introspect.module_of_class(cls) == "_asyncio" for cls in introspect.mro(type(owner)))


_STEP_RULES = (
    _from_namespace_owner,
    _from_thread_local,
    _from_function,
    _from_frame,
    _from_context,
    _from_cell,
    # before containers: the user's subclass of list may have attributes
    _from_attribute,
    _from_container,
)
