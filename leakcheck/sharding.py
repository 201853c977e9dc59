"""Which part of what was found is measured here, where the work is shared out among shards."""

from collections.abc import Mapping
from dataclasses import replace

from leakcheck.analysis.shards import split
from leakcheck.config import Settings
from leakcheck.durations import read_durations
from leakcheck.find import Found
from leakcheck.model import Shard


def share_of(found: Found, settings: Settings) -> tuple[Found, Shard | None]:
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
