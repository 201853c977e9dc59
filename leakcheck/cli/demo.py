"""`leakcheck demo`: the newsletter, replayed where you are, with nothing of your own needed."""

from typing import TYPE_CHECKING, Annotated

import typer

from leakcheck.cli.options import Expression

if TYPE_CHECKING:
    from leakcheck.session import Outcome, Request

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
    from leakcheck.cli.outputs import Outputs
    from leakcheck.cli.report import Reporting
    from leakcheck.cli.telling import told
    from leakcheck.demo import databases

    request = _request(expression, jobs, output, is_quick=quick)
    typer.echo(_BEFORE)
    with databases():
        outcome = told(request, Outputs(), Reporting())
    raise typer.Exit(_concluded(outcome))


def _request(expression: str | None, jobs: str, output: str | None, *, is_quick: bool) -> "Request":
    """Return what is to be measured: by the newsletter's own budgets, whatever the folder we are in says of others."""
    from dataclasses import replace

    from leakcheck.cli.measuring import Conditions
    from leakcheck.config import Said
    from leakcheck.demo import QUICK, USUAL, newsletter
    from leakcheck.scenario import Target

    asked = Conditions(expression=expression, jobs=jobs, output=output)
    request = asked.request_for([Target(path=newsletter())])
    settings = replace(request.settings, python=None, overrides=(), known=(), said=Said())
    return replace(request, settings=settings, options={**request.options, **(QUICK if is_quick else USUAL)})


def _concluded(outcome: "Outcome") -> int:
    """Say what it means and what to do next; return the exit code."""
    from leakcheck.demo import surprises
    from leakcheck.errors import ExitCode
    from leakcheck.model import Gate
    from leakcheck.reporters.plain import plain

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
