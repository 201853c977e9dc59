"""The newsletter's own gate: the send keeps nothing, and peaks flat. It fails when somebody undoes the iterator.

Two gates on one test, as a team would have them: ours, which replays the send, and pytest-memray's, which
looks at one. pytest-memray counts arenas of 1 MiB unless Python's allocators are traced: this project's
pytest is configured to do that.
"""

import os
from collections.abc import Callable, Iterator

import pytest

pytest.importorskip("django")

ROWS = 10_000


@pytest.fixture(scope="module")
def send() -> Iterator[Callable[[], object]]:
    """One send of the newsletter to all subscribers, as the web server makes it."""
    from django.conf import settings

    from scenarios.newsletter.scenario import newsletter

    if settings.configured:
        pytest.skip("another test has set Django up in this process")
    before = dict(os.environ)
    yield from newsletter("iterator", rows=ROWS)
    # the tests that come after start processes of their own
    os.environ.clear()
    os.environ.update(before)


@pytest.mark.slow
@pytest.mark.leakcheck(growth="64 KiB / 1000 calls", peak="6 MiB", calls=150)
@pytest.mark.limit_memory("6 MB")
def test_a_send_keeps_nothing_and_peaks_flat(send: Callable[[], object]) -> None:
    send()
