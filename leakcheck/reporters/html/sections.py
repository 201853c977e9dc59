"""The content of the HTML report: a section for each scenario, a card for each variant."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import groupby

from leakcheck.model.result import Result
from leakcheck.model.run import Run
from leakcheck.model.stacks import Frame, FrameKind
from leakcheck.model.verdict import Gate
from leakcheck.reporters.charts.bars import LatencyChart, PeakChart, latency_chart, peak_chart
from leakcheck.reporters.charts.growth import growth_chart, growth_chart_of_variants
from leakcheck.reporters.html.flamegraph import Flamegraph, Flamegraphs, add_flamegraphs
from leakcheck.reporters.html.growth_svg import GrowthSvg, growth_svg
from leakcheck.reporters.messages.cells import GATE_WORDS, gate_reasons
from leakcheck.reporters.messages.result import TABLE_OF_A_RUN, WORST_FIRST, ResultFact, result_statements

LEFT_OUT: Mapping[Enum, str] = {
    **TABLE_OF_A_RUN,
    ResultFact.PEAK_SITE: "the card draws it, with its stack",
    ResultFact.ALLOCATION: "the card draws it, with its stack",
    ResultFact.RETENTION: "the card draws it, link by link",
}
"""What a card's sentences do not say, and why."""

_FEWEST_FOLDED = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldedFrames:
    """Consecutive frames of a stack; those of libraries are folded."""

    frames: tuple[Frame, ...]
    is_folded: bool

    @property
    def packages(self) -> str:
        """Return the packages of the frames (`django, sqlite3`)."""
        return ", ".join(dict.fromkeys(_package(frame) for frame in self.frames))


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One variant: its figures, what is said of it, chart, causes and flamegraphs."""

    result: Result
    anchor: str
    sentences: tuple[str, ...]
    figures: tuple[str, ...]
    """What is said of the causes that are drawn: how much they cover, and the fingerprint."""
    chart: GrowthSvg | None
    flames: tuple[Flamegraph, ...]
    is_open: bool
    """Whether the card is unfolded: it is not within budget."""
    memray_page: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One scenario, and the charts that compare its variants."""

    name: str
    anchor: str
    chart: GrowthSvg | None
    peaks: PeakChart | None
    latencies: LatencyChart | None
    cards: tuple[Card, ...]


def sections_of(run: Run, flames: Flamegraphs, memray_pages: Mapping[str, str]) -> tuple[Section, ...]:
    """Return the sections of a run, and add its trees to `flames`; `memray_pages` has links by result id."""
    scenarios: dict[tuple[str, str], list[Result]] = {}
    for result in run.results:
        scenarios.setdefault((result.target, result.scenario), []).append(result)
    sections = []
    for section_number, ((_, name), results) in enumerate(scenarios.items()):
        flames_of_results = add_flamegraphs(results, flames, f"f{section_number}")
        cards = [
            _card(result, f"r{section_number}-{number}", flamegraphs, memray_pages.get(result.id))
            for number, (result, flamegraphs) in enumerate(zip(results, flames_of_results, strict=True))
        ]
        sections.append(
            Section(
                name=name,
                anchor=f"s{section_number}",
                chart=growth_svg(growth_chart_of_variants(results)),
                peaks=peak_chart(results),
                latencies=latency_chart(results),
                cards=tuple(cards),
            )
        )
    return tuple(sections)


def _card(result: Result, anchor: str, flames: tuple[Flamegraph, ...], memray_page: str | None) -> Card:
    statements = result_statements(result, LEFT_OUT)
    return Card(
        result=result,
        anchor=anchor,
        # the card is titled with the name
        sentences=tuple(part.capitalized for part in statements if part.form == "sentence"),
        figures=tuple(part.capitalized for part in statements if part.form == "row"),
        chart=growth_svg(growth_chart(result)),
        flames=flames,
        is_open=result.gate is not Gate.WITHIN,
        memray_page=memray_page,
    )


def links_of(sections: Sequence[Section]) -> tuple[tuple[str, tuple[tuple[str, str, str], ...]], ...]:
    """Return the results that do not pass, by gate: for each its anchor, its id and the exceeded budgets."""
    cards = [card for section in sections for card in section.cards]
    named = {
        gate: tuple(
            (card.anchor, card.result.id, gate_reasons(card.result)) for card in cards if card.result.gate is gate
        )
        for gate in WORST_FIRST
        if gate is not Gate.WITHIN
    }
    return tuple((GATE_WORDS[gate], links) for gate, links in named.items() if links)


def fold_frames(frames: Sequence[Frame]) -> tuple[FoldedFrames, ...]:
    """Return a stack, outermost frame first, with consecutive library frames folded; the innermost never is."""
    outermost_first = list(reversed(frames))
    folds = []
    for is_own, group in groupby(outermost_first[:-1], key=lambda frame: frame.kind is FrameKind.OWN):
        run = tuple(group)
        folds.append(FoldedFrames(frames=run, is_folded=not is_own and len(run) >= _FEWEST_FOLDED))
    return (*folds, FoldedFrames(frames=tuple(outermost_first[-1:]), is_folded=False))


def _package(frame: Frame) -> str:
    parts = [part for part in frame.file.replace("\\", "/").split("/") if part]
    return parts[0] if parts else frame.function
