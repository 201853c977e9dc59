"""What a waiting person sees: a live line on a terminal, a line for each result elsewhere."""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.text import Text

from leakcheck.analysis.growth.progress import ReplayProgress
from leakcheck.cli.console import make_console
from leakcheck.model.answers import ScenarioInfo
from leakcheck.model.plain_text import plain
from leakcheck.model.result import Result
from leakcheck.model.units import format_duration
from leakcheck.runner.session import Observer

if TYPE_CHECKING:
    from rich.progress import Progress


@contextmanager
def watching() -> Iterator[Observer]:
    """Yield the observer that fits the terminal; nothing of it stays on the screen afterwards."""
    console = make_console(stderr=True)
    if not console.is_terminal:
        yield _ProgressLines()
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        yield _LiveLine(progress)


class _ProgressLines:
    """A line for each result, for logs; only where somebody would wonder whether it still runs."""

    def __init__(self) -> None:
        self._count = 0
        self._done = 0
        self._began = time.monotonic()

    def found(self, scenarios: Sequence[ScenarioInfo]) -> None:
        self._count = self._done + len(scenarios)

    def measuring(self, scenario: ScenarioInfo, doing: str, progress: ReplayProgress) -> None:
        """Say nothing: a log wants no spinner."""

    def measured(self, result: Result) -> None:
        self._done += 1
        if time.monotonic() - self._began < 2 and self._done == self._count:
            return
        if result.growth is None and not result.duration_seconds:
            return  # not measured at all: its sentence says why
        took = format_duration(result.duration_seconds)
        print(
            f"[{self._done}/{self._count}] {plain(result.id)}: {_came_to(result)} ({took})",
            file=sys.stderr,
            flush=True,
        )


class _LiveLine:
    """One line that moves: which scenario, which pass, how many calls."""

    def __init__(self, progress: "Progress") -> None:
        self._progress = progress
        self._task = progress.add_task("looking for scenarios", total=None)

    def found(self, scenarios: Sequence[ScenarioInfo]) -> None:
        self._progress.update(self._task, total=self._progress.tasks[0].completed + len(scenarios))

    def measuring(self, scenario: ScenarioInfo, doing: str, progress: ReplayProgress) -> None:
        calls = f", {progress.calls:,} calls" if doing == "growth" else ""
        self._progress.update(self._task, description=f"{plain(scenario.id)}: {doing}{calls}")

    def measured(self, result: Result) -> None:
        self._progress.advance(self._task)
        self._progress.console.print(Text(f"{plain(result.id)}: {_came_to(result)}", style="dim"))


def _came_to(result: Result) -> str:
    """Return what came of a result: requests that failed, the verdict, and the gate's word where that is another."""
    served = [] if result.limit is None else [f"{result.limit.errors:,} of {result.limit.requests:,} failed"]
    verdict = [] if result.growth is None else [result.verdict]
    return ", ".join(dict.fromkeys([*served, *verdict, result.gate]))
