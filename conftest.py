"""For all tests of this project: no test may leave a tracer on, or the next one would pay for it."""

import tracemalloc
from collections.abc import Iterator

import pytest

pytest_plugins = ["pytester"]


@pytest.fixture(autouse=True)
def no_tracer_is_left_on() -> Iterator[None]:
    """Fail the test that leaves tracemalloc tracing."""
    yield
    left_on = tracemalloc.is_tracing()
    tracemalloc.stop()
    assert not left_on, "this test left tracemalloc on"
