"""Plots: the same bytes every time, bars from zero, escaped names, and labels that do not overlap."""

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from xml.etree import ElementTree

import matplotlib as mpl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from leakcheck.analysis.compare.runs import compare_results
from leakcheck.analysis.compare.step_detection import find_regressions
from leakcheck.model.answers import Readings
from leakcheck.model.comparison import ScenarioComparison
from leakcheck.model.errors import UsageError
from leakcheck.model.result import Budget, Growth, Latency, Meter, Result
from leakcheck.model.verdict import Gate, Verdict
from leakcheck.reporters.charts.bars import peak_chart
from leakcheck.reporters.charts.growth import growth_panels
from leakcheck.reporters.charts.pair import pair_chart
from leakcheck.reporters.plots import draw_history, draw_pair, draw_run
from leakcheck.reporters.plots.canvas import Drawing, render
from leakcheck.reporters.plots.figures import growth_figure, pair_figure, peak_figure
from tests.unit.records import record
from tests.unit.runs import BROKEN, CLEAN, KIB, LEAK, MIB, TOLERANCE, growth

SVG = "{http://www.w3.org/2000/svg}"


def grown(rate: float, *, variant: str | None = "naive", scenario: str = "newsletter", calls: int = 1500) -> Result:
    """Return a result whose readings rise by `rate` bytes per 1000 calls after a steep warm-up."""
    read_at = tuple(range(20, calls + 1, 20))
    heap = tuple(10 * MIB + round(rate * call / 1000) + min(call, calls // 4) * 100 for call in read_at)
    return replace(
        LEAK if rate else CLEAN,
        scenario=scenario,
        variant=variant,
        growth=growth(rate, 500, calls=calls),
        peak_bytes=int(5 * MIB + rate / 10),
        readings=Readings(calls=read_at, python_bytes=heap, native_bytes=(0,) * len(read_at)),
    )


STRATEGIES = ("naive", "iterator", "values", "keyset", "retained", "outbox", "signal", "debug_queries")
RATES = (0.0, 0.0, 0.0, 0.0, 140 * MIB, 8 * MIB, 139 * MIB, 480 * KIB)
NEWSLETTER = [
    grown(rate, variant=name, calls=1500 if rate else 420) for name, rate in zip(STRATEGIES, RATES, strict=True)
]
GALLERY = [grown(2.0**number * KIB, scenario=f"scenario_number_{number}", variant=None) for number in range(14)]


def texts_of(svg: bytes) -> list[str]:
    return ["".join(element.itertext()) for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def svg_of(documents: Iterator[tuple[str, bytes]], name: str) -> bytes:
    return dict(documents)[f"{name}.svg"]


SVG_ALONE = ("svg",)


@pytest.fixture(scope="module")
def pictures() -> dict[str, bytes]:
    """Every kind of picture, in every format."""
    return draw_all()


def draw_all() -> dict[str, bytes]:
    runs = [record(0), record(1), record(2, growth=MIB)]
    return {
        **dict(draw_run(NEWSLETTER)),
        **dict(draw_pair(NEWSLETTER[4], NEWSLETTER[1], compared(NEWSLETTER[4], NEWSLETTER[1]))),
        **dict(draw_history(runs, find_regressions(runs, TOLERANCE))),
    }


def test_two_renderings_are_the_same_bytes_whatever_the_user_set_up(pictures: dict[str, bytes]) -> None:
    assert set(pictures) == {
        f"{name}.{end}" for name in ("growth", "peak", "before-after", "history") for end in ("svg", "png")
    }
    with mpl.rc_context(
        {
            "font.size": 30,
            "axes.linewidth": 5,
            "axes.facecolor": "black",
            "svg.hashsalt": "other",
            "text.parse_math": True,
        }
    ):
        assert draw_all() == pictures
        assert mpl.rcParams["font.size"] == 30, "what the user set up is theirs again"


def test_a_plot_has_no_date_loads_nothing_and_has_a_description(pictures: dict[str, bytes]) -> None:
    for name, data in pictures.items():
        if not name.endswith(".svg"):
            continue
        text = data.decode()
        assert "<dc:date>" not in text
        assert not re.search(r"href=\"(?!#)|url\((?!#)|<image|<script", text)
        title = ElementTree.fromstring(data).find(f"{SVG}title")
        assert title is not None
        assert title.text
    assert "retained: 140 MiB / 1000 calls" in pictures["growth.svg"].decode()


HOSTILE = r"$\frac{1}{2}$ <b>&amp;</b> $x^2$"


def test_a_name_with_dollars_and_markup_is_drawn_as_it_is() -> None:
    result = grown(MIB, scenario=HOSTILE, variant="\x1b[31m\u202e_x_^2 $y$")
    texts = texts_of(svg_of(draw_run([result, grown(MIB, scenario=HOSTILE)], SVG_ALONE), "growth"))
    assert any(HOSTILE in text for text in texts)
    assert any("\\x1b[31m\\u202e_x_^2 $y$" in text for text in texts)
    assert any(
        HOSTILE in text
        for text in texts_of(svg_of(draw_pair(result, result, compared(result, result), SVG_ALONE), "before-after"))
    )
    runs = [record(0, scenario=HOSTILE, commit="$a$\x1b")]
    assert any(HOSTILE in text for text in texts_of(svg_of(draw_history(runs, [], SVG_ALONE), "history")))


def test_characters_that_the_font_lacks_are_no_error() -> None:
    names = ["通讯", "\U0001f9ea", "العربية", "\ud800"]
    assert dict(draw_run([grown(MIB, variant=name) for name in names], ("png",)))


def drawn(draw: Callable[[], Figure], monkeypatch: pytest.MonkeyPatch) -> tuple[Bbox, list[tuple[str, Bbox]]]:
    """Return the room of a figure as it is rendered, and each text that is drawn with the room it takes."""
    boxes: list[tuple[str, Bbox]] = []
    draw_text = Text.draw

    def noted(text: Text, renderer: RendererBase, *rest: object, **more: object) -> None:
        if text.get_text() and text.get_visible():
            # of an annotation the words alone, without the line that leads to them
            boxes.append((text.get_text(), Text.get_window_extent(text, renderer)))
        draw_text(text, renderer, *rest, **more)

    whole: list[Bbox] = []
    draw_figure = Figure.draw

    def begun(figure: Figure, renderer: RendererBase) -> None:
        boxes.clear()  # the first time only finds out how much room everything needs
        whole.append(figure.bbox.frozen())
        draw_figure(figure, renderer)

    monkeypatch.setattr(Text, "draw", noted)
    monkeypatch.setattr(Figure, "draw", begun)
    list(render("any", lambda: Drawing(figure=draw(), description=""), ["png"]))
    monkeypatch.undo()
    return whole[-1], boxes


def growth_of(results: Sequence[Result]) -> Figure:
    panels = growth_panels(results)
    assert panels is not None
    return growth_figure(panels).figure


def peaks_of(results: Sequence[Result]) -> Figure:
    chart = peak_chart(results)
    assert chart is not None
    return peak_figure(chart).figure


def pair_of(before: Result, after: Result) -> Figure:
    return pair_figure(pair_chart(before, after, compared(before, after))).figure


def compared(before: Result, after: Result) -> ScenarioComparison:
    return compare_results(before.scenario, [before], [after], TOLERANCE, side_by_side=False)


FIGURES: dict[str, Callable[[], Figure]] = {
    "the newsletter": lambda: growth_of(NEWSLETTER),
    "all alike": lambda: growth_of([grown(0, variant=name) for name in STRATEGIES]),
    "the gallery": lambda: growth_of([*GALLERY, BROKEN]),
    "one result": lambda: growth_of(NEWSLETTER[4:5]),
    "peaks": lambda: peaks_of(NEWSLETTER),
    "many peaks": lambda: peaks_of([replace(result, peak_bytes=10**number) for number, result in enumerate(GALLERY)]),
    "before and after": lambda: pair_of(NEWSLETTER[4], NEWSLETTER[1]),
    "unlike each other": lambda: pair_of(GALLERY[3], replace(BROKEN, scenario="x" * 80)),
}


@pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)
def test_no_text_overlaps_another_and_none_is_cut_off(
    draw: Callable[[], Figure], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, boxes = drawn(draw, monkeypatch)
    assert boxes
    for number, (text, box) in enumerate(boxes):
        assert whole.x0 <= box.x0 <= box.x1 <= whole.x1, text
        assert whole.y0 <= box.y0 <= box.y1 <= whole.y1, text
        overlapping = [other for other, room in boxes[number + 1 :] if box.padded(-1).overlaps(room.padded(-1))]
        assert overlapping == [], f"{text!r} overlaps {overlapping}"


def axes_of(figure: Figure) -> Sequence[Axes]:
    return figure.axes


def test_bars_begin_at_zero() -> None:
    for figure in (peaks_of(NEWSLETTER), pair_of(NEWSLETTER[0], NEWSLETTER[1])):
        for axes in axes_of(figure):
            low, high = axes.get_xlim()
            assert low <= 0 < high
            assert axes.get_xscale() == "linear"
            assert all(patch.get_x() == 0 for patch in axes.patches)  # type: ignore[attr-defined]


def test_the_error_without_matplotlib_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(UsageError, match=re.escape("pip install 'pytest-leakcheck[plots]'")):
        list(draw_run(NEWSLETTER))


huge = st.floats(-1e300, 1e300) | st.floats(-1e5, 1e9)
whole = st.integers(-(2**64) + 1, 2**64 - 1) | st.integers(0, 10**8)
results = st.builds(
    Result,
    scenario=st.text(max_size=5),
    variant=st.none() | st.text(max_size=5),
    target=st.just(""),
    verdict=st.sampled_from(Verdict),
    gate=st.sampled_from(Gate),
    over_budget=st.just(()),
    budget=st.builds(Budget, growth_bytes_per_1000_calls=huge, peak_bytes=st.none() | huge),
    growth=st.none()
    | st.builds(
        Growth,
        bytes_per_1000_calls=huge,
        low=huge,
        high=huge,
        meter=st.sampled_from(Meter),
        heap_bytes_per_1000_calls=st.none(),
        rss_bytes_per_1000_calls=st.none(),
        blocks_per_1000_calls=huge,
        calls=whole,
    ),
    peak_bytes=st.none() | whole,
    latency_seconds=st.none() | st.builds(Latency, p50=huge, p95=st.none(), samples=whole),
    readings=st.builds(
        Readings,
        calls=st.lists(whole, max_size=4).map(tuple),
        python_bytes=st.lists(whole, max_size=4).map(tuple),
        native_bytes=st.just((0,) * 4),
        rss_bytes=st.lists(whole, max_size=4).map(tuple),
    ),
)


@settings(max_examples=10)
@given(st.lists(results, min_size=2, max_size=3))
def test_any_document_is_plotted_without_an_error(drawn_results: list[Result]) -> None:
    for _, data in (
        *draw_run(drawn_results, ("svg",)),
        *draw_pair(drawn_results[0], drawn_results[1], compared(drawn_results[0], drawn_results[1]), ("svg",)),
    ):
        ElementTree.fromstring(data)
