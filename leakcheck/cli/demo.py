"""`leakcheck demo`: measure the newsletter example, and check that it comes out as expected.

In a checkout the newsletter is `scenarios/newsletter`. A wheel contains what the replay needs of it below
`leakcheck/_demo`, as data, not as a package: in both places it is imported as `scenarios.newsletter`.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leakcheck.cli.options import Expression, RunsFolder
from leakcheck.model.errors import UsageError
from leakcheck.model.protocol import OptionValue
from leakcheck.model.result import Result
from leakcheck.model.verdict import Verdict
from leakcheck.runner.temporary_folders import temporary_folder

if TYPE_CHECKING:
    from leakcheck.runner.session import RunOutcome, RunRequest

_OPTIONS: Mapping[str, OptionValue] = {"peak.rows": 50_000}
"""Half of the newsletter's own rows for a peak, so that the demo takes about a minute."""

_QUICK_OPTIONS: Mapping[str, OptionValue] = {"growth.rows": 50, "peak.rows": 25_000}
"""Enough rows for the same outcome, in a quarter of the time."""

_PACKAGE = Path(__file__).resolve().parents[1]
_INSTALLED = _PACKAGE / "_demo" / "scenarios" / "newsletter"
_CHECKOUT = _PACKAGE.parent / "scenarios" / "newsletter"
_REQUIRED = ("django", "aiosmtpd")
_CACHE = "NEWSLETTER_CACHE"


EXPECTED: Mapping[str, tuple[Verdict, tuple[str, ...]]] = {
    "naive": (Verdict.CLEAN, ("peak",)),
    "iterator": (Verdict.CLEAN, ()),
    "values": (Verdict.CLEAN, ()),
    "keyset": (Verdict.CLEAN, ()),
    "retained": (Verdict.LEAK, ("growth", "peak")),
    "outbox": (Verdict.LEAK, ("growth",)),
    "signal": (Verdict.LEAK, ("growth", "peak")),
    "debug_queries": (Verdict.BOUNDED, ()),
}
"""The verdict of each variant, and the budgets that it exceeds on purpose."""


def newsletter() -> Path:
    """Return the newsletter's folder. Raises UsageError if it, or a package that it requires, is not installed."""
    folder = next((path for path in (_INSTALLED, _CHECKOUT) if path.is_dir()), None)
    if folder is None:
        raise UsageError("demo: the newsletter example is not installed; install leakcheck's wheel, or use a checkout")
    missing = [name for name in _REQUIRED if find_spec(name) is None]
    if missing:
        raise UsageError(
            f"demo: the newsletter is a Django project, and requires {' and '.join(missing)}; "
            'pip install "pytest-leakcheck[django]"'
        )
    return folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder


@contextmanager
def databases() -> Iterator[None]:
    """Give the seeded databases a folder: a checkout has one, an installed package must not be written to."""
    if os.environ.get(_CACHE) or not _INSTALLED.is_dir():
        yield
        return
    with temporary_folder() as folder:
        os.environ[_CACHE] = str(folder)
        try:
            yield
        finally:
            del os.environ[_CACHE]


def surprises(results: Sequence[Result]) -> list[str]:
    """Return a sentence for each result that is not as expected."""
    lines = []
    for result in results:
        expected = EXPECTED.get(result.variant or "")
        if result.failure is not None:
            lines.append(f"{result.id} failed: {result.failure.message}")
        elif expected is None:
            lines.append(f"{result.id} is not part of the demo")
        elif (result.verdict, set(result.over_budget)) != (expected[0], set(expected[1])):
            lines.append(f"{result.id}: expected {_words(*expected)}; got {_words(result.verdict, result.over_budget)}")
    return lines


def _words(verdict: Verdict, over: Sequence[str]) -> str:
    return f"{verdict}, FAIL {', '.join(sorted(over))}" if over else f"{verdict}, pass"


_INTRODUCTION = """\
The newsletter example: a Django view sends a mail over SMTP to every subscriber in a seeded SQLite database.
It is implemented in eight variants. Each is measured in fresh interpreters, against two budgets: growth of
64 KiB per 1000 calls, and a peak of 10 MiB. Four variants fail on purpose: naive, retained, outbox and signal.
"""
_CONCLUSION = """
All as expected: {outcome}. `leakcheck run` would exit with {code} here, and the CI job would {end}.

Next:
  open the report                 {report}
  print the run again             leakcheck show {folder}
  check what can be measured      leakcheck doctor
  measure your own code           save this as scenarios.py, then: leakcheck run scenarios.py

      from leakcheck import scenario

      KEPT = []

      @scenario(growth="16 KiB / 1000 calls", peak="10 MiB")
      def parse():  # the body is one call
          KEPT.append(bytes(1000))
"""


def demo(
    expression: Expression = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Read 25,000 rows for a peak instead of 50,000: faster, same outcome.")
    ] = False,
    jobs: Annotated[
        str, typer.Option("--jobs", "-j", metavar="N|auto", help="Measure N variants in parallel.")
    ] = "auto",
    output: RunsFolder = None,
) -> None:
    """Measure the bundled newsletter example in eight variants.

    Four of them fail on purpose: the exit code is 0 when every variant comes out
    as expected.

    [bold]Examples[/bold]

      leakcheck demo

      leakcheck demo --quick -k "naive or iterator"
    """
    from leakcheck.cli.report import RunOutputs
    from leakcheck.cli.run import measure

    request = _request(expression, jobs, output, is_quick=quick)
    typer.echo(_INTRODUCTION)
    with databases():
        outcome = measure(request, RunOutputs())
    raise typer.Exit(_conclude(outcome))


def _request(expression: str | None, jobs: str, output: str | None, *, is_quick: bool) -> "RunRequest":
    """Return the request, with the newsletter's own budgets and not those of the pyproject.toml in this folder."""
    from dataclasses import replace

    from leakcheck.cli.measure_options import MeasureOptions
    from leakcheck.config.sources import SettingsLayer
    from leakcheck.scenario import Target

    options = MeasureOptions(expression=expression, jobs=jobs, output=output)
    request = options.request_for([Target(path=newsletter())])
    settings = replace(request.settings, python=None, overrides=(), known=(), explicit=SettingsLayer())
    return replace(
        request, settings=settings, options={**request.options, **(_QUICK_OPTIONS if is_quick else _OPTIONS)}
    )


def _conclude(outcome: "RunOutcome") -> int:
    """Print what the outcome means and what to do next; return the exit code."""
    from leakcheck.model.errors import ExitCode
    from leakcheck.model.plain_text import escape_control
    from leakcheck.reporters.messages.run import RunFact, run_phrases

    code = outcome.exit_code(allow_inconclusive=False)
    if outcome.interrupted:
        return code
    if sentences := surprises(outcome.run.results):
        typer.echo("\nNot as expected:")
        for sentence in sentences:
            typer.echo(f"  {escape_control(sentence)}")
        typer.echo(
            "If the machine is busy, try again with --jobs 1. Otherwise please report this, with the output of "
            "`leakcheck doctor --markdown`."
        )
        return code or ExitCode.OVER_BUDGET
    typer.echo(
        _CONCLUSION.format(
            outcome=" ".join(run_phrases(outcome.run, RunFact.OUTCOME)),
            code=int(code),
            end="fail" if code else "pass",
            report=escape_control(str(outcome.folder / "report.html")),
            folder=escape_control(str(outcome.folder)),
        )
    )
    return ExitCode.WITHIN
