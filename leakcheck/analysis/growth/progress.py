"""The progress of the growth pass: readings, calls and costs so far."""

from dataclasses import dataclass, field

from leakcheck.model.answers import Block, Readings


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayProgress:
    """The readings so far, the calls replayed, and what they cost."""

    readings: Readings = field(default_factory=Readings)
    calls: int = 0
    replay_seconds: float = 0.0
    watch_seconds: float = 0.0
    """Our overhead: collecting garbage and reading meters."""
    seconds_per_call: float = 0.0
    seconds_per_reading: float = 0.2e-3
    """Until the first reading, an estimate for a small process."""

    @property
    def seconds(self) -> float:
        """Return the time since the first call."""
        return self.replay_seconds + self.watch_seconds

    def after(self, block: Block) -> "ReplayProgress":
        """Return the progress with one more block, which alone determines the cost of a call."""
        new_calls, new_readings = block.calls - self.calls, len(block.readings.calls)
        return ReplayProgress(
            readings=self.readings + block.readings,
            calls=block.calls,
            replay_seconds=self.replay_seconds + block.replay_seconds,
            watch_seconds=self.watch_seconds + block.settle_seconds + block.set_aside_seconds,
            seconds_per_call=block.replay_seconds / max(new_calls, 1),
            seconds_per_reading=block.settle_seconds / new_readings if new_readings else self.seconds_per_reading,
        )
