"""Which tracers are tried, in which order, and which of their answers is used."""

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

NATIVE, MEMRAY, TRACEMALLOC, LINES = (
    TracerName.MEMRAY_NATIVE,
    TracerName.MEMRAY,
    TracerName.TRACEMALLOC,
    TracerName.LINES,
)
OWN = Frame(function="call", file="views.py", line=3, kind=FrameKind.OWN, source="decode(data)")
EXTENSION = Frame(function="make", file="_fast.so", line=0, kind=FrameKind.NATIVE)
REQUEST = ExplainRequest(bytes_per_1000_calls=100_000, meter=Meter.HEAP, seconds_per_call=1e-6)


def traced(fraction: float, *frames: Frame, native: bool = False) -> tuple[Window, ...]:
    """Return windows that explain this fraction of 100 bytes per call."""
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


def candidate(share: float, *, native: bool = False) -> Candidate:
    link = Link(step="native code", type="list") if native else Link(step="views", type="module")
    return Candidate(links=(link,), anchor=1, bytes_per_call=100 * share, held_by_native=native)


class ScriptedPasses:
    """Answers for the measured processes, and records which tracers were tried."""

    def __init__(self, answers: Mapping[TracerName, tuple[Window, ...]], candidates: tuple[Candidate, ...]) -> None:
        self.tracers: list[TracerName] = []
        self._answers = answers
        self._candidates = candidates

    def search(self, *_: Any) -> explain._Findings:
        return explain._Findings(candidates=self._candidates)

    def trace(self, task: Task, request: ExplainRequest, tracer: TracerName) -> explain._Findings:
        self.tracers.append(tracer)
        return explain._Findings(windows=list(self._answers.get(tracer, ())))


def explained(
    monkeypatch: pytest.MonkeyPatch,
    answers: Mapping[TracerName, tuple[Window, ...]],
    *candidates: Candidate,
    request: ExplainRequest = REQUEST,
) -> tuple[list[TracerName], Explanation]:
    script = ScriptedPasses(answers, candidates)
    monkeypatch.setattr(explain, "_search", script.search)
    monkeypatch.setattr(explain, "_trace", script.trace)
    explanation = explain.explain(cast(Task, None), request, lambda _: None)
    return script.tracers, explanation


def test_what_python_objects_retain_is_traced_without_native_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    tracers, explanation = explained(monkeypatch, {MEMRAY: traced(1.0)}, candidate(0.9))
    assert (tracers, explanation.allocation_tracer) == ([MEMRAY], MEMRAY)


@pytest.mark.parametrize(
    "candidates", [(), (candidate(0.4),), (candidate(0.9, native=True),), (candidate(0.6), candidate(0.3, native=True))]
)
def test_what_native_code_retains_is_traced_with_native_frames(
    candidates: tuple[Candidate, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = {NATIVE: traced(1.0, EXTENSION, OWN), MEMRAY: traced(1.0)}
    tracers, explanation = explained(monkeypatch, answers, *candidates)
    assert (tracers, explanation.allocation_tracer) == ([NATIVE], NATIVE)
    assert {path.native for path in explanation.retention_paths if path.held_by_native} <= {EXTENSION}


def test_allocations_of_native_code_are_traced_again_with_native_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {MEMRAY: traced(1.0, native=True), NATIVE: traced(0.95, EXTENSION, OWN, native=True)}
    tracers, explanation = explained(monkeypatch, answers, candidate(0.9))
    assert tracers == [MEMRAY, NATIVE]
    assert explanation.allocation_sites[0].frames[0] == EXTENSION


@pytest.mark.parametrize(("fraction", "following"), [(0.0, True), (0.49, True), (0.51, False)])
def test_after_a_tracer_that_explains_little_the_next_is_tried(
    fraction: float, following: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = {NATIVE: traced(fraction), TRACEMALLOC: traced(0.98), LINES: traced(0.6)}
    tracers, explanation = explained(monkeypatch, answers)
    assert tracers == ([NATIVE, MEMRAY, TRACEMALLOC] if following else [NATIVE, LINES])
    assert explanation.allocation_tracer is (TRACEMALLOC if following else LINES)


def test_after_a_tracer_with_a_single_window_the_next_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    tracers, explanation = explained(monkeypatch, {NATIVE: traced(1.0)[:1], MEMRAY: traced(1.0)})
    assert (tracers, explanation.allocation_tracer) == ([NATIVE, MEMRAY], MEMRAY)


def test_the_better_of_two_answers_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    tracers, explanation = explained(monkeypatch, {NATIVE: traced(0.3), LINES: traced(0.1)})
    assert tracers == [NATIVE, MEMRAY, TRACEMALLOC, LINES]
    assert explanation.allocation_tracer is NATIVE


def test_a_line_that_is_larger_than_the_growth_can_be_is_not_named(monkeypatch: pytest.MonkeyPatch) -> None:
    # GIVEN a tracer by which one line takes a hundred times the growth, and a correct one
    tracers, explanation = explained(monkeypatch, {NATIVE: traced(102.81), MEMRAY: traced(0.99)})
    # WHEN both are tried THEN the first names nothing
    assert (tracers, explanation.allocation_tracer) == ([NATIVE, MEMRAY], MEMRAY)
    assert explanation.allocation_sites[0].share == pytest.approx(0.99)
    _, alone = explained(monkeypatch, {NATIVE: traced(102.81)})
    assert (alone.allocation_sites, alone.explained_fraction) == ((), 0.0)
    # AND it does name the line where the growth itself may be that large
    wide = replace(REQUEST, most_bytes_per_1000_calls=20_000_000.0)
    _, explanation = explained(monkeypatch, {NATIVE: traced(102.81)}, request=wide)
    assert len(explanation.allocation_sites) == 1


def test_lines_that_add_up_to_more_than_the_growth_can_be_are_not_named(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = [replace(OWN, line=number, source=f"line {number}") for number in range(4)]
    windows = tuple(
        replace(window, stacks=tuple(replace(window.stacks[0], frames=(frame,)) for frame in frames))
        for window in traced(0.9)
    )
    _, explanation = explained(monkeypatch, {NATIVE: windows})
    assert (explanation.allocation_sites, explanation.explained_fraction) == ((), None)
    assert any("adds up to 4 times the growth" in note for note in explanation.notes)


def test_for_growth_of_pages_alone_no_tracer_of_python_blocks_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    tracers, _ = explained(monkeypatch, {}, request=replace(REQUEST, meter=Meter.RSS))
    assert tracers == [NATIVE, LINES]
