"""What the rows of `cost.py` come to: the middle of each tool's repetitions, its ratio to the bare replay. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

LEAKCHECK, BARE = "leakcheck", "bare replay"
_MIB = 1024**2


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One command as it was measured."""

    part: str = ""
    case: str = ""
    tool: str
    repetition: int = 0
    scenarios: int = 1
    jobs: int = 0
    """Side by side; 0 where there is one scenario and nothing to say."""
    peaks: bool = False
    cpu_seconds: float
    """User and system time of the whole command, all its children included."""
    wall_seconds: float
    calls: int | None = None
    """Calls of the function; of all scenarios together."""
    verdict: str = ""
    replay_seconds: float | None = None
    """Wall time within the user's calls."""
    measured_seconds: float | None = None
    """Wall time from the start of the measured process to its end, the judging included; peaks too, where measured."""
    start_seconds: float | None = None
    """Of those, until the first call: the process's start, its imports and the setting up."""
    peak_bytes: int | None = None
    """The most that the command's own process had resident, its children left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """A tool on a load, by the middle of its repetitions."""

    case: str
    tool: str
    calls: float | None
    cpu_seconds: float
    wall_seconds: float
    times_bare: float | None
    """CPU over that of a bare replay of as many calls, its start and its setting up included; of the same minute."""
    own_share: float | None
    """Of the wall time of the growth pass, what was the user's code; known of leakcheck alone."""
    own_share_of_calls: float | None
    """The same, of the growth pass from its first call on."""
    verdicts: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """So many scenarios in one command."""

    scenarios: int
    jobs: int
    peaks: bool
    wall_seconds_each: float
    cpu_seconds_each: float
    times_bare: float
    """CPU over that of as many bare replays, each in a process of its own."""
    peak_mib: float | None


def rows_of(document: Mapping[str, Any]) -> list[Row]:
    """Return the rows of a document."""
    return [Row(**row) for row in document["rows"]]


def costs(rows: Sequence[Row], part: str) -> list[Cost]:
    """Return a figure for each load and tool, in the order in which they were measured; the bare replay has none."""
    mine = [row for row in rows if row.part == part]
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in mine:
        if row.tool != BARE:
            groups.setdefault((row.case, row.tool), []).append(row)
    return [_cost(group, [row for row in mine if row.tool == BARE]) for group in groups.values()]


def _cost(group: Sequence[Row], bare: Sequence[Row]) -> Cost:
    ratios = [ratio for row in group if (ratio := _times_bare(row, bare)) is not None]
    calls = [row.calls for row in group if row.calls is not None]
    return Cost(
        case=group[0].case,
        tool=group[0].tool,
        calls=median(calls) if calls else None,
        cpu_seconds=median(row.cpu_seconds for row in group),
        wall_seconds=median(row.wall_seconds for row in group),
        times_bare=median(ratios) if ratios else None,
        own_share=_own_share(group, from_first_call=False),
        own_share_of_calls=_own_share(group, from_first_call=True),
        verdicts=", ".join(dict.fromkeys(row.verdict for row in group)),
    )


def _own_share(group: Sequence[Row], *, from_first_call: bool) -> float | None:
    shares = [
        row.replay_seconds / (row.measured_seconds - (row.start_seconds or 0.0) * from_first_call)
        for row in group
        if row.replay_seconds is not None and row.measured_seconds
    ]
    return median(shares) if shares else None


def _times_bare(row: Row, bare: Sequence[Row]) -> float | None:
    """Return a row's CPU over a bare replay's: each of the same minute, and reckoned for as many calls."""
    near = [one for one in bare if (one.case, one.repetition) == (row.case, row.repetition)]
    start = next((one.cpu_seconds for one in near if one.calls == 0), None)
    full = next((one for one in near if one.calls), None)
    if row.calls is None or start is None or full is None or not full.calls:
        return None
    per_call = max(full.cpu_seconds - start, 0.0) / full.calls
    return row.cpu_seconds / (start + row.calls * per_call)


def fleets(rows: Sequence[Row]) -> list[Fleet]:
    """Return a figure for each number of scenarios and jobs."""
    mine = [row for row in rows if row.part == "scenarios"]
    groups: dict[tuple[int, int, bool], list[Row]] = {}
    for row in mine:
        if row.tool == LEAKCHECK:
            groups.setdefault((row.scenarios, row.jobs, row.peaks), []).append(row)
    return [
        _fleet(group, [row for row in mine if row.tool == BARE and row.scenarios == group[0].scenarios])
        for group in groups.values()
    ]


def _fleet(group: Sequence[Row], bare: Sequence[Row]) -> Fleet:
    count = group[0].scenarios
    peaks = [row.peak_bytes for row in group if row.peak_bytes is not None]
    each = median(row.cpu_seconds for row in group) / count
    return Fleet(
        scenarios=count,
        jobs=group[0].jobs,
        peaks=group[0].peaks,
        wall_seconds_each=median(row.wall_seconds for row in group) / count,
        cpu_seconds_each=each,
        times_bare=each / median(row.cpu_seconds for row in bare),
        peak_mib=median(peaks) / _MIB if peaks else None,
    )
