"""What a result means, in plain sentences: one for each thing a reader has to know or to mend."""

from collections.abc import Iterator
from math import ceil

from leakcheck.model.answers import Failure
from leakcheck.model.explanation import PageKind
from leakcheck.model.plain_text import plain
from leakcheck.model.result import Growth, Meter, Result
from leakcheck.model.run import Run
from leakcheck.model.units import format_growth, format_size, format_size_beside
from leakcheck.model.verdict import Gate, Verdict
from leakcheck.reporters.messages.baseline import change_sentences
from leakcheck.reporters.messages.child_processes import by_children, children_sentences, decides

_MUCH_UNACCOUNTED = 0.5
_UNKNOWN_BYTES = 1e14
"""Bounds this wide say that nothing is known."""


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
            f"Looked at {growth.calls:,} calls.{_by_meter(result, growth)}{_nowhere(result)}{_unaccounted(result)}"
            f"{by_children(result)}"
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
    if result.resident and result.verdict is not Verdict.LEAK:
        yield f"{name}: {resident_words(result)}"
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
    if not readings.python_bytes:
        blocks = "Python's blocks and from " if any(readings.blocks) else ""
        return f"Live bytes could not be read here: growth is reckoned from {blocks}resident pages."
    why = "Native memory could not be read here (malloc is not that of glibc 2.33 or later): the heap is Python's alone"
    if not readings.rss_bytes:
        return f"{why}, and nothing is known of the rest."
    return f"{why}; resident pages stand in for the rest, and the bounds are as wide as those are coarse."


def unread(run: Run) -> list[str]:
    """Return what could not be read where the results were measured, each sentence once."""
    return list(dict.fromkeys(filter(None, map(missing_meters, run.results))))


def resident_words(result: Result) -> str:
    """Return what the growth of the resident pages consists of, and what pins those that were freed."""
    kinds = {part.kind for part in result.resident}
    if kinds <= {PageKind.MAPPED}:  # a document that is older than the parts has none
        return "Only the resident pages show it: memory is mapped past the heap."
    parts = [f"{format_size(part.bytes_per_1000_calls)} of it is {part.kind}" for part in result.resident]
    words = f"{'The' if PageKind.LIVE in kinds else 'Only the'} resident pages show it: {', '.join(parts)}."
    pinning, growth = result.pinned_by_bytes_per_1000_calls, result.growth
    if not pinning or growth is None:
        return words
    return (
        f"{words} What lives between it keeps it from being used again: the heap grows by {format_size(pinning)} per "
        f"1000 calls, and each byte of that costs {growth.bytes_per_1000_calls / pinning:,.0f} bytes of pages. "
        "What is explained is the heap's growth."
    )


def _trouble(trouble: Failure) -> str:
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
    if holder.length >= holder.limit:
        return (
            f"memory grew by {format_size(growth.bytes_per_1000_calls)} per 1000 calls, and what grew is full now: "
            f"{plain(holder.name)}, {plain(holder.kind)}, holds {holder.limit:,} at most, with {ends}."
        )
    return (
        f"memory grows by {format_size(growth.bytes_per_1000_calls)} per 1000 calls now, but what grows has a limit: "
        f"{plain(holder.name)}, {plain(holder.kind)}, holds {holder.length:,} and is full at {holder.limit:,}, "
        f"after about {max(holder.calls_until_full, 1):,.0f} more calls, with {ends}."
    )


def _inconclusive(result: Result, growth: Growth) -> str:
    ends = abs(growth.bytes_per_1000_calls) <= growth.high / 10 < _UNKNOWN_BYTES or result.bounded_by is not None
    if ends and missing_meters(result) is not None:
        read = "stands still" if result.bounded_by is None else "has a limit"
        return (
            f"what can be read here {read}, but native memory cannot, and the resident pages of {growth.calls:,} calls "
            f"leave room for a growth of {format_size(growth.high)} per 1000 calls, so nothing is claimed: raise "
            f"{'--calls' if result.stopped_by == 'calls' else '--time'}, or measure with glibc's malloc."
        )
    still, pages = abs(growth.bytes_per_1000_calls) <= growth.high / 10, growth.rss_bytes_per_1000_calls or 0.0
    if still and growth.meter is Meter.HEAP and 0 < 0.8 * growth.high <= pages:
        return (
            f"the heap stands still, but the resident pages gain {format_size(pages)} per 1000 calls, which is too "
            f"little to be called a leak and too much to be called clean. Looked at {growth.calls:,} calls."
        )
    needed, calls = result.calls_needed, f"{growth.calls:,} calls"
    what = "memory neither stands still nor grows steadily, so nothing is claimed"
    if needed is not None and growth.low <= 0 <= growth.high:
        what = "memory seems to stand still, and so few calls cannot show it"
    takes = "" if needed is None else f"; a verdict takes about {needed:,}"
    remedy = {
        "calls": f"all {calls} are used up{takes}; raise --calls",
        "time": f"the time is up after {calls}{takes}; raise --time{_enough_seconds(result, growth)}, "
        "or make one call cheaper",
    }.get(result.stopped_by or "", f"looked at {calls}{takes}")
    return f"{what}: {remedy}."


def _enough_seconds(result: Result, growth: Growth) -> str:
    """Return the time that the calls for a verdict take, with a little to spare: ` to 380`."""
    if result.calls_needed is None or not growth.calls:
        return ""
    seconds = (result.replay_seconds + result.watch_seconds) / growth.calls * result.calls_needed
    return f" to {ceil(1.2 * seconds):,}"


def _by_meter(result: Result, growth: Growth) -> str:
    if growth.from_lengths:
        return " The lengths of containers show it: their tables had room, so the heap stood still between two resizes."
    if growth.meter is Meter.RSS:
        return f" {resident_words(result)}"
    if growth.meter is Meter.BLOCKS:
        return " Estimated from Python's blocks: this platform has no exact meter of bytes."
    return ""


def _unaccounted(result: Result) -> str:
    """Return what part of the growth neither a line nor a holder accounts for, where that is more than half."""
    if result.explained_fraction is None and not result.retention_paths:
        return ""  # nobody looked
    held = sum(path.share or 0.0 for path in result.retention_paths)
    left = 1 - max(result.explained_fraction or 0.0, held, 0.0)
    growth = "the growth" if result.pinned_by_bytes_per_1000_calls is None else "the heap's growth"
    return f" {left:.0%} of {growth} is not accounted for." if left > _MUCH_UNACCOUNTED else ""


def _nowhere(result: Result) -> str:
    """Return that native code keeps it, where the search for holders came to its end and that is so."""
    return " Nothing holds it in Python: native code keeps it, or never freed it." if result.nothing_in_python else ""


def budget_words(result: Result) -> str:
    """Return the budgets a result was held to ("64 KiB / 1000 calls, peak 10 MiB")."""
    peak = result.budget.peak_bytes
    growth = format_growth(result.budget.growth_bytes_per_1000_calls)
    return growth if peak is None else f"{growth}, peak {format_size(peak)}"
