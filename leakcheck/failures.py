"""How a measurement ends that has no result of its own: it was told to stop, or the measured process failed."""

from collections.abc import Mapping
from typing import Any

from leakcheck.model import Trouble


class Stopped(Exception):
    """The measurement was told to stop; nothing is wrong with the scenario."""


class WorkerFailed(Exception):
    """The measured process gave no answer, or answered that the user's code failed."""

    def __init__(self, trouble: Trouble, block: Mapping[str, Any] | None = None) -> None:
        super().__init__(trouble.message)
        self.trouble = trouble
        self.block = block
        """What had been read of the block that failed, where the process could still tell."""
