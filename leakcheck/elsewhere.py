"""Where a measurement was made that was not made by this process: told with the result, and kept with it."""

from dataclasses import dataclass

from leakcheck.formats import Name


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """The machine of a cluster that measured a result. Its Python, libc and packages are those of the run."""

    host: Name
    worker: Name
    """The address of the cluster's worker: one host may have several."""
    begun: int = 1
    """How often the measurement was begun: more than once where workers were lost in the middle."""
