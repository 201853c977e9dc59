"""Where a run is told: the terminal always, and the files and logs that CI reads where they are wanted."""

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leakcheck.model.errors import StoreError, UsageError

if TYPE_CHECKING:
    from leakcheck.model.run import Run
    from leakcheck.reporters.locations import Workspace

_STANDARD_OUTPUT = "-"
_MOST_BYTES_OF_A_SUMMARY = 1024 * 1024 - 1024
"""The runner drops a step's whole summary at 1 MiB, and already a few bytes before."""


class GitHubMode(StrEnum):
    """When GitHub's log is annotated and its step summary added to."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


def _file(flag: str, what: str) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(
        flag, metavar="FILE", help=f"Write {what} there too; - for standard output."
    )
    return option


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputOptions:
    """The options that say who else is told."""

    json: Annotated[str | None, _file("--json", "the run document")] = None
    junit: Annotated[str | None, _file("--junit", "JUnit XML")] = None
    gitlab: Annotated[str | None, _file("--gitlab", "GitLab's code-quality report")] = None
    markdown: Annotated[str | None, _file("--markdown", "a summary for a pull request's comment")] = None
    github: Annotated[
        GitHubMode,
        typer.Option(
            "--github", help="Annotate the log of GitHub Actions and add to its summary: auto is where it runs there."
        ),
    ] = GitHubMode.AUTO

    def __post_init__(self) -> None:
        """Refuse what cannot be told, before anything is measured."""
        taken = [f"--{name} -" for name in _DOCUMENTS if getattr(self, name) == _STANDARD_OUTPUT]
        if len(taken) > 1:
            raise UsageError(f"{' and '.join(taken)}: only one can have standard output; write the other to a file")

    def tell(
        self, run: "Run", folder: Path | None = None, page: Path | None = None, *, allow_inconclusive: bool = False
    ) -> None:
        """Print the run, its report's place last, and write it wherever it is wanted.

        Where one place cannot be written to the others still are. Raises StoreError for the first of those.
        """
        stdout_is_taken = any(getattr(self, name) == _STANDARD_OUTPUT for name in _DOCUMENTS)
        self._print(run, folder, page, to_stderr=stdout_is_taken)
        failed: list[StoreError] = []
        wanted = {name: place for name in _DOCUMENTS if (place := getattr(self, name)) is not None}
        writers = [partial(_write, name, place, run, allow_inconclusive) for name, place in wanted.items()]
        summary = os.environ.get("GITHUB_STEP_SUMMARY", "")
        if summary and self.github is not GitHubMode.NEVER:
            writers.append(partial(_add_to_summary, Path(summary), run))
        for write in writers:
            try:
                write()
            except StoreError as error:
                failed.append(error)
        if failed:
            raise failed[0]

    def _print(self, run: "Run", folder: Path | None, page: Path | None, *, to_stderr: bool) -> None:
        from leakcheck.cli.console import make_console
        from leakcheck.reporters.terminal import render_run

        console = make_console(stderr=to_stderr)
        for part in render_run(run, folder, page=page, columns=console.width):
            console.print(part)
        if self.github is GitHubMode.ALWAYS or (
            self.github is GitHubMode.AUTO and os.environ.get("GITHUB_ACTIONS") == "true"
        ):
            from leakcheck.reporters.github import annotations

            lines = [f"{line}\n" for line in annotations(run, _workspace())]
            _print_bytes("".join(lines).encode(), to_stderr=to_stderr)


def _run_document(run: "Run", allow_inconclusive: bool) -> bytes:
    from leakcheck.storage import run_file

    return run_file.encode(run)


def _junit(run: "Run", allow_inconclusive: bool) -> bytes:
    import socket

    from leakcheck.reporters.junit import junit

    return _joined(junit(run, hostname=socket.gethostname(), allow_inconclusive=allow_inconclusive))


def _gitlab(run: "Run", allow_inconclusive: bool) -> bytes:
    from leakcheck.reporters.gitlab import gitlab

    return _joined(gitlab(run, _workspace()))


def _markdown(run: "Run", allow_inconclusive: bool) -> bytes:
    from leakcheck.reporters.markdown import markdown

    return _joined(markdown(run))


_DOCUMENTS: Mapping[str, Callable[["Run", bool], bytes]] = {
    "json": _run_document,
    "junit": _junit,
    "gitlab": _gitlab,
    "markdown": _markdown,
}
"""What makes each document, by the name of its option; reporters are imported where they are wanted."""


def _joined(documents: Iterable[tuple[str, bytes]]) -> bytes:
    return b"".join(data for _, data in documents)


def _write(name: str, place: str, run: "Run", allow_inconclusive: bool) -> None:
    """Write one document where it is wanted. Raises StoreError."""
    from leakcheck.reporters.escape import inert
    from leakcheck.storage import atomic

    data = _DOCUMENTS[name](run, allow_inconclusive)
    if place != _STANDARD_OUTPUT:
        atomic.write_atomically(Path(place), data)
        return
    if name == "json":  # the others never hold a command
        data = inert(data.decode(), "\\u{:04x}").encode()
    _print_bytes(data)


def _print_bytes(data: bytes, *, to_stderr: bool = False) -> None:
    stream = sys.stderr if to_stderr else sys.stdout
    stream.flush()
    stream.buffer.write(data)
    stream.buffer.flush()


def _add_to_summary(path: Path, run: "Run") -> None:
    """Append a summary as long as there is room for. Raises StoreError."""
    from leakcheck.reporters.markdown import markdown

    try:
        there = path.stat().st_size if path.exists() else 0
        with path.open("ab") as file:
            for _, data in markdown(run, most_bytes=_MOST_BYTES_OF_A_SUMMARY - there):
                file.write(b"\n" + data if there else data)
    except OSError as error:
        raise StoreError(f"{path}: the step summary cannot be written ({error.strerror})") from error


def _workspace() -> "Workspace":
    from leakcheck.reporters.locations import Workspace

    here = str(Path.cwd())
    root = os.environ.get("GITHUB_WORKSPACE") or os.environ.get("CI_PROJECT_DIR")
    return Workspace(root=os.path.realpath(root) if root else here, here=here)
