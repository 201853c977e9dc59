"""The request to explain a result: its growth, the meter that shows it, and its shape."""

from dataclasses import dataclass

from leakcheck.analysis.growth.estimate import rate_until
from leakcheck.analysis.growth.progress import ReplayProgress
from leakcheck.analysis.growth.series import Series
from leakcheck.analysis.growth.shape import Shape
from leakcheck.analysis.growth.trend import falls_like_a_sawtooth
from leakcheck.model.result import Meter, Result
from leakcheck.model.verdict import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainRequest:
    """The growth that the retention and the allocation pass are to explain."""

    bytes_per_1000_calls: float
    """The growth; where memory reached a plateau, the growth until then."""
    most_bytes_per_1000_calls: float | None = None
    """The upper bound of the growth; None where it is not known."""
    meter: Meter
    seconds_per_call: float
    is_bounded: bool = False
    """The growth ends by itself: what retains it is searched for, but allocations are not traced."""
    is_sawtooth: bool = False
    """The growth was found under a sawtooth, and so includes tables that doubled."""
    settled_after_calls: int | None = None
    """When memory reached a plateau: the containers that filled until then are searched for."""


def explain_request_of(result: Result, progress: ReplayProgress, shape: Shape | None) -> ExplainRequest:
    """Return the request for a result: its growth, or the heap's, where that pins the pages that grow."""
    growth, settled, pinning = result.growth, result.settled_after_calls, result.pinned_by_bytes_per_1000_calls
    assert growth is not None
    tail = None if shape is None else shape.tail
    if pinning is not None and tail is not None:
        readings = result.readings
        tail = Series(readings.calls, readings.heap_bytes or readings.python_bytes).after(growth.from_call or 0)
    rate = growth.bytes_per_1000_calls if settled is None else rate_until(result.readings, settled)
    return ExplainRequest(
        bytes_per_1000_calls=rate if pinning is None else pinning,
        most_bytes_per_1000_calls=growth.high if settled is None and pinning is None else None,
        meter=growth.meter if pinning is None else Meter.HEAP,
        seconds_per_call=progress.seconds_per_call,
        is_bounded=result.verdict is Verdict.BOUNDED,
        is_sawtooth=tail is not None and falls_like_a_sawtooth(tail),
        settled_after_calls=settled,
    )
