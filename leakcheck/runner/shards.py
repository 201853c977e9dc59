"""Split scenarios into shards that take about equally long.

The longest scenario first, each goes to the shard with the least load so far. R. L. Graham, "Bounds on Multiprocessing
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

ScenarioKey = tuple[str, str]
"""A scenario's id and its target: two files may hold scenarios of the same name."""

_DEFAULT_SECONDS = 1.0


def split(seconds: Mapping[ScenarioKey, float | None], count: int) -> tuple[frozenset[ScenarioKey], ...]:
    """Return `count` parts, each scenario in exactly one; a part is empty where there are more parts than scenarios.

    A duration of None is unknown, and taken to be the median of the known ones. The parts do not depend on the order of
    the scenarios, so that machines which do not communicate split in the same way.
    """
    known = [duration for duration in seconds.values() if duration is not None]
    usual = median(known) if known else _DEFAULT_SECONDS
    expected = {key: usual if duration is None else duration for key, duration in seconds.items()}
    parts: list[set[ScenarioKey]] = [set() for _ in range(count)]
    loads = [0.0] * count
    for key in sorted(expected, key=lambda key: (-expected[key], key)):
        # of two equal loads the part with fewer scenarios, or all scenarios that take no time would go to the first
        lightest = min(range(count), key=lambda part: (loads[part], len(parts[part]), part))
        parts[lightest].add(key)
        loads[lightest] += expected[key]
    return tuple(map(frozenset, parts))


def share_of(collection: Collection, settings: Settings) -> tuple[Collection, Shard | None]:
    """Return this shard's part of the collection, in the same order; all of it where there are no shards.

    Files that could not be imported are reported by the first shard alone. Raises StoreError for a file of durations
    that cannot be used.
    """
    part = settings.shard
    if part is None:
        return collection, None
    durations: Mapping[str, float] = {} if settings.durations is None else read_durations(settings.durations)
    expected = {(scenario.id, scenario.target): durations.get(scenario.id) for scenario in collection.scenarios}
    own = split(expected, part.count)[part.number - 1]
    share = replace(
        collection,
        scenarios=tuple(scenario for scenario in collection.scenarios if (scenario.id, scenario.target) in own),
        failed=collection.failed if part.number == 1 else (),
    )
    whole = tuple(scenario.id for scenario in collection.scenarios)
    return share, Shard(number=part.number, count=part.count, whole=whole)
