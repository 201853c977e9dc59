"""The stacks of a result, as other tools want them: outermost first, and adding up to the whole."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from leakcheck.model.plain_text import plain
from leakcheck.model.result import Result
from leakcheck.model.stacks import Frame, FrameKind, StackTree


class StackKind(StrEnum):
    """What the bytes of a stack are."""

    PEAK = "peak"
    """Held when one call held the most."""
    GROWTH = "growth"
    """Gained per 1000 calls."""


KIND_DESCRIPTIONS = {StackKind.PEAK: "bytes at the peak of one call", StackKind.GROWTH: "bytes gained per 1000 calls"}
_OTHER = Frame(function="(other stacks)", file="", line=0, kind=FrameKind.NATIVE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportStack:
    """A stack, outermost frame first, and its whole bytes, more than 0."""

    frames: tuple[Frame, ...]
    bytes: int


def stacks_of(result: Result, kind: StackKind) -> tuple[ExportStack, ...]:
    """Return the stacks, and as the last one what is in none of them; nothing where none is known."""
    if kind is StackKind.PEAK:
        whole = float(result.peak_bytes or 0)
        return _of_tree(result.peak_stacks) or _of_lines(
            [(site.frames, site.bytes) for site in result.peak_sites], whole
        )
    whole = 0.0 if result.growth is None else result.growth.bytes_per_1000_calls
    return _of_tree(result.growth_stacks) or _of_lines(
        [(site.frames, site.bytes_per_1000_calls) for site in result.sites], whole
    )


def _of_tree(tree: StackTree) -> tuple[ExportStack, ...]:
    stacks: dict[int, tuple[Frame, ...]] = {-1: ()}
    told = []
    for row, parent, frame, size in tree.nodes():
        stacks[row] = (*stacks[parent], frame)
        if round(size) > 0:
            told.append(ExportStack(frames=stacks[row], bytes=round(size)))
    return _with_rest(told, tree.total_bytes)


def _of_lines(sites: Iterable[tuple[Sequence[Frame], float]], whole: float) -> tuple[ExportStack, ...]:
    """Return what a document of before there were trees holds: of each line the heaviest stack, for all of them."""
    told = [
        ExportStack(frames=tuple(reversed(frames)), bytes=round(size))
        for frames, size in sites
        if round(size) > 0 and frames
    ]
    return _with_rest(told, whole)


def _with_rest(told: Sequence[ExportStack], whole: float) -> tuple[ExportStack, ...]:
    rest = round(whole) - sum(stack.bytes for stack in told)
    return (*told, ExportStack(frames=(_OTHER,), bytes=rest)) if told and rest > 0 else tuple(told)


def frame_label(frame: Frame) -> str:
    """Return a frame in one line (`deliver (scenarios/newsletter/views.py:41)`)."""
    place = f"{frame.file}:{frame.line}" if frame.line else frame.file
    return plain(f"{frame.called} ({place})" if place else frame.function)


def each_kind(result: Result) -> Iterator[tuple[StackKind, tuple[ExportStack, ...]]]:
    """Yield what there is of a result."""
    for kind in StackKind:
        if stacks := stacks_of(result, kind):
            yield kind, stacks
