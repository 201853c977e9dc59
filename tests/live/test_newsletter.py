"""The newsletter, end to end and small: Django, SQLite, SMTP, and what a release gate says of two of its variants."""

from pathlib import Path

import pytest

from leakcheck.model.errors import ExitCode
from leakcheck.model.verdict import Gate, Verdict
from tests.live.command import Leakcheck

pytest.importorskip("django")
pytest.importorskip("aiosmtpd")

NEWSLETTER = Path(__file__).parents[2] / "scenarios" / "newsletter"


@pytest.mark.slow
def test_the_newsletter_that_keeps_its_querysets_is_over_and_the_iterator_is_within(leakcheck: Leakcheck) -> None:
    # GIVEN the newsletter as it is shipped, with few rows
    options = ("-o", "rows=20", "-o", "peak.rows=2000")
    # WHEN two of its variants are run, with both passes
    ran = leakcheck.run(
        str(NEWSLETTER),
        "--peak-pass",
        "-k",
        "iterator or retained",
        *options,
        "--time=20",
        environment={"NEWSLETTER_CACHE": str(leakcheck.folder / "databases")},
    )
    # THEN the one that keeps every queryset is a leak, at a queryset's size
    assert [result.id for result in ran.document.results] == ["newsletter[iterator]", "newsletter[retained]"]
    retained = ran["newsletter[retained]"]
    assert (retained.verdict, retained.gate, retained.failure) == (Verdict.LEAK, Gate.OVER, None)
    assert "growth" in retained.over_budget
    assert retained.growth is not None
    assert 20 * 500 < retained.growth.bytes_per_1000_calls / 1000 < 20 * 1500, "some 725 bytes a row"
    # AND the other is clean, with a peak of its 2000 rows
    iterator = ran["newsletter[iterator]"]
    assert (iterator.verdict, iterator.gate, iterator.failure) == (Verdict.CLEAN, Gate.WITHIN, None)
    assert iterator.peak_bytes is not None
    assert 1e6 < iterator.peak_bytes < 10 * 2**20
    assert iterator.growth_options == {"rows": 20}
    assert iterator.peak_options == {"rows": 2000}
    assert iterator.latency_seconds is not None
    # AND the build fails
    assert "newsletter[retained]: memory grows by" in ran.output
    assert "1 failed, 1 passed" in ran.output
    assert ran.code == ExitCode.OVER_BUDGET
