"""How a scenario did under a memory limit, and after how many calls a leak exhausts it, in sentences."""

from collections.abc import Iterator

from leakcheck.model.memory_limit import Forecast, LimitResult
from leakcheck.model.plain_text import escape_control
from leakcheck.model.result import Result
from leakcheck.model.units import format_duration, format_size

_MOST_KINDS = 4


def memory_limit_sentences(result: Result) -> Iterator[str]:
    """Yield the forecast, and how serving under the limit went; nothing where neither was requested."""
    limit = result.memory_limit
    if limit is None:
        if result.forecast is not None:
            yield f"{_forecast(result.forecast)}."
        return
    peak = "unknown" if limit.peak_rss_bytes is None else format_size(limit.peak_rss_bytes)
    yield (
        f"with {format_size(limit.memory_bytes)} ({escape_control(limit.limiter)}, {escape_control(limit.server)}, "
        f"{limit.concurrency} at a time), {_errors(limit)}; {_crashes(limit)}; peak RSS {peak}."
    )
    yield f"{_latency(limit)}; neighbouring requests: {limit.other_errors:,} of {limit.other_requests:,} failed."
    if limit.predicted is not None:
        first = limit.first_failure
        outcome = "none failed" if first is None else f"request {first:,} was the first to fail"
        yield f"predicted: {_forecast(limit.predicted)}; measured, of {limit.requests:,} requests: {outcome}."


def _forecast(forecast: Forecast) -> str:
    return (
        f"with {format_size(forecast.memory_bytes)}, memory runs out after about {forecast.calls:,.0f} calls "
        f"({forecast.low:,.0f} to {forecast.high:,.0f})"
    )


def _errors(limit: LimitResult) -> str:
    rate, requests = limit.error_rate, f"{limit.requests:,} requests"
    if not limit.errors:
        return f"none of {requests} failed (less than {rate.high:.1%})"
    kinds = ", ".join(f"{escape_control(failure.kind)} ×{failure.count:,}" for failure in limit.failures[:_MOST_KINDS])
    more = len(limit.failures) - _MOST_KINDS
    kinds = f": {kinds}{f', and {more} more' if more > 0 else ''}" if kinds else ""
    return f"{limit.errors:,} of {requests} failed, {rate.value:.1%} ({rate.low:.1%} to {rate.high:.1%}){kinds}"


def _crashes(limit: LimitResult) -> str:
    if not limit.crashes:
        return "no worker crashed"
    workers = "1 worker" if limit.crashes == 1 else f"{limit.crashes:,} workers"
    return f"{workers} crashed, {limit.crashes_per_1000:,.0f} per 1000 requests"


def _latency(limit: LimitResult) -> str:
    latency = limit.latency_seconds
    if latency is None:
        return "no request succeeded, so there is no latency"
    if latency.samples == 1:
        return f"1 request succeeded, in {format_duration(latency.p50)}"
    bounds = f"{format_duration(latency.p50_low)} to {format_duration(latency.p50_high)}"
    tail = "" if latency.p95 is None else f", p95 {format_duration(latency.p95)}"
    return f"{latency.samples:,} requests succeeded, in {format_duration(latency.p50)} at the median ({bounds}){tail}"
