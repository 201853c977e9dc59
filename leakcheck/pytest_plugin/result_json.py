"""A result read back from JSON with the standard library alone: what reads it elsewhere is dear to load."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from leakcheck.model.result import Result


def read_result(said: Mapping[str, Any]) -> Result:
    """Return the result that a judge has written down; it is one of ours, so nothing is doubted."""
    result: Result = _read(Result, said)
    return result


def _read(kind: Any, said: Any) -> Any:
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        return None if said is None else _read(_without_none(kind), said)
    if origin is tuple:
        return tuple(_read(get_args(kind)[0], one) for one in said)
    if isinstance(kind, type) and is_dataclass(kind):
        hints = get_type_hints(kind)
        return kind(**{one.name: _read(hints[one.name], said[one.name]) for one in fields(kind) if one.name in said})
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(said)
    return said


def _without_none(kind: Any) -> Any:
    """Return what may stand there beside None; a choice of plain values is taken as it is."""
    others = [one for one in get_args(kind) if one is not type(None)]
    return others[0] if len(others) == 1 else object
