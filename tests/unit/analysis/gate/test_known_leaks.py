"""Known leaks: what is on the list is measured and does not fail; what is not still does."""

from dataclasses import replace
from datetime import date

import pytest

from leakcheck.analysis.gate.explained import explained
from leakcheck.analysis.gate.known_leaks import unseen_entries, without_ambiguous
from leakcheck.model.errors import ExitCode
from leakcheck.model.explanation import Explanation, GrowingContainer, KnownEntry, Link, RetentionPath
from leakcheck.model.result import Result
from leakcheck.model.verdict import Gate
from leakcheck.runner.session import exit_code
from tests.unit.causes import SENT, SENT_PATH, SITE
from tests.unit.runs import CLEAN, LEAK, MIB, UNSURE

TODAY = date(2026, 11, 24)
GROWING = replace(LEAK, failures=("growth",))
WHOLE = Explanation(containers=(SENT,), retention_paths=(SENT_PATH,), sites=(SITE,), explained_fraction=0.98)

NATIVE_LIST = RetentionPath(
    links=(Link(step="native code", type="list"),),
    bytes_per_1000_calls=140 * MIB,
    share=0.95,
    held_by_native=True,
    fingerprint="e" * 12,
)


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


@pytest.mark.parametrize(
    "entry",
    [
        BY_FINGERPRINT,
        KnownEntry(fingerprint=SITE.fingerprint, reason="the site, while the holder counts"),
        KnownEntry(match="*SENT*", reason="in another scenario's name", scenario="newsletter*"),
    ],
)
def test_of_what_is_on_the_screen_nobody_says_that_it_can_be_removed(entry: KnownEntry) -> None:
    # GIVEN a leak that nothing was forgiven of: light, without a weight, or explained in part
    for share in (0.5, 0.01, None):
        path = replace(SENT_PATH, share=share, bytes_per_1000_calls=None)
        shown = replace(judged(explanation=replace(WHOLE, retention_paths=(path,))), scenario="newsletter")
        # WHEN the list is held to it THEN the entry has occurred
        assert unseen_entries([entry], [shown]) == ()
    # AND so it has where another scenario alone shows it
    elsewhere = replace(CLEAN, scenario="newsletter", variant="other")
    assert unseen_entries([entry], [elsewhere, judged()]) == ()


def test_a_leak_that_nobody_explained_says_nothing_of_the_list() -> None:
    assert unseen_entries([BY_FINGERPRINT], [GROWING]) == ()


@pytest.mark.parametrize("share", [0.8, 0.95])
def test_what_native_code_holds_and_the_line_that_allocates_it_are_one_leak_by_either_name(share: float) -> None:
    # GIVEN a list that native code holds, and the line that allocated it: whichever of them accounts for the growth
    held = replace(NATIVE_LIST, share=share, line=SITE.frame)
    both = Explanation(retention_paths=(held,), sites=(SITE,))
    # WHEN either is on the list THEN the leak is forgiven
    for name in (held.fingerprint, SITE.fingerprint):
        assert judged(KnownEntry(fingerprint=name, reason="in C"), explanation=both).gate is Gate.WITHIN
    # AND not where the line allocates much else
    part = replace(both, retention_paths=(replace(held, share=0.5),))
    assert judged(KnownEntry(fingerprint=held.fingerprint, reason="in C"), explanation=part).gate is Gate.OVER


@pytest.mark.parametrize(
    ("path_share", "site_share", "fingerprint"),
    [(0.99, 0.98, SENT_PATH.fingerprint), (0.4, 0.98, SITE.fingerprint), (0.4, 0.5, SENT_PATH.fingerprint)],
)
def test_the_fingerprint_that_is_shown_is_one_that_forgives(
    path_share: float, site_share: float, fingerprint: str
) -> None:
    explanation = Explanation(
        retention_paths=(replace(SENT_PATH, share=path_share),), sites=(replace(SITE, share=site_share),)
    )
    assert judged(explanation=explanation).fingerprint == fingerprint
    listed = KnownEntry(fingerprint=fingerprint, reason="as shown")
    assert (judged(listed, explanation=explanation).gate is Gate.WITHIN) is (max(path_share, site_share) > 0.9)


# --- one entry, one leak --------------------------------------------------------------------------

OTHER_PATH = replace(
    SENT_PATH, links=(Link(step="shop", type="module"), Link(step=".SENT", type="list")), fingerprint="c" * 12
)
PATTERN = KnownEntry(match="*SENT*", reason="ticket 12")


def two(entry: KnownEntry, first: RetentionPath, second: RetentionPath) -> tuple[Result, ...]:
    """Return two scenarios' results, each of which one thing holds."""
    return tuple(
        judged(entry, result=replace(GROWING, variant=name), explanation=Explanation(retention_paths=(path,)))
        for name, path in (("one", first), ("two", second))
    )


def test_an_entry_without_a_scenario_that_names_two_leaks_is_a_configuration_error() -> None:
    results = two(PATTERN, SENT_PATH, OTHER_PATH)
    assert [result.gate for result in results] == [Gate.WITHIN] * 2
    refused = without_ambiguous(results)
    assert [result.gate for result in refused] == [Gate.ERROR] * 2
    assert exit_code(refused) is ExitCode.USAGE
    assert refused[0].trouble is not None
    assert "the known leak *SENT* names 2 different leaks" in refused[0].trouble.message
    assert 'scenario = "..."' in refused[0].trouble.message
    # AND who is asked test by test refuses the second
    assert without_ambiguous(results[1:], before=results[:1]) == refused[1:]


def test_an_entry_with_a_scenario_may_be_as_wide_as_it_likes() -> None:
    results = two(replace(PATTERN, scenario="newsletter*"), SENT_PATH, OTHER_PATH)
    assert without_ambiguous(results) == results


def test_one_leak_that_several_scenarios_have_is_one() -> None:
    results = two(PATTERN, SENT_PATH, SENT_PATH)
    assert without_ambiguous(results) == results


def test_one_leak_told_by_its_holder_here_and_by_its_line_there_is_one() -> None:
    by_line = judged(PATTERN, result=replace(GROWING, variant="two"), explanation=Explanation(sites=(SITE,)))
    results = (judged(PATTERN), by_line)
    assert without_ambiguous(results) == results


def test_two_leaks_of_one_scenario_that_a_pattern_names_are_two() -> None:
    half = [replace(path, share=0.5) for path in (SENT_PATH, OTHER_PATH)]
    result = judged(PATTERN, explanation=Explanation(retention_paths=tuple(half), sites=(SITE,)))
    assert len(result.known) == 2
    assert exit_code(without_ambiguous([result])) is ExitCode.USAGE


def test_what_native_code_holds_without_a_name_is_another_leak_in_each_scenario() -> None:
    results = two(KnownEntry(fingerprint=NATIVE_LIST.fingerprint, reason="in C"), NATIVE_LIST, NATIVE_LIST)
    assert [result.gate for result in results] == [Gate.WITHIN] * 2
    assert exit_code(without_ambiguous(results)) is ExitCode.USAGE
    named = replace(NATIVE_LIST, line=SITE.frame)
    results = two(KnownEntry(fingerprint=NATIVE_LIST.fingerprint, reason="in C"), named, named)
    assert without_ambiguous(results) == results


def test_a_container_that_stopped_growing_names_what_filled() -> None:
    stopped = GrowingContainer(name="m.SEEN", kind="dict", length=3000, length_per_call=1.0, stopped=True, share=1.0)
    bounded = replace(CLEAN, verdict=type(CLEAN.verdict).BOUNDED, settled_after_calls=3010)
    limit = explained(bounded, Explanation(containers=(stopped,)), (), TODAY).bounded_by
    assert limit is not None
    assert (limit.name, limit.limit) == ("m.SEEN", 3000)
