"""`leakcheck limit`: serve a scenario under a memory limit, and count what fails."""

from dataclasses import replace
from typing import Annotated

import typer

from leakcheck.cli.dataclass_options import flat
from leakcheck.cli.measure_options import TargetOptions
from leakcheck.cli.measured_run import measure_and_tell
from leakcheck.cli.outputs import OutputOptions
from leakcheck.cli.report import ReportOption
from leakcheck.model.memory_limit import Limiter, Server


@flat
def limit(
    measuring: TargetOptions,
    outputs: OutputOptions,
    reporting: ReportOption,
    requests: Annotated[int, typer.Option(metavar="N", min=1, help="Requests to each scenario.")] = 200,
    concurrency: Annotated[int, typer.Option(metavar="N", min=1, help="Requests at a time.")] = 2,
    server: Annotated[
        Server, typer.Option(help="gunicorn's threads, or uvicorn's event loop for `async def` scenarios.")
    ] = Server.GUNICORN,
    limiter: Annotated[
        Limiter, typer.Option(help="The kernel's limit on a process's data, or a cgroup v2 where one is delegated.")
    ] = Limiter.RLIMIT,
) -> None:
    """Serve scenarios with gunicorn under a memory limit, and count errors, latencies and crashes.

    Other requests go to the same worker all the while, so that what a crash does to its neighbours is
    counted too. The growth is measured first, and says at which call memory should end.

    [bold]Examples[/bold]

      leakcheck limit scenarios/newsletter -k "naive or iterator" --memory 256MiB -o limit.rows=500000

      leakcheck limit scenarios/newsletter -k retained --memory 180MiB --requests 1500 -o limit.rows=200
    """
    from importlib.util import find_spec

    from leakcheck.model.errors import UsageError
    from leakcheck.model.explanation import Explain
    from leakcheck.model.memory_limit import LimitRequest

    if find_spec("httpx") is None:
        raise UsageError('limit: what asks the server needs httpx; pip install "pytest-leakcheck[limit]"')
    request = measuring.request()
    settings = request.settings
    memory_bytes = settings.memory_bytes
    if memory_bytes is None:
        raise UsageError("--memory SIZE is missing: the limit under which it is served, for example --memory 256MiB")
    if measuring.explain is None:
        settings = replace(settings, explain=Explain.NEVER)
    serving = LimitRequest(
        memory_bytes=int(memory_bytes),
        requests=requests,
        concurrency=concurrency,
        server=server,
        limiter=limiter,
        timeout_seconds=max(1, int(settings.timeout_seconds)),
    )
    request = replace(request, settings=settings, serving=serving, measure_peak=False)
    measure_and_tell(request, outputs, reporting)
