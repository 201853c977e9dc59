"""`leakcheck django`: replay requests to a Django project on a test database."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from leakcheck.cli.measure_options import MeasureOptions
from leakcheck.cli.options import OptionalBaselineOptions, flatten_options
from leakcheck.cli.report import RunOutputs
from leakcheck.cli.request_options import DjangoRequestOptions
from leakcheck.cli.run import against_baseline, measure_and_exit
from leakcheck.config.settings import django_settings
from leakcheck.model.errors import UsageError
from leakcheck.model.explanation import Explain
from leakcheck.scenario import DJANGO, Target, parse_request, parse_target
from leakcheck.worker.django.discover import project_folder, settings_in_manage

_QUICK_SECONDS = 5.0
"""Enough for most pages that take a few milliseconds; the others are reported as inconclusive."""


@flatten_options
def django(
    requests: Annotated[
        list[str] | None,
        typer.Argument(metavar="METHOD:/PATH", help="Requests to replay: GET:/newsletter/, POST:/send/ …; or --all."),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="GET every URL that takes no argument.")] = False,
    unsafe: Annotated[
        bool, typer.Option("--unsafe", help="With --all: also POST to every URL, and include URLs that end a session.")
    ] = False,
    quick: Annotated[
        bool, typer.Option("--quick", help="Take a first look: no peak, no explanation, and --time 5 by default.")
    ] = False,
    settings: Annotated[
        str | None, typer.Option(metavar="MODULE", help="Settings module of the project. \\[default: as in manage.py]")
    ] = None,
    *,
    measuring: MeasureOptions,
    baseline_options: OptionalBaselineOptions,
    asking: DjangoRequestOptions,
    outputs: RunOutputs,
) -> None:
    """Measure requests to a Django project, on a test database.

    [bold]Examples[/bold]

      leakcheck django GET:/newsletter/ --user editor --fixture subscribers.json

      leakcheck django POST:/newsletter/send/ --data '{"strategy": "naive"}' --peak "10 MiB" --atomic

      leakcheck django --all --quick --superuser --jobs 2

      leakcheck django GET:/newsletter/ --user editor --baseline leakcheck-baseline.json
    """
    if bool(requests) == every:
        raise UsageError("pass either the requests to replay (leakcheck django GET:/newsletter/), or --all")
    parsed = ("GET:*",) if every else tuple(map(parse_request, requests or ()))
    target = Target(module=DJANGO, name=_settings_module(settings), requests=parsed)
    if quick:
        measuring = replace(
            measuring,
            measure_peak=False,
            explain=measuring.explain or Explain.NEVER,
            time=measuring.time or _QUICK_SECONDS,
        )
    request = measuring.request_for([target], baseline_options)
    options = asking.options(("POST:*",) if unsafe else parsed) | ({"unsafe": True} if unsafe else {})
    request = replace(request, options={**options, **request.options}, is_ranked=every)
    if baseline_options.baseline is not None:
        request = against_baseline(request)
    measure_and_exit(request, outputs, suggest_closer_look=quick)


def _settings_module(name: str | None) -> str:
    """Return the settings module: of the option, the environment, pyproject.toml, or else manage.py.

    Raises UsageError if none of them names one, or if the name is no module.
    """
    folder = project_folder(str(Path.cwd()))
    name = (
        name
        or os.environ.get("DJANGO_SETTINGS_MODULE")
        or django_settings().settings
        or (None if folder is None else settings_in_manage(folder))
    )
    if name is None:
        reason = "there is no manage.py here" if folder is None else f"{folder}/manage.py names none"
        raise UsageError(
            f'no settings: {reason}; pass --settings mysite.settings, or write settings = "mysite.settings" '
            "under [tool.leakcheck.django] in pyproject.toml"
        )
    try:
        parse_target(f"{DJANGO}:{name}")
    except UsageError:
        raise UsageError(f"--settings {name!r}: not a module name; write mysite.settings") from None
    return name
