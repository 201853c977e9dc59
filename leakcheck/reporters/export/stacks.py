"""The stacks of a result for other tools: outermost frame first, and adding up to the whole."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from leakcheck.model.plain_text import escape_control
from leakcheck.model.result import Result
from leakcheck.model.stacks import Frame, FrameKind, StackTree


class StackKind(StrEnum):
    """What the bytes of a stack measure."""

    PEAK = "peak"
    GROWTH = "growth"


KIND_DESCRIPTIONS = {StackKind.PEAK: "bytes at the peak of one call", StackKind.GROWTH: "bytes gained per 1000 calls"}
_OTHER = Frame(function="(other stacks)", file="", line=0, kind=FrameKind.NATIVE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportStack:
    """A stack, outermost frame first, and its bytes, more than 0."""

    frames: tuple[Frame, ...]
    bytes: int


def stacks_of(result: Result, kind: StackKind) -> tuple[ExportStack, ...]:
    """Return the stacks, and last the rest of the whole that is in none of them; nothing where no stack is known."""
    if kind is StackKind.PEAK:
        whole = float(result.peak_bytes or 0)
        return _of_tree(result.peak_stacks) or _of_sites(
            [(site.frames, site.bytes) for site in result.peak_sites], whole
        )
    whole = 0.0 if result.growth is None else result.growth.bytes_per_1000_calls
    return _of_tree(result.explanation.growth_stacks) or _of_sites(
        [(site.frames, site.bytes_per_1000_calls) for site in result.explanation.allocation_sites], whole
    )


def _of_tree(tree: StackTree) -> tuple[ExportStack, ...]:
    stacks: dict[int, tuple[Frame, ...]] = {-1: ()}
    exported = []
    for row, parent, frame, size in tree.nodes():
        stacks[row] = (*stacks[parent], frame)
        if round(size) > 0:
            exported.append(ExportStack(frames=stacks[row], bytes=round(size)))
    return _with_rest(exported, tree.total_bytes)


def _of_sites(sites: Iterable[tuple[Sequence[Frame], float]], whole: float) -> tuple[ExportStack, ...]:
    # a run.json from before there were trees: of each line the heaviest stack, with the bytes of all its stacks
    exported = [
        ExportStack(frames=tuple(reversed(frames)), bytes=round(size))
        for frames, size in sites
        if round(size) > 0 and frames
    ]
    return _with_rest(exported, whole)


def _with_rest(stacks: Sequence[ExportStack], whole: float) -> tuple[ExportStack, ...]:
    rest = round(whole) - sum(stack.bytes for stack in stacks)
    return (*stacks, ExportStack(frames=(_OTHER,), bytes=rest)) if stacks and rest > 0 else tuple(stacks)


def frame_label(frame: Frame) -> str:
    """Return a frame as one line (`deliver (scenarios/newsletter/views.py:41)`)."""
    place = f"{frame.file}:{frame.line}" if frame.line else frame.file
    return escape_control(f"{frame.display_name} ({place})" if place else frame.function)
