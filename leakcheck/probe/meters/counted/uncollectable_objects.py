"""Count and name the objects that the collector could not free."""

from leakcheck.probe.heap import introspect
from leakcheck.probe.meters.counted import Labels, Read
from leakcheck.probe.originals import BUILTINS, gc

__builtins__ = BUILTINS


def reader() -> Read:
    """Return a reader of their number."""
    return lambda: len(gc.garbage)


def labels() -> Labels:
    """Yield each by its type."""
    for leftover in gc.garbage:
        yield id(leftover), introspect.dotted_name(type(leftover))
