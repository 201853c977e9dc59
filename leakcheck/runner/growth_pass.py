"""Follow a scenario until it is clear what its memory does: block after block, then a look at what gains entries.

The meters are exact and see what is allocated. What they cannot see is a table with room for more: so nothing is
called still before the lengths of what exists were looked at.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from leakcheck.analysis.growth.container_gains import ContainerGains, GainsAnswer
from leakcheck.analysis.growth.estimate import rate_of
from leakcheck.analysis.growth.native_bound import can_be_told, is_native_unseen
from leakcheck.analysis.growth.progress import ReplayProgress
from leakcheck.analysis.growth.resources import are_settled, is_enough
from leakcheck.analysis.growth.shape import Shape, rising_calls, shape_of
from leakcheck.analysis.growth.stopping import (
    MOST_LOOKED_AT,
    NextBlock,
    StopPolicy,
    calls_for_an_early_look,
    calls_kept_back,
    fewer,
    is_settled,
    next_step,
)
from leakcheck.analysis.growth.trend import has_teeth, latest_rate, rate_without_bounds
from leakcheck.model.advice import DjangoFacts
from leakcheck.model.answers import BoundedContainer, Failure, StatusCount
from leakcheck.model.explanation import NamedCount
from leakcheck.model.failure import WorkerFailed
from leakcheck.model.result import Budget, Meter
from leakcheck.runner.answer_decoding import block_in, lengths_in, part
from leakcheck.runner.child_processes import ChildMemory, ReplayingProcess
from leakcheck.runner.process_usage import MappingSamples

_FEWEST_LOOKED_AT = 8
_FEWEST_FOLLOWED, _WINDOWS_FOLLOWED = 20, 24
_LOOK_SECONDS, _LOOK_SHARE = 0.16, 1 / 10
"""A look at lengths takes this share of the time so far."""

_MOSTLY_FOLLOWED = 1.5
"""Times what the containers gained that were followed: with more, their lengths do not tell what the others do."""

_MOSTLY_TABLES = 1.5
"""Times what tables take at the most: a meter that rises by more sees entries as well."""


@dataclass(slots=True)
class GrowthPass:
    """What the growth pass has found out so far; all of it stands when the pass fails."""

    progress: ReplayProgress = field(default_factory=ReplayProgress)
    latencies_ns: tuple[int, ...] = ()
    shape: Shape | None = None
    children: ChildMemory = field(default_factory=ChildMemory)
    gains: ContainerGains | None = None
    """What gained entries; None before it was looked for."""
    bounded_by: BoundedContainer | None = None
    beside: tuple[BoundedContainer, ...] = ()
    """What gains an entry with each call and has no limit, beside what has one."""
    filled_bytes_per_call: float = 0.0
    """What containers with a limit took of the growth while there was something beside them."""
    named: Mapping[str, tuple[NamedCount, ...]] = field(default_factory=dict)
    """What rises beside memory, by its kind."""
    stopped_by: str | None = None
    start_seconds: float = 0.0
    cpu_seconds: float | None = None
    django: DjangoFacts | None = None
    answered: tuple[StatusCount, ...] = ()
    looks: MappingSamples = field(default_factory=MappingSamples)
    trouble: Failure | None = None


def follow(
    seen: GrowthPass,
    process: ReplayingProcess,
    patience: StopPolicy,
    budget: Budget,
    allowed: Mapping[str, float],
    watch: Callable[[], None],
    *,
    at_least: int = 0,
) -> None:
    """Replay block after block until the shape is clear, or calls or time are used up.

    A standstill is clear when nothing gains entries; what does is followed as far as any rise.
    """
    still: Shape | None = None
    kept_back = calls_kept_back(patience)
    while True:
        step = next_step(seen.progress, fewer(patience, kept_back))
        enough = is_enough(seen.progress.readings, allowed)
        if step is None and kept_back and shape_of(seen.progress, final=True).rising:
            kept_back = 0
            continue
        if step is None or enough:
            _end(seen, process, patience, is_enough=enough)
            return
        if seen.gains is None and (first := calls_for_an_early_look(patience)):
            _look(seen, process, patience, first)
            continue
        for part_of_step in seen.children.parts_of(step, seen.progress):
            _block(seen, process, part_of_step)
        seen.shape = shape_of(seen.progress)
        watch()
        if seen.progress.calls < at_least:
            continue
        if seen.shape.rising:
            still = None
        if still is None and not _is_clear(seen, patience, budget, allowed):
            if _gained(seen, final=False):
                return
            if seen.gains is None and seen.progress.calls >= rising_calls(seen.progress.seconds_per_call):
                _look(seen, process, patience)
            continue
        if still is None:
            if seen.shape.rising:
                if _has_its_rate(seen, process, patience):
                    return
                continue
            still = seen.shape
            if seen.gains is None:
                _look(seen, process, patience)
        if seen.gains is None or not seen.gains.any or seen.gains.has_stopped():
            seen.shape = still
            return
        if _gained(seen, final=False):
            return


def _is_clear(seen: GrowthPass, patience: StopPolicy, budget: Budget, allowed: Mapping[str, float]) -> bool:
    """Tell whether the meters stand still or rise so that looking further would change nothing."""
    shape = seen.shape
    if shape is None or not (shape.flat or shape.rising):
        return False
    rate = rate_of(shape)
    settled = is_settled(shape, rate, seen.progress, budget)
    if not settled and shape.flat and is_native_unseen(seen.progress.readings):
        settled = not can_be_told(seen.progress, rate.high, budget, patience.calls, patience.seconds)
    return settled and are_settled(seen.progress, allowed) and seen.children.are_settled(seen.progress)


def _end(seen: GrowthPass, process: ReplayingProcess, patience: StopPolicy, *, is_enough: bool) -> None:
    """Judge by the calls that fitted, and by a last look at lengths where there was none."""
    seen.shape = shape_of(seen.progress, final=True)
    if is_enough:
        return
    if not seen.shape.rising and seen.progress.calls >= _FEWEST_FOLLOWED:
        left = _calls_left(seen, patience)
        if seen.gains is None and left > 1:
            _look(seen, process, patience, left // 2)
        if seen.gains is not None and seen.gains.any and not seen.gains.calls:
            cost = max(seen.progress.seconds_per_call, 1e-9)
            calls = max(_FEWEST_FOLLOWED, min(MOST_LOOKED_AT, int(_LOOK_SHARE * patience.seconds / cost)))
            if calls := min(_calls_left(seen, patience), calls):
                # few readings: the heap is thawed by now, and each collects all of it
                windows = min(_WINDOWS_FOLLOWED, calls)
                each = calls // windows
                _block(seen, process, NextBlock(windows=windows, calls_per_window=each, timed_per_window=each))
        gains = seen.gains
        if gains is not None and gains.any and not (_gained(seen, final=True) or gains.has_stopped()):
            seen.shape = replace(seen.shape, flat=False)
    if not seen.shape.flat or seen.children.are_unsure(seen.progress):
        seen.stopped_by = used_up(seen, patience)


def _calls_left(seen: GrowthPass, patience: StopPolicy) -> int:
    return (sys.maxsize if patience.calls is None else patience.calls) - seen.progress.calls


def _has_its_rate(seen: GrowthPass, process: ReplayingProcess, patience: StopPolicy) -> bool:
    """Tell whether the meters say at what rate it rises; where tables alone rise, their lengths say it better."""
    assert seen.shape is not None
    if seen.shape.meter is not Meter.HEAP or (seen.gains is None and _calls_left(seen, patience) < _FEWEST_LOOKED_AT):
        return True
    if seen.gains is None:
        _look(seen, process, patience)
    assert seen.gains is not None
    needed = _MOSTLY_TABLES * seen.gains.gained_bytes / seen.gains.looked_at
    if not seen.gains.any or rate_of(seen.shape).per_call > needed:
        return True
    return _gained(seen, final=False) or bool(seen.gains.calls)


def used_up(seen: GrowthPass, patience: StopPolicy) -> str:
    """Return what came to an end, `calls` or `time`."""
    calls = patience.calls
    return "calls" if calls is not None and seen.progress.calls + calls_kept_back(patience) >= calls else "time"


def _gained(seen: GrowthPass, *, final: bool) -> bool:
    """Tell whether lengths rise steadily for long enough to be believed; then that is the shape.

    Where the meters rise by much more than the tables need, entries are allocated too, and the meters tell the rate.
    """
    gains, shape = seen.gains, seen.shape
    if gains is None or shape is None or not gains.any or not gains.is_rising():
        return False
    if not final and seen.progress.calls < rising_calls(seen.progress.seconds_per_call):
        return False
    # under big teeth the heap may hold far more than tables need, and what was not followed may be a cache's: the
    # meters find that out in time
    if not final and (has_teeth(shape.tail) or gains.share > _MOSTLY_FOLLOWED):
        return False
    rate = gains.rate()
    if not shape.flat and len(shape.tail):
        most = rate_without_bounds(shape.tail)
        if most > _MOSTLY_TABLES * rate.high:
            if not final:
                return False
            # entries are allocated too: the latest readings are the nearest to what goes on
            late = latest_rate(shape.tail)
            rate = replace(rate, per_call=min(max(late, rate.per_call), most))
        rate = replace(rate, high=max(rate.high, most))
    seen.shape = Shape(rising=True, meter=Meter.HEAP, tail=gains.table(), table_rate=rate)
    return True


def _look(seen: GrowthPass, process: ReplayingProcess, patience: StopPolicy, most: int = MOST_LOOKED_AT) -> None:
    """Replay some calls between two looks at all lengths, and no more than are allowed."""
    most = min(most, _calls_left(seen, patience))
    cost = max(seen.progress.seconds_per_call, 1e-9)
    affordable = int(max(_LOOK_SECONDS, _LOOK_SHARE * seen.progress.seconds) / cost)
    calls = max(1, min(most, max(_FEWEST_LOOKED_AT, min(MOST_LOOKED_AT, affordable))))
    answer = process.ask(
        {"kind": "look", "calls": calls}, during="the look at what gains entries", extra_seconds=3 * calls * cost
    )
    take(seen, answer)
    seen.children.look(process, seen.progress.calls)
    gained = part(answer, "gains", GainsAnswer)
    seen.gains = ContainerGains(
        since=seen.progress.calls, looked_at=calls, gained_bytes=gained.gained_bytes, followed=gained.followed
    )


def _block(seen: GrowthPass, process: ReplayingProcess, step: NextBlock) -> None:
    first = seen.progress.calls + 1
    answer = process.ask(
        {
            "kind": "block",
            "windows": step.windows,
            "calls_per_window": step.calls_per_window,
            "timed_per_window": step.timed_per_window,
        },
        during=f"calls {first:,} to {first + step.calls - 1:,}",
        # three times what the calls should take: a timeout is for hanging, not for slowing down
        extra_seconds=3 * step.calls * seen.progress.seconds_per_call,
    )
    take(seen, answer)
    seen.children.look(process, seen.progress.calls)
    if seen.gains is not None and seen.gains.any:
        seen.gains = seen.gains.after(*lengths_in(answer, len(seen.gains.followed)))


def take(seen: GrowthPass, answer: Mapping[str, object]) -> None:
    """Add a block that was replayed to what is known."""
    block = block_in(answer, seen.progress.readings, seen.progress.calls)
    seen.progress = seen.progress.after(block)
    seen.latencies_ns += block.latencies_ns


def take_trouble(seen: GrowthPass, failed: WorkerFailed) -> None:
    """Add how the pass failed to what is known, with what was read until then."""
    seen.trouble = failed.trouble
    if failed.block is not None:
        try:
            take(seen, {"block": failed.block})
        except WorkerFailed as nonsense:
            seen.trouble = nonsense.trouble
