"""Compare two arms: two runs, two variants, or two revisions that are measured in turn.

An arm is measured by this very command in a process of its own, from the arm's folder, so both are
measured alike and neither sees the other.
"""

import hashlib
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from leakcheck import __version__
from leakcheck.analysis.compare.runs import contrast
from leakcheck.config.values import LOCAL
from leakcheck.model.comparison import CONTRAST_SCHEMA, Comparison, Side
from leakcheck.model.errors import NothingMeasured, StoreError, UsageError
from leakcheck.model.result import Result
from leakcheck.model.run import Run
from leakcheck.storage import run_file

Watch = Callable[[str], None]
"""Told what is being done."""

_MOST_CHARACTERS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class SideSource:
    """What one arm is, and how to measure it."""

    label: str
    folder: Path
    targets: tuple[str, ...]
    python: str | None = None
    commit: str | None = None
    content: str = ""
    """Stands for all that the arm's figures depend on; empty where that is not known, and nothing is kept."""


def compare_runs(before: Run, after: Run, labels: tuple[str, str]) -> Comparison:
    """Return two saved runs beside each other. Raises NothingMeasured where they have no scenario in common."""
    return _compared(
        _arm(labels[0], before), _arm(labels[1], after), [before.results], [after.results], side_by_side=False
    )


def compare_variants(run: Run, before: str, after: str) -> Comparison:
    """Return two variants of each scenario of a run. Raises UsageError where no scenario has both."""
    return _compared(
        _arm(before, run),
        _arm(after, run),
        [[one for one in run.results if one.variant == before]],
        [[one for one in run.results if one.variant == after]],
        side_by_side=True,
        by_variant=True,
    )


def compare_sides(
    before: SideSource,
    after: SideSource,
    *,
    rounds: int,
    arguments: Sequence[str],
    kept: Path | None,
    output: Path,
    watch: Watch,
    by_variant: bool = False,
) -> Comparison:
    """Measure both sides in turn, `rounds` times, and return them beside each other.

    The first of each round is the second of the next, so that what drifts meets both alike. Each
    document goes to `output` as it comes; one that the folder `kept` already has from the same contents is not
    measured again. Raises NothingMeasured, UsageError and StoreError.
    """
    found: dict[str, list[Run]] = {before.label: [], after.label: []}
    contents = hashlib.sha256(repr((before.content, after.content, arguments, __version__)).encode()).hexdigest()[:20]
    memory = kept / contents if kept is not None and before.content and after.content else None
    for number, side in in_turn(before, after, rounds):
        name = document_name(number, is_before=side is before)
        document = None if memory is None else _remembered(memory / name)
        if document is None:
            watch(f"measuring {side.label}, round {number} of {rounds}")
            # the peak pass in each round: where it takes other options, the latencies are its own
            document = _measured(side, arguments, output / name)
            if memory is not None and document.finished:
                memory.mkdir(parents=True, exist_ok=True)
                run_file.save(document, memory / name)
        run_file.save(document, output / name)
        found[side.label].append(document)
    return sides_beside(before, after, found[before.label], found[after.label], by_variant=by_variant)


def sides_beside(
    before: SideSource, after: SideSource, old: Sequence[Run], new: Sequence[Run], *, by_variant: bool = False
) -> Comparison:
    """Return two sides beside each other, each with the runs of its rounds. Raises as `compare_runs` does."""
    return _compared(
        _arm(before.label, old[0], before.commit, len(old), "before"),
        _arm(after.label, new[0], after.commit, len(new), "after"),
        [run.results for run in old],
        [run.results for run in new],
        side_by_side=True,
        by_variant=by_variant,
    )


def in_turn(before: SideSource, after: SideSource, rounds: int) -> Iterator[tuple[int, SideSource]]:
    """Yield the rounds' numbers and sides in the order in which they are measured."""
    for number in range(1, rounds + 1):
        for side in (before, after) if number % 2 else (after, before):
            yield number, side


def document_name(number: int, *, is_before: bool) -> str:
    """Return the name of the document of a side's round."""
    return f"{'before' if is_before else 'after'}-{number}.json"


def _remembered(path: Path) -> Run | None:
    try:
        return run_file.load(path) if path.exists() else None
    except StoreError:
        return None  # written by another version, or damaged: measured again


def _measured(side: SideSource, arguments: Sequence[str], document: Path) -> Run:
    """Return the run of one side. Raises UsageError where the command measured nothing at all."""
    # -P: the folder that is measured may hold a leakcheck of its own
    command = [sys.executable, "-P", "-m", "leakcheck", "run", *side.targets, *arguments, "--explain", "never"]
    place = document.resolve()
    if side.python is not None:
        command += ["--python", side.python]
    # whatever the project or the environment says: arms are sent to a cluster together, or not at all
    command += ["--executor", LOCAL, "--json", str(place), "--output", str(place.parent / "runs")]
    done = subprocess.run(command, cwd=side.folder, capture_output=True, text=True, errors="replace", check=False)
    if not document.is_file():
        said = (done.stderr.strip() or done.stdout.strip())[-_MOST_CHARACTERS:]
        raise UsageError(f"{side.label}: nothing was measured (exit code {done.returncode}): {said}")
    return run_file.load(document)


def _arm(label: str, run: Run, commit: str | None = None, rounds: int = 0, name: str = "") -> Side:
    environment = run.environment
    return Side(
        label=label,
        commit=commit or (environment.git_commit if environment is not None else None),
        python=None if environment is None else f"{environment.implementation} {environment.python}",
        documents=tuple(f"{name}-{number}.json" for number in range(1, rounds + 1)),
    )


def _compared(
    before: Side,
    after: Side,
    old: Sequence[Sequence[Result]],
    new: Sequence[Sequence[Result]],
    *,
    side_by_side: bool,
    by_variant: bool = False,
) -> Comparison:
    """Return the comparison of what both arms hold; each arm is given as the results of its rounds."""
    olds, news = _by_name(old, by_variant), _by_name(new, by_variant)
    common = [name for name in news if name in olds]
    if not common:
        raise NothingMeasured(
            f"{before.label} and {after.label} have no scenario in common; the first has "
            f"{', '.join(olds) or 'none'}, the second {', '.join(news) or 'none'}"
        )
    notes = [f"{name} is in {before.label} alone" for name in olds if name not in news]
    notes += [f"{name} is in {after.label} alone" for name in news if name not in olds]
    if before.python != after.python:
        notes.append(
            f"{before.label} ran on {before.python}, {after.label} on {after.python}: that is part of the change"
        )
    machines = {name: _machines([*olds[name], *news[name]]) for name in common}
    notes += [
        f"{name} was measured on {' and on '.join(hosts)}: timings of different machines are not compared"
        for name, hosts in machines.items()
        if len(hosts) > 1
    ]
    return Comparison(
        schema=CONTRAST_SCHEMA,
        before=before,
        after=after,
        contrasts=tuple(
            contrast(name, olds[name], news[name], side_by_side=side_by_side and len(machines[name]) == 1)
            for name in common
        ),
        notes=tuple(notes),
    )


def _by_name(rounds: Sequence[Sequence[Result]], by_variant: bool) -> Mapping[str, list[Result]]:
    found: dict[str, list[Result]] = {}
    for results in rounds:
        for result in results:
            found.setdefault(result.scenario if by_variant else result.id, []).append(result)
    return found


def _machines(results: Iterable[Result]) -> list[str]:
    """Return the hosts that measured these, each once."""
    hosts = ("this machine" if one.elsewhere is None else one.elsewhere.host for one in results)
    return list(dict.fromkeys(hosts))
