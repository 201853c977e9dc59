"""From stacks to the tree that a flamegraph is drawn of."""

import re
from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache

from leakcheck.model.explanation import StackBytes
from leakcheck.model.stacks import Frame, StackTree

MOST_STACKS = 300
LEAST_SHARE = 1 / 5000
"""Of the whole: on a wide screen a quarter of a pixel. Told by name, such stacks were two thirds of all trees."""


def tree_of(stacks: Iterable[StackBytes], *, whole_bytes: float | None = None, most: int = MOST_STACKS) -> StackTree:
    """Return the stacks that can be seen as a tree, the heaviest first, and the sum of all others.

    With `whole_bytes` what is missing to it counts among the others, and the tree's total is the whole.
    """
    heaviest = sorted((one for one in stacks if one.bytes > 0 and one.frames), key=lambda one: -one.bytes)
    whole = whole_bytes if whole_bytes is not None else sum(one.bytes for one in heaviest)
    told = [one for one in heaviest[:most] if one.bytes >= LEAST_SHARE * whole]
    numbers: dict[Frame, int] = {}
    rows: dict[tuple[int, int], int] = {}
    held: list[float] = []
    for stack in told:
        row = -1
        for frame in reversed(stack.frames):
            step = (row, numbers.setdefault(frame, len(numbers)))
            row = rows.setdefault(step, len(rows))
            if row == len(held):
                held.append(0.0)
        held[row] = round(held[row] + stack.bytes, 1)
    return StackTree(
        frames=tuple(numbers),
        parents=tuple(parent for parent, _ in rows),
        frame_numbers=tuple(number for _, number in rows),
        bytes=tuple(held),
        other_bytes=max(round(whole - sum(held), 1), 0.0),
    )


_PACKAGES = re.compile(r"[/\\](?:site|dist)-packages[/\\](?!.*[/\\](?:site|dist)-packages[/\\])")
_STANDARD_LIBRARY = re.compile(r"/lib(?:64)?/(?=python3\.\d+t?/)")
_MOST_FILES = 4096


def as_shown(stacks: Iterable[StackBytes], here: str) -> tuple[StackBytes, ...]:
    """Return stacks with short files; `here` is the folder that the user works in."""
    return tuple(
        replace(stack, frames=tuple(replace(frame, file=short_file(frame.file, here)) for frame in stack.frames))
        for stack in stacks
    )


@lru_cache(_MOST_FILES)
def short_file(file: str, here: str) -> str:
    """Return `django/db/models/base.py`, `python3.11/copy.py`, or a path relative to `here` where it lies below."""
    match = _PACKAGES.search(file) or _STANDARD_LIBRARY.search(file)
    return file[match.end() :] if match else file.removeprefix(f"{here}/")
