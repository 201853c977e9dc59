"""Map a result to a file and a line of the sources under review."""

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass

from leakcheck.model.result import Result
from leakcheck.model.stacks import FrameKind

_TRACEBACK_LINE = re.compile(r'^\s*File "(?P<file>[^"\n]+)", line (?P<line>\d{1,9})', re.MULTILINE)
_LIBRARIES = re.compile(r"(^|/)(site-packages|dist-packages|python3\.\d+t?)/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """A file, relative to the workspace's root, and a line, None where only the file is known."""

    file: str
    line: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """The checkout under review, and the folder that the run's paths are relative to; both absolute."""

    root: str
    base_folder: str

    def relative(self, file: str) -> str | None:
        """Return a path relative to the root; None for one outside of it."""
        path = posixpath.normpath(posixpath.join(self.base_folder, file))
        root = posixpath.normpath(self.root)
        prefix = root if root.endswith("/") else f"{root}/"
        return path.removeprefix(prefix) if path.startswith(prefix) else None


def locate(result: Result, workspace: Workspace) -> Location | None:
    """Return the user's line to blame, or else the scenario's file; None where neither is in the workspace."""
    for file, line in (*_allocating_lines(result), *_traceback_lines(result)):
        if (path := workspace.relative(file)) is not None:
            return Location(file=path, line=line or None)
    file, _, name = result.target.partition("::")
    path = workspace.relative(file) if name or file.endswith(".py") else None
    return None if path is None else Location(file=path)


def source_of(target: str) -> str:
    """Return the file that a target names, or that its module would be in (`shop.cart:f`, `shop/cart.py`)."""
    file, _, name = target.partition("::")
    if name or file.endswith(".py"):
        return file
    return f"{file.partition(':')[0].replace('.', '/')}.py"


def _allocating_lines(result: Result) -> Iterator[tuple[str, int]]:
    """Yield the user's lines that allocate what exceeds a budget, the heaviest first."""
    sites = result.explanation.allocation_sites if "growth" in result.over_budget or not result.over_budget else ()
    peak_sites = result.peak_sites if "peak" in result.over_budget else ()
    for frame in (*(site.frame for site in sites), *(site.frame for site in peak_sites)):
        if frame.kind is FrameKind.OWN:
            yield frame.file, frame.line


def _traceback_lines(result: Result) -> Iterator[tuple[str, int]]:
    """Yield the lines of the traceback outside of libraries, the innermost first."""
    matches = list(_TRACEBACK_LINE.finditer(result.failure.details)) if result.failure is not None else []
    for match in reversed(matches):
        if not _LIBRARIES.search(match["file"]):
            yield match["file"], int(match["line"])
