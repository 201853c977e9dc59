"""Split scenarios into shards that take about as long as each other.

Longest first, each onto the shard that has the least so far. R. L. Graham, "Bounds on Multiprocessing
Timing Anomalies" (SIAM J. Appl. Math. 17, 1969), proves that the longest shard then takes at most
4/3 - 1/(3N) of what it would in the best split there is.
"""

from collections.abc import Mapping
from dataclasses import replace
from statistics import median

from leakcheck.config.settings import Settings
from leakcheck.model.run import Shard
from leakcheck.runner.collect import Collection
from leakcheck.storage.durations import read_durations

Named = tuple[str, str]
"""A scenario's id, and its target: two files may hold scenarios of one name."""

_NOBODY_KNOWS = 1.0


def split(seconds: Mapping[Named, float | None], count: int) -> tuple[frozenset[Named], ...]:
    """Return `count` parts, each scenario in exactly one; a part is empty where there are more parts than scenarios.

    A duration of None is not known, and taken to be the median of those that are. The answer depends on
    what was given and not on its order, so that machines which never meet split in the same way.
    """
    known = [one for one in seconds.values() if one is not None]
    usual = median(known) if known else _NOBODY_KNOWS
    expected = {name: usual if one is None else one for name, one in seconds.items()}
    parts: list[set[Named]] = [set() for _ in range(count)]
    loads = [0.0] * count
    for name in sorted(expected, key=lambda name: (-expected[name], name)):
        # of two that are as light the one with fewer scenarios, or all that take no time would land on the first
        lightest = min(range(count), key=lambda part: (loads[part], len(parts[part]), part))
        parts[lightest].add(name)
        loads[lightest] += expected[name]
    return tuple(map(frozenset, parts))


def share_of(found: Collection, settings: Settings) -> tuple[Collection, Shard | None]:
    """Return this shard's part of what was found, in the same order; all of it where there are no shards.

    What could not even be imported is told by the first shard alone: it takes no time, and once is enough.
    Raises StoreError for a file of durations that cannot be used.
    """
    part = settings.part
    if part is None:
        return found, None
    took: Mapping[str, float] = {} if settings.durations is None else read_durations(settings.durations)
    expected = {(one.id, one.target): took.get(one.id) for one in found.scenarios}
    mine = split(expected, part.count)[part.number - 1]
    shared = replace(
        found,
        scenarios=tuple(one for one in found.scenarios if (one.id, one.target) in mine),
        failed=found.failed if part.number == 1 else (),
    )
    whole = tuple(one.id for one in found.scenarios)
    return shared, Shard(number=part.number, count=part.count, whole=whole)
