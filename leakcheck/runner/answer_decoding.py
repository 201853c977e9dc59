"""What a measured process answered, as the facts that it should be. The parent believes nothing of it unseen.

Each function raises WorkerFailed for what is none: that ends the scenario which was measured there, and no other.
How large a number may be is looked at by `inbox`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, TypeVar

import msgspec

from leakcheck.model.answers import COLUMNS, Block, Failure, Readings, ScenarioInfo, StatusCount
from leakcheck.model.errors import LeakcheckError
from leakcheck.model.failure import misunderstood
from leakcheck.model.run import Environment
from leakcheck.scenario import parse_target, without_password

_Fact = TypeVar("_Fact")
_KINDS = frozenset({"import", "usage", "setup", "unreached", "raised", "exited", "hung", "missing", "teardown"})
"""What a process may say of its own trouble; that it died or took too much memory is seen from outside."""
_MOST_CHARACTERS = 8000
_MOST = 1 << 53
"""Calls, and bytes: more than any process has."""
_MOST_SECONDS = 1e7


def whole(answer: Any, kind: type[_Fact]) -> _Fact:
    """Return an answer; of a mapping, fields that nobody asked for are left out."""
    try:
        return msgspec.convert(answer, kind)
    except (msgspec.ValidationError, TypeError, ValueError, RecursionError) as error:
        raise misunderstood(str(error)) from error


def part(answer: Mapping[str, Any], name: str, kind: type[_Fact]) -> _Fact:
    """Return a part of an answer."""
    if name not in answer:
        raise misunderstood(f"{name} was asked for, and the answer is of the kind {answer.get('kind', '')!r}")
    return whole(answer[name], kind)


def seconds_in(answer: Mapping[str, Any], name: str) -> float:
    """Return how long something takes."""
    seconds = part(answer, name, float)
    if not 0 <= seconds <= _MOST_SECONDS:
        raise misunderstood(f"{name} is {seconds:g}")
    return seconds


def trouble_in(answer: Mapping[str, Any]) -> Failure:
    """Return how the user's code failed."""
    trouble = part(answer, "trouble", Failure)
    if trouble.kind not in _KINDS or not 1 <= (trouble.call or 1) <= _MOST:
        raise misunderstood(f"trouble of the kind {trouble.kind!r}, on call {trouble.call}")
    return replace(trouble, message=trouble.message[:_MOST_CHARACTERS], details=trouble.details[-_MOST_CHARACTERS:])


def block_in(answer: Mapping[str, Any], before: Readings, calls_before: int) -> Block:
    """Return the block that follows what was read before."""
    block = part(answer, "block", Block)
    times = (block.replay_seconds, block.settle_seconds, block.set_aside_seconds)
    if not all(0 <= seconds <= _MOST_SECONDS for seconds in times):
        raise misunderstood("a time below 0, or of months")
    if not calls_before <= block.calls <= _MOST:
        raise misunderstood(f"{block.calls} calls after {calls_before}")
    rows = len(block.readings.calls)
    if not _ascend([*before.calls[-1:], *block.readings.calls, block.calls]):
        raise misunderstood("readings that are in no order")
    for name in COLUMNS:
        column = getattr(block.readings, name)
        # a meter is there all the time, or never
        expected = rows if getattr(before, name) or (column and not before.calls) else 0
        if len(column) != expected:
            raise misunderstood(f"{name} has {len(column)} readings, and there were {rows}")
        if not all(-_MOST <= value <= _MOST for value in column):
            raise misunderstood(f"{name} is larger than any memory")
    if not all(0 <= latency <= _MOST for latency in block.latencies_ns):
        raise misunderstood("a call that took less than no time, or months")
    return block


def lengths_in(answer: Mapping[str, Any], count: int) -> tuple[list[int], list[list[int]]]:
    """Return the calls of a block's readings, and the lengths of the containers that were followed, a row for each."""
    columns = part(part(answer, "block", dict[str, Any]), "readings", dict[str, list[int]])
    calls = columns.get("calls", [])
    rows = [columns.get(f"followed_{at}", []) for at in range(count)]
    if any(len(row) != len(calls) or not all(0 <= length <= _MOST for length in row) for row in rows):
        raise misunderstood(f"lengths of {count} containers were asked for")
    return calls, rows


def answered_of(told: object) -> tuple[StatusCount, ...]:
    """Return what requests were answered with; nothing where the process, which is the user's, tells no such thing."""
    try:
        seen = msgspec.convert(told, tuple[StatusCount, ...])
    except (msgspec.ValidationError, RecursionError):
        return ()
    return tuple(replace(one, leads_to=one.leads_to and without_password(one.leads_to)) for one in seen)


def descriptions_in(answer: Mapping[str, Any]) -> list[ScenarioInfo]:
    """Return the scenarios that a file holds."""
    described = part(answer, "scenarios", list[ScenarioInfo])
    for one in described:
        figures = (one.growth_bytes_per_1000_calls, one.peak_bytes, one.timeout_seconds, one.memory_bytes)
        if not one.name or min(figure or 0 for figure in figures) < 0:
            raise misunderstood(f"a scenario {one.name!r} with a figure below 0")
        try:
            parse_target(one.target)
        except LeakcheckError as error:
            raise misunderstood(str(error)) from error
    return described


def environment_in(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of an `Environment`, but for what the parent knows better."""
    said = part(answer, "environment", dict[str, Any])
    told = whole({**said, "leakcheck": ""}, Environment)
    return {name: getattr(told, name) for name in _TOLD_OF_ENVIRONMENT}


_TOLD_OF_ENVIRONMENT = ("python", "implementation", "executable", "platform", "allocator", "libc", "packages")


def _ascend(numbers: Sequence[int]) -> bool:
    return all(earlier <= later for earlier, later in pairwise(numbers))
