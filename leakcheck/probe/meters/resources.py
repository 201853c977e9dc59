"""The resources that are counted besides memory: open files, threads and the like, each in a module of `counted`."""

from collections import Counter
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from leakcheck.model.protocol import ResourceKind
from leakcheck.probe.meters.counted import Labels, Read
from leakcheck.probe.meters.resource_labels import grouped
from leakcheck.probe.originals import BUILTINS

__builtins__ = BUILTINS

_MAX_NAMES = 10
_MAX_CHARACTERS = 200  # any value from 200 to 500 does: a line of text
_COUNTED: dict[str, Any] = {
    kind.value: import_module(f"leakcheck.probe.meters.counted.{kind.name.lower()}") for kind in ResourceKind
}


def resource_readers() -> dict[str, Read | None]:
    """Return what counts each kind of resource, None where this platform has no such count."""
    return {kind: counted.reader() for kind, counted in _COUNTED.items()}


def resource_keys() -> dict[str, frozenset[object]]:
    """Return the keys of all present resources, by kind, to tell later ones from these."""
    return {kind: frozenset(key for key, _ in _until_error(counted.labels())) for kind, counted in _COUNTED.items()}


def name_resources(
    kinds: Sequence[str], before: dict[str, frozenset[object]] | None = None
) -> dict[str, list[dict[str, Any]]]:
    """Return the names of each kind's resources with their counts: `[{"what": "/tmp/a.log", "count": 200}]`.

    The most frequent come first, at most ten. Those in `before` are left out, unless there are no others.
    """
    result = {}
    for kind in kinds:
        resources = list(_until_error(_COUNTED[kind].labels())) if kind in _COUNTED else []
        known = (before or {}).get(kind, frozenset())
        new = [label for key, label in resources if key not in known] or [label for _, label in resources]
        counts = grouped(Counter(label[:_MAX_CHARACTERS] for label in new))
        result[kind] = [{"what": what, "count": count} for what, count in counts.most_common(_MAX_NAMES)]
    return result


def _until_error(labels: Labels) -> Labels:
    """Yield until an error: a resource may end or change while it is read."""
    try:
        yield from labels
    except (OSError, RuntimeError, LookupError, ValueError):
        return
