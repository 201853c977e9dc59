"""The content of the HTML report: a section for each scenario, a card for each variant."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from leakcheck.model.result import Result
from leakcheck.model.run import Run
from leakcheck.model.stacks import Frame, FrameKind
from leakcheck.model.verdict import Gate
from leakcheck.reporters.charts.bars import LatencyChart, PeakChart, latency_chart, peak_chart
from leakcheck.reporters.charts.growth import growth_chart, growth_chart_of_variants
from leakcheck.reporters.html.flamegraph import Flamegraph, Flamegraphs, add_flamegraphs
from leakcheck.reporters.html.growth_svg import GrowthSvg, growth_svg
from leakcheck.reporters.messages.answers import response_sentences
from leakcheck.reporters.messages.causes import explanation_notes, unseen_leak_sentence
from leakcheck.reporters.messages.memory_limit import memory_limit_sentences
from leakcheck.reporters.messages.resources import resource_sentences
from leakcheck.reporters.messages.result import WORST_FIRST
from leakcheck.reporters.messages.run import advice_sentences, host_sentences
from leakcheck.reporters.messages.verdict import missing_meter_sentences, peak_was_skipped, verdict_sentences

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
    """One variant: its figures, chart, causes and flamegraphs."""

    result: Result
    anchor: str
    sentences: tuple[str, ...]
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportHeadline:
    """The outcome of the run, at the top of the page."""

    headline: str
    gate: Gate
    """The worst gate."""
    groups: tuple[tuple[str, tuple[tuple[str, str, str], ...]], ...]
    """The results that are not within budget: a heading, and for each its anchor, id and exceeded budgets."""


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
    return Card(
        result=result,
        anchor=anchor,
        sentences=(
            *verdict_sentences(result),
            *resource_sentences(result),
            *memory_limit_sentences(result),
            *response_sentences(result),
            *explanation_notes(result),
            *advice_sentences(result),
        ),
        chart=growth_svg(growth_chart(result)),
        flames=flames,
        is_open=result.gate is not Gate.WITHIN,
        memray_page=memray_page,
    )


_HEADINGS = {Gate.ERROR: "Failed", Gate.OVER: "Over budget", Gate.INCONCLUSIVE: "Inconclusive"}


def headline_of(run: Run, sections: Sequence[Section]) -> ReportHeadline:
    """Return how many results are within budget, and which are not."""
    cards = [card for section in sections for card in section.cards]
    count, within = len(cards), sum(card.result.gate is Gate.WITHIN for card in cards)
    headline = "Nothing was measured" if not count else f"{within} of {count} within budget"
    if count and within == count:
        headline = "Within budget" if count == 1 else f"All {count} within budget"
    groups = []
    for gate, heading in _HEADINGS.items():
        named = [
            (card.anchor, card.result.id, ", ".join(card.result.over_budget))
            for card in cards
            if card.result.gate is gate
        ]
        if named:
            groups.append((heading, tuple(named)))
    worst = next((gate for gate in WORST_FIRST if any(card.result.gate is gate for card in cards)), Gate.INCONCLUSIVE)
    return ReportHeadline(
        headline=headline if run.finished else f"{headline}, not finished", gate=worst, groups=tuple(groups)
    )


def remarks(run: Run) -> Iterator[str]:
    """Yield the sentences about the run as a whole."""
    if run.shard is not None:
        yield f"This is part {run.shard.number} of {run.shard.count}."
    if any(peak_was_skipped(result) for result in run.results):
        yield "The peaks were left out: there is no memray in the measured Python."
    yield from missing_meter_sentences(run)
    yield from map(unseen_leak_sentence, run.known_leaks_not_found)
    yield from host_sentences(run)


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
