"""What flamegraphs are drawn of: the trees of a page's results, with one table of frames for all."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from leakcheck.model.result import Result
from leakcheck.model.stacks import Frame, StackTree

_KINDS = {"own": 0, "library": 1, "native": 2}
PEAK, GROWTH = "peak", "growth"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flamegraph:
    """One flamegraph, and those that it can be put beside."""

    key: str
    measure: str
    """peak (bytes) or growth (bytes per 1000 calls)."""
    result: Result
    others: tuple[str, ...] = ()
    """The keys of the flames of the same measure."""
    beside: str = ""
    """That of the others which it is laid over from the beginning."""


@dataclass(slots=True)
class Flamegraphs:
    """The flames of a page, by key, in the form that travels in it."""

    frames: dict[Frame, int] = field(default_factory=dict)
    trees: dict[str, dict[str, object]] = field(default_factory=dict)

    def add(self, key: str, name: str, measure: str, tree: StackTree) -> None:
        """Take in a tree; rows that make no tree, as a stranger's document may have, are left out."""
        rows: dict[int, int] = {}
        parents: list[int] = []
        numbers: list[int] = []
        held: list[float] = []
        for row, parent, frame, size in tree.nodes():
            rows[row] = len(parents)
            parents.append(-1 if parent == -1 else rows[parent])
            numbers.append(self.frames.setdefault(frame, len(self.frames)))
            held.append(size)
        self.trees[key] = {
            "name": name,
            "measure": measure,
            "parents": parents,
            "frames": numbers,
            "bytes": held,
            "other": tree.other_bytes,
        }

    @property
    def data(self) -> dict[str, object]:
        """Return what the page draws them of."""
        rows = [[one.called, one.file, one.line, _KINDS[one.kind], one.source] for one in self.frames]
        return {"frames": rows, "flames": self.trees}


def stack_trees(result: Result) -> tuple[tuple[str, StackTree], ...]:
    """Return what can be drawn of a result, by measure."""
    return (PEAK, result.peak_stacks), (GROWTH, result.growth_stacks)


def add_flamegraphs(results: Sequence[Result], flames: Flamegraphs, prefix: str) -> list[tuple[Flamegraph, ...]]:
    """Take in all trees of one scenario's results, and return the flames of each."""
    keys: dict[str, list[str]] = {PEAK: [], GROWTH: []}
    for number, result in enumerate(results):
        for measure, tree in stack_trees(result):
            if tree.total_bytes > 0:
                keys[measure].append(f"{prefix}-{number}-{measure}")
                flames.add(keys[measure][-1], result.id, measure, tree)
    return [
        tuple(
            Flamegraph(
                key=key, measure=measure, result=result, others=tuple(one for one in keys[measure] if one != key)
            )
            for measure, _ in stack_trees(result)
            for key in [f"{prefix}-{number}-{measure}"]
            if key in keys[measure]
        )
        for number, result in enumerate(results)
    ]


def add_difference(before: Result, after: Result, flames: Flamegraphs, prefix: str) -> tuple[Flamegraph, ...]:
    """Take in the trees of two results, of one run or of two, and return the later's flames, laid over the earlier's.

    Frames meet by function and file, because lines move. Where neither holds anything there is nothing to lay.
    """
    found = []
    for (measure, earlier), (_, later) in zip(stack_trees(before), stack_trees(after), strict=True):
        if earlier.total_bytes <= 0 and later.total_bytes <= 0:
            continue
        keys = [f"{prefix}-{when}-{measure}" for when in ("before", "after")]
        flames.add(keys[0], f"{before.id} before", measure, earlier)
        flames.add(keys[1], f"{after.id} after", measure, later)
        found.append(Flamegraph(key=keys[1], measure=measure, result=after, others=(keys[0],), beside=keys[0]))
    return tuple(found)
