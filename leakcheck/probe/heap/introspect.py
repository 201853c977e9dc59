"""Inspect objects without running their code.

A proxy answers `isinstance`, `getattr` and even `vars` for the object behind it, and loads that object to do so. Here
only the type is asked, and its own descriptors are used.
"""

import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from types import (
    AsyncGeneratorType,
    CoroutineType,
    FrameType,
    FunctionType,
    GeneratorType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodDescriptorType,
    ModuleType,
    WrapperDescriptorType,
)
from typing import Any, TypeGuard

from leakcheck.probe.originals import BUILTINS, gc, os

__builtins__ = BUILTINS

_MRO = type.__dict__["__mro__"]
_CLASS_DICT = type.__dict__["__dict__"]
_CLASS_NAME = type.__dict__["__qualname__"]
_MODULE_DICT = vars(ModuleType)["__dict__"]
_CLASS_MODULE = type.__dict__["__module__"]
_FUNCTION_MODULE = FunctionType.__dict__["__module__"]
_FUNCTION_NAME = FunctionType.__dict__["__qualname__"]
_FLAGS = type.__dict__["__flags__"]
_HAVE_GC_FLAG = 1 << 14  # not tuned: by CPython
_GC_HEAD_BYTES = 16  # not tuned: by CPython
_MODULE_ID = id(ModuleType)

_PACKAGE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_OUR_PACKAGES = ("probe", "worker")
_OUR_FOLDERS = tuple(os.path.join(_PACKAGE, room, "") for room in _OUR_PACKAGES)

# by the type's id, here and below: a metaclass may define __hash__ and __eq__
_GENERATORS = {
    id(GeneratorType): (GeneratorType.__dict__["gi_frame"], "suspended generator"),
    id(CoroutineType): (CoroutineType.__dict__["cr_frame"], "suspended coroutine"),
    id(AsyncGeneratorType): (AsyncGeneratorType.__dict__["ag_frame"], "suspended async generator"),
}


def mro(cls: type) -> tuple[type, ...]:
    """Return a class and its bases, even where a metaclass overrides `__mro__`."""
    bases: tuple[type, ...] = _MRO.__get__(cls)
    return bases


def class_dict(cls: type) -> Any:
    """Return a class's own attributes as a read-only mapping."""
    return _CLASS_DICT.__get__(cls)


def dotted_name(cls: type) -> str:
    """Return the dotted name that a class was defined under (`django.core.cache.backends.locmem.LocMemCache`)."""
    module = class_dict(cls).get("__module__")
    name = _CLASS_NAME.__get__(cls)
    return f"{module}.{name}" if type(module) is str else f"builtins.{name}"


def namespace(owner: object) -> dict[str, Any] | None:
    """Return the dictionary of a module's or an instance's attributes; None if it has none."""
    if issubclass(type(owner), ModuleType):
        result = _MODULE_DICT.__get__(owner)
        return result if type(result) is dict else None
    for cls in mro(type(owner)):
        descriptor = class_dict(cls).get("__dict__")
        # a property of the user's by that name is of another type
        if type(descriptor) is GetSetDescriptorType:
            try:
                result = descriptor.__get__(owner)
            except (AttributeError, TypeError):
                return None
            return result if type(result) is dict else None
    return None


def slots(owner: object) -> Iterator[tuple[str, Any]]:
    """Yield the name and the descriptor of each of an instance's slots (`_Cache__data` for `__data` in `Cache`)."""
    for cls in mro(type(owner)):
        for name, descriptor in class_dict(cls).items():
            if type(descriptor) is MemberDescriptorType:
                yield name, descriptor


def is_class(owner: object) -> TypeGuard[type]:
    """Return whether an object is a class, whatever its `__class__` says."""
    return issubclass(type(owner), type)


def attributes(owner: object) -> Iterator[tuple[str, Any]]:
    """Yield the name and value of every attribute of the object itself, not of its class."""
    own = class_dict(owner) if is_class(owner) else namespace(owner)
    if own is not None:
        # a copy: another thread may add attributes meanwhile
        yield from ((name, value) for name, value in own.copy().items() if type(name) is str)
    if is_class(owner):
        return
    for name, descriptor in slots(owner):
        try:
            yield name, descriptor.__get__(owner)
        except (AttributeError, ValueError):
            continue  # an unset slot, an empty cell


def inherited(owner: object) -> Iterator[tuple[str, Any]]:
    """Yield the name and value of every attribute that an object has from its classes, in the order of their MRO."""
    if issubclass(type(owner), ModuleType):
        return
    classes = mro(owner)[1:] if is_class(owner) else mro(type(owner))
    for cls in classes:
        yield from class_dict(cls).copy().items()


def attribute(owner: object, name: str) -> Any:
    """Return an attribute of the object itself, or else the raw value in its classes; None if there is none."""
    return next((value for key, value in chain(attributes(owner), inherited(owner)) if key == name), None)


def set_attribute(owner: object, name: str, value: object) -> Callable[[], None] | None:
    """Set an attribute, bypassing the object's `__setattr__`; return a function that undoes it, or None on failure."""
    previous = [current for key, current in attributes(owner) if key == name]
    if is_class(owner):
        if not previous:
            return None
        try:
            type.__setattr__(owner, name, value)
        except TypeError:
            return None  # a built-in class
        return lambda: type.__setattr__(owner, name, previous[0])
    for slot, descriptor in slots(owner):
        if slot == name:
            try:
                descriptor.__set__(owner, value)
            except (AttributeError, TypeError):
                return None  # read-only
            return lambda: descriptor.__set__(owner, previous[0]) if previous else descriptor.__delete__(owner)
    own = namespace(owner)
    if own is None:
        return None
    dict.__setitem__(own, name, value)
    return lambda: dict.__setitem__(own, name, previous[0]) if previous else dict.__delitem__(own, name)


def name_of_class(cls: type) -> str:
    """Return the name that a class was defined under, without its module."""
    name = _CLASS_NAME.__get__(cls)
    return name if type(name) is str else "object"


def module_of_class(cls: type) -> str:
    """Return a class's `__module__`; "" if it is not a string."""
    try:
        module = _CLASS_MODULE.__get__(cls)
    except AttributeError:
        return ""
    return module if type(module) is str else ""


def name_of_function(function: FunctionType) -> str:
    """Return a function's dotted name, including its module."""
    module, name = _FUNCTION_MODULE.__get__(function), _FUNCTION_NAME.__get__(function)
    return f"{module}.{name}" if type(module) is str else str(name)


def is_standard(chain: Sequence[Any]) -> bool:
    """Return whether the last object of a chain belongs to an object or class of the standard library."""
    for owner in reversed(chain[:-1]):
        cls = owner if is_class(owner) else type(owner)
        if cls is FunctionType or (module := module_of_class(cls).partition(".")[0]) != "builtins":
            return cls is not FunctionType and module in sys.stdlib_module_names
    return False


def is_our_module(name: str) -> bool:
    """Return whether a module is part of the code that measures."""
    return name.startswith("leakcheck.") and name.split(".", 2)[1] in _OUR_PACKAGES


def is_ours(candidate: object) -> bool:
    """Return whether an object belongs to leakcheck's code in the measured process."""
    cls = type(candidate)
    if cls is FunctionType:
        module = _FUNCTION_MODULE.__get__(candidate)
        return type(module) is str and is_our_module(module)
    if cls is FrameType:
        return is_our_frame(candidate)  # type: ignore[arg-type]
    if is_generator(candidate):
        frame = frame_of(candidate)
        return frame is not None and is_our_frame(frame)
    return is_our_module(module_of_class(cls))


def is_our_frame(frame: FrameType) -> bool:
    """Return whether a frame runs leakcheck's code, or the import machinery that loads it."""
    return frame.f_code.co_filename.startswith(_OUR_FOLDERS)


def is_generator(candidate: object) -> bool:
    """Return whether an object is a generator or coroutine, which keeps its frame while suspended."""
    return id(type(candidate)) in _GENERATORS


def generator_kind(generator: object) -> str:
    """Return the kind of a generator, such as `suspended coroutine`."""
    return _GENERATORS[id(type(generator))][1]


def frame_of(generator: object) -> FrameType | None:
    """Return the frame of a generator or coroutine; None if it has finished."""
    frame: FrameType | None = _GENERATORS[id(type(generator))][0].__get__(generator)
    return frame


def local_names(frame: FrameType) -> list[tuple[str, Any]]:
    """Return the names and values of a frame's local variables, including those shared with closures."""
    variables = frame.f_locals
    # else it is the namespace of a class body, which may be any object that a metaclass made
    if type(variables) is dict or name_of_class(type(variables)) == "FrameLocalsProxy":
        return list(dict(variables).items())
    return []


def thread_frames() -> Iterator[FrameType]:
    """Yield the frames that run in other threads, except those of module bodies. In this thread all are leakcheck's."""
    # a variable that holds a frame of ours would be a cycle, which keeps whatever our functions refer to
    own_thread = threading.get_ident()
    innermost_frames = [innermost for thread, innermost in sys._current_frames().items() if thread != own_thread]
    for innermost in innermost_frames:
        frame: FrameType | None = innermost
        while frame is not None:
            if not is_our_frame(frame) and frame.f_locals is not frame.f_globals:
                yield frame
            frame = frame.f_back


def location_of(frame: FrameType) -> str:
    """Return the location of a frame's code, relative to the working directory: `scenarios/tasks.py:collect`."""
    path = frame.f_code.co_filename
    relative = path.removeprefix(os.getcwd() + os.sep)
    shortened = os.sep.join(path.split(os.sep)[-2:]) if relative == path else relative
    return f"{shortened}:{frame.f_code.co_qualname}"


def referents(objects: Iterable[Any]) -> list[Any]:
    """Return what some objects refer to, as far as the collector knows, except what modules refer to.

    Modules are left out because `_asyncio` of 3.12 and 3.13 reports objects to the collector that are freed already;
    whoever takes a reference to one frees it a second time.
    """
    sources = list(objects)
    if _MODULE_ID in map(id, map(type, sources)):
        sources = [source for source in sources if type(source) is not ModuleType]
    return gc.get_referents(*sources)


_SIZERS: dict[int, tuple[type, Callable[[Any], int]]] = {}


def size_of(candidate: object) -> int:
    """Return an object's own size in bytes as its built-in base reports it, not as the user's `__sizeof__` would."""
    cls = type(candidate)
    entry = _SIZERS.get(id(cls))
    if entry is None:
        # together with the class, so that its id is not used again
        entry = _SIZERS[id(cls)] = (cls, _sizer(cls))
    try:
        size = int(entry[1](candidate))
    except Exception:
        size = object.__sizeof__(candidate)
    return size + (_GC_HEAD_BYTES if _FLAGS.__get__(cls) & _HAVE_GC_FLAG else 0)


def _sizer(cls: type) -> Callable[[Any], int]:
    for base in mro(cls):
        method = class_dict(base).get("__sizeof__")
        if type(method) is MethodDescriptorType or type(method) is WrapperDescriptorType:
            return method
    return object.__sizeof__
