"""The type of the pytest fixture `leakcheck`, for the annotations of users' tests."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from leakcheck.model.result import Result  # the plugin, which every pytest loads, does without it


class LeakcheckFixture(Protocol):
    """Measures callables. `leakcheck(func)` returns a `Result`, whose `growth` can be compared with a budget.

    With a budget, the test fails if the callable exceeds it; without one, the test has to check the result.
    """

    def __call__(
        self,
        function: Callable[[], object],
        *,
        growth: str | None = None,
        peak: str | None = None,
        calls: int | None = None,
        time: float | None = None,
    ) -> "Result":
        """Replay a callable without arguments, `async def` or not, and return the result.

        `growth` is a budget like "64 KiB / 1000 calls", `peak` one like "20 MiB"; `calls` is the maximum number of
        calls, `time` the maximum in seconds. The callable is replayed in this process first. If memory is not level
        here, it is measured in fresh processes, which run this test up to this call. `result.peak_bytes` is None
        unless a peak budget is given. Raises what the first call raises, and pytest.UsageError for an invalid budget;
        the test fails if the callable exceeds a budget given here, or cannot be measured.
        """
