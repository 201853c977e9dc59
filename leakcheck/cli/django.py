"""`leakcheck django`: replay URLs of a Django project, with no code written."""

from typing import Annotated

import typer

from leakcheck.cli.asking import Visiting
from leakcheck.cli.groups import flat
from leakcheck.cli.measuring import Conditions
from leakcheck.cli.options import Beside
from leakcheck.cli.outputs import Outputs
from leakcheck.cli.report import Reporting

_QUICK_SECONDS = 5.0
"""Most pages of a few milliseconds are settled by then; the others are told as inconclusive."""


@flat
def django(
    visiting: Visiting,
    conditions: Conditions,
    beside: Beside,
    outputs: Outputs,
    reporting: Reporting,
    requests: Annotated[
        list[str] | None, typer.Argument(metavar="METHOD:/PATH", help="GET:/newsletter/, POST:/send/ …; or --all.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="GET every URL that takes no argument.")] = False,
    unsafe: Annotated[
        bool, typer.Option("--unsafe", help="With --all: POST to them too, and leave out none that ends a session.")
    ] = False,
    quick: Annotated[
        bool,
        typer.Option("--quick", help="A first look: no peak, no explanation, and --time 5 where nothing else is said."),
    ] = False,
    settings: Annotated[
        str | None, typer.Option(metavar="MODULE", help="The project's settings. \\[default: as manage.py says]")
    ] = None,
) -> None:
    """Replay URLs of a Django project on a test database of its own.

    [bold]Examples[/bold]

      leakcheck django GET:/newsletter/ --user editor --fixture subscribers.json

      leakcheck django POST:/newsletter/send/ --data '{"strategy": "naive"}' --peak "10 MiB" --atomic

      leakcheck django --all --quick --superuser --jobs 2

      leakcheck django GET:/newsletter/ --user editor --baseline leakcheck-baseline.json
    """
    from dataclasses import replace

    from leakcheck.cli.project import settings_module
    from leakcheck.cli.telling import compared_with, measure_and_tell
    from leakcheck.errors import UsageError
    from leakcheck.scenario import DJANGO, Target, parse_request

    if bool(requests) == every:
        raise UsageError("say which requests to replay (leakcheck django GET:/newsletter/), or --all for every URL")
    asked = ("GET:*",) if every else tuple(map(parse_request, requests or ()))
    target = Target(module=DJANGO, name=settings_module(settings), requests=asked)
    conditions = first_look(conditions) if quick else conditions
    request = conditions.request_for([target], beside.against)
    options = visiting.options(("POST:*",) if unsafe else asked) | ({"unsafe": True} if unsafe else {})
    request = replace(request, options={**options, **request.options}, is_ranked=every)
    measure_and_tell(compared_with(request, beside), outputs, reporting, closer=quick)


def first_look(conditions: Conditions) -> Conditions:
    """Return the conditions of a look that is to find what deserves a longer one."""
    from dataclasses import replace

    from leakcheck.explanation import Explain

    said = conditions.explain or Explain.NEVER
    return replace(conditions, measure_peak=False, explain=said, time=conditions.time or _QUICK_SECONDS)
