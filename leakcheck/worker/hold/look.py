"""Small looks at foreign objects that run none of their code; `bare` has those at attributes."""

import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import (
    AsyncGeneratorType,
    CoroutineType,
    FrameType,
    FunctionType,
    GeneratorType,
    MethodDescriptorType,
    ModuleType,
    WrapperDescriptorType,
)
from typing import Any

from leakcheck.worker import bare
from leakcheck.worker.own import BUILTINS, gc, os

__builtins__ = BUILTINS

_NAME = type.__dict__["__qualname__"]
_CLASS_MODULE = type.__dict__["__module__"]
_MODULE = FunctionType.__dict__["__module__"]
_QUALNAME = FunctionType.__dict__["__qualname__"]
_FLAGS = type.__dict__["__flags__"]
_COLLECTED = 1 << 14
_GC_HEAD_BYTES = 16
_MODULE_ID = id(ModuleType)

_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_OUR_MODULES = "leakcheck.worker"

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
        cls = owner if bare.is_class(owner) else type(owner)
        if cls is FunctionType or (module := module_of_class(cls).partition(".")[0]) != "builtins":
            return cls is not FunctionType and module in sys.stdlib_module_names
    return False


def is_ours(candidate: object) -> bool:
    """Tell whether it belongs to the measured process's own machinery."""
    cls = type(candidate)
    if cls is FunctionType:
        module = _MODULE.__get__(candidate)
        return type(module) is str and module.startswith(_OUR_MODULES)
    if cls is FrameType:
        return is_our_frame(candidate)  # type: ignore[arg-type]
    if is_generator(candidate):
        frame = frame_of(candidate)
        return frame is not None and is_our_frame(frame)
    return module_of_class(cls).startswith(_OUR_MODULES)


def is_our_frame(frame: FrameType) -> bool:
    """Tell whether a frame runs our code, or the import machinery that runs ours."""
    return frame.f_code.co_filename.startswith(_OURS)


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
    for base in bare.mro(cls):
        found = bare.class_dict(base).get("__sizeof__")
        if type(found) is MethodDescriptorType or type(found) is WrapperDescriptorType:
            return found
    return object.__sizeof__
