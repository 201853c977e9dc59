"""The incident's table, measured here and now: `make story`, or

    python -m scenarios.newsletter.story [--memory SIZE] [--rows N] [--requests N] [--database NAME]

The newsletter is served under a memory limit by `leakcheck limit`, as it was sent before the incident and as
it is sent since, and the four figures that were reported are measured from that run, beside the story's own figures.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from leakcheck.cli.console import make_console
from leakcheck.model.memory_limit import LimitResult
from leakcheck.model.units import format_duration, format_size
from leakcheck.scenario import without_password
from leakcheck.storage.run_file import load
from scenarios.newsletter.databases import PROJECT

BEFORE, SINCE, BESIDE = "naive", "iterator", ("keyset", "values")
SENDS_A_DAY = 33
"""So that 15 % of them are five: the story's own figures, if each send that failed was a crash."""

ROOM = "2GiB"
_REQUESTS_WITH_ROOM = 20

_ENDED_WELL = (0, 1, 6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row of the incident's table."""

    name: str
    reported: str
    figure: Callable[[LimitResult], str]
    why: "Callable[[Ran], str]"
    """The sentence that says why ours differs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """How all went."""

    limits: Mapping[str, LimitResult]
    """Under the limit, by strategy."""
    with_room: LimitResult
    """Before, where memory does not end."""


def _errors(limit: LimitResult) -> str:
    rate = limit.error_rate
    return f"{rate.value:.1%}\n{rate.low:.1%} to {rate.high:.1%}"


def _latency(limit: LimitResult) -> str:
    return "no send succeeded" if limit.latency_seconds is None else format_duration(limit.latency_seconds.p50)


def _memory(limit: LimitResult) -> str:
    return "unknown" if limit.peak_rss_bytes is None else format_size(limit.peak_rss_bytes)


def _crashes(limit: LimitResult) -> str:
    return f"{limit.crashes_per_1000 * SENDS_A_DAY / 1000:.1f}"


def _why_errors(ran: Ran) -> str:
    before, since = ran.limits[BEFORE], ran.limits[SINCE]
    return (
        f"here {before.concurrency} sends are always under way and one that fails is followed by the next at once, "
        "where the story's met now and then; and nothing else goes wrong here, so that "
        f"{since.errors} of {since.requests} fail since, where a real service keeps its 1 %."
    )


def _why_latency(ran: Ran) -> str:
    with_room, since = ran.with_room.latency_seconds, ran.limits[SINCE].latency_seconds
    said = ""
    if with_room is not None and since is not None:
        times = with_room.p50 / since.p50
        said = f" (with room, naive takes {format_duration(with_room.p50)}, {times:.1f} times what iterator() takes)"
    return (
        f"of sends that succeeded; iterator() saves holding the rows and not reading them{said}, so what took 2500 ms "
        "down to 300 ms was less work per row, as in the column of values, or a machine that no longer swapped."
    )


def _why_memory(ran: Ran) -> str:
    return (
        f"this is one worker with a small project in it, and naive, which takes {_memory(ran.with_room)} with room, is "
        f"held to {format_size(ran.limits[BEFORE].memory_bytes)}; the story's had a whole application in it, more rows "
        "and a larger limit."
    )


def _why_crashes(ran: Ran) -> str:
    before = ran.limits[BEFORE]
    if "RLIMIT" in before.limiter:
        how = "makes an allocation past it a MemoryError that most workers outlive, where the story's was killed"
    else:
        how = "has the kernel kill a worker that passes it, as in the story"
    failed = before.errors * SENDS_A_DAY / before.requests
    return (
        f"at {SENDS_A_DAY} sends a day (15 % of which are five); {before.limiter} {how}, and counted by sends that "
        f"failed naive has {failed:.1f} a day."
    )


ROWS = (
    Row(name="error rate", reported="15 % → 1 %", figure=_errors, why=_why_errors),
    Row(name="median latency", reported="2500 ms → 300 ms", figure=_latency, why=_why_latency),
    Row(name="worker's memory", reported="512 MB → 100 MB", figure=_memory, why=_why_memory),
    Row(name="crashes a day", reported="5 → 0", figure=_crashes, why=_why_crashes),
)


class Failed(Exception):
    """It could not be measured; the message is what was said of it."""


def served(
    strategies: Sequence[str], *, memory: str, rows: int, requests: int, database: str
) -> dict[str, LimitResult]:
    """Return how `leakcheck limit` says that each went; progress is on standard error. Raises Failed otherwise."""
    with tempfile.TemporaryDirectory() as folder:
        document = Path(folder) / "run.json"
        command = [
            *(sys.executable, "-m", "leakcheck", "limit", "scenarios/newsletter", "-k", " or ".join(strategies)),
            *("--database", database, f"--memory={memory}", f"-olimit.rows={rows}", f"--requests={requests}"),
            # how it grows is reported elsewhere: some calls are enough here
            *("--concurrency=2", "--calls=10", "--timeout=30", "--allow-inconclusive"),
            *(f"--output={folder}", f"--json={document}"),
        ]
        ran = subprocess.run(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True, check=False)
        if ran.returncode not in _ENDED_WELL:
            raise Failed(ran.stdout)
        results = load(document).results
    return {str(result.variant): result.memory_limit for result in results if result.memory_limit is not None}


def story_table(ran: Ran) -> Table:
    """Return the four rows."""
    table = Table()
    table.add_column("")
    for name in ("the story", f"{BEFORE}\n(before)", f"{SINCE}\n(since)", *BESIDE):
        table.add_column(name, justify="right")
    for row in ROWS:
        table.add_row(row.name, row.reported, *(row.figure(ran.limits[name]) for name in (BEFORE, SINCE, *BESIDE)))
    return table


def main() -> int:
    """Measure, print the table with a sentence a row, and return 0."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--memory", default="100MiB", help="the limit (default 100MiB)")
    options.add_argument("--rows", type=int, default=30_000, help="subscribers (default 30000)")
    options.add_argument("--requests", type=int, default=100, help="sends in each way (default 100)")
    options.add_argument("--database", default="sqlite", help="sqlite (default), postgresql, mariadb, or a URL")
    said = options.parse_args()
    where = {"rows": said.rows, "database": said.database}
    roomy = served([BEFORE], memory=ROOM, requests=_REQUESTS_WITH_ROOM, **where)
    limits = served([BEFORE, SINCE, *BESIDE], memory=said.memory, requests=said.requests, **where)
    ran = Ran(limits=limits, with_room=roomy[BEFORE])
    console, one = make_console(), limits[BEFORE]
    console.print(
        f"{one.requests} sends in each way to {said.rows:,} subscribers, {one.concurrency} at a time, under "
        f"{format_size(one.memory_bytes)} ({one.limiter}, {one.server}), over {without_password(said.database)}:",
        markup=False,
    )
    console.print(story_table(ran))
    for row in ROWS:
        console.print(f"{row.name}: {row.why(ran)}", markup=False)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failed as failed:
        sys.exit(str(failed))
