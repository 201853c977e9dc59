"""Progress while a run is measured: a live line on a terminal, one line per result in a log."""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.text import Text

from leakcheck.analysis.growth.progress import ReplayProgress
from leakcheck.cli.console import make_console
from leakcheck.model.answers import ScenarioInfo
from leakcheck.model.plain_text import escape_control
from leakcheck.model.result import Result
from leakcheck.model.units import format_duration, format_size_beside
from leakcheck.model.verdict import Gate, Verdict
from leakcheck.reporters.messages.cells import GATE_WORDS
from leakcheck.runner.session import Observer

if TYPE_CHECKING:
    from rich.progress import Progress

_QUICK_SECONDS = 2.0


@contextmanager
def progress_observer() -> Iterator[Observer]:
    """Yield the observer for this terminal or log; a live line is erased at the end."""
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
    """One line per result, for logs; without the last if the run took less than 2 s, as the results follow at once."""

    def __init__(self) -> None:
        self._count = 0
        self._done = 0
        self._began = time.monotonic()

    def collected(self, scenarios: Sequence[ScenarioInfo]) -> None:
        self._count = self._done + len(scenarios)

    def measuring(self, scenario: ScenarioInfo, doing: str, progress: ReplayProgress) -> None:
        """Print nothing: a log needs no spinner."""

    def measured(self, result: Result) -> None:
        self._done += 1
        if time.monotonic() - self._began < _QUICK_SECONDS and self._done == self._count:
            return
        if result.growth is None and not result.duration_seconds:
            return  # not measured at all; the results say why
        line = (
            f"[{self._done}/{self._count}] {result.id}: {_outcome(result)}, {format_duration(result.duration_seconds)}"
        )
        print(escape_control(line), file=sys.stderr, flush=True)


class _LiveLine:
    """One line that is redrawn: the scenario, the pass, and the number of calls."""

    def __init__(self, progress: "Progress") -> None:
        self._progress = progress
        self._task = progress.add_task("collecting scenarios", total=None)

    def collected(self, scenarios: Sequence[ScenarioInfo]) -> None:
        self._progress.update(self._task, total=self._progress.tasks[0].completed + len(scenarios))

    def measuring(self, scenario: ScenarioInfo, doing: str, progress: ReplayProgress) -> None:
        calls = f", {progress.calls:,} calls" if doing == "growth" else ""
        self._progress.update(self._task, description=f"{escape_control(scenario.id)}: {doing}{calls}")

    def measured(self, result: Result) -> None:
        self._progress.advance(self._task)
        self._progress.console.print(Text(escape_control(f"{result.id}: {_outcome(result)}"), style="dim"))


def _outcome(result: Result) -> str:
    """Return the gate with the verdict: `pass`, or `FAIL peak 76.3 MiB > 10.0 MiB (no leak)`."""
    gate = GATE_WORDS[result.gate]
    if result.gate is Gate.OVER:
        gate = f"{gate} {', '.join(_failure(result, name) for name in result.over_budget)}".rstrip()
    verdict = "" if result.growth is None or result.verdict.value == result.gate.value else result.verdict.value
    if result.verdict is Verdict.CLEAN:
        verdict = "no leak" if result.gate is Gate.OVER else ""
    limit = result.memory_limit
    requests = "" if limit is None else f"{limit.errors:,} of {limit.requests:,} requests failed, "
    return f"{requests}{gate}{f' ({verdict})' if verdict else ''}"


def _failure(result: Result, name: str) -> str:
    """Return what failed, with its figure and the budget if that is exceeded; else a baseline was."""
    budget = result.budget
    if name == "growth" and result.growth is not None and result.growth.low > budget.growth_bytes_per_1000_calls:
        rate, limit, unit = result.growth.bytes_per_1000_calls, budget.growth_bytes_per_1000_calls, " per 1000 calls"
    elif name == "peak" and budget.peak_bytes is not None and (result.peak_bytes or 0) > budget.peak_bytes:
        rate, limit, unit = result.peak_bytes or 0, budget.peak_bytes, ""
    else:
        return name
    return f"{name} {format_size_beside(rate, limit)} > {format_size_beside(limit, rate)}{unit}"
