"""The result of the search: a retention candidate for each part of the growth."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from leakcheck.probe.heap.lengths import GrownContainer, LengthGrowth
from leakcheck.probe.heap.path_names import NamedPath
from leakcheck.probe.originals import BUILTINS

__builtins__ = BUILTINS


@dataclass(frozen=True, slots=True, eq=False)
class ContainerOwner:
    """An object that owns several growing containers."""

    path: NamedPath
    kind: str
    where: str
    container: "RetentionCandidate | None" = None
    """The one of them that holds the others, if there is one."""


@dataclass(slots=True, eq=False)
class RetentionCandidate:
    """Something that retains a part of the growth."""

    path: NamedPath
    grown: list[GrownContainer] = field(default_factory=list)
    """Its containers: a single one, or many of one path (`WORKERS[*].queue`)."""
    kind: str = ""
    limit: int | None = None
    objects: float = 0.0
    """How many new objects it leads to."""
    estimated_bytes: float = 0.0
    bytes: float | None = None
    """The bytes of the growth that it explains; None if it could not be weighed."""
    weighed: str = ""
    held_by_native: bool = False
    first_objects: int = 0
    """Of what native code holds: how many objects it refers to directly."""
    is_rooted: bool = True
    """Whether a module, class, function or frame leads to it."""
    is_library: bool = False
    """Whether its owner belongs to the standard library."""
    is_weak: bool = False
    """Whether it only lists what others retain, by weak references."""

    where: str = ""
    """Where it lies, if that is not what its path says."""
    owner: ContainerOwner | None = None
    """The owner that it shares with other candidates; the same object for each of them."""
    kept: dict[str, Any] | None = None
    """Where the function was defined that it retains, as the fields of a Frame."""
    set_at: dict[str, Any] | None = None
    """The line that sets the context variable, if it is one."""
    clear: Callable[[], object] | None = None
    """Clears the reference, if it is no container."""
    counted: list[GrownContainer] = field(default_factory=list)
    """The containers whose lengths are reported, if not all of them are."""

    @property
    def gained(self) -> int:
        """Return how many entries its containers gained."""
        return sum(grown.gained for grown in self.counted or self.grown)

    @property
    def is_stopped(self) -> bool:
        """Return whether it stood still in the end, or was trimmed."""
        return all(grown.growth in (LengthGrowth.STOPPED, LengthGrowth.TRIMMED) for grown in self.grown)

    def fields(self, calls: int) -> dict[str, Any]:
        """Return the fields of the message to the runner; all numbers are per call."""
        return {
            "links": self.path.links,
            "anchor": self.path.anchor,
            "kept_function": self.kept,
            "set_at": self.set_at,
            "container": self._container(calls) if self.grown else None,
            "objects_per_call": self.objects / calls,
            "bytes_per_call": None if self.bytes is None else self.bytes / calls,
            "weighed": self.weighed,
            "held_by_native": self.held_by_native,
            "first_objects_per_call": self.first_objects / calls,
        }

    def _container(self, calls: int) -> dict[str, Any]:
        length = sum(grown.length for grown in self.counted or self.grown)
        stopped = self.is_stopped
        return {
            "name": self.path.name,
            "kind": self.kind,
            "where": self.where or self.path.where,
            "length": length,
            "length_per_call": self.gained / calls,
            "limit": sum(grown.peak for grown in self.grown) if stopped and self.limit is None else self.limit,
            "stopped": stopped,
        }
