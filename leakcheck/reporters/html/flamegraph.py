"""The data of a page's flamegraphs: a tree for each, and one table of frames for all."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from leakcheck.model.result import Result
from leakcheck.model.stacks import Frame, StackTree

_KINDS = {"own": 0, "library": 1, "native": 2}
PEAK, GROWTH = "peak", "growth"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flamegraph:
    """One flamegraph, and those that it can be compared with."""

    key: str
    measure: str
    """peak (bytes) or growth (bytes per 1000 calls)."""
    result: Result
    others: tuple[str, ...] = ()
    """The keys of the flamegraphs of the same measure."""


@dataclass(slots=True)
class Flamegraphs:
    """The flamegraphs of a page, by key, as the page's JSON has them."""

    frames: dict[Frame, int] = field(default_factory=dict)
    trees: dict[str, dict[str, object]] = field(default_factory=dict)

    def add(self, key: str, name: str, measure: str, tree: StackTree) -> None:
        """Add a tree, without rows that belong to no tree, as a foreign document may have."""
        rows: dict[int, int] = {}
        parents: list[int] = []
        numbers: list[int] = []
        sizes: list[float] = []
        for row, parent, frame, size in tree.nodes():
            rows[row] = len(parents)
            parents.append(-1 if parent == -1 else rows[parent])
            numbers.append(self.frames.setdefault(frame, len(self.frames)))
            sizes.append(size)
        self.trees[key] = {
            "name": name,
            "measure": measure,
            "parents": parents,
            "frames": numbers,
            "bytes": sizes,
            "other": tree.other_bytes,
        }

    @property
    def data(self) -> dict[str, object]:
        """Return the page's JSON."""
        rows = [[frame.display_name, frame.file, frame.line, _KINDS[frame.kind], frame.source] for frame in self.frames]
        return {"frames": rows, "flames": self.trees}


def add_flamegraphs(results: Sequence[Result], flames: Flamegraphs, prefix: str) -> list[tuple[Flamegraph, ...]]:
    """Add the trees of one scenario's results, and return the flamegraphs of each result."""
    keys: dict[str, dict[int, str]] = {PEAK: {}, GROWTH: {}}
    for number, result in enumerate(results):
        for measure, tree in ((PEAK, result.peak_stacks), (GROWTH, result.explanation.growth_stacks)):
            if tree.total_bytes > 0:
                key = keys[measure][number] = f"{prefix}-{number}-{measure}"
                flames.add(key, result.id, measure, tree)
    return [
        tuple(
            Flamegraph(
                key=own, measure=measure, result=result, others=tuple(key for key in of_measure.values() if key != own)
            )
            for measure, of_measure in keys.items()
            if (own := of_measure.get(number)) is not None
        )
        for number, result in enumerate(results)
    ]
