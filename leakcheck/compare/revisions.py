"""Check out two git revisions, with the scenarios of the newer one in both.

The checkouts are git worktrees below `.leakcheck`; the user's own working tree is not touched.
"""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from leakcheck.model.errors import UsageError
from leakcheck.storage import git
from leakcheck.storage.command import CommandFailed

_GIT_SECONDS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """A commit, and the name by which the user referred to it."""

    name: str
    commit: str
    repository: Path
    below: Path
    """The current folder, relative to the top of the repository."""

    @property
    def place(self) -> Path:
        """The folder `.leakcheck` of the repository."""
        return self.repository / ".leakcheck"

    @property
    def checkout(self) -> Path:
        """The temporary folder of its worktree."""
        return self.place / "revisions" / f"{self.commit[:12]}-{os.getpid()}"

    @property
    def folder(self) -> Path:
        """The folder in the worktree that corresponds to the current one."""
        return self.checkout / self.below


def is_range(text: str) -> bool:
    """Return whether the text names two revisions (`main..HEAD`) and no existing path."""
    before, dots, after = text.partition("..")
    return bool(dots and before and after) and not after.startswith(".") and not Path(text).exists()


def two_revisions(text: str) -> tuple[Revision, Revision]:
    """Return both revisions of `A..B`. Raises UsageError if there is no repository, or no two different revisions."""
    before, _, after = text.partition("..")
    repository = Path(_git("rev-parse", "--show-toplevel", remedy="run it inside a git repository"))
    below = Path.cwd().resolve().relative_to(repository.resolve())
    older, newer = _revision(before, repository, below), _revision(after, repository, below)
    if older.commit == newer.commit:
        raise UsageError(
            f"{text}: both are the commit {newer.commit[:12]}; commit what you changed, or name another revision"
        )
    return older, newer


def _revision(name: str, repository: Path, below: Path) -> Revision:
    # --end-of-options: the name may start with a dash
    arguments = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    commit = _git(*arguments, remedy=f"there is no revision {name!r}; `git fetch` it, or name another")
    return Revision(name=name, commit=commit, repository=repository, below=below)


@contextmanager
def checked_out(revision: Revision) -> Iterator[Path]:
    """Create a worktree of the revision, yield the folder that corresponds to the current one, and remove the worktree.

    Raises UsageError if git fails, or the revision has no such folder.
    """
    folder = revision.checkout
    folder.parent.mkdir(parents=True, exist_ok=True)
    ignored = revision.place / ".gitignore"
    if not ignored.exists():
        ignored.write_text("*\n", encoding="utf-8")
    add = ("worktree", "add", "--force", "--detach", str(folder), revision.commit)
    try:
        _git(*add, remedy="make room, or commit what is half done")
        if not revision.folder.is_dir():
            raise UsageError(
                f"{revision.name}: had no folder {revision.below}; run it from one that both revisions have"
            )
        yield revision.folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        _git("worktree", "prune", remedy=f"remove {folder}")


def copy_scenarios(files: Sequence[Path], newer: Path, older: Path) -> list[Path]:
    """Copy scenario files of the newer revision over those of the older one, and return their relative paths.

    The comparison is about the code, so both revisions must be measured with the same scenarios. Other files in the
    scenarios' folders are only copied if the older revision lacks them.
    """
    copied = [path.relative_to(newer) for file in files for path in _with_siblings(file, newer, older)]
    for path in copied:
        target = older / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(newer / path, target)
    return copied


def _with_siblings(file: Path, newer: Path, older: Path) -> list[Path]:
    siblings = [path for path in sorted(file.parent.rglob("*")) if path.is_file() and path.parent != newer]
    return [file, *(path for path in siblings if path != file and not (older / path.relative_to(newer)).exists())]


def _git(*arguments: str, remedy: str) -> str:
    try:
        return git.git(*arguments, timeout_seconds=_GIT_SECONDS)
    except CommandFailed as error:
        reason = f" ({error})" if str(error) else ""
        raise UsageError(f"git {arguments[0]} failed{reason}: {remedy}") from error
