"""Look at an object without running its code.

A proxy answers `isinstance`, `getattr` and even `vars` with whatever it stands for, and loads it for
the purpose. So here the type is asked, and its own descriptors.
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


def mro(cls: type) -> tuple[type, ...]:
    """Return a class and its bases, also where a metaclass says otherwise."""
    found: tuple[type, ...] = _MRO.__get__(cls)
    return found


def class_dict(cls: type) -> Any:
    """Return a class's own attributes, as a mapping that cannot be written to."""
    return _CLASS_DICT.__get__(cls)


def dotted_name(cls: type) -> str:
    """Return the name that a class was defined under (`django.core.cache.backends.locmem.LocMemCache`)."""
    module = class_dict(cls).get("__module__")
    name = _CLASS_NAME.__get__(cls)
    return f"{module}.{name}" if type(module) is str else f"builtins.{name}"


def namespace(owner: object) -> dict[str, Any] | None:
    """Return the dictionary that a module's or an instance's attributes lie in; None where there is none."""
    if issubclass(type(owner), ModuleType):
        found = _MODULE_DICT.__get__(owner)
        return found if type(found) is dict else None
    for cls in mro(type(owner)):
        descriptor = class_dict(cls).get("__dict__")
        # a property of the user's by that name is none of these
        if type(descriptor) is GetSetDescriptorType:
            try:
                found = descriptor.__get__(owner)
            except (AttributeError, TypeError):
                return None
            return found if type(found) is dict else None
    return None


def slots(owner: object) -> Iterator[tuple[str, Any]]:
    """Yield the name and the descriptor of each of an instance's slots (`_Cache__data` for `__data` in `Cache`)."""
    for cls in mro(type(owner)):
        for name, descriptor in class_dict(cls).items():
            if type(descriptor) is MemberDescriptorType:
                yield name, descriptor


def is_class(owner: object) -> TypeGuard[type]:
    """Tell whether it is a class, whatever its `__class__` says."""
    return issubclass(type(owner), type)


def attributes(owner: object) -> Iterator[tuple[str, Any]]:
    """Yield the name and value of every attribute that an object has for itself, and not by its class."""
    own = class_dict(owner) if is_class(owner) else namespace(owner)
    if own is not None:
        # a copy: another thread may add one meanwhile
        yield from ((name, value) for name, value in own.copy().items() if type(name) is str)
    if is_class(owner):
        return
    for name, descriptor in slots(owner):
        try:
            yield name, descriptor.__get__(owner)
        except (AttributeError, ValueError):
            continue  # a slot that nothing was put into, a cell that is empty


def inherited(owner: object) -> Iterator[tuple[str, Any]]:
    """Yield the name and value of every attribute that an object has by its classes, the nearest first."""
    if issubclass(type(owner), ModuleType):
        return
    classes = mro(owner)[1:] if is_class(owner) else mro(type(owner))
    for cls in classes:
        yield from class_dict(cls).copy().items()


def attribute(owner: object, name: str) -> Any:
    """Return an attribute of an object's own, or else of its class as it lies there; None where there is none."""
    return next((value for found, value in chain(attributes(owner), inherited(owner)) if found == name), None)


def put(owner: object, name: str, value: object) -> Callable[[], None] | None:
    """Set an attribute past the object's own `__setattr__`; return what undoes it, or None where it cannot be set."""
    had = [found for key, found in attributes(owner) if key == name]
    if is_class(owner):
        if not had:
            return None
        try:
            type.__setattr__(owner, name, value)
        except TypeError:
            return None  # a built-in class
        return lambda: type.__setattr__(owner, name, had[0])
    for slot, descriptor in slots(owner):
        if slot == name:
            try:
                descriptor.__set__(owner, value)
            except (AttributeError, TypeError):
                return None  # it may only be read
            return lambda: descriptor.__set__(owner, had[0]) if had else descriptor.__delete__(owner)
    own = namespace(owner)
    if own is None:
        return None
    dict.__setitem__(own, name, value)
    return lambda: dict.__setitem__(own, name, had[0]) if had else dict.__delitem__(own, name)


_NAME = type.__dict__["__qualname__"]
_CLASS_MODULE = type.__dict__["__module__"]
_MODULE = FunctionType.__dict__["__module__"]
_QUALNAME = FunctionType.__dict__["__qualname__"]
_FLAGS = type.__dict__["__flags__"]
_COLLECTED = 1 << 14
_GC_HEAD_BYTES = 16
_MODULE_ID = id(ModuleType)

_PACKAGE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_OUR_ROOMS = ("probe", "worker")
_OUR_FOLDERS = tuple(os.path.join(_PACKAGE, room, "") for room in _OUR_ROOMS)

# by the type's id: a metaclass may have a __hash__ and an __eq__ of its own, here and below
_GENERATORS = {
    id(GeneratorType): (GeneratorType.__dict__["gi_frame"], "suspended generator"),
    id(CoroutineType): (CoroutineType.__dict__["cr_frame"], "suspended coroutine"),
    id(AsyncGeneratorType): (AsyncGeneratorType.__dict__["ag_frame"], "suspended async generator"),
}


def name_of_class(cls: type) -> str:
    """Return the name that a class was defined under, without its module."""
    found = _NAME.__get__(cls)
    return found if type(found) is str else "object"


def module_of_class(cls: type) -> str:
    """Return the module that a class says it is from; "" where it says nonsense."""
    try:
        found = _CLASS_MODULE.__get__(cls)
    except AttributeError:
        return ""
    return found if type(found) is str else ""


def name_of_function(function: FunctionType) -> str:
    """Return a function's dotted name, its module first."""
    module, name = _MODULE.__get__(function), _QUALNAME.__get__(function)
    return f"{module}.{name}" if type(module) is str else str(name)


def is_standard(chain: Sequence[Any]) -> bool:
    """Tell whether what a chain ends in belongs to an object or class of the standard library."""
    for owner in reversed(chain[:-1]):
        cls = owner if is_class(owner) else type(owner)
        if cls is FunctionType or (module := module_of_class(cls).partition(".")[0]) != "builtins":
            return cls is not FunctionType and module in sys.stdlib_module_names
    return False


def is_our_module(name: str) -> bool:
    """Tell whether a module is one of those that measure."""
    return name.startswith("leakcheck.") and name.split(".", 2)[1] in _OUR_ROOMS


def is_ours(candidate: object) -> bool:
    """Tell whether it belongs to the measured process's own machinery."""
    cls = type(candidate)
    if cls is FunctionType:
        module = _MODULE.__get__(candidate)
        return type(module) is str and is_our_module(module)
    if cls is FrameType:
        return is_our_frame(candidate)  # type: ignore[arg-type]
    if is_generator(candidate):
        frame = frame_of(candidate)
        return frame is not None and is_our_frame(frame)
    return is_our_module(module_of_class(cls))


def is_our_frame(frame: FrameType) -> bool:
    """Tell whether a frame runs our code, or the import machinery that runs ours."""
    return frame.f_code.co_filename.startswith(_OUR_FOLDERS)


def is_generator(candidate: object) -> bool:
    """Tell whether it keeps a frame between two steps."""
    return id(type(candidate)) in _GENERATORS


def word_of_generator(generator: object) -> str:
    """Return what to call a generator: `suspended coroutine`."""
    return _GENERATORS[id(type(generator))][1]


def frame_of(generator: object) -> FrameType | None:
    """Return the frame of a generator or coroutine; None where it has ended."""
    frame: FrameType | None = _GENERATORS[id(type(generator))][0].__get__(generator)
    return frame


def local_names(frame: FrameType) -> list[tuple[str, Any]]:
    """Return the names and values of a frame's local variables, also of those that closures share."""
    found = frame.f_locals
    # else it is the namespace of a class body, which may be anything that a metaclass made
    if type(found) is dict or name_of_class(type(found)) == "FrameLocalsProxy":
        return list(dict(found).items())
    return []


def thread_frames() -> Iterator[FrameType]:
    """Yield the frames that run in the other threads, but for those of modules: in this thread all are ours."""
    # a variable with a frame of ours would be a cycle that keeps whatever our functions have in hand
    here = threading.get_ident()
    others = [innermost for thread, innermost in sys._current_frames().items() if thread != here]
    for innermost in others:
        frame: FrameType | None = innermost
        while frame is not None:
            if not is_our_frame(frame) and frame.f_locals is not frame.f_globals:
                yield frame
            frame = frame.f_back


def place_of(frame: FrameType) -> str:
    """Return where a frame's code stands: `scenarios/tasks.py:collect`, from here where it lies below."""
    path = frame.f_code.co_filename
    here = os.getcwd() + os.sep
    short = path.removeprefix(here) if path.startswith(here) else os.sep.join(path.split(os.sep)[-2:])
    return f"{short}:{frame.f_code.co_qualname}"


def referents(objects: Iterable[Any]) -> list[Any]:
    """Return what some objects refer to, as far as the collector knows, but for modules.

    Modules of C are left out: `_asyncio` of 3.12 and 3.13 shows the collector objects that are free
    already, and who takes one into his hand frees it twice.
    """
    asked = list(objects)
    if _MODULE_ID in map(id, map(type, asked)):
        asked = [one for one in asked if type(one) is not ModuleType]
    return gc.get_referents(*asked)


_SIZERS: dict[int, tuple[type, Callable[[Any], int]]] = {}


def size_of(candidate: object) -> int:
    """Return what an object takes by itself, as its built-in base says; never what a class of the user's says."""
    cls = type(candidate)
    known = _SIZERS.get(id(cls))
    if known is None:
        # with the class, so that its id is not used again
        known = _SIZERS[id(cls)] = (cls, _sizer(cls))
    try:
        size = int(known[1](candidate))
    except Exception:
        size = object.__sizeof__(candidate)
    return size + (_GC_HEAD_BYTES if _FLAGS.__get__(cls) & _COLLECTED else 0)


def _sizer(cls: type) -> Callable[[Any], int]:
    for base in mro(cls):
        found = class_dict(base).get("__sizeof__")
        if type(found) is MethodDescriptorType or type(found) is WrapperDescriptorType:
            return found
    return object.__sizeof__
