"""What git says of the tree that is measured; nothing where there is no git, or no repository."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

_MADE_BY_PYTHON = "__pycache__"


def commit() -> str | None:
    """Return the commit that is checked out; None outside of a repository, and before the first commit."""
    return _git("rev-parse", "HEAD")


def changed_files(besides: Sequence[Path] = ()) -> tuple[str, ...] | None:
    """Return what no commit holds, from the repository's top; None outside of a repository.

    Files that git ignores, Python's caches, and the files and folders in `besides` are not counted.
    """
    top = _git("rev-parse", "--show-toplevel")
    # with -z names come as they are, without quotes
    status = _git("status", "--porcelain", "--no-renames", "--untracked-files=all", "-z") if top else None
    if top is None or status is None:
        return None
    names = [entry[3:] for entry in status.split("\0") if entry]
    left_out = [path.resolve() for path in besides]
    return tuple(name for name in names if not _is_left_out(Path(top) / name, left_out))


def changes() -> str | None:
    """Return a digest of what the Python files of the repository have that the commit has not; None outside of one."""
    differs = _git("diff", "--no-ext-diff", "--no-color", "HEAD", "--", ":(top)*.py")
    if differs is None:
        return None
    import hashlib

    return hashlib.sha256(differs.encode(errors="surrogateescape")).hexdigest()


def _is_left_out(path: Path, left_out: Sequence[Path]) -> bool:
    if _MADE_BY_PYTHON in path.parts:
        return True
    try:
        resolved = path.resolve()
    except (OSError, RuntimeError):
        resolved = path  # a circle of links
    return any(one in (resolved, *resolved.parents) for one in left_out)


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *arguments], capture_output=True, encoding="utf-8", errors="surrogateescape", timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.rstrip("\n")
