"""The verdict and the gate in sentences: one for each thing that a reader has to know or to fix."""

from collections.abc import Iterator
from math import ceil

from leakcheck.model.explanation import PageKind
from leakcheck.model.failure import Failure, FailureKind
from leakcheck.model.plain_text import escape_control
from leakcheck.model.result import Growth, Meter, Result
from leakcheck.model.run import Run
from leakcheck.model.units import format_growth, format_size, format_size_beside
from leakcheck.model.verdict import Gate, Verdict
from leakcheck.reporters.messages.baseline import change_sentences
from leakcheck.reporters.messages.cells import UNKNOWN_BYTES
from leakcheck.reporters.messages.child_processes import children_are_inconclusive, children_clause, children_sentences

_MOST_UNACCOUNTED = 0.5


def verdict_sentences(result: Result) -> Iterator[str]:
    """Yield a sentence for each failure and each uncertainty; none for a result that is clean and within budget."""
    name = escape_control(result.id)
    if result.failure is not None:
        yield f"{name}: {_failure_text(result.failure)}"
        if result.growth is None:
            return
    growth, budget = result.growth, result.budget.growth_bytes_per_1000_calls
    has_reason = result.failure is not None or children_are_inconclusive(result)
    if growth is not None and result.verdict is Verdict.LEAK:
        relation = "over" if growth.low > budget else "within"
        rate = format_size_beside(growth.bytes_per_1000_calls, budget)
        yield (
            f"{name}: memory grows by {rate} per 1000 calls, {relation} the budget of "
            f"{format_size_beside(budget, growth.bytes_per_1000_calls)}. "
            f"Looked at {growth.calls:,} calls.{_meter_clause(result, growth)}{_native_clause(result)}"
            f"{_unaccounted_clause(result)}{children_clause(result)}"
        )
    elif growth is not None and result.verdict is Verdict.BOUNDED:
        yield f"{name}: {_bounded(result, growth)}"
    elif growth is not None and result.verdict is Verdict.INCONCLUSIVE and not has_reason:
        yield f"{name}: {_inconclusive(result, growth)}"
    if growth is not None and result.gate is Gate.INCONCLUSIVE and result.verdict in (Verdict.CLEAN, Verdict.BOUNDED):
        yield (
            f"{name}: growth is known to lie between {format_size(growth.low)} and {format_size(growth.high)} per 1000 "
            f"calls, and the budget of {format_size(budget)} lies in between; raise --time, or the budget."
        )
    if result.resident and result.verdict is not Verdict.LEAK:
        yield f"{name}: {resident_text(result)}"
    if result.failure is None:
        yield from children_sentences(result)
    yield from _peak(result, name)
    yield from change_sentences(result)


def _peak(result: Result, name: str) -> Iterator[str]:
    peak, budget = result.peak_bytes, result.budget.peak_bytes
    # a peak within its budget may fail against the baseline: change_sentences says so
    if "peak" in result.over_budget and peak is not None and budget is not None and peak > budget:
        yield (
            f"{name}: one call peaks at {format_size_beside(peak, budget)}; "
            f"the budget is {format_size_beside(budget, peak)}."
        )
    if result.peak_failure is not None and result.peak_failure.kind is not FailureKind.MISSING:
        yield f"{name}: the peak pass failed, and the growth verdict stands: {_failure_text(result.peak_failure)}"


def peak_was_skipped(result: Result) -> bool:
    """Return whether the peak was not measured because the measured Python has no memray."""
    return result.peak_failure is not None and result.peak_failure.kind is FailureKind.MISSING


def missing_meter_sentence(result: Result) -> str | None:
    """Return which meter was missing where the result was measured, and what replaced it; None where none was."""
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


def missing_meter_sentences(run: Run) -> list[str]:
    """Return the sentences about missing meters, each once."""
    return list(dict.fromkeys(filter(None, map(missing_meter_sentence, run.results))))


def resident_text(result: Result) -> str:
    """Return what the growth of the resident pages consists of, and which objects pin the freed ones."""
    kinds = {part.kind for part in result.resident}
    if kinds <= {PageKind.MAPPED}:  # none in a run.json from before the parts existed
        return "Only the resident pages show it: memory is mapped past the heap."
    parts = [f"{format_size(part.bytes_per_1000_calls)} of it is {part.kind.label}" for part in result.resident]
    words = f"{'The' if PageKind.LIVE in kinds else 'Only the'} resident pages show it: {', '.join(parts)}."
    pinning, growth = result.pinned_by_bytes_per_1000_calls, result.growth
    if not pinning or growth is None:
        return words
    return (
        f"{words} What lives between it keeps it from being used again: the heap grows by {format_size(pinning)} per "
        f"1000 calls, and each byte of that costs {growth.bytes_per_1000_calls / pinning:,.0f} bytes of pages. "
        "What is explained is the heap's growth."
    )


def _failure_text(failure: Failure) -> str:
    where = f"on call {failure.call:,}" if failure.call is not None else ""
    verbs = {"raised": f"raised {where}:", "setup": "its set-up failed:", "import": "does not import:"}
    return f"{verbs.get(failure.kind, where)} {escape_control(failure.message)}".strip()


def _bounded(result: Result, growth: Growth) -> str:
    container = result.bounded_by
    if container is None:
        until = "" if result.settled_after_calls is None else f" until about call {result.settled_after_calls:,}"
        return f"memory grew{until} and has stood still since. Looked at {growth.calls:,} calls."
    name = f"{escape_control(container.name)}, {escape_control(container.kind)}"
    full_size = format_size(container.limit * container.bytes_per_entry)
    if result.settled_after_calls is not None:
        return (
            f"memory grew until about call {result.settled_after_calls:,} and has stood still since: "
            f"{name}, holds {container.limit:,} at most. "
            f"Looked at {growth.calls:,} calls."
        )
    if container.length >= container.limit:
        return (
            f"memory grew by {format_size(growth.bytes_per_1000_calls)} per 1000 calls, and what grew is full now: "
            f"{name}, holds {container.limit:,} at most, with {full_size}."
        )
    return (
        f"memory grows by {format_size(growth.bytes_per_1000_calls)} per 1000 calls now, but what grows has a limit: "
        f"{name}, holds {container.length:,} and is full at {container.limit:,}, "
        f"after about {max(container.calls_until_full, 1):,.0f} more calls, with {full_size}."
    )


def _inconclusive(result: Result, growth: Growth) -> str:
    is_still = abs(growth.bytes_per_1000_calls) <= growth.high / 10
    stops = result.bounded_by is not None or (is_still and growth.high / 10 < UNKNOWN_BYTES)
    if stops and missing_meter_sentence(result) is not None:
        heap = "stands still" if result.bounded_by is None else "has a limit"
        return (
            f"what can be read here {heap}, but native memory cannot, and the resident pages of {growth.calls:,} calls "
            f"leave room for a growth of {format_size(growth.high)} per 1000 calls, so nothing is claimed: raise "
            f"{'--calls' if result.stopped_by == 'calls' else '--time'}, or measure with glibc's malloc."
        )
    pages = growth.rss_bytes_per_1000_calls or 0.0
    if is_still and growth.meter is Meter.HEAP and 0 < 0.8 * growth.high <= pages:
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
    """Return the seconds that the calls needed for a verdict take, and a fifth more (` to 380`)."""
    if result.calls_needed is None or not growth.calls:
        return ""
    seconds = (result.replay_seconds + result.watch_seconds) / growth.calls * result.calls_needed
    return f" to {ceil(1.2 * seconds):,}"


def _meter_clause(result: Result, growth: Growth) -> str:
    if growth.from_lengths:
        return " The lengths of containers show it: their tables had room, so the heap stood still between two resizes."
    if growth.meter is Meter.RSS:
        return f" {resident_text(result)}"
    if growth.meter is Meter.BLOCKS:
        return " Estimated from Python's blocks: this platform has no exact meter of bytes."
    return ""


def _unaccounted_clause(result: Result) -> str:
    """Return which share neither allocation sites nor retention paths account for, where it is more than half."""
    if result.explanation.explained_fraction is None and not result.explanation.retention_paths:
        return ""  # no explain pass ran
    retained = sum(path.share or 0.0 for path in result.explanation.retention_paths)
    rest = 1 - max(result.explanation.explained_fraction or 0.0, retained, 0.0)
    growth = "the growth" if result.pinned_by_bytes_per_1000_calls is None else "the heap's growth"
    return f" {rest:.0%} of {growth} is not accounted for." if rest > _MOST_UNACCOUNTED else ""


def _native_clause(result: Result) -> str:
    # only where the search for retention paths was complete
    return (
        " Nothing holds it in Python: native code keeps it, or never freed it."
        if result.explanation.nothing_in_python
        else ""
    )


def budget_text(result: Result) -> str:
    """Return a result's budgets ("64 KiB / 1000 calls, peak 10 MiB")."""
    peak = result.budget.peak_bytes
    growth = format_growth(result.budget.growth_bytes_per_1000_calls)
    return growth if peak is None else f"{growth}, peak {format_size(peak)}"
