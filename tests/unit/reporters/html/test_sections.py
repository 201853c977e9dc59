"""The sentences for a growth of resident pages, and for a missing meter."""

from dataclasses import replace

import pytest

from leakcheck.model.answers import Readings
from leakcheck.model.explanation import Explanation, PageKind, ResidentPart, TracerName
from leakcheck.model.result import Meter
from leakcheck.model.run import SCHEMA, Run
from leakcheck.model.verdict import Verdict
from leakcheck.reporters.github import annotations
from leakcheck.reporters.junit import junit
from leakcheck.reporters.locations import Workspace
from leakcheck.reporters.markdown import markdown
from leakcheck.reporters.messages.result import ResultFact
from leakcheck.reporters.messages.run import RunFact, run_phrases
from leakcheck.reporters.pytest_text import result_text
from tests.unit.pages import page_of
from tests.unit.runs import BOUNDED, KIB, LEAK, MIB, UNSURE, growth
from tests.unit.statements import causes, reasons_of, said

FREED = ResidentPart(kind=PageKind.FREE, bytes_per_1000_calls=42.0 * MIB)
LIVE = ResidentPart(kind=PageKind.LIVE, bytes_per_1000_calls=240.0 * KIB)


def test_a_leak_of_pages_names_their_parts_and_what_pins_the_freed_ones() -> None:
    pages = replace(LEAK, over_budget=("growth",), growth=growth(42 * MIB, meter=Meter.RSS), resident=(FREED, LIVE))
    parts = (
        "Resident pages grow: 42.0 MiB per 1000 calls is freed in malloc's heap and not used again, "
        "240 KiB per 1000 calls is live in the heap."
    )
    assert reasons_of(pages)[0].endswith(parts)
    pinned = replace(pages, pinned_by_bytes_per_1000_calls=240.0 * KIB)
    assert reasons_of(pinned)[0].endswith(
        f"{parts} Live blocks between the freed ones keep those from being used again: the heap grows by 240 KiB per "
        "1000 calls, and each byte of that costs 179 bytes of pages. What is explained is the heap's growth."
    )
    # AND a rise that is no verdict yet has a sentence of its own, after the first
    unsure = reasons_of(replace(pinned, verdict=Verdict.INCONCLUSIVE, over_budget=()))
    assert [sentence.endswith("the heap's growth.") for sentence in unsure] == [False, True]


def test_shares_are_of_the_heaps_growth_where_that_is_explained() -> None:
    pages = replace(LEAK, explanation=Explanation(allocation_tracer=TracerName.MEMRAY, explained_fraction=0.9))
    for pinning, whole in ((None, "90% of the growth"), (240.0 * KIB, "90% of the heap's growth")):
        rows = causes(replace(pages, pinned_by_bytes_per_1000_calls=pinning))
        assert [row.where for row in rows if row.label == "covers"] == [f"{whole} (memray)"]


READ = Readings(calls=(1,), python_bytes=(9,), native_bytes=(9,), blocks=(9,), rss_bytes=(9,))
NO_NATIVE = replace(READ, native_bytes=())


@pytest.mark.parametrize(
    ("readings", "words"),
    [
        (READ, None),
        (Readings(), None),
        (NO_NATIVE, "only Python's own heap was; resident pages stand in for the rest, with wider bounds."),
        (replace(NO_NATIVE, rss_bytes=()), "only Python's own heap was; the rest is unknown."),
        (replace(NO_NATIVE, python_bytes=()), "growth is estimated from Python's blocks and from resident pages."),
        (replace(NO_NATIVE, python_bytes=(), blocks=(0,)), "growth is estimated from resident pages."),
    ],
)
def test_a_missing_meter_is_named_once_in_every_report(readings: Readings, words: str | None) -> None:
    result = replace(LEAK, readings=readings)
    sentences = said(result, ResultFact.MISSING_METER)
    assert [sentence.endswith(words or "") for sentence in sentences] == ([] if words is None else [True])
    run = Run(schema=SCHEMA, started="", command=(), environment=None, results=(result, result), finished=True)
    assert len(run_phrases(run, RunFact.MISSING_METER)) == len(sentences)
    for report in (_terminal(run), _markdown(run), _html(run), _junit(run), _github(run)):
        assert ("could not be read here" in " ".join(report.split())) is (words is not None)


def _terminal(run: Run) -> str:
    return result_text(run.results[0])


def _markdown(run: Run) -> str:
    return "".join(data.decode() for _, data in markdown(run))


def _html(run: Run) -> str:
    return page_of(run).source


def _junit(run: Run) -> str:
    return "".join(data.decode() for _, data in junit(run, hostname="here"))


def _github(run: Run) -> str:
    return "\n".join(annotations(run, Workspace(root="/work", base_folder="/work")))


def test_slowly_growing_pages_over_a_constant_heap_are_named_as_the_uncertainty() -> None:
    creeping = replace(growth(0, 47.0 * KIB), rss_bytes_per_1000_calls=46.5 * KIB)
    [sentence] = reasons_of(replace(UNSURE, growth=creeping, readings=READ))
    assert "the heap is stable, but the resident pages grow by 46.5 KiB per 1000 calls" in sentence


def test_a_plateau_that_no_meter_shows_differs_from_unsteady_memory() -> None:
    blind = replace(UNSURE, growth=growth(0, 64.0 * KIB), readings=NO_NATIVE)
    assert "is stable, but native memory cannot" in reasons_of(blind)[0]
    assert "leave room for a growth of 64.0 KiB per 1000 calls" in reasons_of(blind)[0]
    filling = replace(blind, growth=growth(500 * KIB), bounded_by=BOUNDED.bounded_by)
    assert "what can be read here has a limit, but native memory cannot" in reasons_of(filling)[0]
    assert "neither stable nor growing" in reasons_of(replace(blind, readings=READ))[0]
    assert "neither stable nor growing" in reasons_of(replace(blind, growth=growth(9 * KIB)))[0]
