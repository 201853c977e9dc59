"""Hand-built results and runs: what the reporters and the store are tested on."""

from leakcheck.analysis.memory_limit import wilson_interval
from leakcheck.model.answers import BoundedContainer, Readings
from leakcheck.model.explanation import ResourceKind
from leakcheck.model.failure import Failure, FailureKind
from leakcheck.model.memory_limit import LimitResult
from leakcheck.model.result import Budget, Growth, Latency, Meter, Result
from leakcheck.model.run import SCHEMA, Environment, Run
from leakcheck.model.tolerance import Tolerance
from leakcheck.model.verdict import Gate, Verdict

KIB, MIB = 1024, 1024**2
TOLERANCE = Tolerance(share=0.05, bytes=16 * KIB)
BUDGET = Budget(growth_bytes_per_1000_calls=64 * KIB, peak_bytes=10 * MIB)


def growth(
    rate: float = 0.0, doubt: float = 96.0, *, calls: int = 500, meter: Meter = Meter.HEAP, low: float | None = None
) -> Growth:
    """Return a growth of `rate` ± `doubt` bytes per 1000 calls."""
    return Growth(
        bytes_per_1000_calls=rate,
        low=rate - doubt if low is None else low,
        high=rate + doubt,
        meter=meter,
        heap_bytes_per_1000_calls=rate,
        rss_bytes_per_1000_calls=rate,
        blocks_per_1000_calls=rate / 64,
        calls=calls,
    )


CLEAN = Result(
    scenario="newsletter",
    variant="iterator",
    target="scenarios/newsletter/scenario.py::newsletter",
    verdict=Verdict.CLEAN,
    gate=Gate.WITHIN,
    over_budget=(),
    budget=BUDGET,
    growth=growth(),
    peak_bytes=int(4.7 * MIB),
    latency_seconds=Latency(p50=1.2, p95=1.4, samples=120),
    growth_options={"rows": 200},
    peak_options={"rows": 100_000},
    readings=Readings(
        calls=(1, 20, 40),
        python_bytes=(10, 20, 20),
        native_bytes=(5, 5, 5),
        blocks=(1, 2, 2),
        rss_bytes=(4096, 8192, 8192),
        counts={ResourceKind.OPEN_FILES: (3, 3, 3), ResourceKind.THREADS: (1, 1, 1)},
    ),
)

LEAK = Result(
    scenario="newsletter",
    variant="retained",
    target="scenarios/newsletter/scenario.py::newsletter",
    verdict=Verdict.LEAK,
    gate=Gate.OVER,
    over_budget=("growth", "peak"),
    budget=BUDGET,
    growth=growth(144 * MIB, 0.1 * MIB, calls=1600),
    peak_bytes=int(93.4 * MIB),
    latency_seconds=Latency(p50=1.9, p95=None, samples=40),
)

NAIVE = Result(
    scenario="newsletter",
    variant="naive",
    target="scenarios/newsletter/scenario.py::newsletter",
    verdict=Verdict.CLEAN,
    gate=Gate.OVER,
    over_budget=("peak",),
    budget=BUDGET,
    growth=growth(),
    peak_bytes=int(93.1 * MIB),
    latency_seconds=Latency(p50=1.9, p95=2.3, samples=101),
)

BOUNDED = Result(
    scenario="newsletter",
    variant="debug_queries",
    target="scenarios/newsletter/scenario.py::newsletter",
    verdict=Verdict.BOUNDED,
    gate=Gate.WITHIN,
    over_budget=(),
    budget=BUDGET,
    growth=growth(620_000, 3000, calls=2000),
    bounded_by=BoundedContainer(
        name="django.db.backends.sqlite3.base.DatabaseWrapper.queries_log",
        kind="deque(maxlen=9000)",
        limit=9000,
        length=2100,
        length_per_call=1.0,
        bytes_per_entry=620.0,
    ),
)

UNSURE = Result(
    scenario="warming",
    variant=None,
    target="scenarios/warming.py::warming",
    verdict=Verdict.INCONCLUSIVE,
    gate=Gate.INCONCLUSIVE,
    over_budget=(),
    budget=Budget(growth_bytes_per_1000_calls=4096.0),
    growth=growth(50_000, 1000, calls=300, low=-20_000),
    stopped_by="calls",
    latency_seconds=Latency(p50=0.000340, p95=0.0005, samples=300),
)

BROKEN = Result(
    scenario="parser",
    variant=None,
    target="scenarios/parser.py::parser",
    verdict=Verdict.INCONCLUSIVE,
    gate=Gate.ERROR,
    over_budget=(),
    budget=BUDGET,
    failure=Failure(
        kind=FailureKind.RAISED,
        message="ValueError: no row 700",
        call=700,
        details='  File "parser.py", line 3\nValueError',
    ),
)

ENVIRONMENT = Environment(
    python="3.11.7",
    implementation="cpython",
    executable="/usr/bin/python3",
    platform="linux-x86_64",
    allocator="pymalloc",
    libc="glibc 2.36",
    packages={"Django": "5.2.19"},
    leakcheck="0.1.0",
    git_commit="5aaf40e0123456789",
    git_dirty=True,
)


def run_of(*results: Result, environment: Environment | None = ENVIRONMENT, finished: bool = True) -> Run:
    """Return a run document with these results."""
    return Run(
        schema=SCHEMA,
        started="2026-11-24T10:12:07+00:00",
        command=("leakcheck", "run", "scenarios"),
        environment=environment,
        results=results,
        finished=finished,
        duration_seconds=41.0,
    )


def limit_of(errors: int, crashes: int = 0) -> LimitResult:
    """Return what came of 200 requests under 256 MiB."""
    return LimitResult(
        limiter="RLIMIT_DATA",
        memory_bytes=2**28,
        server="gunicorn",
        requests=200,
        errors=errors,
        error_rate=wilson_interval(errors, 200),
        failures=(),
        crashes=crashes,
        crashes_per_1000=5.0 * crashes,
        latency_seconds=None,
        peak_rss_bytes=None,
        other_requests=0,
        other_errors=0,
        concurrency=2,
    )
