"""Two git revisions as folders: a checkout of each, with the newer one's scenarios in both.

Nothing of the user's own checkout is touched: the folders are git worktrees below `.leakcheck`.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from leakcheck.model.errors import UsageError

_GIT_SECONDS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """A commit by the name that the user gave it."""

    name: str
    commit: str
    repository: Path
    below: Path
    """Where the current folder lies in the repository."""

    @property
    def place(self) -> Path:
        """Return the folder of the repository that is ours."""
        return self.repository / ".leakcheck"

    @property
    def checkout(self) -> Path:
        """Return the folder that its worktree has for a while."""
        return self.place / "revisions" / f"{self.commit[:12]}-{os.getpid()}"

    @property
    def folder(self) -> Path:
        """Return the current folder's twin in the worktree."""
        return self.checkout / self.below


def is_range(text: str) -> bool:
    """Tell whether a text names two revisions (`main..HEAD`)."""
    before, dots, after = text.partition("..")
    return bool(dots and before and after) and not after.startswith(".") and not Path(text).exists()


def two_revisions(text: str) -> tuple[Revision, Revision]:
    """Return both revisions of `A..B`. Raises UsageError where this is no repository, or there are not two of them."""
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
    # --end-of-options: a name that begins with a dash is a name
    asked = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    commit = _git(*asked, remedy=f"there is no revision {name!r}; `git fetch` it, or name another")
    return Revision(name=name, commit=commit, repository=repository, below=below)


@contextmanager
def checked_out(revision: Revision) -> Iterator[Path]:
    """Make a worktree of the revision, give the current folder's twin in it, and remove it again.

    Raises UsageError where that cannot be done.
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


def lend_scenarios(files: Sequence[Path], newer: Path, older: Path) -> list[Path]:
    """Copy the newer revision's scenario files over the older one's, and return what was copied, relative.

    What is compared is the code; what measures it must be the same. Of what stands beside the scenarios
    only what the older revision lacks is copied.
    """
    lent = [path.relative_to(newer) for file in files for path in _with_siblings(file, newer, older)]
    for path in lent:
        place = older / path
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(newer / path, place)
    return lent


def _with_siblings(file: Path, newer: Path, older: Path) -> list[Path]:
    beside = [one for one in sorted(file.parent.rglob("*")) if one.is_file() and one.parent != newer]
    return [file, *(one for one in beside if one != file and not (older / one.relative_to(newer)).exists())]


def _git(*arguments: str, remedy: str) -> str:
    try:
        done = subprocess.run(
            ["git", *arguments],
            capture_output=True,
            text=True,
            errors="surrogateescape",
            timeout=_GIT_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise UsageError(f"git {arguments[0]}: {error}; {remedy}") from error
    if done.returncode:
        said = (done.stderr.strip().splitlines() or [""])[-1]
        raise UsageError(f"git {arguments[0]} failed{f' ({said})' if said else ''}: {remedy}")
    return done.stdout.strip()
