"""The stacks of a result, as other tools want them: outermost first, and adding up to the whole."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from leakcheck.explanation import Frame, FrameKind, PeakSite, Site
from leakcheck.model import Result
from leakcheck.reporters.plain import plain


class Kind(StrEnum):
    """What the bytes of a stack are."""

    PEAK = "peak"
    """Held when one call held the most."""
    GROWTH = "growth"
    """Gained per 1000 calls."""


UNITS = {Kind.PEAK: "bytes at the peak of one call", Kind.GROWTH: "bytes gained per 1000 calls"}
_OTHER = Frame(function="(other stacks)", file="", line=0, kind=FrameKind.NATIVE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """A stack, outermost frame first, and its whole bytes, more than 0."""

    frames: tuple[Frame, ...]
    bytes: int


def stacks_of(result: Result, kind: Kind) -> tuple[Stack, ...]:
    """Return the stacks, and as the last one what is in none of them; nothing where none is known.

    Of each line that is named the document holds the heaviest stack: it stands for all that lead there.
    """
    if kind is Kind.PEAK:
        return _whole(result.peak_sites, [site.bytes for site in result.peak_sites], float(result.peak_bytes or 0))
    whole = 0.0 if result.growth is None else result.growth.bytes_per_1000_calls
    return _whole(result.sites, [site.bytes_per_1000_calls for site in result.sites], whole)


def _whole(sites: Iterable[Site | PeakSite], sizes: Iterable[float], whole: float) -> tuple[Stack, ...]:
    told = [
        Stack(frames=tuple(reversed(site.frames)), bytes=rounded)
        for site, size in zip(sites, sizes, strict=True)
        if (rounded := round(size)) > 0 and site.frames
    ]
    rest = round(whole) - sum(stack.bytes for stack in told)
    return (*told, Stack(frames=(_OTHER,), bytes=rest)) if told and rest > 0 else tuple(told)


def label(frame: Frame) -> str:
    """Return a frame in one line (`deliver (scenarios/newsletter/views.py:41)`)."""
    place = f"{frame.file}:{frame.line}" if frame.line else frame.file
    return plain(f"{frame.function} ({place})" if place else frame.function)


def each_kind(result: Result) -> Iterator[tuple[Kind, tuple[Stack, ...]]]:
    """Yield what there is of a result."""
    for kind in Kind:
        if stacks := stacks_of(result, kind):
            yield kind, stacks
