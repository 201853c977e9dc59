"""What is to be explained of a result: a growth, its meter, and what is known of its form."""

from dataclasses import dataclass

from leakcheck.analysis.growth.estimate import rate_until
from leakcheck.analysis.growth.progress import ReplayProgress
from leakcheck.analysis.growth.series import Series
from leakcheck.analysis.growth.shape import Shape
from leakcheck.analysis.growth.trend import falls_back
from leakcheck.model.result import Meter, Result
from leakcheck.model.verdict import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainRequest:
    """What is to be explained."""

    bytes_per_1000_calls: float
    """The growth; of what stood still in the end, the growth until then."""
    most_bytes_per_1000_calls: float | None = None
    """The growth's upper bound; None where it is not known."""
    meter: Meter
    seconds_per_call: float
    is_bounded: bool = False
    """It ends by itself: who fills it is said, and who allocates is not asked."""
    under_teeth: bool = False
    """The growth was found under teeth, and so counts the tables that doubled."""
    settled_after_calls: int | None = None
    """Where memory stood still in the end: the containers that filled until then are looked for."""


def case_of(result: Result, progress: ReplayProgress, shape: Shape | None) -> ExplainRequest:
    """Return what is to be explained of a result: its growth, or the heap's where that pins what the pages grow by."""
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
        under_teeth=tail is not None and falls_back(tail),
        settled_after_calls=settled,
    )
