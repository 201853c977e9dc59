"""Meters of live bytes that exist and see nothing are not used."""

import pytest

from leakcheck.probe.meters import memory


def test_a_meter_of_malloc_that_does_not_move_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    # GIVEN malloc's counters under another malloc: they read next to nothing
    monkeypatch.setattr(memory, "_LEAST_BYTES", 1 << 62)
    assert "native_bytes" not in memory.Meters(("python", "native")).names
    assert "python_bytes" in memory.Meters(("python", "native")).names
    # AND Python's own counter with pymalloc off: it reads 0
    monkeypatch.setattr(memory, "_python_bytes", lambda: lambda: 0)
    assert "python_bytes" not in memory.Meters(("python", "native")).names
    assert "python_bytes" in memory.Meters(("python",)).names
