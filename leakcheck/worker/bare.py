"""Look at an object without running its code.

A proxy answers `isinstance`, `getattr` and even `vars` with whatever it stands for, and loads it for
the purpose. So here the type is asked, and its own descriptors.
"""

from collections.abc import Callable, Iterator
from itertools import chain
from types import GetSetDescriptorType, MemberDescriptorType, ModuleType
from typing import Any, TypeGuard

from leakcheck.worker.own import BUILTINS

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
