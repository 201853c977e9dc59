"""What has been replayed and read so far, and what it cost."""

from dataclasses import dataclass, field

from leakcheck.model import Block, Readings


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """What has been replayed and read so far, and what it cost."""

    readings: Readings = field(default_factory=Readings)
    calls: int = 0
    seconds: float = 0.0
    """Time since the first call, replay and readings together."""
    seconds_per_call: float = 0.0
    seconds_per_reading: float = 0.0

    def after(self, block: Block) -> "Progress":
        """Return the progress with one more block; the newest block says what a call costs."""
        replayed = block.calls - self.calls
        taken = len(block.readings.calls)
        return Progress(
            readings=self.readings + block.readings,
            calls=block.calls,
            seconds=self.seconds + block.replay_seconds + block.settle_seconds + block.thaw_seconds,
            seconds_per_call=block.replay_seconds / max(replayed, 1),
            seconds_per_reading=block.settle_seconds / taken if taken else self.seconds_per_reading,
        )
