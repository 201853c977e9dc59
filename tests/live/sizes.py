"""What leaks of known size take, and that they were found at it."""

import pytest

from leakcheck.model.result import Result
from leakcheck.model.verdict import Verdict

OBJECT = 16
"""`object()` takes one of pymalloc's 16-byte steps."""

OBJECT_IN_A_LIST = OBJECT + 8
"""And its slot in a list that grows 8 bytes, an eighth of the list at a time."""

MALLOC_OF_100 = 112
"""glibc hands out 100 bytes as a chunk of 112."""

PAGE_PER_CALL = 4096


def assert_leaks(result: Result, bytes_per_call: float, *, within: float = 0.05) -> None:
    """The verdict is leak, at the known size, and the bounds hold the truth as long as they are not exact."""
    assert (result.verdict, result.failure) == (Verdict.LEAK, None)
    assert result.growth is not None
    assert result.growth.bytes_per_1000_calls == pytest.approx(1000 * bytes_per_call, rel=within)
    assert result.growth.low <= result.growth.bytes_per_1000_calls <= result.growth.high
    assert result.growth.low <= 1000 * bytes_per_call * (1 + within)
    assert result.growth.high >= 1000 * bytes_per_call * (1 - within)
