"""`leakcheck django`: replay URLs of a Django project, with no code written."""

from typing import Annotated

import typer

from leakcheck.cli.asking import Asking
from leakcheck.cli.groups import flat
from leakcheck.cli.measuring import Conditions
from leakcheck.cli.outputs import Outputs
from leakcheck.cli.report import Reporting


@flat
def django(
    asking: Asking,
    conditions: Conditions,
    outputs: Outputs,
    reporting: Reporting,
    requests: Annotated[
        list[str] | None, typer.Argument(metavar="METHOD:/PATH", help="GET:/newsletter/, POST:/send/ …; or --all.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="GET every URL that takes no argument.")] = False,
    unsafe: Annotated[
        bool, typer.Option("--unsafe", help="With --all: POST to them too, and leave out none that ends a session.")
    ] = False,
    settings: Annotated[
        str | None, typer.Option(metavar="MODULE", help="The project's settings. \\[default: as manage.py says]")
    ] = None,
    user: Annotated[
        str | None, typer.Option(metavar="NAME", help="Log this user in; made, where no fixture has one of that name.")
    ] = None,
    superuser: Annotated[bool, typer.Option("--superuser", help="Log in somebody who may do anything.")] = False,
    fixture: Annotated[
        list[str] | None, typer.Option(metavar="FILE", help="Load this into the test database; may be said again.")
    ] = None,
    migrate: Annotated[
        bool, typer.Option("--migrate/--no-migrate", help="Make the tables by migrations, or straight from the models.")
    ] = True,
    atomic: Annotated[bool, typer.Option("--atomic", help="Roll back what each call did to the databases.")] = False,
    asgi: Annotated[bool, typer.Option("--asgi", help="Replay through the ASGI handler.")] = False,
    mail: Annotated[
        bool, typer.Option("--mail", help="Send mail as the project does; without this it is dropped.")
    ] = False,
) -> None:
    """Replay URLs of a Django project on a test database of its own.

    [bold]Examples[/bold]

      leakcheck django GET:/newsletter/ --user editor --fixture subscribers.json

      leakcheck django POST:/newsletter/send/ --data '{"strategy": "naive"}' --peak "10 MiB" --atomic

      leakcheck django --all --superuser --jobs 2
    """
    from dataclasses import replace

    from leakcheck.cli.project import settings_module
    from leakcheck.cli.telling import measure_and_tell
    from leakcheck.errors import UsageError
    from leakcheck.scenario import DJANGO, Target, parse_request

    if bool(requests) == every:
        raise UsageError("say which requests to replay (leakcheck django GET:/newsletter/), or --all for every URL")
    asked = ("GET:*",) if every else tuple(map(parse_request, requests or ()))
    request = conditions.request_for(
        [Target(module=DJANGO, name=settings_module(settings), requests=asked)],
    )
    said = {
        "user": user,
        "superuser": superuser or None,
        "fixtures": "\n".join(fixture) if fixture else None,
        "migrate": None if migrate else False,
        "atomic": atomic or None,
        "protocol": "asgi" if asgi else None,
        "mail": mail or None,
        "unsafe": unsafe or None,
    }
    of_project = {name: value for name, value in said.items() if value is not None}
    options = {**asking.options(("POST:*",) if unsafe else asked), **of_project, **request.options}
    measure_and_tell(replace(request, options=options, is_ranked=every), outputs, reporting)
