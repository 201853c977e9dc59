"""What the page shows, in the order in which it shows it: a section a scenario, a card a variant."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from leakcheck.model.baseline import BaselineChange
from leakcheck.model.result import Result
from leakcheck.model.run import Run
from leakcheck.model.stacks import Frame, FrameKind
from leakcheck.model.units import format_size
from leakcheck.model.verdict import Gate
from leakcheck.reporters.charts.bars import Bars, Strips, bars_of, strips_of
from leakcheck.reporters.charts.growth import GrowthChart, chart_of, chart_of_variants
from leakcheck.reporters.html.flamegraph import Flamegraph, Flamegraphs, flames_of
from leakcheck.reporters.messages.answers import answered_sentences
from leakcheck.reporters.messages.causes import notes, unseen_words
from leakcheck.reporters.messages.memory_limit import served_sentences
from leakcheck.reporters.messages.resources import resource_sentences
from leakcheck.reporters.messages.run import advised, elsewhere_sentences
from leakcheck.reporters.messages.verdict import peak_left_out, sentences, unread

_FEWEST_FOLDED = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldedFrames:
    """Frames that stand together in a stack; those of libraries are folded away."""

    frames: tuple[Frame, ...]
    folded: bool

    @property
    def packages(self) -> str:
        """Return whose code is folded away (`django, sqlite3`)."""
        return ", ".join(dict.fromkeys(_package(frame) for frame in self.frames))


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One variant: its figures, its chart, why it grows, its flamegraphs."""

    result: Result
    anchor: str
    sentences: tuple[str, ...]
    chart: GrowthChart | None
    flames: tuple[Flamegraph, ...]
    is_open: bool
    """Whether there is something to mend, so that it is seen at once."""
    memray_page: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One scenario, with what its variants show beside each other."""

    name: str
    anchor: str
    chart: GrowthChart | None
    bars: Bars | None
    strips: Strips | None
    cards: tuple[Card, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportHeadline:
    """What a reader wants to know first."""

    headline: str
    gate: Gate
    """The worst of all."""
    groups: tuple[tuple[str, tuple[tuple[str, str, str], ...]], ...]
    """What is not within budget: a heading, and for each result its anchor, its id and what is broken."""


def sections_of(run: Run, flames: Flamegraphs, memray_pages: Mapping[str, str]) -> tuple[Section, ...]:
    """Return the sections of a run, and take its trees in among the flames. Pages of memray are given by id."""
    scenarios: dict[tuple[str, str], list[Result]] = {}
    for result in run.results:
        scenarios.setdefault((result.target, result.scenario), []).append(result)
    found = []
    for at, ((_, name), results) in enumerate(scenarios.items()):
        own_flames = flames_of(results, flames, f"f{at}")
        cards = [
            _card(result, f"r{at}-{number}", own, memray_pages.get(result.id))
            for number, (result, own) in enumerate(zip(results, own_flames, strict=True))
        ]
        found.append(
            Section(
                name=name,
                anchor=f"s{at}",
                chart=chart_of_variants(results),
                bars=bars_of(results),
                strips=strips_of(results),
                cards=tuple(cards),
            )
        )
    return tuple(found)


def _card(result: Result, anchor: str, flames: tuple[Flamegraph, ...], memray_page: str | None) -> Card:
    return Card(
        result=result,
        anchor=anchor,
        sentences=(
            *sentences(result),
            *resource_sentences(result),
            *served_sentences(result),
            *answered_sentences(result),
            *notes(result),
            *advised(result),
        ),
        chart=chart_of(result),
        flames=flames,
        is_open=result.gate is not Gate.WITHIN,
        memray_page=memray_page,
    )


_WORST_FIRST = (Gate.ERROR, Gate.OVER, Gate.INCONCLUSIVE, Gate.WITHIN)
_HEADINGS = {Gate.ERROR: "Failed", Gate.OVER: "Over budget", Gate.INCONCLUSIVE: "Inconclusive"}


def answer_of(run: Run, sections: Sequence[Section]) -> ReportHeadline:
    """Return the answer in words: how many are within budget, and which are not."""
    cards = [card for section in sections for card in section.cards]
    count, within = len(cards), sum(card.result.gate is Gate.WITHIN for card in cards)
    headline = "Nothing was measured" if not count else f"{within} of {count} within budget"
    if count and within == count:
        headline = "Within budget" if count == 1 else f"All {count} within budget"
    groups = []
    for gate, heading in _HEADINGS.items():
        named = [
            (card.anchor, card.result.id, ", ".join(card.result.failures)) for card in cards if card.result.gate is gate
        ]
        if named:
            groups.append((heading, tuple(named)))
    worst = next((gate for gate in _WORST_FIRST if any(card.result.gate is gate for card in cards)), Gate.INCONCLUSIVE)
    return ReportHeadline(
        headline=headline if run.finished else f"{headline}, not finished", gate=worst, groups=tuple(groups)
    )


def remarks(run: Run) -> Iterator[str]:
    """Yield what is to be said of the whole run."""
    if run.shard is not None:
        yield f"This is part {run.shard.number} of {run.shard.count}."
    if any(peak_left_out(result) for result in run.results):
        yield "The peaks were left out: there is no memray in the measured Python."
    yield from unread(run)
    yield from map(unseen_words, run.known_unseen)
    yield from elsewhere_sentences(run)


def change_words(change: BaselineChange) -> str:
    """Return what became of one metric (`growth 96 B → 144 MiB`)."""
    return f"{change.metric} {format_size(change.before)} → {format_size(change.after)}"


def folded(frames: Sequence[Frame]) -> tuple[FoldedFrames, ...]:
    """Return a stack, the outermost frame first, with runs of library frames folded; the innermost stays in sight."""
    outermost_first = list(reversed(frames))
    runs = [
        (is_own, tuple(run)) for is_own, run in groupby(outermost_first[:-1], key=lambda one: one.kind is FrameKind.OWN)
    ]
    folds = [FoldedFrames(frames=run, folded=not is_own and len(run) >= _FEWEST_FOLDED) for is_own, run in runs]
    return (*folds, FoldedFrames(frames=tuple(outermost_first[-1:]), folded=False))


def _package(frame: Frame) -> str:
    parts = [part for part in frame.file.replace("\\", "/").split("/") if part]
    return parts[0] if parts else frame.function
