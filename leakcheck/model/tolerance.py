"""The tolerance, and the one rule by which a change counts: `check`, `compare` and `history` all ask it."""

from dataclasses import dataclass
from enum import StrEnum

from leakcheck.model.units import format_change, format_share


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A value with its confidence bounds; both equal the value if it is exact."""

    value: float
    low: float
    high: float

    @classmethod
    def exact(cls, value: float) -> "Figure":
        """Return a value that is known exactly."""
        return cls(value=value, low=value, high=value)

    @property
    def margin(self) -> float:
        """How far the wider of the bounds is from the value."""
        return max(self.high - self.value, self.value - self.low)


class ChangeVerdict(StrEnum):
    """Verdict on the change of a figure, which is better when it is smaller."""

    WORSE = "worse"
    """By more than the tolerance, whatever the values between the bounds are; likewise BETTER."""
    INCONCLUSIVE = "inconclusive"
    """Worse for some values between the bounds, and not for others."""
    SAME = "same"
    """Within the tolerance, whatever the values between the bounds are."""
    NOT_WORSE = "not worse"
    """Better for some values between the bounds, the same for others."""
    BETTER = "better"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """The change that does not count: a figure is worse, or better, only if it exceeds both parts.

    A share alone overstates changes of small figures, and a size alone overstates those of large ones.
    """

    share: float
    bytes: float
    """For growth: bytes per 1000 calls."""

    def compare(self, before: Figure, after: Figure) -> ChangeVerdict:
        """Return the verdict on a change; never SAME where a value between the bounds would be worse or better."""
        if after.low > self.upper_limit(before.high):
            return ChangeVerdict.WORSE
        if after.high < self.lower_limit(before.low):
            return ChangeVerdict.BETTER
        if after.high > self.upper_limit(before.low):
            return ChangeVerdict.INCONCLUSIVE
        if after.low < self.lower_limit(before.high):
            return ChangeVerdict.NOT_WORSE
        return ChangeVerdict.SAME

    def is_exceeded(self, before: float, after: float) -> bool:
        """Return whether an exact figure is worse or better."""
        return self.compare(Figure.exact(before), Figure.exact(after)) is not ChangeVerdict.SAME

    def upper_limit(self, before: float) -> float:
        """Return the largest figure that is not worse than `before`."""
        return before + max(self.share * before, self.bytes)

    def lower_limit(self, before: float) -> float:
        """Return the smallest figure that is not better than `before`."""
        return before - max(min(self.share, 1) * before, self.bytes)

    def __str__(self) -> str:
        return format_change(self.share, self.bytes) if self.bytes else format_share(self.share)


NOISE = Tolerance(share=0.005, bytes=1024)
"""Two fresh processes that run the same program differ by up to 0.1 %, or some hundred bytes."""
