"""Where a run is written: always to the terminal, and on request to the files and logs that CI reads."""

import inspect
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from leakcheck.cli.options import output_option
from leakcheck.model.errors import StoreError, UsageError

if TYPE_CHECKING:
    from leakcheck.model.run import Run
    from leakcheck.reporters.locations import Workspace

_STANDARD_OUTPUT = "-"
_MAX_SUMMARY_BYTES = 1024 * 1024 - 1024
"""GitHub's runner drops the whole summary of a step at 1 MiB, and already a few bytes below it."""


class GitHubMode(StrEnum):
    """When to annotate the log of GitHub Actions and to add to its step summary."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


def _file(flag: str, what: str) -> Any:
    return output_option(flag, metavar="FILE", help=f"Also write {what} to FILE (- for stdout).")


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputOptions:
    """The options that name what else is written: each with its flag, and the reporter that yields the document.

    A reporter is imported when it is used. It is given the run, and what else of `_ARGUMENTS` its parameters name.
    """

    json: Annotated[str | None, _file("--json", "the run document"), "leakcheck.storage.run_file:encode"] = None
    junit: Annotated[str | None, _file("--junit", "JUnit XML"), "leakcheck.reporters.junit:junit"] = None
    gitlab: Annotated[
        str | None, _file("--gitlab", "a GitLab code quality report"), "leakcheck.reporters.gitlab:gitlab"
    ] = None
    markdown: Annotated[
        str | None,
        _file("--markdown", "a Markdown summary, for a pull request comment,"),
        "leakcheck.reporters.markdown:markdown",
    ] = None
    github: Annotated[
        GitHubMode,
        output_option(
            "--github",
            metavar="WHEN",
            help="Annotate the log of GitHub Actions and add to its summary: auto (when run there), always or never.",
        ),
    ] = GitHubMode.AUTO

    def __post_init__(self) -> None:
        """Refuse two documents on standard output, before anything is measured."""
        flags = [f"--{name} -" for name in self._on_stdout()]
        if len(flags) > 1:
            raise UsageError(f"{' and '.join(flags)}: only one can be written to stdout; name a file for the other")

    def write(
        self, run: "Run", folder: Path | None = None, page: Path | None = None, *, allow_inconclusive: bool = False
    ) -> None:
        """Print the run, with the report's path last, and write each document that was asked for.

        A document that cannot be written does not keep the others from being written. Raises StoreError for the first.
        """
        self._print(run, folder, page, to_stderr=bool(self._on_stdout()))
        errors: list[StoreError] = []
        paths = {name: path for name in _REPORTERS if (path := getattr(self, name)) is not None}
        writers = [partial(_write, name, path, run, allow_inconclusive) for name, path in paths.items()]
        summary = os.environ.get("GITHUB_STEP_SUMMARY", "")
        if summary and self.github is not GitHubMode.NEVER:
            writers.append(partial(_add_to_summary, Path(summary), run))
        for write in writers:
            try:
                write()
            except StoreError as error:
                errors.append(error)
        if errors:
            raise errors[0]

    def _on_stdout(self) -> list[str]:
        return [name for name in _REPORTERS if getattr(self, name) == _STANDARD_OUTPUT]

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


def _reporters() -> Iterator[tuple[str, str]]:
    for field in fields(OutputOptions):
        metadata: tuple[Any, ...] = getattr(field.type, "__metadata__", ())
        yield from ((field.name, reporter) for reporter in metadata[1:])


_REPORTERS: Mapping[str, str] = dict(_reporters())
"""`module:function` of the reporter of each document, by the name of its option."""

_ARGUMENTS: Mapping[str, Callable[[bool], object]] = {
    "allow_inconclusive": lambda allow_inconclusive: allow_inconclusive,
    "hostname": lambda _: import_module("socket").gethostname(),
    "workspace": lambda _: _workspace(),
}


def _document(name: str, run: "Run", allow_inconclusive: bool) -> bytes:
    module, _, function = _REPORTERS[name].partition(":")
    reporter = getattr(import_module(module), function)
    wanted = inspect.signature(reporter).parameters
    arguments = {key: value(allow_inconclusive) for key, value in _ARGUMENTS.items() if key in wanted}
    data = reporter(run, **arguments)
    return data if isinstance(data, bytes) else b"".join(part for _, part in data)


def _write(name: str, path: str, run: "Run", allow_inconclusive: bool) -> None:
    from leakcheck.reporters.escape import escape_ci_commands
    from leakcheck.storage.document import write_atomically

    data = _document(name, run, allow_inconclusive)
    if path != _STANDARD_OUTPUT:
        write_atomically(Path(path), data)
        return
    if name == "json":  # the other reporters write no text that a CI runner takes for a command
        data = escape_ci_commands(data.decode(), "\\u{:04x}").encode()
    _print_bytes(data)


def _print_bytes(data: bytes, *, to_stderr: bool = False) -> None:
    stream = sys.stderr if to_stderr else sys.stdout
    stream.flush()
    stream.buffer.write(data)
    stream.buffer.flush()


def _add_to_summary(path: Path, run: "Run") -> None:
    """Append a summary, cut to the room that is left in the file. Raises StoreError."""
    from leakcheck.reporters.markdown import markdown

    try:
        size = path.stat().st_size if path.exists() else 0
        with path.open("ab") as file:
            for _, data in markdown(run, most_bytes=_MAX_SUMMARY_BYTES - size):
                file.write(b"\n" + data if size else data)
    except OSError as error:
        raise StoreError(f"{path}: the step summary cannot be written ({error.strerror})") from error


def _workspace() -> "Workspace":
    from leakcheck.reporters.locations import Workspace

    folder = str(Path.cwd())
    root = os.environ.get("GITHUB_WORKSPACE") or os.environ.get("CI_PROJECT_DIR")
    return Workspace(root=os.path.realpath(root) if root else folder, base_folder=folder)
