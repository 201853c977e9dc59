"""Read a `Result` from JSON with the standard library alone: msgspec is too expensive for the test process."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from leakcheck.model.result import Result


def read_result(document: Mapping[str, Any]) -> Result:
    """Return the result that a judge has sent. It is our own, so it is not validated."""
    result: Result = _read(Result, document)
    return result


def _read(kind: Any, value: Any) -> Any:
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        return None if value is None else _read(_without_none(kind), value)
    if origin is tuple:
        return tuple(_read(get_args(kind)[0], entry) for entry in value)
    if origin is Mapping:
        key_kind, entry_kind = get_args(kind)
        return {_read(key_kind, key): _read(entry_kind, entry) for key, entry in value.items()}
    if isinstance(kind, type) and is_dataclass(kind):
        hints = get_type_hints(kind)
        return kind(
            **{field.name: _read(hints[field.name], value[field.name]) for field in fields(kind) if field.name in value}
        )
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(value)
    return value


def _without_none(kind: Any) -> Any:
    """Return the type in an optional one; `object`, which is read as it is, if there are several."""
    types = [argument for argument in get_args(kind) if argument is not type(None)]
    return types[0] if len(types) == 1 else object
