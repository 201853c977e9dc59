"""The tree of stacks that a flame graph is drawn from, and short file names for it."""

import re
from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache

from leakcheck.model.explanation import StackBytes
from leakcheck.model.stacks import Frame, StackTree

MOST_STACKS = 300  # any value from 100 to 1000 does: the others are summed up, and hardly to be seen
LEAST_SHARE = 1 / 5000  # any value from 1/10000 to 1/2000 does: less than a pixel
"""Of the whole: a quarter of a pixel on a wide screen. Such stacks made up two thirds of all trees."""


def build_stack_tree(
    stacks: Iterable[StackBytes], *, whole_bytes: float | None = None, most: int = MOST_STACKS
) -> StackTree:
    """Return a tree of the heaviest stacks, at most `most`, with the sum of all others in `other_bytes`.

    With `whole_bytes`, what the stacks lack to it counts among the others, so that the tree's total is the whole.
    """
    heaviest = sorted((stack for stack in stacks if stack.bytes > 0 and stack.frames), key=lambda stack: -stack.bytes)
    whole = whole_bytes if whole_bytes is not None else sum(stack.bytes for stack in heaviest)
    visible = [stack for stack in heaviest[:most] if stack.bytes >= LEAST_SHARE * whole]
    numbers: dict[Frame, int] = {}
    rows: dict[tuple[int, int], int] = {}
    own_bytes: list[float] = []
    for stack in visible:
        row = -1
        for frame in reversed(stack.frames):
            node = (row, numbers.setdefault(frame, len(numbers)))
            row = rows.setdefault(node, len(rows))
            if row == len(own_bytes):
                own_bytes.append(0.0)
        own_bytes[row] = round(own_bytes[row] + stack.bytes, 1)
    return StackTree(
        frames=tuple(numbers),
        parents=tuple(parent for parent, _ in rows),
        frame_numbers=tuple(number for _, number in rows),
        bytes=tuple(own_bytes),
        other_bytes=max(round(whole - sum(own_bytes), 1), 0.0),
    )


_PACKAGES = re.compile(r"[/\\](?:site|dist)-packages[/\\](?!.*[/\\](?:site|dist)-packages[/\\])")
_STANDARD_LIBRARY = re.compile(r"/lib(?:64)?/(?=python3\.\d+t?/)")
_MOST_FILES = 4096  # any value from 256 to 65536 does: a cache


def with_short_files(stacks: Iterable[StackBytes], folder: str) -> tuple[StackBytes, ...]:
    """Return the stacks with short file names; `folder` is the user's current directory."""
    return tuple(
        replace(stack, frames=tuple(replace(frame, file=short_file(frame.file, folder)) for frame in stack.frames))
        for stack in stacks
    )


@lru_cache(_MOST_FILES)
def short_file(file: str, folder: str) -> str:
    """Return `django/db/models/base.py`, `python3.11/copy.py`, or the path relative to `folder` where possible."""
    match = _PACKAGES.search(file) or _STANDARD_LIBRARY.search(file)
    return file[match.end() :] if match else file.removeprefix(f"{folder}/")
