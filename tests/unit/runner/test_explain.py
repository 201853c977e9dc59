"""Which tracers are asked, in which order, and which of their answers is taken."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import pytest

from leakcheck.analysis.explain.retention import Candidate
from leakcheck.model.explanation import Explanation, Link, StackBytes, TracerName, Window
from leakcheck.model.result import Meter
from leakcheck.model.stacks import Frame, FrameKind
from leakcheck.runner import explain
from leakcheck.runner.explain_request import ExplainRequest
from leakcheck.runner.task import Task

NATIVE, PLAIN, TRACEMALLOC, LINES = (
    TracerName.MEMRAY_NATIVE,
    TracerName.MEMRAY,
    TracerName.TRACEMALLOC,
    TracerName.LINES,
)
OWN = Frame(function="call", file="views.py", line=3, kind=FrameKind.OWN, source="decode(data)")
EXTENSION = Frame(function="make", file="_fast.so", line=0, kind=FrameKind.NATIVE)
CASE = ExplainRequest(bytes_per_1000_calls=100_000, meter=Meter.HEAP, seconds_per_call=1e-6)


def traced(fraction: float, *frames: Frame, native: bool = False) -> tuple[Window, ...]:
    """Return windows that explain so much of 100 bytes a call."""
    stacks = frames or (OWN,)
    return tuple(
        Window(
            calls=calls,
            stacks=(
                StackBytes(frames=stacks, bytes=fraction * 100 * calls, blocks=calls, native=native, realloc=False),
            ),
        )
        for calls in (100, 200, 300)
    )


def holder(share: float, *, native: bool = False) -> Candidate:
    link = Link(step="native code", type="list") if native else Link(step="views", type="module")
    return Candidate(links=(link,), anchor=1, bytes_per_call=100 * share, held_by_native=native)


class Asked:
    """Answers for the measured processes, and notes which tracers were asked."""

    def __init__(self, answers: Mapping[TracerName, tuple[Window, ...]], holders: tuple[Candidate, ...]) -> None:
        self.meters: list[TracerName] = []
        self._answers = answers
        self._holders = holders

    def search(self, *_: Any) -> explain._Findings:
        return explain._Findings(holders=self._holders)

    def trace(self, task: Task, case: ExplainRequest, meter: TracerName) -> explain._Findings:
        self.meters.append(meter)
        return explain._Findings(windows=list(self._answers.get(meter, ())))


def asked(
    monkeypatch: pytest.MonkeyPatch,
    answers: Mapping[TracerName, tuple[Window, ...]],
    *holders: Candidate,
    case: ExplainRequest = CASE,
) -> tuple[list[TracerName], Explanation]:
    script = Asked(answers, holders)
    monkeypatch.setattr(explain, "_search", script.search)
    monkeypatch.setattr(explain, "_trace", script.trace)
    found = explain.explain(cast(Task, None), case, lambda _: None)
    return script.meters, found


def test_what_python_holds_needs_no_native_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    meters, found = asked(monkeypatch, {PLAIN: traced(1.0)}, holder(0.9))
    assert (meters, found.sites_meter) == ([PLAIN], PLAIN)


@pytest.mark.parametrize(
    "holders", [(), (holder(0.4),), (holder(0.9, native=True),), (holder(0.6), holder(0.3, native=True))]
)
def test_what_native_code_holds_is_traced_with_native_frames(
    holders: tuple[Candidate, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = {NATIVE: traced(1.0, EXTENSION, OWN), PLAIN: traced(1.0)}
    meters, found = asked(monkeypatch, answers, *holders)
    assert (meters, found.sites_meter) == ([NATIVE], NATIVE)
    assert {path.native for path in found.retention_paths if path.held_by_native} <= {EXTENSION}


def test_what_a_plain_tracer_sees_native_code_take_is_traced_again(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {PLAIN: traced(1.0, native=True), NATIVE: traced(0.95, EXTENSION, OWN, native=True)}
    meters, found = asked(monkeypatch, answers, holder(0.9))
    assert meters == [PLAIN, NATIVE]
    assert found.sites[0].frames[0] == EXTENSION


@pytest.mark.parametrize(("fraction", "following"), [(0.0, True), (0.49, True), (0.51, False)])
def test_a_pass_that_explains_little_makes_room_for_the_next(
    fraction: float, following: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = {NATIVE: traced(fraction), TRACEMALLOC: traced(0.98), LINES: traced(0.6)}
    meters, found = asked(monkeypatch, answers)
    assert meters == ([NATIVE, PLAIN, TRACEMALLOC] if following else [NATIVE, LINES])
    assert found.sites_meter is (TRACEMALLOC if following else LINES)


def test_one_window_says_nothing_and_the_next_tracer_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    meters, found = asked(monkeypatch, {NATIVE: traced(1.0)[:1], PLAIN: traced(1.0)})
    assert (meters, found.sites_meter) == ([NATIVE, PLAIN], PLAIN)


def test_the_better_of_two_answers_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    meters, found = asked(monkeypatch, {NATIVE: traced(0.3), LINES: traced(0.1)})
    assert meters == [NATIVE, PLAIN, TRACEMALLOC, LINES]
    assert found.sites_meter is NATIVE


def test_a_line_that_is_larger_than_the_growth_can_be_is_named_by_no_tracer(monkeypatch: pytest.MonkeyPatch) -> None:
    # GIVEN a tracer by which one line takes a hundred times the growth, and another that is right
    meters, found = asked(monkeypatch, {NATIVE: traced(102.81), PLAIN: traced(0.99)})
    # WHEN either is asked THEN the first names nothing
    assert (meters, found.sites_meter) == ([NATIVE, PLAIN], PLAIN)
    assert found.sites[0].share == pytest.approx(0.99)
    _, alone = asked(monkeypatch, {NATIVE: traced(102.81)})
    assert (alone.sites, alone.explained_fraction) == ((), 0.0)
    # AND where the growth itself may be as large, it does
    wide = replace(CASE, most_bytes_per_1000_calls=20_000_000.0)
    _, found = asked(monkeypatch, {NATIVE: traced(102.81)}, case=wide)
    assert len(found.sites) == 1


def test_lines_that_add_up_to_more_than_is_possible_are_not_named_either(monkeypatch: pytest.MonkeyPatch) -> None:
    many = [replace(OWN, line=number, source=f"line {number}") for number in range(4)]
    windows = tuple(
        replace(window, stacks=tuple(replace(window.stacks[0], frames=(frame,)) for frame in many))
        for window in traced(0.9)
    )
    _, found = asked(monkeypatch, {NATIVE: windows})
    assert (found.sites, found.explained_fraction) == ((), None)
    assert any("adds up to 4 times the growth" in note for note in found.notes)


def test_of_pages_alone_no_tracer_of_pythons_blocks_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    meters, _ = asked(monkeypatch, {}, case=replace(CASE, meter=Meter.RSS))
    assert meters == [NATIVE, LINES]
