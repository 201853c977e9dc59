"""What a result means, in plain sentences: one for each thing a reader has to know or to mend."""

from collections.abc import Iterator

from leakcheck.model import Gate, Growth, Meter, Result, Trouble, Verdict
from leakcheck.reporters.changes import change_sentences
from leakcheck.reporters.children import by_children, children_sentences, decides
from leakcheck.reporters.plain import plain
from leakcheck.units import format_growth, format_size, format_size_beside


def sentences(result: Result) -> Iterator[str]:
    """Yield the sentences for what failed, or is not sure; none for a result that is simply fine."""
    name = plain(result.id)
    if result.trouble is not None:
        yield f"{name}: {_trouble(result.trouble)}"
        if result.growth is None:
            return
    growth, budget = result.growth, result.budget.growth_bytes_per_1000_calls
    if growth is not None and result.verdict is Verdict.LEAK:
        relation = "over" if growth.low > budget else "within"
        rate = format_size_beside(growth.bytes_per_1000_calls, budget)
        yield (
            f"{name}: memory grows by {rate} per 1000 calls, {relation} the budget of "
            f"{format_size_beside(budget, growth.bytes_per_1000_calls)}. "
            f"Looked at {growth.calls:,} calls.{_by_meter(growth)}{by_children(result)}"
        )
    elif growth is not None and result.verdict is Verdict.BOUNDED:
        yield f"{name}: {_bounded(result, growth)}"
    elif growth is not None and result.verdict is Verdict.INCONCLUSIVE and not (result.trouble or decides(result)):
        yield f"{name}: {_inconclusive(result, growth)}"
    if growth is not None and result.gate is Gate.INCONCLUSIVE and result.verdict in (Verdict.CLEAN, Verdict.BOUNDED):
        yield (
            f"{name}: growth is known to lie between {format_size(growth.low)} and {format_size(growth.high)} per 1000 "
            f"calls, and the budget of {format_size(budget)} lies in between; raise --time, or the budget."
        )
    if result.trouble is None:
        yield from children_sentences(result)
    yield from _peak(result, name)
    yield from change_sentences(result)


def _peak(result: Result, name: str) -> Iterator[str]:
    allowed = result.budget.peak_bytes
    # a peak may also fail beside the baseline alone: that has a sentence of its own
    peak, failed = result.peak_bytes, "peak" in result.failures
    if failed and peak is not None and allowed is not None and peak > allowed:
        yield (
            f"{name}: one call peaks at {format_size_beside(peak, allowed)}; "
            f"the budget is {format_size_beside(allowed, peak)}."
        )
    if result.peak_trouble is not None and result.peak_trouble.kind != "missing":
        yield f"{name}: the peak pass failed, and the growth verdict stands: {_trouble(result.peak_trouble)}"


def peak_left_out(result: Result) -> bool:
    """Tell whether the peak was left out because there is no memray where it was measured."""
    return result.peak_trouble is not None and result.peak_trouble.kind == "missing"


def missing_meters(result: Result) -> str | None:
    """Return what could not be read where it was measured, and what stands in; None where all could."""
    readings = result.readings
    if not readings.calls or readings.native_bytes:
        return None
    if readings.python_bytes:
        return "Native memory could not be read here: the heap is Python's alone; resident pages stand in for the rest."
    return "Live bytes could not be read here: growth is reckoned from Python's blocks and from resident pages."


def _trouble(trouble: Trouble) -> str:
    where = f"on call {trouble.call:,}" if trouble.call is not None else ""
    said = {"raised": f"raised {where}:", "setup": "its set-up failed:", "import": "does not import:"}
    return f"{said.get(trouble.kind, where)} {plain(trouble.message)}".strip()


def _bounded(result: Result, growth: Growth) -> str:
    holder = result.bounded_by
    if holder is None:
        until = "" if result.settled_after_calls is None else f" until about call {result.settled_after_calls:,}"
        return f"memory grew{until} and has stood still since. Looked at {growth.calls:,} calls."
    ends = format_size(holder.limit * holder.bytes_per_entry)
    if result.settled_after_calls is not None:
        return (
            f"memory grew until about call {result.settled_after_calls:,} and has stood still since: "
            f"{plain(holder.name)}, {plain(holder.kind)}, holds {holder.limit:,} at most. "
            f"Looked at {growth.calls:,} calls."
        )
    return (
        f"memory grows by {format_size(growth.bytes_per_1000_calls)} per 1000 calls now, but what grows has a limit: "
        f"{plain(holder.name)}, {plain(holder.kind)}, holds {holder.length:,} and is full at {holder.limit:,}, "
        f"after about {holder.calls_until_full:,.0f} more calls, with {ends}."
    )


def _inconclusive(result: Result, growth: Growth) -> str:
    remedy = {
        "calls": f"all {growth.calls:,} calls are used up; raise --calls",
        "time": f"the time is up after {growth.calls:,} calls; raise --time, or make one call cheaper",
    }.get(result.stopped_by or "", f"looked at {growth.calls:,} calls")
    return f"memory neither stands still nor grows steadily, so nothing is claimed: {remedy}."


def _by_meter(growth: Growth) -> str:
    if growth.meter is Meter.RSS:
        return " Only the resident pages show it: memory is mapped past the heap."
    if growth.meter is Meter.BLOCKS:
        return " Estimated from Python's blocks: this platform has no exact meter of bytes."
    return ""


def budget_words(result: Result) -> str:
    """Return the budgets a result was held to ("64 KiB / 1000 calls, peak 10 MiB")."""
    peak = result.budget.peak_bytes
    growth = format_growth(result.budget.growth_bytes_per_1000_calls)
    return growth if peak is None else f"{growth}, peak {format_size(peak)}"
