"""`leakcheck http`: replay requests to any WSGI or ASGI application."""

from dataclasses import replace
from typing import Annotated

import typer

from leakcheck.cli.measure_options import MeasureOptions
from leakcheck.cli.options import OptionalBaselineOptions, flatten_options
from leakcheck.cli.report import RunOutputs
from leakcheck.cli.request_options import RequestOptions
from leakcheck.cli.run import against_baseline, measure_and_exit


@flatten_options
def http(
    application: Annotated[
        str,
        typer.Argument(
            metavar="MODULE:APPLICATION", help="The application, or a function without parameters that returns it."
        ),
    ],
    requests: Annotated[
        list[str], typer.Argument(metavar="METHOD:/PATH", help="Requests to replay: GET:/news/?page=2, POST:/send …")
    ],
    measuring: MeasureOptions,
    baseline_options: OptionalBaselineOptions,
    asking: RequestOptions,
    outputs: RunOutputs,
) -> None:
    """Measure requests to a WSGI or ASGI application, without a server.

    [bold]Examples[/bold]

      leakcheck http shop.web:app GET:/ GET:/search?q=tea

      leakcheck http shop.asgi:application POST:/orders --data '{"tea": 2}' --expect 201
    """
    from leakcheck.model.errors import UsageError
    from leakcheck.scenario import Target, parse_request, parse_target

    target = parse_target(application) if ":" in application else Target()
    if target.kind != "callable":
        raise UsageError(f"{application!r}: write package.module:application, followed by the requests")
    parsed = tuple(map(parse_request, requests))
    request = measuring.request_for([replace(target, requests=parsed)], baseline_options)
    request = replace(request, options={**asking.options(parsed), **request.options})
    if baseline_options.baseline is not None:
        request = against_baseline(request)
    measure_and_exit(request, outputs)
