"""What has been replayed and read so far, and what it cost."""

from dataclasses import dataclass, field

from leakcheck.model.answers import Block, Readings


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayProgress:
    """What has been replayed and read so far, and what it cost."""

    readings: Readings = field(default_factory=Readings)
    calls: int = 0
    replay_seconds: float = 0.0
    watch_seconds: float = 0.0
    """Collecting garbage and reading meters: what is ours."""
    seconds_per_call: float = 0.0
    seconds_per_reading: float = 0.2e-3
    """What a reading takes in a small process, until one was taken."""

    @property
    def seconds(self) -> float:
        """Return the time since the first call."""
        return self.replay_seconds + self.watch_seconds

    def after(self, block: Block) -> "ReplayProgress":
        """Return the progress with one more block; the newest block says what a call costs."""
        replayed = block.calls - self.calls
        taken = len(block.readings.calls)
        return ReplayProgress(
            readings=self.readings + block.readings,
            calls=block.calls,
            replay_seconds=self.replay_seconds + block.replay_seconds,
            watch_seconds=self.watch_seconds + block.settle_seconds + block.set_aside_seconds,
            seconds_per_call=block.replay_seconds / max(replayed, 1),
            seconds_per_reading=block.settle_seconds / taken if taken else self.seconds_per_reading,
        )
