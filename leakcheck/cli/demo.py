"""The newsletter that is shipped with us: where it lies, what it needs, and what a run of it is to show.

In a checkout it is `scenarios/newsletter`; a wheel has what the replay needs of it below `leakcheck/_demo`,
a folder of data and no package: the newsletter is imported as `scenarios.newsletter` in either place.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated

import typer

from leakcheck.cli.options import Expression
from leakcheck.model.errors import UsageError
from leakcheck.model.protocol import OptionValue
from leakcheck.model.result import Result
from leakcheck.model.verdict import Verdict
from leakcheck.runner.temporary_folders import own_folder

if TYPE_CHECKING:
    from leakcheck.runner.session import RunOutcome, RunRequest


USUAL: Mapping[str, OptionValue] = MappingProxyType({"peak.rows": 50_000})
"""Half of the rows that the newsletter itself has for a peak: the demo is to take about a minute."""

QUICK: Mapping[str, OptionValue] = MappingProxyType({"growth.rows": 50, "peak.rows": 25_000})
"""Enough rows for the story to come out, and a quarter of the time."""

_PACKAGE = Path(__file__).resolve().parents[1]
_SHIPPED = _PACKAGE / "_demo" / "scenarios" / "newsletter"
_CHECKOUT = _PACKAGE.parent / "scenarios" / "newsletter"
_NEEDED = ("django", "aiosmtpd")
_CACHE = "NEWSLETTER_CACHE"


@dataclass(frozen=True, slots=True)
class ExpectedOutcome:
    """What is to come out for one variant."""

    verdict: Verdict
    over: tuple[str, ...] = ()
    """What it is held over budget for, on purpose."""


STORY: Mapping[str, ExpectedOutcome] = MappingProxyType(
    {
        "naive": ExpectedOutcome(Verdict.CLEAN, ("peak",)),
        "iterator": ExpectedOutcome(Verdict.CLEAN),
        "values": ExpectedOutcome(Verdict.CLEAN),
        "keyset": ExpectedOutcome(Verdict.CLEAN),
        "retained": ExpectedOutcome(Verdict.LEAK, ("growth", "peak")),
        "outbox": ExpectedOutcome(Verdict.LEAK, ("growth",)),
        "signal": ExpectedOutcome(Verdict.LEAK, ("growth", "peak")),
        "debug_queries": ExpectedOutcome(Verdict.BOUNDED),
    }
)


def newsletter() -> Path:
    """Return the newsletter's folder. Raises UsageError where it, or what it needs, is not installed."""
    folder = next((place for place in (_SHIPPED, _CHECKOUT) if place.is_dir()), None)
    if folder is None:
        raise UsageError("demo: the newsletter was not installed with leakcheck; install the wheel, or use a checkout")
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise UsageError(
            f"demo: the newsletter is a Django project, and there is no {' and no '.join(missing)} here; "
            'pip install "pytest-leakcheck[django]"'
        )
    return folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder


@contextmanager
def databases() -> Iterator[None]:
    """Give the seeded databases a place: a checkout has one; an installed package may not be written to."""
    if os.environ.get(_CACHE) or not _SHIPPED.is_dir():
        yield
        return
    with own_folder() as folder:
        os.environ[_CACHE] = str(folder)
        try:
            yield
        finally:
            del os.environ[_CACHE]


def surprises(results: Sequence[Result]) -> list[str]:
    """Return a sentence for each result that is not what the story says; none where all are."""
    found = []
    for result in results:
        expected = STORY.get(result.variant or "")
        if result.trouble is not None:
            found.append(f"{result.id} failed: {result.trouble.message}")
        elif expected is None:
            found.append(f"{result.id} has no part in the story")
        elif (result.verdict, set(result.failures)) != (expected.verdict, set(expected.over)):
            found.append(
                f"{result.id} should be {_words(expected.verdict, expected.over)}; it is "
                f"{_words(result.verdict, result.failures)}"
            )
    return found


def _words(verdict: Verdict, over: Sequence[str]) -> str:
    return f"{verdict}, over its budget of {' and '.join(sorted(over))}" if over else f"{verdict}, within its budgets"


_BEFORE = """\
The newsletter: a Django view sends a mail to every subscriber, from a seeded SQLite database over SMTP.
It is replayed in eight ways, each in fresh interpreters, and held to two budgets: growth of 64 KiB per
1000 calls, and a peak of 10 MiB. Four ways are over budget on purpose: naive, retained, outbox and signal.
"""
_AFTER = """
That is the story as it should be: {over} of {all} over budget. `leakcheck run` would end with {code} here; \
in CI that build {fails}.

Next:
  open the report                 {report}
  print the run again             leakcheck show {folder}
  see what memory can do here     leakcheck doctor
  measure something of your own   put this into scenarios.py, then: leakcheck run scenarios.py

      from leakcheck import scenario

      KEPT = []

      @scenario(growth="16 KiB / 1000 calls", peak="10 MiB")
      def parse():  # the body is one call
          KEPT.append(bytes(1000))
"""


def demo(
    expression: Expression = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Read 25,000 rows for a peak and not 50,000: the same story, sooner.")
    ] = False,
    jobs: Annotated[
        str, typer.Option("--jobs", "-j", metavar="N|auto", help="Measure N side by side. \\[default: auto]")
    ] = "auto",
    output: Annotated[
        str | None, typer.Option(metavar="DIR", help="Where the run's folder is made. \\[default: reports]")
    ] = None,
) -> None:
    """Show what leakcheck does: the newsletter that comes with it, sent in eight ways, four of them over budget.

    It ends with 0 when everything comes out as it should, so what is over budget on purpose is no failure.

    [bold]Examples[/bold]

      leakcheck demo

      leakcheck demo --quick -k "naive or iterator"
    """
    from leakcheck.cli.measured_run import told
    from leakcheck.cli.outputs import OutputOptions
    from leakcheck.cli.report import ReportOption

    request = _request(expression, jobs, output, is_quick=quick)
    typer.echo(_BEFORE)
    with databases():
        outcome = told(request, OutputOptions(), ReportOption())
    raise typer.Exit(_concluded(outcome))


def _request(expression: str | None, jobs: str, output: str | None, *, is_quick: bool) -> "RunRequest":
    """Return what is to be measured: by the newsletter's own budgets, whatever the folder we are in says of others."""
    from dataclasses import replace

    from leakcheck.cli.measure_options import MeasureOptions
    from leakcheck.config.sources import SettingsLayer
    from leakcheck.scenario import Target

    asked = MeasureOptions(expression=expression, jobs=jobs, output=output)
    request = asked.request_for([Target(path=newsletter())])
    settings = replace(request.settings, python=None, overrides=(), known=(), said=SettingsLayer())
    return replace(request, settings=settings, options={**request.options, **(QUICK if is_quick else USUAL)})


def _concluded(outcome: "RunOutcome") -> int:
    """Say what it means and what to do next; return the exit code."""
    from leakcheck.model.errors import ExitCode
    from leakcheck.model.plain_text import plain
    from leakcheck.model.verdict import Gate

    code = outcome.exit_code(allow_inconclusive=False)
    if outcome.interrupted:
        return code
    if sentences := surprises(outcome.run.results):
        typer.echo("\nThis is not the story as it should be:")
        for sentence in sentences:
            typer.echo(f"  {plain(sentence)}")
        typer.echo("Is the machine busy? Try again with --jobs 1; else please report it, with `leakcheck doctor`.")
        return code or ExitCode.OVER_BUDGET
    typer.echo(
        _AFTER.format(
            over=sum(result.gate is Gate.OVER for result in outcome.run.results),
            all=len(outcome.run.results),
            code=int(code),
            fails="would have failed" if code else "would have passed",
            report=plain(str(outcome.folder / "report.html")),
            folder=plain(str(outcome.folder)),
        )
    )
    return ExitCode.WITHIN
