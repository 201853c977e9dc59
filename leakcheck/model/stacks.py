"""Stack frames, and the tree that many stacks form."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from leakcheck.model.document_text import Name

_ALLOCATORS = re.compile(r"alloc|strdup|operator new", re.IGNORECASE)
"""An extension's wrappers around malloc; their caller says more."""

NO_SYMBOLS = "(no symbols)"


class FrameKind(StrEnum):
    """Whose code a frame belongs to."""

    OWN = "own"
    """The user's own: not of the standard library, an installed package or leakcheck."""
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
    """The text of the line, stripped; "" if it cannot be read."""

    @property
    def display_name(self) -> str:
        """The function as it is shown; `(no symbols)` for one of a native library without symbols."""
        nameless = self.kind is FrameKind.NATIVE and self.file and self.function in ("", self.file)
        return NO_SYMBOLS if nameless else self.function


@dataclass(frozen=True, slots=True, kw_only=True)
class StackTree:
    """What many stacks hold, as a tree: stacks with the same beginning share nodes, and nodes share frames.

    `parents`, `frame_numbers` and `bytes` are columns of one length, one row per node, parents first. Stack by stack, a
    run document would be about twenty times as large.
    """

    frames: tuple[Frame, ...] = ()
    parents: tuple[int, ...] = ()
    """Row of the caller; -1 for the first frame of a stack."""
    frame_numbers: tuple[int, ...] = ()
    """Index into `frames`."""
    bytes: tuple[float, ...] = ()
    """Bytes held by stacks that end at this node; callees are not included."""
    other_bytes: float = 0.0
    """Bytes of stacks below the display threshold and of unknown ones, so that the total is complete."""

    def nodes(self) -> Iterator[tuple[int, int, Frame, float]]:
        """Yield each node's row, its caller's row or -1, its frame and its bytes, callers first.

        Invalid rows, which a document from outside may have, are left out with all their callees.
        """
        valid = {-1}
        columns = zip(self.parents, self.frame_numbers, self.bytes, strict=False)
        for row, (parent, number, size) in enumerate(columns):
            if parent in valid and 0 <= number < len(self.frames):
                valid.add(row)
                yield row, parent, self.frames[number], size

    @property
    def total_bytes(self) -> float:
        """Bytes held by all stacks together."""
        return sum(self.bytes) + self.other_bytes


UNKNOWN = Frame(function="?", file="", line=0, kind=FrameKind.NATIVE)


def frame_to_name(frames: Sequence[Frame]) -> Frame:
    """Return the innermost frame of the user's own code, else the innermost Python frame, else the innermost frame.

    A document from outside may contain a stack without frames; for that return `UNKNOWN`.
    """
    own = (frame for frame in frames if frame.kind is FrameKind.OWN)
    python = (frame for frame in frames if frame.kind is not FrameKind.NATIVE)
    return next(own, None) or next(python, None) or next(iter(frames), UNKNOWN)


def native_frame(frames: Sequence[Frame]) -> Frame | None:
    """Return the extension's function at the top of a stack, past its wrappers of malloc; None for a Python frame."""
    if not frames or frames[0].kind is not FrameKind.NATIVE:
        return None
    library = frames[0].file
    inside = []
    for frame in frames:
        if frame.kind is not FrameKind.NATIVE or frame.file != library:
            break
        inside.append(frame)
    return next((frame for frame in inside if not _ALLOCATORS.search(frame.function)), inside[-1])
