"""Which settings a Django project is replayed with: as they are said, or as the project says itself."""

import os
from pathlib import Path
from typing import Annotated

import typer

from leakcheck.cli.dataclass_options import flat
from leakcheck.cli.measure_options import MeasureOptions
from leakcheck.cli.options import OptionalBaselineOptions
from leakcheck.cli.outputs import OutputOptions
from leakcheck.cli.report import ReportOption
from leakcheck.cli.request_options import DjangoRequestOptions
from leakcheck.config.settings import project_settings
from leakcheck.model.errors import UsageError
from leakcheck.scenario import DJANGO, parse_target
from leakcheck.worker.django.discover import project_folder, settings_in_manage

_ENVIRONMENT = "DJANGO_SETTINGS_MODULE"


def settings_module(said: str | None) -> str:
    """Return the settings' module: said here, in the environment, in pyproject.toml, or else in manage.py.

    Raises UsageError where nobody says it.
    """
    folder = project_folder(str(Path.cwd()))
    name = (
        said
        or os.environ.get(_ENVIRONMENT)
        or project_settings()
        or (None if folder is None else settings_in_manage(folder))
    )
    if name is None:
        where = "there is no manage.py here" if folder is None else f"{folder}/manage.py names none"
        raise UsageError(
            f'no settings: {where}; say --settings mysite.settings, or write settings = "mysite.settings" '
            "under [tool.leakcheck.django] in pyproject.toml"
        )
    try:
        parse_target(f"{DJANGO}:{name}")
    except UsageError:
        raise UsageError(f"--settings {name!r}: is no module; write mysite.settings") from None
    return name


_QUICK_SECONDS = 5.0
"""Most pages of a few milliseconds are settled by then; the others are told as inconclusive."""


@flat
def django(
    visiting: DjangoRequestOptions,
    conditions: MeasureOptions,
    beside: OptionalBaselineOptions,
    outputs: OutputOptions,
    reporting: ReportOption,
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

    from leakcheck.cli.measured_run import compared_with, measure_and_tell
    from leakcheck.model.errors import UsageError
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


def first_look(conditions: MeasureOptions) -> MeasureOptions:
    """Return the conditions of a look that is to find what deserves a longer one."""
    from dataclasses import replace

    from leakcheck.model.explanation import Explain

    said = conditions.explain or Explain.NEVER
    return replace(conditions, measure_peak=False, explain=said, time=conditions.time or _QUICK_SECONDS)
