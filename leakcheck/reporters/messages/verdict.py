"""The verdict and the budgets in sentences that follow the result's name."""

from collections.abc import Iterator
from math import ceil

from leakcheck.model.explanation import PageKind
from leakcheck.model.failure import Failure, FailureKind
from leakcheck.model.plain_text import escape_control
from leakcheck.model.result import Growth, Meter, Result
from leakcheck.model.units import format_size, format_size_beside
from leakcheck.model.verdict import Gate, Verdict
from leakcheck.reporters.messages.cells import UNKNOWN_BYTES
from leakcheck.reporters.messages.resources import children_are_inconclusive, children_clause

NO_MEMRAY = "there is no memray in the measured Python; add it with: pip install memray"
_MOST_UNACCOUNTED = 0.5


def failure_sentences(result: Result) -> Iterator[str]:
    """Yield what failed, on which call."""
    if result.failure is not None:
        yield _failure_text(result.failure)


def verdict_sentences(result: Result) -> Iterator[str]:
    """Yield what memory does; nothing if it is clean, was not measured, or another sentence says it."""
    growth = result.growth
    if growth is None:
        return
    if result.verdict is Verdict.LEAK:
        yield _leak(result, growth)
    elif result.verdict is Verdict.BOUNDED:
        yield _bounded(result, growth)
    elif result.verdict is Verdict.INCONCLUSIVE and result.failure is None and not children_are_inconclusive(result):
        yield _inconclusive(result, growth)


def budget_sentences(result: Result) -> Iterator[str]:
    """Yield a sentence for a growth that may be over its budget, and one for a peak that is."""
    growth, budget = result.growth, result.budget.growth_bytes_per_1000_calls
    if growth is not None and result.gate is Gate.INCONCLUSIVE and result.verdict in (Verdict.CLEAN, Verdict.BOUNDED):
        yield (
            f"growth is between {format_size(growth.low)} and {format_size(growth.high)} per 1000 calls, "
            f"which includes the budget of {format_size(budget)}; raise --time, or the budget."
        )
    peak, most = result.peak_bytes, result.budget.peak_bytes
    # a peak within its budget may fail against the baseline: change_sentences says so
    if "peak" in result.over_budget and peak is not None and most is not None and peak > most:
        yield f"one call peaks at {format_size_beside(peak, most)}; the budget is {format_size_beside(most, peak)}."


def page_sentences(result: Result) -> Iterator[str]:
    """Yield what grows in resident pages, where that is no leak, whose own sentence says it."""
    if result.resident and result.verdict is not Verdict.LEAK:
        yield _resident_text(result)


def peak_failure_sentences(result: Result) -> Iterator[str]:
    """Yield how the peak pass failed."""
    if result.peak_failure is not None and not peak_was_skipped(result):
        stands = "" if result.growth is None else ", but the growth verdict stands"
        yield f"the peak pass failed{stands}: {_failure_text(result.peak_failure)}"


def skipped_peak_sentences(result: Result) -> Iterator[str]:
    """Yield why there was no peak pass."""
    if peak_was_skipped(result):
        yield f"its peak was not measured: {NO_MEMRAY}"


def peak_was_skipped(result: Result) -> bool:
    """Return whether the peak was not measured because the measured Python has no memray."""
    return result.peak_failure is not None and result.peak_failure.kind is FailureKind.MISSING


def missing_meter_sentences(result: Result) -> Iterator[str]:
    """Yield which meter was missing where the result was measured, and what replaced it."""
    readings = result.readings
    if not readings.calls or readings.native_bytes:
        return
    if not readings.python_bytes:
        blocks = "Python's blocks and from " if any(readings.blocks) else ""
        yield f"live bytes could not be read here: growth is estimated from {blocks}resident pages."
        return
    rest = "resident pages stand in for the rest, with wider bounds" if readings.rss_bytes else "the rest is unknown"
    yield (
        "native memory could not be read here, because malloc is not that of glibc 2.33 or later: "
        f"only Python's own heap was; {rest}."
    )


def _failure_text(failure: Failure) -> str:
    where = f"on call {failure.call:,}" if failure.call is not None else ""
    verbs = {"raised": f"raised {where}:", "setup": "its set-up failed:", "import": "does not import:"}
    return f"{verbs.get(failure.kind, where)} {escape_control(failure.message)}".strip()


def _leak(result: Result, growth: Growth) -> str:
    budget = result.budget.growth_bytes_per_1000_calls
    relation = "over" if growth.low > budget else "within"
    rate = format_size_beside(growth.bytes_per_1000_calls, budget)
    return (
        f"memory grows by {rate} per 1000 calls, {relation} the budget of "
        f"{format_size_beside(budget, growth.bytes_per_1000_calls)}{_measured(growth)}.{_meter_clause(result, growth)}"
        f"{_native_clause(result)}{_unaccounted_clause(result)}{children_clause(result)}"
    )


def _measured(growth: Growth) -> str:
    return f" ({growth.calls:,} calls measured)"


def _bounded(result: Result, growth: Growth) -> str:
    container = result.bounded_by
    stopped = "memory grew, and has been stable since"
    if result.settled_after_calls is not None:
        stopped = f"memory grew until about call {result.settled_after_calls:,}, and has been stable since"
    if container is None:
        return f"{stopped}{_measured(growth)}."
    name = f"{escape_control(container.name)} ({escape_control(container.kind)})"
    full_size = format_size(container.limit * container.bytes_per_entry)
    if result.settled_after_calls is not None:
        return f"{stopped}: {name} holds at most {container.limit:,} items{_measured(growth)}."
    rate = format_size(growth.bytes_per_1000_calls)
    if container.length >= container.limit:
        return (
            f"memory grew by {rate} per 1000 calls, and what grew is full now: "
            f"{name} holds at most {container.limit:,} items ({full_size})."
        )
    return (
        f"memory grows by {rate} per 1000 calls, but growth will stop: {name} holds {container.length:,} items and is "
        f"full at {container.limit:,} ({full_size}), after about {max(container.calls_until_full, 1):,.0f} more calls."
    )


def _inconclusive(result: Result, growth: Growth) -> str:
    is_still = abs(growth.bytes_per_1000_calls) <= growth.high / 10
    stops = result.bounded_by is not None or (is_still and growth.high / 10 < UNKNOWN_BYTES)
    if stops and any(missing_meter_sentences(result)):
        heap = "is stable" if result.bounded_by is None else "has a limit"
        return (
            f"what can be read here {heap}, but native memory cannot be read, and the resident pages of "
            f"{growth.calls:,} calls leave room for a growth of {format_size(growth.high)} per 1000 calls; "
            f"raise {'--calls' if result.stopped_by == 'calls' else '--time'}, or measure with glibc's malloc."
        )
    pages = growth.rss_bytes_per_1000_calls or 0.0
    if is_still and growth.meter is Meter.HEAP and 0 < 0.8 * growth.high <= pages:
        return (
            f"the heap is stable, but the resident pages grow by {format_size(pages)} per 1000 calls: "
            f"too little to be called a leak, and too much to be called clean{_measured(growth)}."
        )
    needed, calls = result.calls_needed, f"{growth.calls:,} calls"
    what = "memory is neither stable nor growing steadily"
    if needed is not None and growth.low <= 0 <= growth.high:
        what = "memory seems stable, but so few calls cannot show it"
    takes = "" if needed is None else f"; a verdict takes about {needed:,}"
    remedy = {
        "calls": f"all {calls} are used up{takes}; raise --calls",
        "time": f"the time is up after {calls}{takes}; raise --time{_enough_seconds(result, growth)}, "
        "or make one call cheaper",
    }.get(result.stopped_by or "", f"{calls} were measured{takes}")
    return f"{what}: {remedy}."


def _enough_seconds(result: Result, growth: Growth) -> str:
    """Return the seconds that the calls needed for a verdict take, and a fifth more (` to 380`)."""
    if result.calls_needed is None or not growth.calls:
        return ""
    seconds = (result.replay_seconds + result.watch_seconds) / growth.calls * result.calls_needed
    return f" to {ceil(1.2 * seconds):,}"


def _meter_clause(result: Result, growth: Growth) -> str:
    if growth.from_lengths:
        return (
            " This was computed from the lengths of containers: their tables had room, "
            "so the heap was stable between two resizes."
        )
    if growth.meter is Meter.RSS:
        text = _resident_text(result)
        return f" {text[:1].upper()}{text[1:]}"
    if growth.meter is Meter.BLOCKS:
        return " Estimated from Python's blocks: this platform has no exact meter of bytes."
    return ""


def _resident_text(result: Result) -> str:
    """Return what the growth of the resident pages consists of, and which objects pin the freed ones."""
    kinds = {part.kind for part in result.resident}
    if kinds <= {PageKind.MAPPED}:  # none in a run.json from before the parts existed
        return "only resident pages grow: memory is mapped outside the heap."
    parts = [
        f"{format_size(part.bytes_per_1000_calls)} per 1000 calls is {part.kind.label}" for part in result.resident
    ]
    words = f"{'' if PageKind.LIVE in kinds else 'only '}resident pages grow: {', '.join(parts)}."
    pinning, growth = result.pinned_by_bytes_per_1000_calls, result.growth
    if not pinning or growth is None:
        return words
    return (
        f"{words} Live blocks between the freed ones keep those from being used again: the heap grows by "
        f"{format_size(pinning)} per 1000 calls, and each byte of that costs "
        f"{growth.bytes_per_1000_calls / pinning:,.0f} bytes of pages. What is explained is the heap's growth."
    )


def _unaccounted_clause(result: Result) -> str:
    """Return which share neither allocation sites nor retention paths account for, where it is more than half."""
    if result.explanation.explained_fraction is None and not result.explanation.retention_paths:
        return ""  # no explain pass ran
    retained = sum(path.share or 0.0 for path in result.explanation.retention_paths)
    rest = 1 - max(result.explanation.explained_fraction or 0.0, retained, 0.0)
    growth = "the growth" if result.pinned_by_bytes_per_1000_calls is None else "the heap's growth"
    return f" {rest:.0%} of {growth} is not accounted for." if rest > _MOST_UNACCOUNTED else ""


def _native_clause(result: Result) -> str:
    if not result.explanation.nothing_in_python:  # it is set only where the search for retention paths was complete
        return ""
    return " No Python object retains it: native code does, or never freed it."
