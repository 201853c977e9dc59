"""What the search answers: one holder each for what keeps a part of the growth."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from leakcheck.probe.heap.lengths import GrownContainer, LengthGrowth
from leakcheck.probe.heap.path_names import NamedPath
from leakcheck.probe.originals import BUILTINS

__builtins__ = BUILTINS


@dataclass(frozen=True, slots=True, eq=False)
class ContainerOwner:
    """The object that several growing containers belong to."""

    told: NamedPath
    kind: str
    where: str
    """Which containers those are."""
    itself: "RetentionCandidate | None" = None
    """The one of them that holds the others."""


@dataclass(slots=True, eq=False)
class RetentionCandidate:
    """One thing that keeps what grows, as far as it is known."""

    told: NamedPath
    grown: list[GrownContainer] = field(default_factory=list)
    """The containers that it is: one, or many of one path (`WORKERS[*].queue`)."""
    kind: str = ""
    limit: int | None = None
    objects: float = 0.0
    """New objects that it leads to."""
    reckoned_bytes: float = 0.0
    bytes: float | None = None
    """What it explains of what the calls have left."""
    weighed: str = ""
    held_by_native: bool = False
    first_objects: int = 0
    """Of what native code holds: the objects that it refers to itself."""
    is_rooted: bool = True
    """A module, class, function or frame leads to it."""
    is_library: bool = False
    """What owns it is the standard library's."""
    is_weak: bool = False
    """It lists what others keep; by itself it keeps only the list."""

    where: str = ""
    """What is said of where it lies, if that is not what its path says."""
    owner: ContainerOwner | None = None
    """What it has in common with others; the same object for each of them."""
    kept: dict[str, Any] | None = None
    """Where the function was defined that it keeps, as the fields of a Frame."""
    set_at: dict[str, Any] | None = None
    """The line that sets the context variable that it is."""
    cut: Callable[[], object] | None = None
    """Clears the place that it is, where it is no container."""
    counted: list[GrownContainer] = field(default_factory=list)
    """Those of the containers whose lengths are told, where it is not all of them."""

    @property
    def gained(self) -> int:
        """Return by how much the length has risen."""
        return sum(one.gained for one in self.counted or self.grown)

    @property
    def is_stopped(self) -> bool:
        """Return whether it stood still in the end, or was cut back."""
        return all(one.growth in (LengthGrowth.STOPPED, LengthGrowth.TRIMMED) for one in self.grown)

    def fields(self, calls: int) -> dict[str, Any]:
        """Return what is sent: all figures a call."""
        return {
            "links": self.told.links,
            "anchor": self.told.anchor,
            "kept": self.kept,
            "set_at": self.set_at,
            "container": self._container(calls) if self.grown else None,
            "objects_per_call": self.objects / calls,
            "bytes_per_call": None if self.bytes is None else self.bytes / calls,
            "weighed": self.weighed,
            "held_by_native": self.held_by_native,
            "first_objects_per_call": self.first_objects / calls,
        }

    def _container(self, calls: int) -> dict[str, Any]:
        length = sum(one.length for one in self.counted or self.grown)
        stopped = self.is_stopped
        return {
            "name": self.told.name,
            "kind": self.kind,
            "where": self.where or self.told.where,
            "length": length,
            "length_per_call": self.gained / calls,
            "limit": sum(one.peak for one in self.grown) if stopped and self.limit is None else self.limit,
            "stopped": stopped,
        }
