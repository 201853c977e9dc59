"""What the rows of `beside.py` come to: who was right, at what cost, and where a peer is better. Pure."""

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from outcomes import Kind, Row, Standing
from peers.registry import LEAKCHECK

RATE_TOLERANCE_PERCENT = 5.0
_WORST_LAST = list(Standing)


@dataclass(frozen=True, slots=True, kw_only=True)
class Accuracy:
    """How often one tool was right."""

    tool: str
    memory: int
    memory_found: int
    other: int
    """Arms that lose files, sockets or children while memory stands still."""
    other_found: int
    nothing: int
    nothing_right: int
    false_alarms: int
    undecided: int
    failed: int
    rates: int
    """Leaks that were found and for which it gave a rate that can be compared."""
    rates_close: int
    """Of these, how many are within 5 % of what is known."""
    median_error_percent: float | None
    named: int
    nameable: int
    """Leaks that were found, whose culprit is known; 0 for a tool that names nothing."""

    @property
    def right(self) -> int:
        """Arms on which it was right."""
        return self.memory_found + self.other_found + self.nothing_right


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """The middle of some figures, and their ends."""

    median: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one tool took on a group of arms."""

    tool: str
    arms: int
    calls: Spread
    cpu_seconds: Spread
    ratio: Spread | None
    """Over a bare replay of as many calls in a process of its own; None where none was made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """leakcheck and one peer, over the arms that both judge rightly."""

    tool: str
    arms: int
    cpu: Spread
    """leakcheck's CPU seconds over the peer's, arm by arm; below 1 where leakcheck is cheaper."""
    calls: Spread


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A tool on the small functions, with its usual calls times `factor`."""

    tool: str
    factor: int
    right: bool
    mistakes: tuple[str, ...]
    calls: int
    """For all functions together, and so the seconds; the median of the repetitions."""
    cpu_seconds: float


def joined(rows: Iterable[Row]) -> list[Row]:
    """Return a row for each arm and tool: the worst standing of its repetitions, and the medians of its figures."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.arm, row.tool), []).append(row)
    return [_joined(group) for group in groups.values()]


def _joined(rows: Sequence[Row]) -> Row:
    worst = max(rows, key=lambda row: _WORST_LAST.index(row.standing))
    calls = _median(row.calls for row in rows)
    return replace(
        worst,
        calls=None if calls is None else round(calls),
        cpu_seconds=statistics.median(row.cpu_seconds for row in rows),
        wall_seconds=statistics.median(row.wall_seconds for row in rows),
        bare_cpu_seconds=_median(row.bare_cpu_seconds for row in rows),
    )


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def spread(values: Iterable[float | None]) -> Spread | None:
    """Return the median of what is known and its ends; None where nothing is."""
    known = [value for value in values if value is not None]
    return Spread(median=statistics.median(known), low=min(known), high=max(known)) if known else None


def accuracy(tool: str, rows: Iterable[Row]) -> Accuracy:
    """Return how often a tool was right; the rows are joined."""
    mine = [row for row in rows if row.tool == tool]
    errors = [abs(row.error_percent) for row in mine if row.error_percent is not None]

    def count(kind: Kind, standing: Standing | None = None) -> int:
        return sum(row.kind is kind and (standing is None or row.standing is standing) for row in mine)

    def at_all(standing: Standing) -> int:
        return sum(row.standing is standing for row in mine)

    return Accuracy(
        tool=tool,
        memory=count(Kind.MEMORY),
        memory_found=count(Kind.MEMORY, Standing.RIGHT),
        other=count(Kind.OTHER),
        other_found=count(Kind.OTHER, Standing.RIGHT),
        nothing=count(Kind.NOTHING),
        nothing_right=count(Kind.NOTHING, Standing.RIGHT),
        false_alarms=at_all(Standing.FALSE_ALARM),
        undecided=at_all(Standing.UNDECIDED),
        failed=at_all(Standing.FAILED),
        rates=len(errors),
        rates_close=sum(error <= RATE_TOLERANCE_PERCENT for error in errors),
        median_error_percent=statistics.median(errors) if errors else None,
        named=sum(row.named is True for row in mine),
        nameable=sum(row.named is not None for row in mine),
    )


def right_with_all(rows: Sequence[Row], kinds: Iterable[Kind]) -> set[str]:
    """Return the arms of those kinds about which every tool is right."""
    wrong = {row.arm for row in rows if row.standing is not Standing.RIGHT}
    return {row.arm for row in rows if row.kind in set(kinds)} - wrong


def cost(tool: str, rows: Iterable[Row], arms: Iterable[str]) -> Cost | None:
    """Return what a tool took on those arms; None where it took part in none."""
    chosen = set(arms)
    mine = [row for row in rows if row.tool == tool and row.arm in chosen]
    calls, cpu = spread(row.calls for row in mine), spread(row.cpu_seconds for row in mine)
    if calls is None or cpu is None:
        return None
    ratio = spread(row.ratio for row in mine)
    return Cost(tool=tool, arms=len(mine), calls=calls, cpu_seconds=cpu, ratio=ratio)


def pair(tool: str, rows: Sequence[Row]) -> Pair | None:
    """Return leakcheck beside one peer over the arms that both judge rightly; None where there are none."""
    ours = {row.arm: row for row in rows if row.tool == LEAKCHECK and row.standing is Standing.RIGHT}
    theirs = [row for row in rows if row.tool == tool and row.standing is Standing.RIGHT and row.arm in ours]
    cpu = spread(ours[row.arm].cpu_seconds / row.cpu_seconds for row in theirs)
    calls = spread(_over(ours[row.arm].calls, row.calls) for row in theirs)
    return None if cpu is None or calls is None else Pair(tool=tool, arms=len(theirs), cpu=cpu, calls=calls)


def cheaper(rows: Sequence[Row], tools: Iterable[str]) -> list[str]:
    """Return a sentence for each peer that takes less CPU, or fewer calls, over the arms that both judge rightly."""
    pairs = [found for tool in tools if tool != LEAKCHECK and (found := pair(tool, rows))]
    return [
        f"{one.tool}: {unit}, where both are right (leakcheck takes {ratio.median:,.1f} times as {many} in the middle)"
        for one in pairs
        for unit, many, ratio in (("CPU seconds", "much", one.cpu), ("calls", "many", one.calls))
        if ratio.median > 1
    ]


def _over(above: int | None, below: int | None) -> float | None:
    return above / below if above and below else None


def attempts(functions: Sequence[Row], wanted: Sequence[str]) -> list[Attempt]:
    """Return what came of each tool and factor; right means right about all that are wanted, in each repetition."""
    found = []
    counted = [row for row in functions if row.arm in wanted]
    for tool, factor in dict.fromkeys((row.tool, row.factor) for row in counted):
        mine = [row for row in counted if (row.tool, row.factor) == (tool, factor)]
        by_arm = joined(mine)
        wrong = [row for row in by_arm if row.standing is not Standing.RIGHT]
        found.append(
            Attempt(
                tool=tool,
                factor=factor,
                right=not wrong and len(by_arm) == len(wanted),
                mistakes=tuple(f"{row.arm.removesuffix('-function')}: {_said(row)}" for row in wrong),
                calls=sum(row.calls or 0 for row in by_arm),
                cpu_seconds=sum(row.cpu_seconds for row in by_arm),
            )
        )
    return found


def _said(row: Row) -> str:
    return row.detail if row.standing is Standing.FAILED else str(row.standing)


def peers_right_alone(rows: Sequence[Row]) -> dict[str, list[str]]:
    """Return the arms on which leakcheck is not right, each with the tools that are."""
    ours = {row.arm for row in rows if row.tool == LEAKCHECK and row.standing is not Standing.RIGHT}
    return {
        arm: [row.tool for row in rows if row.arm == arm and row.standing is Standing.RIGHT] for arm in sorted(ours)
    }


_COLUMNS: tuple[tuple[str, Callable[[Accuracy], int]], ...] = (
    ("memory leaks found", lambda one: one.memory_found),
    ("other leaks found", lambda one: one.other_found),
    ("false alarms", lambda one: -one.false_alarms),
    ("undecided", lambda one: -one.undecided),
    ("failures", lambda one: -one.failed),
    ("rates within 5 %", lambda one: one.rates_close),
    ("culprits named", lambda one: one.named),
)
"""More is better."""


def ahead(counted: Sequence[Accuracy]) -> list[str]:
    """Return a sentence for each column of the accuracy table in which a peer is ahead of leakcheck."""
    ours = next((one for one in counted if one.tool == LEAKCHECK), None)
    if ours is None:
        return []
    return [
        f"{one.tool}: {column} ({abs(value(one))} against {abs(value(ours))})"
        for column, value in _COLUMNS
        for one in counted
        if value(one) > value(ours)
    ]
