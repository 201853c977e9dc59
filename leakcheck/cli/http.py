"""`leakcheck http`: replay requests of any WSGI or ASGI application."""

from typing import Annotated

import typer

from leakcheck.cli.dataclass_options import flat
from leakcheck.cli.measure_options import MeasureOptions
from leakcheck.cli.options import OptionalBaselineOptions
from leakcheck.cli.outputs import OutputOptions
from leakcheck.cli.report import ReportOption
from leakcheck.cli.request_options import RequestOptions


@flat
def http(
    application: Annotated[
        str,
        typer.Argument(
            metavar="MODULE:APPLICATION", help="What a server is given; a function without parameters makes it."
        ),
    ],
    requests: Annotated[list[str], typer.Argument(metavar="METHOD:/PATH", help="GET:/news/?page=2, POST:/send …")],
    asking: RequestOptions,
    conditions: MeasureOptions,
    beside: OptionalBaselineOptions,
    outputs: OutputOptions,
    reporting: ReportOption,
) -> None:
    """Replay requests of a WSGI or ASGI application, without a server and without a scenario.

    [bold]Examples[/bold]

      leakcheck http shop.web:app GET:/ GET:/search?q=tea

      leakcheck http shop.asgi:application POST:/orders --data '{"tea": 2}' --expect 201
    """
    from dataclasses import replace

    from leakcheck.cli.measured_run import compared_with, measure_and_tell
    from leakcheck.model.errors import UsageError
    from leakcheck.scenario import Target, parse_request, parse_target

    where = parse_target(application) if ":" in application else Target()
    if where.kind != "callable":
        raise UsageError(f"{application!r}: write package.module:application, and then the requests")
    asked = tuple(map(parse_request, requests))
    request = conditions.request_for([replace(where, requests=asked)], beside.against)
    request = replace(request, options={**asking.options(asked), **request.options})
    measure_and_tell(compared_with(request, beside), outputs, reporting)
