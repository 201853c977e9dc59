"""The growth pass: replay a scenario, block after block, until it is clear what its memory does.

The meters are exact, but they only see what is allocated. A table with room for more entries allocates nothing while
it fills: so nothing is called a plateau before the lengths of the existing containers were compared.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from leakcheck.analysis.growth.container_gains import ContainerGains, GainsAnswer
from leakcheck.analysis.growth.estimate import rate_of
from leakcheck.analysis.growth.native_bound import can_narrow_bound, is_native_unseen
from leakcheck.analysis.growth.progress import ReplayProgress
from leakcheck.analysis.growth.resources import are_settled, has_lost_enough
from leakcheck.analysis.growth.shape import Shape, rising_calls, shape_of
from leakcheck.analysis.growth.stopping import (
    MOST_LENGTH_CHECK_CALLS,
    NextBlock,
    StopPolicy,
    early_length_check_calls,
    is_settled,
    next_block,
    reserved_calls,
    with_fewer_calls,
)
from leakcheck.analysis.growth.trend import has_sawtooth, latest_rate, rate_without_bounds
from leakcheck.model.answers import BoundedContainer, StatusCount
from leakcheck.model.explanation import NamedCount
from leakcheck.model.failure import Failure, WorkerFailed
from leakcheck.model.result import Budget, DjangoFacts, Meter
from leakcheck.runner.answer_decoding import decode_block, decode_field, decode_lengths
from leakcheck.runner.child_memory import ChildMemory, ReplayingProcess
from leakcheck.runner.process_usage import MappingSamples

_FEWEST_GAINS_CALLS = 8
_FEWEST_FOLLOWED_CALLS, _FOLLOWED_WINDOWS = 20, 24
_GAINS_SECONDS, _GAINS_SHARE = 0.16, 1 / 10
"""Comparing the lengths of containers takes this share of the time so far, or the seconds."""

_MOSTLY_FOLLOWED = 1.5
"""The most that all containers may have gained, in multiples of what the followed ones did: above it, the lengths of
the followed ones do not show what the others do."""

_MOSTLY_TABLES = 1.5
"""In multiples of the most that tables take: a meter that rises faster sees entries as well."""


@dataclass(slots=True)
class GrowthPass:
    """What the growth pass has measured so far; it remains valid when the pass fails."""

    progress: ReplayProgress = field(default_factory=ReplayProgress)
    latencies_ns: tuple[int, ...] = ()
    shape: Shape | None = None
    children: ChildMemory = field(default_factory=ChildMemory)
    gains: ContainerGains | None = None
    """The containers that gained entries; None before they were looked for."""
    bounded_by: BoundedContainer | None = None
    unbounded: tuple[BoundedContainer, ...] = ()
    """Containers without a limit that gain an entry with each call, beside one that has a limit."""
    bounded_bytes_per_call: float = 0.0
    """The part of the growth that is due to containers with a limit, where there are unbounded ones too."""
    resource_names: Mapping[str, tuple[NamedCount, ...]] = field(default_factory=dict)
    """What the rising resources are (open files, threads and the like), by their kind."""
    stopped_by: str | None = None
    start_seconds: float = 0.0
    cpu_seconds: float | None = None
    django: DjangoFacts | None = None
    response_statuses: tuple[StatusCount, ...] = ()
    mapping_samples: MappingSamples = field(default_factory=MappingSamples)
    failure: Failure | None = None


def replay_until_clear(
    state: GrowthPass,
    process: ReplayingProcess,
    policy: StopPolicy,
    budget: Budget,
    resource_budgets: Mapping[str, float],
    watch: Callable[[], None],
    *,
    at_least: int = 0,
) -> None:
    """Replay block after block until the shape is clear, or the calls or the time are exhausted.

    A plateau is clear when no container gains entries; one that does is followed as far as any rise. `watch` is called
    after each block. Raises WorkerFailed; what was measured until then is in the state.
    """
    plateau: Shape | None = None
    reserved = reserved_calls(policy)
    while True:
        upcoming = next_block(state.progress, with_fewer_calls(policy, reserved))
        enough = has_lost_enough(state.progress.readings, resource_budgets)
        if upcoming is None and reserved and shape_of(state.progress, final=True).rising:
            reserved = 0
            continue
        if upcoming is None or enough:
            _finish(state, process, policy, is_enough=enough)
            return
        if state.gains is None and (first := early_length_check_calls(policy)):
            _measure_gains(state, process, policy, first)
            continue
        for block in state.children.split_block(upcoming, state.progress):
            _replay_block(state, process, block)
        state.shape = shape_of(state.progress)
        watch()
        if state.progress.calls < at_least:
            continue
        if state.shape.rising:
            plateau = None
        if plateau is None and not _is_clear(state, policy, budget, resource_budgets):
            if _take_shape_from_gains(state, final=False):
                return
            if state.gains is None and state.progress.calls >= rising_calls(state.progress.seconds_per_call):
                _measure_gains(state, process, policy)
            continue
        if plateau is None:
            if state.shape.rising:
                if _is_rate_known(state, process, policy):
                    return
                continue
            plateau = state.shape
            if state.gains is None:
                _measure_gains(state, process, policy)
        if state.gains is None or not state.gains.has_gained or state.gains.has_stopped():
            state.shape = plateau
            return
        if _take_shape_from_gains(state, final=False):
            return


def _is_clear(state: GrowthPass, policy: StopPolicy, budget: Budget, resource_budgets: Mapping[str, float]) -> bool:
    """Return whether the meters are flat, or rise, so clearly that more calls would change nothing."""
    shape = state.shape
    if shape is None or not (shape.flat or shape.rising):
        return False
    rate = rate_of(shape)
    settled = is_settled(shape, rate, state.progress, budget)
    if not settled and shape.flat and is_native_unseen(state.progress.readings):
        settled = not can_narrow_bound(state.progress, rate.high, budget, policy.calls, policy.seconds)
    return settled and are_settled(state.progress, resource_budgets) and state.children.are_settled(state.progress)


def _finish(state: GrowthPass, process: ReplayingProcess, policy: StopPolicy, *, is_enough: bool) -> None:
    """Set the final shape from the calls that fitted, after comparing lengths where that was not done yet."""
    state.shape = shape_of(state.progress, final=True)
    if is_enough:
        return
    if not state.shape.rising and state.progress.calls >= _FEWEST_FOLLOWED_CALLS:
        left = _calls_left(state, policy)
        if state.gains is None and left > 1:
            _measure_gains(state, process, policy, left // 2)
        if state.gains is not None and state.gains.has_gained and not state.gains.calls:
            cost = max(state.progress.seconds_per_call, 1e-9)
            calls = max(_FEWEST_FOLLOWED_CALLS, min(MOST_LENGTH_CHECK_CALLS, int(_GAINS_SHARE * policy.seconds / cost)))
            if calls := min(_calls_left(state, policy), calls):
                # few readings: the heap is not frozen any more, so each reading collects all of it
                windows = min(_FOLLOWED_WINDOWS, calls)
                per_window = calls // windows
                _replay_block(
                    state, process, NextBlock(windows=windows, calls_per_window=per_window, timed_per_window=per_window)
                )
        gains = state.gains
        if (
            gains is not None
            and gains.has_gained
            and not (_take_shape_from_gains(state, final=True) or gains.has_stopped())
        ):
            state.shape = replace(state.shape, flat=False)
    if not state.shape.flat or state.children.are_unsure(state.progress):
        state.stopped_by = exhausted_limit(state, policy)


def _calls_left(state: GrowthPass, policy: StopPolicy) -> int:
    return (sys.maxsize if policy.calls is None else policy.calls) - state.progress.calls


def _is_rate_known(state: GrowthPass, process: ReplayingProcess, policy: StopPolicy) -> bool:
    """Return whether the rate is known: from the meters, or where only tables rise, from the lengths of containers."""
    assert state.shape is not None
    if state.shape.meter is not Meter.HEAP or (
        state.gains is None and _calls_left(state, policy) < _FEWEST_GAINS_CALLS
    ):
        return True
    if state.gains is None:
        _measure_gains(state, process, policy)
    assert state.gains is not None
    needed = _MOSTLY_TABLES * state.gains.gained_bytes / state.gains.check_calls
    if not state.gains.has_gained or rate_of(state.shape).per_call > needed:
        return True
    return _take_shape_from_gains(state, final=False) or bool(state.gains.calls)


def exhausted_limit(state: GrowthPass, policy: StopPolicy) -> str:
    """Return which limit ended the replay, `calls` or `time`."""
    calls = policy.calls
    return "calls" if calls is not None and state.progress.calls + reserved_calls(policy) >= calls else "time"


def _take_shape_from_gains(state: GrowthPass, *, final: bool) -> bool:
    """Return whether lengths have risen steadily for long enough; if so, set the shape from them.

    Where the meters rise by much more than the tables need, entries are allocated too, and the meters give the rate.
    """
    gains, shape = state.gains, state.shape
    if gains is None or shape is None or not gains.has_gained or not gains.is_rising():
        return False
    if not final and state.progress.calls < rising_calls(state.progress.seconds_per_call):
        return False
    # under a large sawtooth the heap may hold far more than the tables need, and a container that was not followed may
    # be a cache: the meters show that in time
    if not final and (has_sawtooth(shape.tail) or gains.share > _MOSTLY_FOLLOWED):
        return False
    rate = gains.rate()
    if not shape.flat and len(shape.tail):
        most = rate_without_bounds(shape.tail)
        if most > _MOSTLY_TABLES * rate.high:
            if not final:
                return False
            # entries are allocated too: the latest readings are the best estimate of the rate that continues
            late = latest_rate(shape.tail)
            rate = replace(rate, per_call=min(max(late, rate.per_call), most))
        rate = replace(rate, high=max(rate.high, most))
    state.shape = Shape(rising=True, meter=Meter.HEAP, tail=gains.table(), table_rate=rate)
    return True


def _measure_gains(
    state: GrowthPass, process: ReplayingProcess, policy: StopPolicy, most: int = MOST_LENGTH_CHECK_CALLS
) -> None:
    """Replay some calls, no more than are left, and have the process report which containers gained entries."""
    most = min(most, _calls_left(state, policy))
    cost = max(state.progress.seconds_per_call, 1e-9)
    affordable = int(max(_GAINS_SECONDS, _GAINS_SHARE * state.progress.seconds) / cost)
    calls = max(1, min(most, max(_FEWEST_GAINS_CALLS, min(MOST_LENGTH_CHECK_CALLS, affordable))))
    answer = process.ask(
        {"kind": "look", "calls": calls}, during="the search for growing containers", extra_seconds=3 * calls * cost
    )
    add_block(state, answer)
    state.children.record(process, state.progress.calls)
    gained = decode_field(answer, "gains", GainsAnswer)
    state.gains = ContainerGains(
        since=state.progress.calls, check_calls=calls, gained_bytes=gained.gained_bytes, followed=gained.followed
    )


def _replay_block(state: GrowthPass, process: ReplayingProcess, next_block: NextBlock) -> None:
    first = state.progress.calls + 1
    answer = process.ask(
        {
            "kind": "block",
            "windows": next_block.windows,
            "calls_per_window": next_block.calls_per_window,
            "timed_per_window": next_block.timed_per_window,
        },
        during=f"calls {first:,} to {first + next_block.calls - 1:,}",
        # three times what the calls should take: the timeout is for calls that hang, not for slow ones
        extra_seconds=3 * next_block.calls * state.progress.seconds_per_call,
    )
    add_block(state, answer)
    state.children.record(process, state.progress.calls)
    if state.gains is not None and state.gains.has_gained:
        state.gains = state.gains.after(*decode_lengths(answer, len(state.gains.followed)))


def add_block(state: GrowthPass, answer: Mapping[str, object]) -> None:
    """Add a replayed block to the state. Raises WorkerFailed for an answer that is no block."""
    block = decode_block(answer, state.progress.readings, state.progress.calls)
    state.progress = state.progress.after(block)
    state.latencies_ns += block.latencies_ns


def add_failure(state: GrowthPass, failed: WorkerFailed) -> None:
    """Add a failure to the state, with the readings of the block that failed."""
    state.failure = failed.failure
    if failed.block is not None:
        try:
            add_block(state, {"block": failed.block})
        except WorkerFailed as invalid_block:
            state.failure = invalid_block.failure
