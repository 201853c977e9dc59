"""The HTML report: foreign text is never markup, nothing is loaded, and each figure is in the document."""

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import accumulate

import msgspec
import pytest

from leakcheck.model.answers import Readings
from leakcheck.model.failure import Failure, FailureKind
from leakcheck.model.plain_text import escape_control
from leakcheck.model.result import Budget
from leakcheck.model.run import Run
from leakcheck.model.stacks import StackTree
from leakcheck.model.units import format_difference, format_duration, format_size
from leakcheck.model.verdict import Gate, Verdict
from leakcheck.reporters.html.page import json_data
from leakcheck.storage.run_file import encode
from tests.unit.pages import Page, page_of
from tests.unit.runs import BROKEN, CLEAN, LEAK, MIB, NAIVE, growth, run_of
from tests.unit.shown import ITERATOR, NAIVE_SHOWN, RETAINED, SHOWN, readings, tree, with_text

HOSTILE = "</script><img src=x onerror=alert(1)>\"'`&amp;<!--[if]>]]>{{ 7*7 }}{% raw %}\u202e\u2028\x1b[31m\x00"
RUNS = {
    "everything": SHOWN,
    "one": run_of(CLEAN),
    "nothing": run_of(environment=None),
    "interrupted": run_of(NAIVE, finished=False),
}


@pytest.mark.parametrize("name", RUNS)
def test_a_page_is_well_formed_and_anchors_lead_somewhere(name: str) -> None:
    page = page_of(RUNS[name])
    anchors = {element.attributes["id"] for element in page.elements if "id" in element.attributes}
    links = [element.attributes["href"] for element in page.all("a")]
    assert {link.removeprefix("#") for link in links} <= anchors
    assert len([element for element in page.elements if "id" in element.attributes]) == len(anchors)


def test_foreign_text_is_never_markup() -> None:
    # GIVEN one run with a harmless word for each text, and one with what would break out of a page
    harmless, hostile = page_of(with_text(SHOWN, "word")), page_of(with_text(SHOWN, HOSTILE))
    # THEN both pages consist of the same elements with the same attributes
    assert hostile.skeleton == harmless.skeleton
    # AND the text is shown as it is, but for what a reader would not see
    assert HOSTILE not in hostile.source
    assert any(escape_control(HOSTILE) in element.text for element in hostile.elements)
    assert not re.search("[\u202a-\u202e\u2066-\u2069\u2028\u2029\x00-\x09\x0b-\x1f\x7f-\x9f]", hostile.source)
    # AND nothing of it is taken for a template
    assert "49" not in "".join(element.text for element in hostile.all("h3"))


def test_data_is_json_that_cannot_end_its_script_element() -> None:
    shown = json_data({"text": HOSTILE, HOSTILE: [1.5, None, float("inf")]})
    assert not {*"<>&\u2028\u2029"} & {*shown}
    assert json.loads(shown) == {"text": escape_control(HOSTILE), escape_control(HOSTILE): [1.5, None, 0.0]}


def test_a_traceback_keeps_its_lines_and_is_otherwise_escaped() -> None:
    details = "  line 1\r\nline 2\x1b[2J\n<b>"
    page = page_of(run_of(replace(BROKEN, failure=Failure(kind=FailureKind.RAISED, message="E", details=details))))
    [shown] = page.all("pre")
    assert shown.text.splitlines() == ["  line 1", "line 2\\x1b[2J", "<b>"]


def test_nothing_is_loaded_and_only_the_pages_own_script_runs() -> None:
    page = page_of(SHOWN, {"newsletter[naive]": "memray/newsletter%5Bnaive%5D.html"})
    allowed = {"http://www.w3.org/2000/svg"}
    assert {*re.findall(r"""\w+://[^\s"'`<)]*""", page.source)} == allowed
    for element in page.elements:
        assert not {"src", "srcset", "action", "data", "poster", "style"} & element.attributes.keys()
        assert not [name for name in element.attributes if name.startswith("on")]
        assert element.tag not in {"link", "iframe", "img", "base", "object", "embed", "form"}
    assert {element.attributes["href"][:1] for element in page.all("a")} == {"#", "m"}
    [style] = [element.text for element in page.all("style")]
    assert "url(" not in style
    assert "@import" not in style


def test_the_policy_allows_only_the_pages_own_style_and_script_by_hash() -> None:
    page = page_of(SHOWN)
    [policy] = [element.attributes["content"] for element in page.all("meta") if "http-equiv" in element.attributes]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    [style] = [element.text for element in page.all("style")]
    [script] = [element.text for element in page.all("script") if not element.attributes]

    def hashed(text: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    assert rules == {
        "default-src": "'none'",
        "style-src": hashed(style),
        "script-src": hashed(script),
        "connect-src": "'none'",
        "img-src": "'none'",
        "base-uri": "'none'",
        "form-action": "'none'",
    }


# --- figures --------------------------------------------------------------------------------------

_FIGURE = re.compile(r"(?<!\w)\d+(?:,\d{3})*(?:\.\d+)?(?: (?:B|KiB|MiB|GiB|ns|µs|ms|s|min \d+ s)(?![\w-])|%)?")


def in_document(value: object) -> Iterator[str]:
    """Yield each way to format each number of a document."""
    if isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from in_document(part)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield from (format_size(value), format_size(abs(value)), f"{value:,.0f}", f"{value:.2f}", f"{100 * value:.0f}%")
        yield from (f"{value:g}", format_duration(abs(value)))


def texts_in(value: object) -> Iterator[str]:
    """Yield each text in a document: lines of code contain figures too."""
    if isinstance(value, str):
        yield escape_control(value)
    elif isinstance(value, dict | list):
        for part in [*value, *value.values()] if isinstance(value, dict) else value:
            yield from texts_in(part)


def derived(run: Run) -> Iterator[str]:
    """Yield the figures that are computed from those of the document."""
    gates = [result.gate for result in run.results]
    yield from (f"{gates.count(Gate.WITHIN)}", f"{len(gates)}", "1000")
    for result in run.results:
        if (growth := result.growth) is not None:
            yield format_size(max(growth.high - growth.bytes_per_1000_calls, growth.bytes_per_1000_calls - growth.low))
        if (holder := result.bounded_by) is not None:
            yield from (format_size(holder.limit * holder.bytes_per_entry), f"{holder.calls_until_full:,.0f}")
        for change in result.baseline_changes:
            yield from _FIGURE.findall(format_difference(change.after, change.before))
        heap = result.readings.heap_bytes
        yield from map(format_size, heap)
        yield format_size(result.explanation.growth_stacks.total_bytes)
        yield from (str(len(site.frames)) for site in result.explanation.allocation_sites)
    yield from ("2", "3", "95", "p95", "p50")


def test_each_figure_that_is_shown_is_in_the_run_document() -> None:
    page = page_of(SHOWN)
    document = json.loads(encode(SHOWN))
    known = {*in_document(document), *derived(SHOWN)}
    texts = {figure for text in texts_in(document) for figure in _FIGURE.findall(text)}
    shown = [
        (figure.strip(), element)
        for element in page.elements
        if element.tag not in {"script", "style", "time"} and "tick" not in element.attributes.get("class", "")
        for figure in _FIGURE.findall(f"{element.text} {element.attributes.get('aria-label', '')}")
    ]
    assert len(shown) > 150
    assert [(figure, element.tag, element.text) for figure, element in shown if figure not in known | texts] == []
    assert "98.7 MiB" not in known | texts, "a figure that is nowhere would be found out"


def test_charts_show_the_documents_readings_and_flamegraphs_its_stacks() -> None:
    page = page_of(SHOWN)
    for result in (RETAINED, ITERATOR, NAIVE_SHOWN):
        read = [*map(list, zip(result.readings.calls, result.readings.heap_bytes, strict=True))]
        assert read in [
            [[call + line["origin"][0], value + line["origin"][1]] for call, value in line["points"]]
            for chart in page.data["charts"].values()
            for line in chart["series"]
        ]
    flames = page.data["flames"]
    by_name = {(flame["name"], flame["measure"]): flame for flame in flames.values()}
    for result in (RETAINED, ITERATOR, NAIVE_SHOWN):
        flame = by_name[result.id, "peak"]
        assert sum(flame["bytes"]) + flame["other"] == pytest.approx(result.peak_bytes, abs=1)
    grown = by_name[RETAINED.id, "growth"]
    assert [page.data["frames"][number][0] for number in grown["frames"]] == [
        "deliver",
        "_fetch_all",
        "from_db",
        "pysqlite_step",
    ]


def test_the_table_has_the_cells_of_the_terminal_and_what_changed() -> None:
    page = page_of(SHOWN)
    cells = {element.attributes["data-label"]: "" for element in page.all("td")}
    columns = ["status", "verdict", "growth / 1000 calls", "peak / call", "p50", "gate", "against the baseline"]
    assert [*cells] == columns
    changes = [" ".join(element.text.split()) for element in page.all("span", "change")]
    assert changes == ["growth 96 B → 144 MiB, worse", "peak 95.0 MiB → 93.4 MiB"]
    assert "against the baseline" not in [element.text for element in page_of(run_of(CLEAN)).all("th")]


def headline(run: Run) -> str:
    [title] = page_of(run).all("h1")
    return title.text


def test_the_headline_counts_the_gates() -> None:
    assert headline(SHOWN) == "2 failed, 1 error, 1 inconclusive, 2 passed"
    assert headline(run_of(CLEAN, LEAK, finished=False)) == "1 failed, 1 passed, not finished: scenarios may be missing"
    assert headline(run_of(environment=None)) == "nothing was measured"


def test_cards_are_unfolded_unless_they_pass() -> None:
    cards = page_of(SHOWN).all("details", "card")
    assert {card.attributes["id"]: "open" in card.attributes for card in cards} == {
        "r0-0": True,
        "r0-1": False,
        "r0-2": True,
        "r0-3": False,
        "r1-0": True,
        "r2-0": True,
    }


def test_consecutive_library_frames_are_folded() -> None:
    page = page_of(SHOWN)
    assert any(element.text == "2 frames in django" for element in page.all("summary"))


def test_memrays_page_is_linked_where_there_is_one() -> None:
    page = page_of(SHOWN, {"newsletter[naive]": "memray/newsletter%5Bnaive%5D.html"})
    assert [element.text for element in page.all("a") if element.attributes["href"].startswith("memray/")] == [
        "memray's own report of the peak"
    ]


# --- documents of strangers, and large ones -------------------------------------------------------


@pytest.mark.parametrize(
    "odd",
    [
        replace(CLEAN, readings=Readings(calls=(5, 5, 1), python_bytes=(2**63, -(2**63), 0), native_bytes=(0, 0, 0))),
        replace(CLEAN, growth=growth(1e308, 1e308)),
        replace(CLEAN, growth=replace(growth(-1e15, 0.0), from_call=10**18)),
        replace(CLEAN, peak_bytes=-5, budget=Budget(growth_bytes_per_1000_calls=-1e300, peak_bytes=1e300)),
        replace(CLEAN, peak_bytes=0, latency_seconds=replace(CLEAN.latency_seconds, p50=-1.0, spread=(-3.0,))),  # type: ignore[type-var]
        replace(CLEAN, peak_stacks=StackTree(parents=(5, -1, -7), frame_numbers=(0, 9), bytes=(1.0,), other_bytes=1.0)),
        replace(LEAK, verdict=Verdict.INCONCLUSIVE, growth=None, latency_seconds=None, peak_bytes=None),
    ],
    ids=["readings", "huge", "negative", "peak", "latency", "tree", "empty"],
)
def test_a_document_with_odd_figures_is_rendered(odd: object) -> None:
    assert page_of(run_of(msgspec.convert(odd, type(CLEAN), from_attributes=True))).all("h1")


def test_rows_that_make_no_tree_are_left_out() -> None:
    frames = RETAINED.peak_stacks.frames
    broken = StackTree(
        frames=frames, parents=(-1, 7, 0, 2), frame_numbers=(0, 1, 99, 1), bytes=(1.0, 2.0, 3.0, 4.0), other_bytes=0.0
    )
    flames = page_of(
        run_of(
            replace(RETAINED, peak_stacks=broken, explanation=replace(RETAINED.explanation, growth_stacks=StackTree()))
        )
    ).data["flames"]
    [flame] = flames.values()
    assert (flame["parents"], flame["bytes"]) == ([-1], [1.0])


def test_the_largest_report_of_four_variants_is_smaller_than_three_megabytes() -> None:
    # GIVEN four variants with as many readings as a pass takes, and trees of 300 stacks of 40 different frames
    wide = StackTree(
        frames=tuple(
            replace(RETAINED.explanation.allocation_sites[0].frames[0], line=line, source="x" * 120)
            for line in range(3000)
        ),
        parents=tuple(number - 1 if number % 40 else -1 for number in range(12_000)),
        frame_numbers=tuple(number % 3000 for number in range(12_000)),
        bytes=tuple(accumulate([1000.5] * 12_000)),
    )
    long = replace(
        RETAINED,
        readings=readings(144.0, 400_000),
        peak_stacks=wide,
        explanation=replace(RETAINED.explanation, growth_stacks=wide),
    )
    run = run_of(*(replace(long, variant=f"v{number}") for number in range(4)))
    # THEN the page stays below
    assert len(page_of(run).source.encode()) < 3 * MIB


def test_a_small_run_makes_a_small_page() -> None:
    assert len(page_of(run_of(CLEAN)).source) < 50_000


def test_two_trees_share_their_frames() -> None:
    def frames_of(page: Page) -> int:
        return len(page.data["frames"])

    twice = run_of(RETAINED, replace(RETAINED, variant="again", peak_stacks=tree(1.0, 2.0)))
    assert frames_of(page_of(twice)) == frames_of(page_of(run_of(RETAINED)))
