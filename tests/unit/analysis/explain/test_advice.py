"""Advice on known traps, for results as they were measured, and none where nothing is wrong.

`gold/traps.json` holds real results of the gallery, the newsletter and the shop, without their readings. Those of
the shop "on PostgreSQL" were measured with DISABLE_SERVER_SIDE_CURSORS.
"""

from dataclasses import replace
from pathlib import Path

import pytest

from leakcheck.analysis.explain.advice import LARGE_PEAK_BYTES, advise
from leakcheck.model.explanation import PeakSite
from leakcheck.model.result import DatabaseFacts, DjangoFacts, Result
from leakcheck.model.stacks import Frame, FrameKind
from leakcheck.reporters.messages.causes import advice_sentences
from leakcheck.storage import run_file
from tests.unit.runs import BOUNDED, CLEAN, LEAK, UNSURE

RESULTS = {result.id: result for result in run_file.load(Path(__file__).parents[2] / "gold" / "traps.json").results}

ALL_ROWS = "a queryset keeps all of its rows while you loop over it"
PREFETCH = "a queryset with prefetch_related() holds all of its rows"
NO_CURSORS = "without server-side cursors, .iterator() reads the whole result first"
QUERY_LOG = "with DEBUG on, every query is logged"
OUTBOX = "the locmem mail backend keeps every mail"
RECEIVER = "a signal receiver is connected on every call"
CACHE = "a local-memory cache grows"
KEPT = "a retained queryset retains all rows"
METHOD = "lru_cache on a method retains every self"


@pytest.mark.parametrize(
    ("name", "traps"),
    [
        ("newsletter[naive]", [ALL_ROWS]),
        ("newsletter[retained]", [ALL_ROWS, KEPT]),
        ("newsletter[signal]", [ALL_ROWS, RECEIVER]),
        ("signal_receiver_strong", [RECEIVER]),
        ("locmem_outbox", [OUTBOX]),
        ("debug_query_log", [QUERY_LOG]),
        ("querysets_retained", [KEPT]),
        ("lru_cache_on_method", [METHOD]),
        ("GET /catalogue/orders/", [PREFETCH]),
        ("GET /cached/", [CACHE]),
        ("GET /catalogue/ on PostgreSQL", [ALL_ROWS]),
        ("GET /catalogue/chunks/ on PostgreSQL", [NO_CURSORS]),
        ("lru_cache_without_limit", []),
        ("lru_cache_1024", []),
        ("locmem_cache_default", []),
        ("GET /catalogue/chunks/", []),
    ],
)
def test_a_trap_is_recognized_by_what_was_measured(name: str, traps: list[str]) -> None:
    advised = advise(RESULTS[name])

    assert len(advised) == len(traps), advised
    for advice, trap in zip(advised, traps, strict=True):
        assert advice.trap.startswith(trap)


@pytest.mark.parametrize("result", [CLEAN, LEAK, BOUNDED, UNSURE], ids=lambda result: result.id)
def test_there_is_no_advice_without_causes(result: Result) -> None:
    assert advise(result) == ()


def test_advice_does_not_depend_on_the_names_of_scenarios() -> None:
    for result in RESULTS.values():
        renamed = replace(result, scenario="another", variant=None, target="another.py::another")
        assert advise(renamed) == advise(result)


def test_the_evidence_is_what_was_measured() -> None:
    [line] = advice_sentences(replace(RESULTS["newsletter[naive]"], advice=advise(RESULTS["newsletter[naive]"])))

    assert line == (
        "advice: a queryset keeps all of its rows while you loop over it; loop over .iterator(), or over pages by "
        "primary key (16.9 MiB of the peak of 17.0 MiB was allocated through scenarios/newsletter/views.py:22)."
    )


def test_a_peak_that_is_small_and_within_its_budget_needs_no_advice() -> None:
    naive = replace(RESULTS["newsletter[naive]"], over_budget=())
    [site, *others] = naive.peak_sites
    small = replace(naive, peak_sites=(replace(site, bytes=LARGE_PEAK_BYTES - 1), *others))

    assert advise(naive) != ()
    assert advise(small) == ()
    assert advise(replace(small, over_budget=("peak",))) != ()


def test_a_container_with_a_small_share_or_that_stopped_gets_no_advice() -> None:
    outbox = RESULTS["locmem_outbox"]
    [container] = outbox.explanation.containers

    assert (
        advise(replace(outbox, explanation=replace(outbox.explanation, containers=(replace(container, share=0.4),))))
        == ()
    )
    assert (
        advise(replace(outbox, explanation=replace(outbox.explanation, containers=(replace(container, stopped=True),))))
        == ()
    )


def on_mysql(result: Result) -> Result:
    database = DatabaseFacts(alias="default", vendor="mysql", server_side_cursors=False)
    return replace(result, django=DjangoFacts(version="5.2", debug=False, databases=(database,)))


def test_on_mysql_and_mariadb_paging_is_advised_instead_of_an_iterator() -> None:
    [advice] = advise(on_mysql(RESULTS["newsletter[naive]"]))

    assert advice.remedy.startswith("read pages by primary key")


def frame(function: str, file: str, kind: FrameKind = FrameKind.LIBRARY) -> Frame:
    return Frame(function=function, file=file, line=1, kind=kind)


def test_the_client_buffer_of_mysql_and_mariadb_is_recognized_by_its_module() -> None:
    """GIVEN the peak of an iterator over MySQLdb, whose client holds the result THEN pages are advised."""
    frames = (
        frame("_get_result", "MySQLdb/cursors.py"),
        frame("_do_get_result", "MySQLdb/cursors.py"),
        frame("execute", "django/db/backends/mysql/base.py"),
        frame("execute_sql", "django/db/models/sql/compiler.py"),
        frame("__iter__", "django/db/models/query.py"),
        frame("_iterator", "django/db/models/query.py"),
        frame("export", "shop/views.py", FrameKind.OWN),
    )
    site = PeakSite(bytes=90 * 1024**2, share=0.95, frames=frames, stacks=1)
    peaking = replace(CLEAN, peak_bytes=95 * 1024**2, peak_sites=(site,))

    [advice] = advise(on_mysql(peaking))

    assert advice.trap.startswith("the client of MySQL and MariaDB holds the whole result")
    assert advise(peaking) == (), "no advice for an unknown database"
