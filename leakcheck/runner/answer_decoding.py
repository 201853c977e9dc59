"""Decode and validate the answers of a measured process: the user's code may have changed anything there.

Each function raises WorkerFailed for an invalid answer, which ends the scenario that is measured there, and no other.
`message_reader` refuses numbers that are too large.
"""

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any, TypeVar

import msgspec

from leakcheck.model.answers import Block, Readings, ScenarioInfo, StatusCount
from leakcheck.model.errors import LeakcheckError
from leakcheck.model.explanation import ResourceKind
from leakcheck.model.failure import Failure, FailureKind, undecodable_answer
from leakcheck.model.run import Environment
from leakcheck.scenario import parse_target, without_password

_Fact = TypeVar("_Fact")
_REPORTED_KINDS = frozenset(
    {
        *(FailureKind.IMPORT, FailureKind.USAGE, FailureKind.SETUP, FailureKind.UNREACHED, FailureKind.RAISED),
        *(FailureKind.EXITED, FailureKind.HUNG, FailureKind.MISSING, FailureKind.TEARDOWN),
    }
)
"""The kinds that a process may report itself; that it died or took too much memory is noticed from outside."""
_MOST_CHARACTERS = 8000
_MOST = 1 << 53
"""Of calls and of bytes: more than any process has."""
_MOST_SECONDS = 1e7


def decode(answer: Any, kind: type[_Fact]) -> _Fact:
    """Return the answer as this type; unknown fields of a mapping are ignored."""
    try:
        return msgspec.convert(answer, kind)
    except (msgspec.ValidationError, TypeError, ValueError, RecursionError) as error:
        raise undecodable_answer(str(error)) from error


def decode_field(answer: Mapping[str, Any], name: str, kind: type[_Fact]) -> _Fact:
    """Return a field of an answer as this type."""
    if name not in answer:
        raise undecodable_answer(f"{name} is missing from an answer of the kind {answer.get('kind', '')!r}")
    return decode(answer[name], kind)


def decode_seconds(answer: Mapping[str, Any], name: str) -> float:
    """Return a field that is a time in seconds."""
    seconds = decode_field(answer, name, float)
    if not 0 <= seconds <= _MOST_SECONDS:
        raise undecodable_answer(f"{name} is {seconds:g} s")
    return seconds


def decode_failure(answer: Mapping[str, Any]) -> Failure:
    """Return how the user's code failed."""
    failure = decode_field(answer, "failure", Failure)
    if failure.kind not in _REPORTED_KINDS or not 1 <= (failure.call or 1) <= _MOST:
        raise undecodable_answer(f"a failure of the kind {failure.kind.value!r}, on call {failure.call}")
    return replace(failure, message=failure.message[:_MOST_CHARACTERS], details=failure.details[-_MOST_CHARACTERS:])


def decode_block(answer: Mapping[str, Any], before: Readings, calls_before: int) -> Block:
    """Return the block that continues the readings before it."""
    fields = decode_field(answer, "block", dict[str, Any])
    columns = decode_field(fields, "readings", dict[str, Any])
    resources = {kind: columns[kind] for kind in ResourceKind if kind in columns}
    block = decode({**fields, "readings": {**columns, "counts": resources}}, Block)
    times = (block.replay_seconds, block.settle_seconds, block.set_aside_seconds)
    if not all(0 <= seconds <= _MOST_SECONDS for seconds in times):
        raise undecodable_answer("a negative or impossibly long time")
    if not calls_before <= block.calls <= _MOST:
        raise undecodable_answer(f"{block.calls} calls after {calls_before}")
    rows = len(block.readings.calls)
    # each reading has more calls than the last: rates divide by the calls between two
    counts = [*(before.calls[-1:] or (-1,)), *block.readings.calls]
    if not all(earlier < later for earlier, later in pairwise(counts)) or counts[-1] > block.calls:
        raise undecodable_answer("the calls of its readings do not rise")
    columns_before = before.columns
    for name, column in (dict.fromkeys(columns_before, ()) | block.readings.columns).items():
        # a meter is there in all blocks, or in none
        expected = rows if columns_before.get(name) or (column and not before.calls) else 0
        if len(column) != expected:
            raise undecodable_answer(f"{name} has {len(column)} readings, and calls has {rows}")
        if not all(-_MOST <= value <= _MOST for value in column):
            raise undecodable_answer(f"{name} is impossibly large")
    if not all(0 <= latency <= _MOST for latency in block.latencies_ns):
        raise undecodable_answer("a negative or impossibly long latency")
    return block


def decode_lengths(answer: Mapping[str, Any], count: int) -> tuple[list[int], list[list[int]]]:
    """Return the calls of a block's readings, and for each of the followed containers its lengths."""
    columns = decode_field(decode_field(answer, "block", dict[str, Any]), "readings", dict[str, list[int]])
    calls = columns.get("calls", [])
    rows = [columns.get(f"followed_{number}", []) for number in range(count)]
    if any(len(row) != len(calls) or not all(0 <= length <= _MOST for length in row) for row in rows):
        raise undecodable_answer(f"the lengths of {count} containers are missing or impossible")
    return calls, rows


def decode_status_counts(answered: object) -> tuple[StatusCount, ...]:
    """Return the status codes that requests were answered with; empty for a value that is invalid."""
    try:
        counts = msgspec.convert(answered, tuple[StatusCount, ...])
    except (msgspec.ValidationError, RecursionError):
        return ()
    return tuple(replace(count, leads_to=count.leads_to and without_password(count.leads_to)) for count in counts)


def decode_scenarios(answer: Mapping[str, Any]) -> list[ScenarioInfo]:
    """Return the scenarios that a file holds."""
    scenarios = decode_field(answer, "scenarios", list[ScenarioInfo])
    for info in scenarios:
        figures = (info.growth_bytes_per_1000_calls, info.peak_bytes, info.timeout_seconds, info.memory_bytes)
        if not info.name or min(figure or 0 for figure in figures) < 0:
            raise undecodable_answer(f"a scenario {info.name!r} with a negative limit")
        try:
            parse_target(info.target)
        except LeakcheckError as error:
            raise undecodable_answer(str(error)) from error
    return scenarios


def decode_environment(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of an `Environment` that the process knows; the parent adds the others."""
    fields = decode_field(answer, "environment", dict[str, Any])
    environment = decode({**fields, "leakcheck": ""}, Environment)
    return {name: getattr(environment, name) for name in _ENVIRONMENT_FIELDS}


_ENVIRONMENT_FIELDS = ("python", "implementation", "executable", "platform", "allocator", "libc", "packages")
