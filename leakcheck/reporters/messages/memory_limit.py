"""How a scenario did under a memory limit, and after how many calls a leak exhausts it, in sentences."""

from collections.abc import Iterator

from leakcheck.model.memory_limit import Forecast, LimitResult
from leakcheck.model.plain_text import escape_control
from leakcheck.model.result import Result
from leakcheck.model.units import format_duration, format_size

_MOST_KINDS = 4


def memory_limit_sentences(result: Result) -> Iterator[str]:
    """Yield the forecast, and how serving under the limit went; nothing where neither was requested."""
    name = escape_control(result.id)
    if result.forecast is not None and result.memory_limit is None:
        yield f"{name}: {forecast_text(result.forecast)}."
    if result.memory_limit is None:
        return
    limit = result.memory_limit
    yield (
        f"{name} under {format_size(limit.memory_bytes)} "
        f"({escape_control(limit.limiter)}, {escape_control(limit.server)}, "
        f"{limit.concurrency} at a time): {_errors(limit)}; {_crashes(limit)}; peak "
        f"{'unknown' if limit.peak_rss_bytes is None else format_size(limit.peak_rss_bytes)}."
    )
    yield f"{name}: {_latency(limit)}. {_neighbours(limit)}."
    if limit.predicted is not None:
        first = limit.first_failure
        outcome = f"none of {limit.requests:,} failed" if first is None else f"the first to fail was request {first:,}"
        yield f"{name}: {forecast_text(limit.predicted)}; {outcome}."


def forecast_text(forecast: Forecast) -> str:
    """Return when memory runs out (`with 256 MiB memory ends after about 1,700 calls (1,690 to 1,710)`)."""
    return (
        f"with {format_size(forecast.memory_bytes)} memory ends after about {forecast.calls:,.0f} calls "
        f"({forecast.low:,.0f} to {forecast.high:,.0f})"
    )


def _errors(limit: LimitResult) -> str:
    rate, requests = limit.error_rate, f"{limit.requests:,} requests"
    if not limit.errors:
        return f"none of {requests} failed (less than {rate.high:.1%})"
    kinds = ", ".join(f"{escape_control(failure.kind)} ×{failure.count:,}" for failure in limit.failures[:_MOST_KINDS])
    more = len(limit.failures) - _MOST_KINDS
    kinds += f", and {more} more kinds" if more > 0 else ""
    return f"{limit.errors:,} of {requests} failed, {rate.value:.1%} ({rate.low:.1%} to {rate.high:.1%}): {kinds}"


def _crashes(limit: LimitResult) -> str:
    if not limit.crashes:
        return "no worker crashed"
    return f"{limit.crashes:,} workers crashed, {limit.crashes_per_1000:,.0f} per 1000 requests"


def _latency(limit: LimitResult) -> str:
    latency = limit.latency_seconds
    if latency is None:
        return "no request succeeded, so there is no latency"
    bounds = f"{format_duration(latency.p50_low)} to {format_duration(latency.p50_high)}"
    tail = "" if latency.p95 is None else f", p95 {format_duration(latency.p95)}"
    return f"the {latency.samples:,} that succeeded took {format_duration(latency.p50)} at the median ({bounds}){tail}"


def _neighbours(limit: LimitResult) -> str:
    return f"Of {limit.other_requests:,} other requests to the same worker {limit.other_errors:,} failed"
