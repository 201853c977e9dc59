"""The words for stacks: a frame, and what many stacks hold together as a tree."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from leakcheck.model.document_text import Name

_ALLOCATORS = re.compile(r"alloc|strdup|operator new", re.IGNORECASE)
"""Wrappers that an extension has around malloc: whoever called them says more."""


NO_SYMBOLS = "(no symbols)"


class FrameKind(StrEnum):
    """Whose code a frame is."""

    OWN = "own"
    """The user's: neither the standard library's, nor an installed package's, nor ours."""
    LIBRARY = "library"
    NATIVE = "native"


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One line of a stack. Native frames may lack a file (""), and a line (0)."""

    function: Name
    file: Name
    line: int
    kind: FrameKind
    source: str = ""
    """The line's text, stripped; "" where it cannot be read."""

    @property
    def called(self) -> str:
        """The function as it is shown: of a library without symbols that is said."""
        nameless = self.kind is FrameKind.NATIVE and self.file and self.function in ("", self.file)
        return NO_SYMBOLS if nameless else self.function


@dataclass(frozen=True, slots=True, kw_only=True)
class StackTree:
    """What many stacks hold. Those that begin alike share their nodes, and nodes share their frames.

    `parents`, `frame_numbers` and `bytes` are columns of one length, a row a node. A node's parent stands
    before it. Written out stack by stack, a run document would be some twenty times as large.
    """

    frames: tuple[Frame, ...] = ()
    parents: tuple[int, ...] = ()
    """The row of the caller; -1 where a stack begins."""
    frame_numbers: tuple[int, ...] = ()
    """Which of the frames a node is."""
    bytes: tuple[float, ...] = ()
    """What the stacks that end here hold: what their callees hold is not in it."""
    other_bytes: float = 0.0
    """Held by stacks too light to be told, and by those that nothing is known of; so that all adds up."""

    def nodes(self) -> Iterator[tuple[int, int, Frame, float]]:
        """Yield each node's row, its caller's row or -1, its frame and its bytes, callers first.

        Rows that make no tree, as a stranger's document may have, are left out with all that they call.
        """
        there = {-1}
        columns = zip(self.parents, self.frame_numbers, self.bytes, strict=False)
        for row, (parent, number, size) in enumerate(columns):
            if parent in there and 0 <= number < len(self.frames):
                there.add(row)
                yield row, parent, self.frames[number], size

    @property
    def total_bytes(self) -> float:
        """What all stacks hold together."""
        return sum(self.bytes) + self.other_bytes


UNKNOWN = Frame(function="?", file="", line=0, kind=FrameKind.NATIVE)


def frame_to_name(frames: Sequence[Frame]) -> Frame:
    """Return the innermost frame of the user's own, else the innermost of Python, else the innermost.

    A document of others may hold a stack without frames: then it is the frame that nothing is known of.
    """
    own = (frame for frame in frames if frame.kind is FrameKind.OWN)
    python = (frame for frame in frames if frame.kind is not FrameKind.NATIVE)
    return next(own, None) or next(python, None) or next(iter(frames), UNKNOWN)


def native_frame(frames: Sequence[Frame]) -> Frame | None:
    """Return the extension's function that a stack ends in, past its own wrappers of malloc; None for Python's."""
    if not frames or frames[0].kind is not FrameKind.NATIVE:
        return None
    library = frames[0].file
    inside = []
    for frame in frames:
        if frame.kind is not FrameKind.NATIVE or frame.file != library:
            break
        inside.append(frame)
    return next((frame for frame in inside if not _ALLOCATORS.search(frame.function)), inside[-1])
