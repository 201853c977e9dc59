"""A scenario served under a memory limit: what is asked of it, and how that went."""

from dataclasses import dataclass
from enum import StrEnum

from leakcheck.model.document_text import Name, Word


class Limiter(StrEnum):
    """How memory is limited."""

    RLIMIT = "rlimit"
    CGROUP = "cgroup"


class Server(StrEnum):
    """Who serves; both are run by gunicorn, which starts a new worker where one dies."""

    GUNICORN = "gunicorn"
    UVICORN = "uvicorn"


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitRequest:
    """How a scenario is to be served, and what to ask of it."""

    memory_bytes: int
    requests: int = 200
    concurrency: int = 2
    server: Server = Server.GUNICORN
    limiter: Limiter = Limiter.RLIMIT
    timeout_seconds: int = 60

    @property
    def threads(self) -> int:
        """Return the worker's threads: one for each request at a time, and one for other traffic."""
        return self.concurrency + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A share of the requests, with its 95 % bounds (Wilson)."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureCount:
    """One way in which requests failed: `MemoryError`, `disconnected`, `timed out`, an exception's name."""

    kind: Name
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SuccessLatency:
    """How long the requests took that succeeded; a p95 is None below 100 of them. Failed ones are fast."""

    p50: float
    p50_low: float
    p50_high: float
    p95: float | None
    samples: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitResult:
    """How a scenario did under a memory limit."""

    limiter: Word
    """`RLIMIT_DATA` or `cgroup v2`."""
    memory_bytes: int
    server: Name
    requests: int
    errors: int
    error_rate: Share
    failures: tuple[FailureCount, ...]
    crashes: int
    """Workers that ended while they were needed."""
    crashes_per_1000: float
    latency_seconds: SuccessLatency | None
    peak_rss_bytes: int | None
    """The largest a worker was (VmHWM)."""
    other_requests: int
    other_errors: int
    """Of the requests that had nothing to do with the scenario: its damage to its neighbours."""
    concurrency: int
    first_failure: int | None = None
    """The number of the request that failed first."""
    foretold: "Forecast | None" = None
    """The call at which memory was to end, by the growth pass and what the worker had at first."""
    duration_seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """When memory ends, where a leak goes on as it was measured."""

    memory_bytes: int
    calls: float
    low: float
    high: float
