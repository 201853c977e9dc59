"""What several tests begin with."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.command import Leakcheck

collect_ignore = ["sites"]
"""Projects of their own: they are tested from outside."""


@pytest.fixture
def leakcheck(tmp_path: Path) -> Iterator[Leakcheck]:
    """The real command, in an empty folder; whatever it did there, no process of it may be left."""
    command = Leakcheck(tmp_path)
    yield command
    command.close()
    assert command.processes_left() == []
