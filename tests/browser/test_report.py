"""The report as a reader meets it: opened in a real browser, pointed at, clicked, typed into, printed."""

import re
from typing import Any

import pytest

from leakcheck.model.units import format_size
from tests.browser.conftest import Opened
from tests.unit.shown import ITERATOR, NAIVE_SHOWN, RETAINED, SHOWN

PEAK = "details.flame[data-flame='f0-2-peak']"
"""The flamegraph of what is retained."""


def test_a_page_asks_for_nothing_and_complains_of_nothing_while_all_of_it_is_opened(opened: Opened) -> None:
    page = opened.page
    opened.unfold_all()
    page.click(".theme")
    page.evaluate("dispatchEvent(new Event('beforeprint')); dispatchEvent(new Event('afterprint'))")
    assert opened.is_clean()


@pytest.mark.window(report="hostile")
def test_of_a_strangers_text_nothing_runs_or_is_fetched(opened: Opened) -> None:
    page = opened.page
    opened.unfold_all()
    for area in page.locator(".area").all():
        area.focus()
    page.fill(f"{PEAK} input", "img")
    assert page.locator("img").count() == 0
    assert "</script><img src=x" in page.locator(f"{PEAK} .box").nth(1).inner_text()
    assert opened.is_clean()


def test_the_browser_would_have_refused_what_was_not_the_pages_own(opened: Opened) -> None:
    """The tests above could not fail if the policy did not hold."""
    page = opened.page
    with page.expect_console_message(lambda message: "Content Security Policy" in message.text):
        page.evaluate(
            "document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.ran = 1'}))"
        )
    assert page.evaluate("window.ran") is None
    with page.expect_console_message(lambda message: "Content Security Policy" in message.text):
        assert page.evaluate("fetch('https://example.org').then(() => 'went', () => 'refused')") == "refused"


# --- charts ---------------------------------------------------------------------------------------


def test_a_chart_says_the_values_under_the_pointer(opened: Opened) -> None:
    page = opened.page
    chart = page.locator("figure.chart[data-chart='s0']")
    readout = "figure.chart[data-chart='s0'] .readout"
    hint = page.inner_text(readout)
    area = chart.locator(".area")
    area.scroll_into_view_if_needed()
    box = area.bounding_box()
    page.mouse.move(box["x"] + box["width"] - 2, box["y"] + 50)
    said = opened.read(readout, "1,480 calls after warm-up")
    # only what was still measured so long after its warm-up is told
    assert "debug_queries" in said
    assert "retained" not in said
    # so many calls after the warm-up that all were read, each has its value
    page.mouse.move(box["x"] + box["width"] * 200 / 1480, box["y"] + 50)
    said = opened.read(readout, "200 calls after warm-up")
    for result in (NAIVE_SHOWN, ITERATOR, RETAINED):
        assert result.growth is not None
        assert result.growth.from_call is not None
        at = result.readings.calls.index(result.growth.from_call + 200)
        assert f"{result.variant} {format_size(result.readings.heap_bytes[at])}" in said
    assert chart.locator(".cursor circle").count() == 4
    page.mouse.move(0, 0)
    assert opened.read(readout, hint) == hint
    assert opened.is_clean()


def test_a_chart_says_its_values_by_keyboard(opened: Opened) -> None:
    area = opened.page.locator("figure.chart[data-chart='r0-2'] .area")
    area.focus()
    assert (area.get_attribute("aria-valuetext") or "").startswith("call 1,581")
    area.press("ArrowLeft")
    call, held = RETAINED.readings.calls[-2], RETAINED.readings.heap_bytes[-2]
    assert (area.get_attribute("aria-valuetext") or "").startswith(f"call {call:,} {format_size(held)}")
    area.press("Home")
    assert (area.get_attribute("aria-valuetext") or "").startswith("call 1 ")
    assert area.get_attribute("aria-valuenow") == area.get_attribute("aria-valuemin") == "-400"
    assert area.get_attribute("role") == "slider"


def test_the_labels_of_lines_fit_beside_the_chart_and_leave_it_the_room(opened: Opened) -> None:
    opened.unfold_all()
    shares = opened.page.evaluate(
        """() => [...document.querySelectorAll('.labels')].map((svg) => Math.max(
            ...[...svg.querySelectorAll('text')].map((text) => text.getBBox().x + text.getBBox().width)
        ) / svg.width.baseVal.value)"""
    )
    assert len(shares) == 6
    assert all(0.7 < share <= 1 for share in shares), shares


def test_the_page_writes_sizes_as_the_terminal_does(opened: Opened) -> None:
    sizes = [0, 1, 1023, 1024, 1536, 10_240, 102_400, 1024**2 - 1, 1024**2, 97.66 * 1024**2, 5 * 1024**4, -2048, 0.4]
    assert opened.page.evaluate("(all) => all.map(sizeWords)", sizes) == [format_size(size) for size in sizes]


# --- flamegraphs ----------------------------------------------------------------------------------


def widths(page: Any) -> dict[str, float]:
    """Return the share of the width of each box of the flamegraph, by the function in it."""
    return {
        one["name"]: one["width"]
        for one in page.evaluate(
            """(panel) => [...document.querySelectorAll(panel + ' .box')].map((box) => (
                {name: box.node.frame ? box.node.frame[0] : '', width: box.offsetWidth / box.parentElement.offsetWidth}
            ))""",
            PEAK,
        )
    }


def test_boxes_are_as_wide_as_what_their_stacks_hold(opened: Opened) -> None:
    page = opened.page
    opened.unfold(PEAK)
    shares = {"": 1.0, "deliver": 90 / 93.4, "from_db": 60 / 93.4, "pysqlite_step": 30 / 93.4}
    seen = widths(page)
    assert seen["stacks below the display threshold"] == pytest.approx(3.4 / 93.4, abs=0.005)
    assert {name: seen[name] for name in shares} == pytest.approx(shares, abs=0.005)


def test_a_flamegraph_zooms_into_a_box_and_back(opened: Opened) -> None:
    page = opened.page
    opened.unfold(PEAK)
    page.click(f"{PEAK} .box:has-text('from_db')")
    zoomed = widths(page)
    assert zoomed["from_db"] == pytest.approx(1, abs=0.005)
    assert zoomed["deliver"] == pytest.approx(1, abs=0.005)
    assert "pysqlite_step" not in zoomed
    detail = page.inner_text(f"{PEAK} .detail")
    assert "django/db/models/base.py:580" in detail
    assert "60.0 MiB, 64.2%" in detail
    assert "cls(*values)" in detail
    page.click(f"{PEAK} .whole")
    assert "pysqlite_step" in widths(page)
    assert page.is_disabled(f"{PEAK} .whole")


def test_a_flamegraph_is_searched_for_functions_files_and_lines(opened: Opened) -> None:
    page = opened.page
    opened.unfold(PEAK)
    for wanted, share in (
        ("PYSQLITE", "30.0 MiB, 32.1%"),
        ("query.py:1954", "90.0 MiB, 96.4%"),
        ("(*values", "60.0 MiB"),
    ):
        page.fill(f"{PEAK} input", wanted)
        assert page.locator(f"{PEAK} .box.match").count() == 1
        assert share in page.inner_text(f"{PEAK} .found")
    page.fill(f"{PEAK} input", "nowhere")
    assert page.inner_text(f"{PEAK} .found") == "no match"
    page.fill(f"{PEAK} input", "")
    assert page.inner_text(f"{PEAK} .found") == ""
    assert opened.is_clean()


def test_a_flamegraph_is_walked_by_keyboard(opened: Opened) -> None:
    page = opened.page
    opened.unfold(PEAK)
    assert page.locator(f"{PEAK} .box[tabindex='0']").count() == 1
    page.focus(f"{PEAK} .box[tabindex='0']")
    for key in ("ArrowDown", "ArrowDown", "ArrowDown", "ArrowRight", "Enter"):
        page.keyboard.press(key)
    assert widths(page)["pysqlite_step"] == pytest.approx(1, abs=0.005)
    page.keyboard.press("Escape")
    assert widths(page)["pysqlite_step"] < 0.5


def test_two_variants_are_laid_over_each_other(opened: Opened) -> None:
    page = opened.page
    opened.unfold(PEAK)
    page.select_option(f"{PEAK} select", label="newsletter[iterator]")
    box = page.locator(f"{PEAK} .box:has-text('from_db')")
    assert "more-3" in (box.get_attribute("class") or "")
    box.hover()
    detail = opened.read(f"{PEAK} .detail", "from_db")
    assert "60.0 MiB, in newsletter[iterator] 1.00 MiB: +59.0 MiB" in detail
    page.select_option(f"{PEAK} select", label="none")
    assert page.locator(f"{PEAK} .box.library").count() > 0
    assert opened.is_clean()


# --- why it grows ---------------------------------------------------------------------------------


def test_a_retention_path_opens(opened: Opened) -> None:
    path = opened.page.locator("#r0-2 details.path").nth(1)
    assert not path.locator("li").first.is_visible()
    path.locator("summary").click()
    steps = path.locator("li")
    assert steps.count() == 10
    assert steps.first.is_visible()
    assert "root" in steps.first.inner_text()
    assert "native code" in steps.last.inner_text()


def test_a_site_unfolds_to_its_stack_and_the_stack_to_the_libraries_frames(opened: Opened) -> None:
    site = opened.page.locator("#r0-2 details.site").nth(1)
    site.locator("summary").first.click()
    fold = site.locator("details.fold")
    assert fold.locator("summary").inner_text() == "2 frames in django"
    assert not fold.locator(".frame").first.is_visible()
    fold.locator("summary").click()
    assert "django/db/models/query.py:1954" in fold.locator(".frame").first.inner_text()
    assert "scenarios/newsletter/views.py:41" in site.locator(".frame.named").first.inner_text()


def test_a_link_to_what_is_folded_opens_it(opened: Opened) -> None:
    page = opened.page
    assert not page.evaluate("document.getElementById('r0-1').open")
    page.click("tbody a:has-text('newsletter[iterator]')")
    assert page.evaluate("document.getElementById('r0-1').open")


# --- how it looks ---------------------------------------------------------------------------------

SPILLS = """() => [...document.querySelectorAll('body *')].filter((one) => {
    const box = one.getBoundingClientRect();
    return box.width > 0 && box.right > innerWidth + 1 && !one.closest('svg');
}).map((one) => one.outerHTML.slice(0, 120))"""


@pytest.mark.window(width=380)
@pytest.mark.parametrize(
    "report", [pytest.param(one, marks=pytest.mark.window(width=380, report=one)) for one in ("shown", "hostile")]
)
def test_nothing_overflows_on_a_phone(opened: Opened, report: str) -> None:
    page = opened.page
    opened.unfold_all()
    assert page.evaluate("document.documentElement.scrollWidth") <= 380
    assert page.evaluate(SPILLS) == []


@pytest.mark.window(width=380)
def test_a_chart_says_its_values_under_a_finger(opened: Opened) -> None:
    page = opened.page
    area = page.locator("figure.chart[data-chart='r0-2'] .area")
    area.scroll_into_view_if_needed()
    area.tap()
    assert opened.read("figure.chart[data-chart='r0-2'] .readout", "call ")


FAINT = """() => {
    const rgb = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
    const over = ([r, g, b, a = 1], under) => [r, g, b].map((one, at) => one * a + under[at] * (1 - a));
    const light = (c) => { const v = c / 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
    const luminance = ([r, g, b]) => 0.2126 * light(r) + 0.7152 * light(g) + 0.0722 * light(b);
    const sheet = (one) => {
        const layers = [];
        for (let at = one; at; at = at.parentElement) {
            const colour = rgb(getComputedStyle(at).backgroundColor);
            layers.push(colour);
            if (colour.length === 3) break;
        }
        return layers.reverse().reduce((under, colour) => over(colour, under), [255, 255, 255]);
    };
    const found = [];
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    let count = 0;
    while (walk.nextNode()) {
        const one = walk.currentNode.parentElement;
        if (!walk.currentNode.data.trim() || !one.checkVisibility() || one.closest('script, style, title')) continue;
        const style = getComputedStyle(one);
        const below = sheet(one);
        const ink = over(rgb(one.closest('svg') ? style.fill : style.color), below);
        const [bright, dark] = [luminance(ink), luminance(below)].sort((a, b) => b - a);
        const contrast = (bright + 0.05) / (dark + 0.05);
        count += 1;
        if (contrast < 4.5) found.push([one.outerHTML.slice(0, 100), contrast.toFixed(2)]);
    }
    return {count, found};
}"""


@pytest.mark.parametrize(
    "scheme", [pytest.param(one, marks=pytest.mark.window(scheme=one)) for one in ("light", "dark")]
)
def test_all_text_can_be_read_in_both_schemes(opened: Opened, scheme: str) -> None:
    page = opened.page
    opened.unfold_all()
    page.select_option(f"{PEAK} select", label="newsletter[iterator]")
    page.fill("details.flame[data-flame='f0-2-growth'] input", "deliver")
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
    assert dark == (scheme == "dark")
    for _ in range(2):
        seen = page.evaluate(FAINT)
        assert seen["count"] > 200
        assert seen["found"] == []
        # the button turns to the other one, which is as legible
        page.click(".theme")
    assert dark == (page.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)")


def test_on_paper_all_variants_are_unfolded_and_nothing_is_cut_off(opened: Opened) -> None:
    page = opened.page
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 718, "height": 1000})  # A4 between its margins
    assert page.locator("details.card:not([open])").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 718
    assert not page.locator(".theme").is_visible()
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("details.card:not([open])").count() > 0


def test_the_headings_make_an_outline(opened: Opened) -> None:
    headings = opened.page.evaluate("[...document.querySelectorAll('h1, h2')].map((one) => one.textContent)")
    assert headings == ["2 failed, 1 error, 1 inconclusive, 2 passed", "newsletter", "warming", "parser"]
    assert len(SHOWN.results) == opened.page.locator("h3").count()
    assert re.search("not finished", headings[0]) is None
