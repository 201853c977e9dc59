"""The limit pass: a scenario served under a memory limit, its requests and its result."""

from dataclasses import dataclass
from enum import StrEnum

from leakcheck.model.document_text import Name, Word


class Limiter(StrEnum):
    """The means that limits memory."""

    RLIMIT = "rlimit"
    CGROUP = "cgroup"


class Server(StrEnum):
    """The server; both run under gunicorn, which replaces a worker that dies."""

    GUNICORN = "gunicorn"
    UVICORN = "uvicorn"


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitRequest:
    """How to serve a scenario, and the load to put on it."""

    memory_bytes: int
    requests: int = 200
    concurrency: int = 2
    server: Server = Server.GUNICORN
    limiter: Limiter = Limiter.RLIMIT
    timeout_seconds: int = 60

    @property
    def threads(self) -> int:
        """Threads of the worker: one per concurrent request, and one for other traffic."""
        return self.concurrency + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A share of the requests, with its 95 % bounds (Wilson)."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureCount:
    """How many requests failed in one way: `MemoryError`, `disconnected`, `timed out`, another exception's name."""

    kind: Name
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SuccessLatency:
    """Latency of the successful requests in seconds; failed ones would look fast. The p95 is None below 100 samples."""

    p50: float
    p50_low: float
    p50_high: float
    p95: float | None
    samples: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitResult:
    """Result of the limit pass."""

    limiter: Word
    """`RLIMIT_DATA` or `cgroup v2`."""
    memory_bytes: int
    server: Name
    requests: int
    errors: int
    error_rate: Share
    failures: tuple[FailureCount, ...]
    crashes: int
    """Workers that ended while they were still needed."""
    crashes_per_1000: float
    latency_seconds: SuccessLatency | None
    peak_rss_bytes: int | None
    """The largest resident size of a worker (VmHWM)."""
    other_requests: int
    other_errors: int
    """Failures among the other requests: the damage that the scenario does to its neighbours."""
    concurrency: int
    first_failure: int | None = None
    """Number of the first failed request."""
    predicted: "Forecast | None" = None
    """The call at which memory should run out, predicted from the growth pass and the worker's initial memory."""
    duration_seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """The number of calls after which memory runs out if the leak continues at its measured rate, with bounds."""

    memory_bytes: int
    calls: float
    low: float
    high: float
