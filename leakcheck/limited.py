"""`limited(...)`: teach leakcheck a container of your own that has a limit.

It only notes what was said; the measured process reads it when memory grows.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from leakcheck.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Taught:
    """What `limited(...)` said of the instances of one class."""

    entries: tuple[str, ...]
    """Attributes that hold the entries; the first one's length is the container's."""
    limit: str | int | Callable[[Any], int]
    length: str | Callable[[Any], int] | None = None


_TAUGHT: dict[str, Taught] = {}


def limited(
    what: type | str,
    /,
    *,
    entries: str | Iterable[str],
    limit: str | int | Callable[[Any], int],
    length: str | Callable[[Any], int] | None = None,
) -> None:
    """Say that instances of a class, and of its subclasses, hold at most so many entries.

    `what` is the class, or its dotted name where importing it would be dear. `entries` names the
    attributes that hold the entries: dicts, lists, sets or deques, emptied at the end of a
    measurement to see what they held. `limit` is a number, the attribute that holds it, or a function
    of the instance; `length` likewise, and without it the length of the first of `entries` counts.
    Raises UsageError for what cannot be looked up. A limit that is said and not kept hides a leak.
    """
    name = what if isinstance(what, str) else f"{what.__module__}.{what.__qualname__}"
    if not all(part.isidentifier() for part in name.replace("<locals>", "locals").split(".")) or "." not in name:
        raise UsageError(f"limited({name!r}): write the class, or its dotted name (package.module.Class)")
    attributes = (entries,) if isinstance(entries, str) else tuple(entries)
    if not attributes:
        raise UsageError(f"limited({name!r}): entries: name at least one attribute that holds the entries")
    if isinstance(limit, bool) or not (isinstance(limit, str | int) or callable(limit)):
        raise UsageError(f"limited({name!r}): limit is a number, an attribute's name, or a function of the instance")
    _TAUGHT[name] = Taught(entries=attributes, limit=limit, length=length)


def taught() -> Mapping[str, Taught]:
    """Return what was said so far, by the dotted name of the class."""
    return _TAUGHT
