"""Compare two sides: two runs, two variants, or two revisions that are measured in turn.

Each side is measured by the `leakcheck run` command in a separate process, started in the side's folder, so that both
are measured in the same way and do not affect each other.
"""

import hashlib
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from leakcheck import __version__
from leakcheck.analysis.compare.runs import compare_results
from leakcheck.analysis.gate.verdict import peak_has_died
from leakcheck.config.values import LOCAL
from leakcheck.model.comparison import COMPARISON_SCHEMA, Comparison, Side
from leakcheck.model.errors import NothingMeasured, StoreError, UsageError
from leakcheck.model.result import Result
from leakcheck.model.run import Run
from leakcheck.model.tolerance import Tolerance
from leakcheck.storage import run_file

Watch = Callable[[str], None]
Rounds = tuple[Sequence[Run], Sequence[Run]]

_MAX_OUTPUT_CHARACTERS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class SideSource:
    """One side of a comparison, and how to measure it."""

    label: str
    folder: Path
    targets: tuple[str, ...]
    python: str | None = None
    commit: str | None = None
    content: str = ""
    """Identifies everything that the side's figures depend on; empty if that is unknown, and then nothing is cached."""


def compare_runs(before: Run, after: Run, labels: tuple[str, str], tolerance: Tolerance) -> Comparison:
    """Compare two saved runs. Raises NothingMeasured if they have no scenario in common."""
    sides = _side(labels[0], before), _side(labels[1], after)
    return _compare(*sides, [before.results], [after.results], tolerance, side_by_side=False)


def compare_variants(run: Run, before: str, after: str, tolerance: Tolerance) -> Comparison:
    """Compare two variants of each scenario of a run. Raises NothingMeasured if no scenario has both."""
    old, new = ([[result for result in run.results if result.variant == name]] for name in (before, after))
    return _compare(_side(before, run), _side(after, run), old, new, tolerance, side_by_side=True, by_variant=True)


def measure_sides(
    before: SideSource,
    after: SideSource,
    *,
    rounds: int,
    arguments: Sequence[str],
    cache: Path | None,
    output: Path,
    watch: Watch,
) -> Rounds:
    """Measure both sides in turn, `rounds` times each, and return their runs.

    The order alternates from round to round, so that drift of the machine affects both sides alike. Each document is
    saved to `output` at once; one of the same contents that the folder `cache` already has is not measured again.
    Raises UsageError and StoreError.
    """
    runs: tuple[list[Run], list[Run]] = ([], [])
    contents = hashlib.sha256(repr((before.content, after.content, arguments, __version__)).encode()).hexdigest()[:20]
    cache = cache / contents if cache is not None and before.content and after.content else None
    for number, side in alternate(before, after, rounds):
        name = document_name(number, is_before=side is before)
        run = None if cache is None else _load_cached(cache / name)
        if run is None:
            watch(f"measuring {side.label}, round {number} of {rounds}")
            # the peak pass is run in every round: with options of its own, it gives the latencies
            run = _measure(side, arguments, output / name)
            if cache is not None and run.finished:
                cache.mkdir(parents=True, exist_ok=True)
                run_file.save(run, cache / name)
        run_file.save(run, output / name)
        runs[side is after].append(run)
    return runs


def compare_rounds(
    before: SideSource, after: SideSource, rounds: Rounds, tolerance: Tolerance, *, by_variant: bool = False
) -> Comparison:
    """Compare two sides, each with the runs of its rounds. Raises NothingMeasured as `compare_runs` does."""
    old, new = rounds
    return _compare(
        _side(before.label, old[0], before.commit, len(old), "before"),
        _side(after.label, new[0], after.commit, len(new), "after"),
        [run.results for run in old],
        [run.results for run in new],
        tolerance,
        side_by_side=True,
        by_variant=by_variant,
    )


def alternate(before: SideSource, after: SideSource, rounds: int) -> Iterator[tuple[int, SideSource]]:
    """Yield the round's number and the side in the order of measurement; every other round starts with `after`."""
    for number in range(1, rounds + 1):
        for side in (before, after) if number % 2 else (after, before):
            yield number, side


def document_name(number: int, *, is_before: bool) -> str:
    """Return the file name of a side's run document."""
    return f"{'before' if is_before else 'after'}-{number}.json"


def _load_cached(path: Path) -> Run | None:
    try:
        return run_file.load(path) if path.exists() else None
    except StoreError:
        return None  # of another version, or damaged: measure again


def _measure(side: SideSource, arguments: Sequence[str], document: Path) -> Run:
    """Return the run of one side. Raises UsageError if the command wrote no document."""
    # -P: the side's folder may contain another leakcheck, which must not be imported
    command = [sys.executable, "-P", "-m", "leakcheck", "run", *side.targets, *arguments, "--explain", "never"]
    path = document.resolve()
    if side.python is not None:
        command += ["--python", side.python]
    # overrides project and environment: only both sides together may go to a cluster (`compare.dask`)
    command += ["--executor", LOCAL, "--json", str(path), "--output", str(path.parent / "runs")]
    process = subprocess.run(command, cwd=side.folder, capture_output=True, text=True, errors="replace", check=False)
    if not document.is_file():
        output = (process.stderr.strip() or process.stdout.strip())[-_MAX_OUTPUT_CHARACTERS:]
        raise UsageError(f"{side.label}: nothing was measured (exit code {process.returncode}): {output}")
    return run_file.load(document)


def _side(label: str, run: Run, commit: str | None = None, rounds: int = 0, name: str = "") -> Side:
    environment = run.environment
    return Side(
        label=label,
        commit=commit or (environment.git_commit if environment is not None else None),
        python=None if environment is None else f"{environment.implementation} {environment.python}",
        documents=tuple(f"{name}-{number}.json" for number in range(1, rounds + 1)),
    )


def _compare(
    before: Side,
    after: Side,
    old: Sequence[Sequence[Result]],
    new: Sequence[Sequence[Result]],
    tolerance: Tolerance,
    *,
    side_by_side: bool,
    by_variant: bool = False,
) -> Comparison:
    """Return the comparison of the scenarios on both sides; `old` and `new` hold the results of each round."""
    old_by_name, new_by_name = _by_name(old, by_variant), _by_name(new, by_variant)
    common = [name for name in new_by_name if name in old_by_name]
    if not common:
        raise NothingMeasured(
            f"{before.label} and {after.label} have no scenario in common; the first has "
            f"{', '.join(old_by_name) or 'none'}, the second {', '.join(new_by_name) or 'none'}"
        )
    notes = list(_failures(before.label, old_by_name))
    notes += [f"{name} is in {before.label} alone" for name in old_by_name if name not in new_by_name]
    notes += [f"{name} is in {after.label} alone" for name in new_by_name if name not in old_by_name]
    if before.python != after.python:
        notes.append(
            f"{before.label} ran on {before.python}, {after.label} on {after.python}: that is part of the change"
        )
    machines = {name: _machines([*old_by_name[name], *new_by_name[name]]) for name in common}
    notes += [
        f"{name} was measured on {' and on '.join(hosts)}: timings of different machines are not compared"
        for name, hosts in machines.items()
        if len(hosts) > 1
    ]
    return Comparison(
        schema=COMPARISON_SCHEMA,
        before=before,
        after=after,
        scenarios=tuple(
            compare_results(
                name,
                old_by_name[name],
                new_by_name[name],
                tolerance,
                side_by_side=side_by_side and len(machines[name]) == 1,
            )
            for name in common
        ),
        notes=tuple(notes),
        failures=tuple(_failures(after.label, new_by_name)),
    )


def _failures(label: str, by_name: Mapping[str, Sequence[Result]]) -> Iterator[str]:
    """Yield what failed on a side, in any of its rounds."""
    for name, results in by_name.items():
        failure = next((result.failure for result in results if result.failure is not None), None)
        if failure is not None:
            yield f"{name} failed in {label}: {failure.kind}: {failure.message}"
        peak_failure = next((result.peak_failure for result in results if peak_has_died(result)), None)
        if peak_failure is not None:
            yield f"the peak pass of {name} failed in {label}: {peak_failure.kind}: {peak_failure.message}"


def _by_name(rounds: Sequence[Sequence[Result]], by_variant: bool) -> Mapping[str, list[Result]]:
    by_name: dict[str, list[Result]] = {}
    for results in rounds:
        for result in results:
            by_name.setdefault(result.scenario if by_variant else result.id, []).append(result)
    return by_name


def _machines(results: Iterable[Result]) -> list[str]:
    """Return the hosts that measured the results, without repetition."""
    hosts = ("this machine" if result.measured_on is None else result.measured_on.host for result in results)
    return list(dict.fromkeys(hosts))
