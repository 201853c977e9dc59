"""Known leaks: what is on the list is measured and does not fail; what is not still does."""

from dataclasses import replace
from datetime import date

import pytest

from leakcheck.analysis.explained import explained
from leakcheck.analysis.known import unseen_entries
from leakcheck.explanation import Container, Explanation, KnownEntry, Link, RetentionPath
from leakcheck.model import Gate, Result
from tests.unit.causes import SENT, SENT_PATH, SITE
from tests.unit.runs import CLEAN, LEAK, MIB, UNSURE

TODAY = date(2026, 11, 24)
GROWING = replace(LEAK, failures=("growth",))
WHOLE = Explanation(containers=(SENT,), retention_paths=(SENT_PATH,), sites=(SITE,), explained_fraction=0.98)


def judged(*entries: KnownEntry, result: Result = GROWING, explanation: Explanation = WHOLE) -> Result:
    return explained(result, explanation, entries, TODAY)


BY_FINGERPRINT = KnownEntry(fingerprint=SENT.fingerprint, reason="ticket 12")


@pytest.mark.parametrize(
    "entry",
    [
        BY_FINGERPRINT,
        KnownEntry(match="*views.SENT", reason="by the container's name"),
        KnownEntry(match="*SENT[*]*", reason="by the path"),
        KnownEntry(match="*views.py:41", reason="by the site's place"),
        KnownEntry(match="SENT.append(*", reason="by the site's text"),
        KnownEntry(match="*SENT*", scenario="newsletter[retained]", reason="for one variant"),
        KnownEntry(match="*SENT*", scenario="news*", expires=TODAY, reason="holds until today"),
    ],
)
def test_a_known_leak_is_measured_and_does_not_fail(entry: KnownEntry) -> None:
    result = judged(entry)
    assert (result.gate, result.failures) == (Gate.WITHIN, ())
    assert result.verdict is LEAK.verdict
    assert [leak.reason for leak in result.known] == [entry.reason]
    assert result.known[0].bytes_per_1000_calls > 100 * MIB


@pytest.mark.parametrize(
    "entry",
    [
        KnownEntry(fingerprint="000000000000", reason="another one"),
        KnownEntry(match="*OUTBOX*", reason="another one"),
        KnownEntry(match="*SENT*", scenario="other*", reason="for another scenario"),
    ],
)
def test_an_entry_that_does_not_fit_forgives_nothing(entry: KnownEntry) -> None:
    result = judged(entry)
    assert (result.gate, result.failures, result.known) == (Gate.OVER, ("growth",), ())


def test_an_entry_that_has_expired_is_named_and_fails() -> None:
    result = judged(replace(BY_FINGERPRINT, expires=date(2026, 11, 23)))
    assert result.gate is Gate.OVER
    assert [leak.expired for leak in result.known] == ["2026-11-23"]


def test_a_second_leak_beside_the_known_one_fails() -> None:
    other = RetentionPath(
        links=(Link(step="views", type="module"), Link(step=".OTHER", type="list")),
        bytes_per_1000_calls=1 * MIB,
        share=0.01,
        fingerprint="1" * 12,
    )
    beside = replace(WHOLE, retention_paths=(SENT_PATH, other))
    result = judged(BY_FINGERPRINT, explanation=beside)
    assert result.gate is Gate.OVER
    assert judged(BY_FINGERPRINT, KnownEntry(match="*OTHER", reason="too"), explanation=beside).gate is Gate.WITHIN


def test_where_the_culprits_do_not_account_for_the_growth_nothing_is_forgiven() -> None:
    half = Explanation(retention_paths=(replace(SENT_PATH, share=0.5),))
    assert judged(BY_FINGERPRINT, explanation=half).gate is Gate.OVER


def test_where_nothing_is_held_the_sites_count() -> None:
    by_site = KnownEntry(fingerprint=SITE.fingerprint, reason="in C")
    assert judged(by_site, explanation=Explanation(sites=(SITE,))).gate is Gate.WITHIN


def test_a_known_leak_does_not_forgive_a_peak() -> None:
    result = judged(BY_FINGERPRINT, result=LEAK)
    assert (result.gate, result.failures) == (Gate.OVER, ("peak",))


def test_an_entry_that_no_longer_occurs_is_told() -> None:
    assert unseen_entries([BY_FINGERPRINT], [judged(BY_FINGERPRINT)]) == ()
    assert unseen_entries([BY_FINGERPRINT], [CLEAN]) == (BY_FINGERPRINT,)


def test_of_an_entry_whose_scenarios_gave_no_verdict_nothing_is_told() -> None:
    assert unseen_entries([BY_FINGERPRINT], [UNSURE]) == ()
    assert unseen_entries([replace(BY_FINGERPRINT, scenario="other")], [CLEAN]) == ()


def test_a_container_that_stopped_growing_names_what_filled() -> None:
    stopped = Container(name="m.SEEN", kind="dict", length=3000, length_per_call=1.0, stopped=True, share=1.0)
    bounded = replace(CLEAN, verdict=type(CLEAN.verdict).BOUNDED, settled_after_calls=3010)
    limit = explained(bounded, Explanation(containers=(stopped,)), (), TODAY).bounded_by
    assert limit is not None
    assert (limit.name, limit.limit) == ("m.SEEN", 3000)
