"""Files as people write them: from the folder they work in, or from where packages lie."""

import re
from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache

from leakcheck.explanation import StackBytes

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
