"""Merging several runs into one: all shards of one collection, or unsharded runs of different scenarios."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from leakcheck.analysis.compare.environments import run_differences
from leakcheck.analysis.gate.known_leaks import unseen_entries, without_ambiguous
from leakcheck.model.result import Result
from leakcheck.model.run import Run, Shard

_MOST_NAMED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedShard:
    """A run to merge, and the file it was read from."""

    where: str
    run: Run


def merge_problems(pieces: Sequence[SavedShard]) -> Iterator[str]:
    """Yield a sentence for each reason why the runs cannot be merged; nothing where they can."""
    yield from (f"{piece.where} was not finished: measure it again" for piece in pieces if not piece.run.finished)
    if not pieces:
        return
    first, *others = pieces
    for piece in others:
        for what in run_differences(first.run, piece.run):
            yield f"{first.where} and {piece.where} differ: {what}"
    yield from _measured_twice(pieces)
    shards = [(piece, piece.run.shard) for piece in pieces if piece.run.shard is not None]
    if len(shards) == len(pieces):
        yield from _shard_problems(shards)
    elif shards:
        whole = next(piece for piece in pieces if piece.run.shard is None)
        yield f"{shards[0][0].where} is a shard and {whole.where} is not: merge only shards, or only whole runs"


def _measured_twice(pieces: Sequence[SavedShard]) -> Iterator[str]:
    files: dict[tuple[str, str], list[str]] = defaultdict(list)
    for piece in pieces:
        for result in piece.run.results:
            files[result.id, result.target].append(piece.where)
    twice = [(name, paths) for (name, _), paths in files.items() if len(paths) > 1]
    for name, paths in twice[:_MOST_NAMED]:
        yield f"{name} was measured in {' and in '.join(paths[:_MOST_NAMED])}"
    if len(twice) > _MOST_NAMED:
        yield f"{len(twice) - _MOST_NAMED:,} more were measured twice"


def _shard_problems(shards: Sequence[tuple[SavedShard, Shard]]) -> Iterator[str]:
    (first, expected), *others = shards
    consistent = True
    for piece, shard in others:
        if shard.count != expected.count:
            consistent = False
            yield f"{first.where} is one of {expected.count:,} shards, and {piece.where} one of {shard.count:,}"
        elif shard.whole != expected.whole:
            consistent = False
            yield f"{first.where} and {piece.where} are shards of different runs: {_whole_difference(expected, shard)}"
    if not consistent:
        return
    files: dict[int, list[str]] = defaultdict(list)
    for piece, shard in shards:
        if not 1 <= shard.number <= shard.count:
            yield f"{piece.where} claims to be shard {shard.number:,} of {shard.count:,}"
        files[shard.number].append(piece.where)
    for number, paths in files.items():
        if len(paths) > 1:
            yield f"shard {number:,} of {expected.count:,} occurs {len(paths)} times: {' and '.join(paths)}"
    # the count comes from the file and may be any number, 10**18 too: never list all that are missing
    numbers = range(1, max(1, expected.count) + 1)
    missing = list(islice((number for number in numbers if number not in files), _MOST_NAMED))
    yield from (f"shard {number:,} of {expected.count:,} is missing" for number in missing)
    if not missing and all(piece.run.finished for piece, _ in shards):
        yield from _coverage_problems([piece for piece, _ in shards], expected.whole)


def _whole_difference(expected: Shard, shard: Shard) -> str:
    before, after = Counter(expected.whole), Counter(shard.whole)
    only = [f"only one has {_listed(names)}" for names in (before - after, after - before) if names]
    return " and ".join(only) or "their scenarios are in a different order"


def _coverage_problems(pieces: Sequence[SavedShard], whole: Sequence[str]) -> Iterator[str]:
    """Yield which scenarios of the whole were not measured, and which were measured and do not belong to it."""
    results = [result for piece in pieces for result in piece.run.results]
    # _measured_twice has reported what was measured twice
    measured = Counter(name for name, _ in {(result.id, result.target) for result in results})
    if missing := Counter(whole) - measured:
        yield f"no shard measured {_listed(missing)}; were all shards split by the same durations file?"
    failed_to_load = {result.id for result in results if result.growth is None and result.failure is not None}
    if foreign := sorted(name for name in measured - Counter(whole) if name not in failed_to_load):
        yield f"{_listed(foreign)} was measured, but is not part of the collection"


def _listed(names: Iterable[str]) -> str:
    shown = list(islice(iter(names), _MOST_NAMED + 1))
    return ", ".join(shown[:_MOST_NAMED]) + (" and more" if len(shown) > _MOST_NAMED else "")


def merge_runs(runs: Sequence[Run], command: Sequence[str]) -> Run:
    """Return the merged run: what failed to load first, then the scenarios in the order of the whole.

    It starts with the earliest run and takes as long as the longest one, because shards run in parallel. A known
    leak counts as unseen only where it was looked for and occurred in no run. The runs must have no `merge_problems`.
    """
    first, *_ = runs
    results = without_ambiguous(sorted((result for run in runs for result in run.results), key=_order(runs)))
    expected_leaks = tuple(dict.fromkeys(entry for run in runs for entry in run.known_leaks_not_found))
    environment = first.environment
    if environment is not None:
        dirty = [run.environment.git_dirty for run in runs if run.environment is not None]
        environment = replace(environment, git_dirty=True if any(dirty) else environment.git_dirty)
    return Run(
        schema=first.schema,
        started=min(run.started for run in runs),
        command=tuple(command),
        environment=environment,
        results=tuple(results),
        baseline=first.baseline,
        known_leaks_not_found=unseen_entries(expected_leaks, results),
        missing_scenarios=tuple(
            name for name in first.missing_scenarios if all(name in run.missing_scenarios for run in runs)
        ),
        finished=True,
        duration_seconds=max(run.duration_seconds for run in runs),
    )


def _order(runs: Sequence[Run]) -> Callable[[Result], tuple[int, str]]:
    """Return a sort key for the order of the whole; results of unsharded runs keep their order."""
    shard = runs[0].shard
    whole = [result.id for run in runs for result in run.results] if shard is None else shard.whole
    positions: dict[str, int] = {}
    for position, name in enumerate(whole):
        positions.setdefault(name, position)
    return lambda result: (positions.get(result.id, -1), result.target)
