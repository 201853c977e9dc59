"""`leakcheck limit`: serve scenarios under a memory limit, and count the requests that fail."""

from dataclasses import replace
from typing import Annotated

import typer

from leakcheck.cli.measure_options import TargetOptions
from leakcheck.cli.options import flatten_options
from leakcheck.cli.report import RunOutputs
from leakcheck.cli.run import measure_and_exit
from leakcheck.model.memory_limit import Limiter, Server


@flatten_options
def limit(
    *,
    requests: Annotated[int, typer.Option(metavar="N", min=1, help="Number of requests to each scenario.")] = 200,
    concurrency: Annotated[int, typer.Option(metavar="N", min=1, help="Number of concurrent requests.")] = 2,
    server: Annotated[
        Server, typer.Option(help="gunicorn with threads, or uvicorn's event loop for async scenarios.")
    ] = Server.GUNICORN,
    limiter: Annotated[
        Limiter, typer.Option(help="Limit the process's data (rlimit), or a delegated cgroup v2 (cgroup).")
    ] = Limiter.RLIMIT,
    measuring: TargetOptions,
    outputs: RunOutputs,
) -> None:
    """Serve scenarios under a memory limit; count errors and crashes.

    Latencies are measured too. Other requests are sent to the same worker
    meanwhile, to count what a crash does to its neighbours. Growth is measured
    first: it predicts the call at which memory runs out.

    [bold]Examples[/bold]

      leakcheck limit scenarios/newsletter -k "naive or iterator" --memory 256MiB -o limit.rows=500000

      leakcheck limit scenarios/newsletter -k retained --memory 180MiB --requests 1500 -o limit.rows=200
    """
    from importlib.util import find_spec

    from leakcheck.model.errors import UsageError
    from leakcheck.model.explanation import Explain
    from leakcheck.model.memory_limit import LimitRequest

    if find_spec("httpx") is None:
        raise UsageError('limit: the load generator needs httpx; pip install "pytest-leakcheck[limit]"')
    request = measuring.request()
    settings = request.settings
    memory_bytes = settings.memory_bytes
    if memory_bytes is None:
        raise UsageError("--memory SIZE is missing: pass the memory limit to serve under, for example --memory 256MiB")
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
    request = replace(request, settings=settings, limit_request=serving, measure_peak=False)
    measure_and_exit(request, outputs)
