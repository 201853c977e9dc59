"""Where a result belongs in the sources that are under review: a file below the workspace, and a line."""

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass

from leakcheck.model.result import Result
from leakcheck.model.stacks import FrameKind

_TRACED = re.compile(r'^\s*File "(?P<file>[^"\n]+)", line (?P<line>\d{1,9})', re.MULTILINE)
_OTHERS = re.compile(r"(^|/)(site-packages|dist-packages|python3\.\d+t?)/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """A file by its path from the workspace's root; the line is None where only the file is known."""

    file: str
    line: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Workspace:
    """The checkout under review, and the folder in it that the run's own paths start from; both absolute."""

    root: str
    here: str

    def relative(self, file: str) -> str | None:
        """Return the path from the root; None for what lies outside of it."""
        path = posixpath.normpath(posixpath.join(self.here, file))
        root = posixpath.normpath(self.root)
        below = root if root.endswith("/") else f"{root}/"
        return path.removeprefix(below) if path.startswith(below) else None


def locate(result: Result, workspace: Workspace) -> Location | None:
    """Return the first own line that is to blame, else the scenario's file; None where neither is in the workspace."""
    for file, line in (*_blamed(result), *_raised(result)):
        if (path := workspace.relative(file)) is not None:
            return Location(file=path, line=line or None)
    file, _, name = result.target.partition("::")
    path = workspace.relative(file) if name or file.endswith(".py") else None
    return None if path is None else Location(file=path)


def source_of(target: str) -> str:
    """Return the file that a target names, or that its module would lie in (`shop.cart:f`, `shop/cart.py`)."""
    file, _, name = target.partition("::")
    if name or file.endswith(".py"):
        return file
    return f"{file.partition(':')[0].replace('.', '/')}.py"


def _blamed(result: Result) -> Iterator[tuple[str, int]]:
    """Yield the user's own lines, those that allocate what broke a budget; the heaviest first."""
    parts = [*(result.sites if "growth" in result.failures or not result.failures else ())]
    frames = [part.frame for part in parts]
    frames += [part.frame for part in (result.peak_sites if "peak" in result.failures else ())]
    yield from ((frame.file, frame.line) for frame in frames if frame.kind is FrameKind.OWN)


def _raised(result: Result) -> Iterator[tuple[str, int]]:
    """Yield the lines of the traceback that are no library's, the innermost first."""
    traced = list(_TRACED.finditer(result.trouble.details)) if result.trouble is not None else []
    for found in reversed(traced):
        if not _OTHERS.search(found["file"]):
            yield found["file"], int(found["line"])
