"""Known leaks: those on the list are measured and do not fail; others do."""

from dataclasses import replace
from datetime import date

import pytest

from leakcheck.analysis.gate.explained import with_explanation
from leakcheck.analysis.gate.known_leaks import unseen_entries, without_ambiguous
from leakcheck.model.errors import ExitCode
from leakcheck.model.explanation import Explanation, GrowingContainer, KnownEntry, Link, RetentionPath
from leakcheck.model.result import Result
from leakcheck.model.verdict import Gate
from leakcheck.runner.session import exit_code
from tests.unit.causes import SENT, SENT_PATH, SITE
from tests.unit.runs import CLEAN, LEAK, MIB, UNSURE

TODAY = date(2026, 11, 24)
GROWING = replace(LEAK, over_budget=("growth",))
WHOLE = Explanation(containers=(SENT,), retention_paths=(SENT_PATH,), allocation_sites=(SITE,), explained_fraction=0.98)

NATIVE_LIST = RetentionPath(
    links=(Link(step="native code", type="list"),),
    bytes_per_1000_calls=140 * MIB,
    share=0.95,
    held_by_native=True,
    fingerprint="e" * 12,
)


def judged(*entries: KnownEntry, result: Result = GROWING, explanation: Explanation = WHOLE) -> Result:
    return with_explanation(result, explanation, entries, TODAY)


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
    assert (result.gate, result.over_budget) == (Gate.WITHIN, ())
    assert result.verdict is LEAK.verdict
    assert [leak.reason for leak in result.known_leaks] == [entry.reason]
    assert result.known_leaks[0].bytes_per_1000_calls > 100 * MIB


@pytest.mark.parametrize(
    "entry",
    [
        KnownEntry(fingerprint="000000000000", reason="another one"),
        KnownEntry(match="*OUTBOX*", reason="another one"),
        KnownEntry(match="*SENT*", scenario="other*", reason="for another scenario"),
    ],
)
def test_an_entry_that_does_not_match_forgives_nothing(entry: KnownEntry) -> None:
    result = judged(entry)
    assert (result.gate, result.over_budget, result.known_leaks) == (Gate.OVER, ("growth",), ())


def test_an_expired_entry_is_listed_and_fails() -> None:
    result = judged(replace(BY_FINGERPRINT, expires=date(2026, 11, 23)))
    assert result.gate is Gate.OVER
    assert [leak.expired for leak in result.known_leaks] == ["2026-11-23"]


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


def test_nothing_is_forgiven_if_the_culprits_do_not_account_for_the_growth() -> None:
    half = Explanation(retention_paths=(replace(SENT_PATH, share=0.5),))
    assert judged(BY_FINGERPRINT, explanation=half).gate is Gate.OVER


def test_without_retention_paths_the_sites_count() -> None:
    by_site = KnownEntry(fingerprint=SITE.fingerprint, reason="in C")
    assert judged(by_site, explanation=Explanation(allocation_sites=(SITE,))).gate is Gate.WITHIN


def test_a_known_leak_does_not_forgive_a_peak() -> None:
    result = judged(BY_FINGERPRINT, result=LEAK)
    assert (result.gate, result.over_budget) == (Gate.OVER, ("peak",))


def test_an_entry_that_no_longer_occurs_is_reported() -> None:
    assert unseen_entries([BY_FINGERPRINT], [judged(BY_FINGERPRINT)]) == ()
    assert unseen_entries([BY_FINGERPRINT], [CLEAN]) == (BY_FINGERPRINT,)


def test_an_entry_whose_scenarios_have_no_verdict_is_not_reported() -> None:
    assert unseen_entries([BY_FINGERPRINT], [UNSURE]) == ()
    assert unseen_entries([replace(BY_FINGERPRINT, scenario="other")], [CLEAN]) == ()


@pytest.mark.parametrize(
    "entry",
    [
        BY_FINGERPRINT,
        KnownEntry(fingerprint=SITE.fingerprint, reason="the site, while the holder counts"),
        KnownEntry(match="*SENT*", reason="in another scenario's name", scenario="newsletter*"),
    ],
)
def test_an_entry_that_any_result_shows_is_not_reported_as_unseen(entry: KnownEntry) -> None:
    # GIVEN a leak that was not forgiven: light, unweighed, or explained only in part
    for share in (0.5, 0.01, None):
        path = replace(SENT_PATH, share=share, bytes_per_1000_calls=None)
        result = replace(judged(explanation=replace(WHOLE, retention_paths=(path,))), scenario="newsletter")
        # WHEN the list is compared with it THEN the entry has occurred
        assert unseen_entries([entry], [result]) == ()
    # AND also if only another scenario shows it
    elsewhere = replace(CLEAN, scenario="newsletter", variant="other")
    assert unseen_entries([entry], [elsewhere, judged()]) == ()


def test_a_leak_without_an_explanation_leaves_no_entry_unseen() -> None:
    assert unseen_entries([BY_FINGERPRINT], [GROWING]) == ()


@pytest.mark.parametrize("share", [0.8, 0.95])
def test_a_native_path_and_the_line_that_allocates_for_it_are_one_leak_under_either_fingerprint(share: float) -> None:
    # GIVEN a list held by native code, and the line that allocated it, either of which accounts for the growth
    native = replace(NATIVE_LIST, share=share, line=SITE.frame)
    both = Explanation(retention_paths=(native,), allocation_sites=(SITE,))
    # WHEN either is on the list THEN the leak is forgiven
    for name in (native.fingerprint, SITE.fingerprint):
        assert judged(KnownEntry(fingerprint=name, reason="in C"), explanation=both).gate is Gate.WITHIN
    # AND not if the line allocates much else
    part = replace(both, retention_paths=(replace(native, share=0.5),))
    assert judged(KnownEntry(fingerprint=native.fingerprint, reason="in C"), explanation=part).gate is Gate.OVER


@pytest.mark.parametrize(
    ("path_share", "site_share", "fingerprint"),
    [(0.99, 0.98, SENT_PATH.fingerprint), (0.4, 0.98, SITE.fingerprint), (0.4, 0.5, SENT_PATH.fingerprint)],
)
def test_the_fingerprint_that_is_shown_forgives_the_leak(
    path_share: float, site_share: float, fingerprint: str
) -> None:
    explanation = Explanation(
        retention_paths=(replace(SENT_PATH, share=path_share),), allocation_sites=(replace(SITE, share=site_share),)
    )
    assert judged(explanation=explanation).fingerprint == fingerprint
    entry = KnownEntry(fingerprint=fingerprint, reason="as shown")
    assert (judged(entry, explanation=explanation).gate is Gate.WITHIN) is (max(path_share, site_share) > 0.9)


# --- one entry, one leak --------------------------------------------------------------------------

OTHER_PATH = replace(
    SENT_PATH, links=(Link(step="shop", type="module"), Link(step=".SENT", type="list")), fingerprint="c" * 12
)
PATTERN = KnownEntry(match="*SENT*", reason="ticket 12")


def two_results(entry: KnownEntry, first: RetentionPath, second: RetentionPath) -> tuple[Result, ...]:
    """Return the results of two scenarios, each with one retention path."""
    return tuple(
        judged(entry, result=replace(GROWING, variant=name), explanation=Explanation(retention_paths=(path,)))
        for name, path in (("one", first), ("two", second))
    )


def test_an_entry_without_a_scenario_that_matches_two_leaks_is_a_usage_error() -> None:
    results = two_results(PATTERN, SENT_PATH, OTHER_PATH)
    assert [result.gate for result in results] == [Gate.WITHIN] * 2
    refused = without_ambiguous(results)
    assert [result.gate for result in refused] == [Gate.ERROR] * 2
    assert exit_code(refused) is ExitCode.USAGE
    assert refused[0].failure is not None
    assert "the known leak *SENT* names 2 different leaks" in refused[0].failure.message
    assert 'scenario = "..."' in refused[0].failure.message
    # AND given one at a time, the second is refused
    assert without_ambiguous(results[1:], before=results[:1]) == refused[1:]


def test_an_entry_with_a_scenario_may_match_several_leaks() -> None:
    results = two_results(replace(PATTERN, scenario="newsletter*"), SENT_PATH, OTHER_PATH)
    assert without_ambiguous(results) == results


def test_the_same_leak_in_several_scenarios_is_one_leak() -> None:
    results = two_results(PATTERN, SENT_PATH, SENT_PATH)
    assert without_ambiguous(results) == results


def test_a_leak_found_by_its_path_here_and_by_its_line_there_is_one_leak() -> None:
    by_line = judged(PATTERN, result=replace(GROWING, variant="two"), explanation=Explanation(allocation_sites=(SITE,)))
    results = (judged(PATTERN), by_line)
    assert without_ambiguous(results) == results


def test_two_leaks_of_one_scenario_that_a_pattern_matches_are_ambiguous() -> None:
    half = [replace(path, share=0.5) for path in (SENT_PATH, OTHER_PATH)]
    result = judged(PATTERN, explanation=Explanation(retention_paths=tuple(half), allocation_sites=(SITE,)))
    assert len(result.known_leaks) == 2
    assert exit_code(without_ambiguous([result])) is ExitCode.USAGE


def test_an_unidentified_native_path_is_a_different_leak_in_each_scenario() -> None:
    results = two_results(KnownEntry(fingerprint=NATIVE_LIST.fingerprint, reason="in C"), NATIVE_LIST, NATIVE_LIST)
    assert [result.gate for result in results] == [Gate.WITHIN] * 2
    assert exit_code(without_ambiguous(results)) is ExitCode.USAGE
    named = replace(NATIVE_LIST, line=SITE.frame)
    results = two_results(KnownEntry(fingerprint=NATIVE_LIST.fingerprint, reason="in C"), named, named)
    assert without_ambiguous(results) == results


def test_a_bounded_result_names_the_container_that_stopped_growing() -> None:
    stopped = GrowingContainer(name="m.SEEN", kind="dict", length=3000, length_per_call=1.0, stopped=True, share=1.0)
    bounded = replace(CLEAN, verdict=type(CLEAN.verdict).BOUNDED, settled_after_calls=3010)
    limit = with_explanation(bounded, Explanation(containers=(stopped,)), (), TODAY).bounded_by
    assert limit is not None
    assert (limit.name, limit.limit) == ("m.SEEN", 3000)
