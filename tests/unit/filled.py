"""Documents with every field filled, made from the annotations: a field that is added is filled too."""

import dataclasses
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from enum import Enum
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from leakcheck.model.baseline import Baseline, BaselineEntry
from leakcheck.model.comparison import COMPARISON_SCHEMA, Comparison
from leakcheck.model.document_text import FREE, Commit, Day, Fingerprint, Moment, Release, TextFormat, Word
from leakcheck.model.history import HistoryEntry
from leakcheck.model.result import Result
from leakcheck.model.run import SCHEMA, Run
from leakcheck.model.verdict import Gate, Verdict

Text = Callable[[TextFormat], str]
FITTING: Mapping[str, str] = {
    get_args(kind)[1].what: text
    for kind, text in (
        (Fingerprint, "0123456789ab"),
        (Commit, "0123456789abcdef"),
        (Day, "2027-01-31"),
        (Moment, "2026-11-24T10:12:07+00:00"),
        (Release, "3.11.7"),
        (Word, "growth"),
    )
}
"""A text for each format that is more than a length."""


def fitting(text: str) -> Text:
    """Return what gives this text wherever any may stand, and else one that fits."""
    return lambda format: FITTING.get(format.what, text)


def filled(kind: Any, text: Text, number: float = 3, *, many: int = 1) -> Any:
    """Return a value of a type in which every field has a value: `text` by its format, and this number."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return text(next((one for one in arguments[1:] if isinstance(one, TextFormat)), FREE))
    if kind is str:
        return text(FREE)
    if kind in (int, float):
        return kind(number)
    if kind is bool:
        return True
    if kind is date:
        return date(2027, 1, 31)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return next(iter(kind))
    if origin in (Union, types.UnionType):
        # the last one: of `bool | int | float | str` that is the text
        return filled([one for one in arguments if one is not type(None)][-1], text, number, many=many)
    if origin is tuple:
        return tuple(filled(arguments[0], text, number, many=many) for _ in range(many))
    if origin is not None and issubclass(origin, Mapping):
        return {filled(arguments[0], text, number): filled(arguments[1], text, number, many=many)}
    assert dataclasses.is_dataclass(kind), f"{kind}: say here how it is filled"
    hints = get_type_hints(kind, include_extras=True)
    values = {one.name: filled(hints[one.name], text, number, many=many) for one in dataclasses.fields(kind)}
    made: Any = kind
    return made(**values)


def run_of_all(text: Text, number: float = 3, *, many: int = 1) -> Run:
    """Return a run with a result for each verdict and each gate, some of which lack what may be missing."""
    bare = filled(Result, text, number, many=many)
    results = [replace(bare, verdict=verdict, gate=gate) for verdict, gate in zip(Verdict, Gate, strict=True)]
    failed = [replace(one, growth=None, bounded_by=None, latency_seconds=None, peak_bytes=None) for one in results[3:]]
    fine = [replace(one, failure=None, peak_failure=None, settled_after_calls=None) for one in results]
    run: Run = filled(Run, text, number)
    return replace(run, schema=SCHEMA, results=(*results, *failed, *fine))


def baseline_of_all(text: Text, number: float = 3) -> Baseline:
    """Return a baseline with an entry."""
    entry: BaselineEntry = filled(BaselineEntry, text, number)
    return Baseline(schema="leakcheck.baseline/1", environments={text(FREE): {text(FREE): entry}})


def comparison_of_all(text: Text, number: float = 3) -> Comparison:
    """Return a comparison with a row."""
    comparison: Comparison = filled(Comparison, text, number)
    return replace(comparison, schema=COMPARISON_SCHEMA)


def record_of_all(text: Text, number: float = 3) -> HistoryEntry:
    """Return a record of the history."""
    record: HistoryEntry = filled(HistoryEntry, text, number)
    return record


def texts_in(value: Any, kind: Any, where: str = "") -> Iterator[tuple[str, TextFormat]]:
    """Yield the place of each text that a document holds, as JSON steps with dots, and its format."""
    origin, arguments = get_origin(kind), get_args(kind)
    if value is None:
        return
    if origin is Annotated or kind is str:
        yield where, next((one for one in arguments[1:] if isinstance(one, TextFormat)), FREE)
    elif origin in (Union, types.UnionType):
        for one in arguments:
            if one is str or get_origin(one) in (Annotated, tuple) or dataclasses.is_dataclass(one):
                yield from texts_in(value, one, where)
    elif origin is tuple:
        for number, one in enumerate(value[:1]):
            yield from texts_in(one, arguments[0], f"{where}.{number}")
    elif origin is not None and issubclass(origin, Mapping):
        for name, one in value.items():
            yield from texts_in(one, arguments[1], f"{where}.{name}")
    elif dataclasses.is_dataclass(kind):
        hints = get_type_hints(kind, include_extras=True)
        for field in dataclasses.fields(kind):
            yield from texts_in(getattr(value, field.name), hints[field.name], f"{where}.{field.name}".lstrip("."))
