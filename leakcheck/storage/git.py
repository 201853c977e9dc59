"""Ask git about the measured tree. Functions return None if there is no git or no repository; `git` itself raises."""

from collections.abc import Sequence
from pathlib import Path

from leakcheck.storage.command import CommandFailed, run_command


def version() -> str | None:
    """Return what `git --version` prints."""
    return _git("--version")


def commit() -> str | None:
    """Return the commit that is checked out; None also before the first commit."""
    return _git("rev-parse", "HEAD")


def changed_files(besides: Sequence[Path] = ()) -> tuple[str, ...] | None:
    """Return the uncommitted files, relative to the top of the repository.

    Files that git ignores, Python's caches, and the files and folders in `besides` are left out.
    """
    top = _git("rev-parse", "--show-toplevel")
    # -z: names are not quoted
    status = _git("status", "--porcelain", "--no-renames", "--untracked-files=all", "-z") if top else None
    if top is None or status is None:
        return None
    names = [entry[3:] for entry in status.split("\0") if entry]
    excluded = [path.resolve() for path in besides]
    return tuple(name for name in names if not _is_excluded(Path(top) / name, excluded))


def changes() -> str | None:
    """Return a digest of the uncommitted changes to tracked Python files."""
    diff = _git("diff", "--no-ext-diff", "--no-color", "HEAD", "--", ":(top)*.py")
    if diff is None:
        return None
    import hashlib

    return hashlib.sha256(diff.encode(errors="surrogateescape")).hexdigest()


def _is_excluded(path: Path, excluded: Sequence[Path]) -> bool:
    if "__pycache__" in path.parts:
        return True
    try:
        resolved = path.resolve()
    except (OSError, RuntimeError):
        resolved = path  # a loop of links
    return any(folder in (resolved, *resolved.parents) for folder in excluded)


def git(*arguments: str, timeout_seconds: float = 10) -> str:
    """Return what git prints. Raises CommandFailed."""
    return run_command(["git", *arguments], timeout_seconds=timeout_seconds)


def _git(*arguments: str) -> str | None:
    try:
        return git(*arguments)
    except CommandFailed:
        return None
