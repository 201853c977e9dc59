"""Follow a scenario until it is clear what its memory does: block after block, then a look at what gains entries.

The meters are exact and see what is allocated. What they cannot see is a table with room for more: so nothing is
called still before the lengths of what exists were looked at, and no growth is excused by a container that did not
gain the bytes within the calls that were read.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import msgspec

from leakcheck.analysis.gains import Follow, Gains
from leakcheck.analysis.growth import estimate_growth, rate_of
from leakcheck.analysis.numeric import prepare_special_functions
from leakcheck.analysis.patience import Patience, Step, is_settled, next_step
from leakcheck.analysis.progress import Progress
from leakcheck.analysis.resources import are_settled, is_enough, judge_resources
from leakcheck.analysis.shape import FEWEST_CALLS, FLAT_CALLS, QUIET_CALLS, Shape, rising_calls, shape_of
from leakcheck.analysis.verdict import holder_with_limit
from leakcheck.explanation import Named
from leakcheck.model import Block, Budget, Growth, Limited, Meter, Trouble, Weighed
from leakcheck.units import CALLS_PER_RATE

_WEIGHED_SHARE = 1 / 20
_FEWEST_WEIGHED, _LONGEST_WEIGHING_SECONDS = 8, 2.0
"""A rate that one or two calls showed is none: eight are replayed also where they are dear."""

_MOST_LOOKED_AT, _FEWEST_LOOKED_AT = 100, 8
_FEWEST_FOLLOWED = 20
_LOOK_SECONDS, _LOOK_SHARE = 0.16, 1 / 10
"""A look at lengths replays as many calls as this share of the time so far allows, between the two numbers."""

_MOST_ENDS = 3
"""How often a growth that does not go on is followed further."""


class Process(Protocol):
    """What can be asked to replay: a worker, or a process that lives on afterwards."""

    def ask(self, message: Mapping[str, Any], *, during: str, extra_seconds: float = 0.0) -> dict[str, Any]:
        """Return the answer, as `Worker.ask` does. Raises WorkerFailed."""


@dataclass(slots=True)
class GrowthPass:
    """What the growth pass has found out so far; all of it stands when the pass fails."""

    progress: Progress = field(default_factory=Progress)
    latencies_ns: tuple[int, ...] = ()
    shape: Shape | None = None
    gains: Gains | None = None
    """What gained entries; None before it was looked for."""
    bounded_by: Limited | None = None
    beside: tuple[Limited, ...] = ()
    """What gains an entry with each call and has no limit, beside what has one."""
    filled_bytes_per_call: float = 0.0
    """What containers with a limit took of the growth while there was something beside them."""
    named: Mapping[str, tuple[Named, ...]] = field(default_factory=dict)
    """What rises beside memory, by its kind."""
    stopped_by: str | None = None
    start_seconds: float = 0.0
    cpu_seconds: float | None = None
    django: Mapping[str, Any] | None = None
    trouble: Trouble | None = None


def follow_and_weigh(
    seen: GrowthPass,
    process: Process,
    patience: Patience,
    budget: Budget,
    allowed: Mapping[str, float],
    watch: Callable[[], None],
) -> None:
    """Follow, name what rises beside memory, and find out whether what grows has a limit; the process may end then."""
    follow(seen, process, patience, budget, allowed, watch)
    _name(seen, process, allowed)
    for _ in range(_MOST_ENDS):
        if not _weigh(seen, process):
            return
        # something is full and the growth that was read has ended: more calls tell what is left of it
        calls = seen.progress.calls
        follow(seen, process, patience, budget, allowed, watch, at_least=int(calls * 1.35))
        if seen.progress.calls == calls:
            break
        if seen.shape is not None and seen.shape.flat:
            return
    if seen.shape is not None and seen.shape.rising:
        seen.shape = replace(seen.shape, rising=False)
        seen.stopped_by = seen.stopped_by or "time"


def follow(
    seen: GrowthPass,
    process: Process,
    patience: Patience,
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
    while True:
        step = next_step(seen.progress, patience)
        enough = is_enough(seen.progress.readings, allowed)
        if step is None or enough:
            _end(seen, process, patience, is_enough=enough)
            return
        if left := _left_for_a_look(seen, patience):
            _look(seen, process, left)
            continue
        _block(seen, process, step)
        seen.shape = shape_of(seen.progress)
        watch()
        if seen.progress.calls < at_least:
            continue
        if not (seen.shape.flat or seen.shape.rising) and still is None:
            if seen.progress.calls >= QUIET_CALLS:
                prepare_special_functions()
            if seen.gains is None and seen.progress.calls >= rising_calls(seen.progress.seconds_per_call):
                _look(seen, process)
            elif _gained(seen, final=False):
                return
            continue
        if still is None:
            rate = rate_of(seen.shape)
            if not (is_settled(seen.shape, rate, seen.progress, budget) and are_settled(seen.progress, allowed)):
                continue
            if seen.shape.rising:
                return
            still = seen.shape
            if seen.gains is None:
                _look(seen, process)
        if seen.gains is None or not seen.gains.any or seen.gains.has_stopped():
            seen.shape = still
            return
        if _gained(seen, final=False):
            return


def _end(seen: GrowthPass, process: Process, patience: Patience, *, is_enough: bool) -> None:
    """Judge by the calls that fitted, and by a last look at lengths where there was none."""
    seen.shape = shape_of(seen.progress, final=True)
    if is_enough:
        return
    if not seen.shape.rising and seen.progress.calls >= _FEWEST_FOLLOWED:
        if seen.gains is None and patience.calls is None:
            _look(seen, process)
        if patience.calls is None and seen.gains is not None and seen.gains.any and not seen.gains.calls:
            cost = max(seen.progress.seconds_per_call, 1e-9)
            calls = max(_FEWEST_FOLLOWED, min(FEWEST_CALLS, int(_LOOK_SHARE * patience.seconds / cost)))
            _block(seen, process, Step(windows=calls, calls_per_window=1, timed_per_window=1))
        gains = seen.gains
        if gains is not None and gains.any and not (_gained(seen, final=True) or gains.has_stopped()):
            seen.shape = replace(seen.shape, flat=False)
    if not seen.shape.flat:
        used_up = patience.calls is not None and seen.progress.calls >= patience.calls
        seen.stopped_by = "calls" if used_up else "time"


def _gained(seen: GrowthPass, *, final: bool) -> bool:
    """Tell whether lengths rise steadily for long enough to be believed; then that is the shape."""
    gains = seen.gains
    if gains is None or not gains.any or not gains.is_rising():
        return False
    if not final and seen.progress.calls < rising_calls(seen.progress.seconds_per_call):
        return False
    seen.shape = Shape(rising=True, meter=Meter.HEAP, tail=gains.table(), table_rate=gains.rate())
    return True


def _left_for_a_look(seen: GrowthPass, patience: Patience) -> int:
    """Return the calls that a look at lengths may take of those that are allowed; 0 for not now.

    Of few calls it takes the first quarter, so that the rest can be read in one piece.
    """
    if seen.gains is not None or patience.calls is None or patience.calls < FEWEST_CALLS:
        return 0
    left = patience.calls - seen.progress.calls
    few = patience.calls < FLAT_CALLS
    return patience.calls // 4 if few else left // 2 if left <= patience.calls / 2 else 0


def _look(seen: GrowthPass, process: Process, most: int = _MOST_LOOKED_AT) -> None:
    """Replay some calls between two looks at all lengths."""
    cost = max(seen.progress.seconds_per_call, 1e-9)
    affordable = int(max(_LOOK_SECONDS, _LOOK_SHARE * seen.progress.seconds) / cost)
    calls = max(1, min(most, max(_FEWEST_LOOKED_AT, min(_MOST_LOOKED_AT, affordable))))
    answer = process.ask(
        {"kind": "look", "calls": calls}, during="the look at what gains entries", extra_seconds=3 * calls * cost
    )
    take(seen, answer)
    gains = answer["gains"]
    seen.gains = Gains(
        since=seen.progress.calls,
        looked_at=calls,
        gained_bytes=gains["gained_bytes"],
        followed=msgspec.convert(gains["followed"], tuple[Follow, ...]),
    )


def _block(seen: GrowthPass, process: Process, step: Step) -> None:
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
    if seen.gains is not None and seen.gains.any:
        readings = answer["block"]["readings"]
        lengths = [readings[f"followed_{at}"] for at in range(len(seen.gains.followed))]
        seen.gains = seen.gains.after(readings["calls"], lengths)


def take(seen: GrowthPass, answer: Mapping[str, Any]) -> None:
    """Add a block that was replayed to what is known."""
    block = msgspec.convert(answer["block"], Block)
    seen.progress = seen.progress.after(block)
    seen.latencies_ns += block.latencies_ns


def growth_of(seen: GrowthPass, shape: Shape) -> Growth:
    """Return the growth; of what grows beside a container with a limit, what is left without that one."""
    growth = estimate_growth(seen.progress, shape)
    if not seen.beside:
        return growth
    beside = sum(one.bytes_per_1000_calls for one in seen.beside)
    left = growth.high - CALLS_PER_RATE * seen.filled_bytes_per_call
    return replace(growth, bytes_per_1000_calls=beside, low=min(beside, max(growth.low, 0.0)), high=max(beside, left))


def _name(seen: GrowthPass, process: Process, allowed: Mapping[str, float]) -> None:
    """Ask what the open files, threads and the like are, where they rise: that process has them all at hand."""
    risen = [resource.kind.value for resource in judge_resources(seen.progress.readings, allowed)]
    if risen:
        answer = process.ask({"kind": "name", "resources": risen}, during="the naming of what rises")
        seen.named = msgspec.convert(answer["resources"], dict[str, tuple[Named, ...]])


def _weigh(seen: GrowthPass, process: Process) -> bool:
    """Ask for filling containers with a limit, where the heap rises; tell whether the growth has ended meanwhile."""
    if seen.shape is None or seen.shape.flat or seen.shape.meter is Meter.RSS:
        return False
    growth = estimate_growth(seen.progress, seen.shape)
    if growth.bytes_per_1000_calls <= 0:
        return False
    cost = max(seen.progress.seconds_per_call, 1e-9)
    most = max(_FEWEST_WEIGHED, int(_LONGEST_WEIGHING_SECONDS / cost))
    calls = max(1, min(int(seen.progress.calls * _WEIGHED_SHARE), most), min(_FEWEST_WEIGHED, seen.progress.calls))
    answer = process.ask(
        {"kind": "weigh", "calls": calls, "rate": max(growth.low, 0.0) / CALLS_PER_RATE},
        during="the search for limits",
        extra_seconds=6 * calls * cost,
    )
    weighed = msgspec.convert(answer["weighed"], Weighed)
    if weighed.has_ended:
        return True
    holder = holder_with_limit(growth, weighed.limited)
    if holder is not None and weighed.beside:
        seen.beside = weighed.beside
        seen.filled_bytes_per_call = sum(one.bytes_per_1000_calls for one in weighed.limited) / CALLS_PER_RATE
    else:
        seen.bounded_by = holder
    return False
