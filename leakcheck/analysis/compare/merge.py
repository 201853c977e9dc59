"""One run of several: whether they belong together, and what they are together.

Shards of one whole belong together, and so do runs that were no shards and hold different scenarios.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from leakcheck.analysis.compare.environments import differences
from leakcheck.analysis.gate.known_leaks import unseen_entries, without_ambiguous
from leakcheck.model.result import Result
from leakcheck.model.run import Run, Shard

_MOST_NAMED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedShard:
    """One of the runs to join, and where it was found."""

    where: str
    run: Run


def problems(pieces: Sequence[SavedShard]) -> Iterator[str]:
    """Yield a sentence for each reason why the runs cannot be joined; none where they can."""
    yield from (f"{piece.where} was not finished: measure it again" for piece in pieces if not piece.run.finished)
    if not pieces:
        return
    first, *others = pieces
    for piece in others:
        for what in differences(first.run, piece.run):
            yield f"{first.where} and {piece.where} cannot be compared: {what}"
    yield from _measured_twice(pieces)
    shards = [(piece, piece.run.shard) for piece in pieces if piece.run.shard is not None]
    if len(shards) == len(pieces):
        yield from _of_shards(shards)
    elif shards:
        whole = next(piece for piece in pieces if piece.run.shard is None)
        yield f"{shards[0][0].where} is a shard and {whole.where} is not: join the shards, or the others"


def _measured_twice(pieces: Sequence[SavedShard]) -> Iterator[str]:
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for piece in pieces:
        for result in piece.run.results:
            found[result.id, result.target].append(piece.where)
    twice = [(name, places) for (name, _), places in found.items() if len(places) > 1]
    for name, places in twice[:_MOST_NAMED]:
        yield f"{name} was measured in {' and in '.join(places[:_MOST_NAMED])}"
    if len(twice) > _MOST_NAMED:
        yield f"{len(twice) - _MOST_NAMED:,} more were measured twice"


def _of_shards(shards: Sequence[tuple[SavedShard, Shard]]) -> Iterator[str]:
    (first, expected), *others = shards
    alike = True
    for piece, shard in others:
        if shard.count != expected.count:
            alike = False
            yield f"{first.where} is one of {expected.count:,} shards, and {piece.where} one of {shard.count:,}"
        elif shard.whole != expected.whole:
            alike = False
            yield f"{first.where} and {piece.where} are of different wholes: {_unlike(expected, shard)}"
    if not alike:
        return
    numbered: dict[int, list[str]] = defaultdict(list)
    for piece, shard in shards:
        if not 1 <= shard.number <= shard.count:
            yield f"{piece.where} says that it is shard {shard.number:,} of {shard.count:,}"
        numbered[shard.number].append(piece.where)
    for number, places in numbered.items():
        if len(places) > 1:
            yield f"shard {number:,} of {expected.count:,} is there {len(places)} times: {' and '.join(places)}"
    # a stranger's count may be any number
    numbers = range(1, max(1, expected.count) + 1)
    missing = list(islice((number for number in numbers if number not in numbered), _MOST_NAMED))
    yield from (f"shard {number:,} of {expected.count:,} is missing" for number in missing)
    if not missing and all(piece.run.finished for piece, _ in shards):
        yield from _not_of_the_whole([piece for piece, _ in shards], expected.whole)


def _unlike(one: Shard, other: Shard) -> str:
    only = [
        f"only one has {_listed(here)}"
        for here in (Counter(one.whole) - Counter(other.whole), Counter(other.whole) - Counter(one.whole))
        if here
    ]
    return " and ".join(only) or "their scenarios stand in another order"


def _not_of_the_whole(pieces: Sequence[SavedShard], whole: Sequence[str]) -> Iterator[str]:
    """Yield what of the whole nobody measured, and what was measured and is not of it."""
    results = [result for piece in pieces for result in piece.run.results]
    # what was measured twice was told already
    measured = Counter(name for name, _ in {(result.id, result.target) for result in results})
    if left_out := Counter(whole) - measured:
        yield f"no shard measured {_listed(left_out)}; were all split by the same file of durations?"
    could_not_be_read = {result.id for result in results if result.growth is None and result.trouble is not None}
    if foreign := sorted(name for name in measured - Counter(whole) if name not in could_not_be_read):
        yield f"{_listed(foreign)} was measured and is not of the whole"


def _listed(names: Iterable[str]) -> str:
    shown = list(islice(iter(names), _MOST_NAMED + 1))
    return ", ".join(shown[:_MOST_NAMED]) + (" and more" if len(shown) > _MOST_NAMED else "")


def joined(runs: Sequence[Run], command: Sequence[str]) -> Run:
    """Return the runs as one: what failed to load first, then the scenarios in the order of the whole.

    It began with the first of them, and took as long as the longest: shards run side by side. A known
    leak is unseen only where it was looked for and no run saw it. The runs must have no `problems`.
    """
    first, *_ = runs
    results = without_ambiguous(sorted((result for run in runs for result in run.results), key=_order(runs)))
    looked_for = tuple(dict.fromkeys(entry for run in runs for entry in run.known_unseen))
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
        known_unseen=unseen_entries(looked_for, results),
        baseline_gone=tuple(one for one in first.baseline_gone if all(one in run.baseline_gone for run in runs)),
        finished=True,
        duration_seconds=max(run.duration_seconds for run in runs),
    )


def _order(runs: Sequence[Run]) -> Callable[[Result], tuple[int, str]]:
    """Return a key that sorts results as the whole stands; those of runs that are no shards stay in their order."""
    shard = runs[0].shard
    whole = [result.id for run in runs for result in run.results] if shard is None else shard.whole
    places: dict[str, int] = {}
    for place, name in enumerate(whole):
        places.setdefault(name, place)
    return lambda result: (places.get(result.id, -1), result.target)
