"""The explain pass: why a scenario grows, asked of fresh processes.

Two processes, each with its own way of failing: one searches for what grows and what holds it,
with nothing traced; one traces who allocates. Neither can cost the scenario its growth verdict.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from leakcheck.analysis.explain.allocation_sites import (
    FEWEST_WINDOWS,
    explained_fraction,
    most_possible,
    next_window,
    sites_of,
)
from leakcheck.analysis.explain.fingerprint import named_natively
from leakcheck.analysis.explain.line_slopes import grown_stacks
from leakcheck.analysis.explain.retention import Candidate, containers_of, held_share, paths_of
from leakcheck.analysis.explain.stack_tree import as_shown, short_file, tree_of
from leakcheck.model.explanation import AllocationSite, Explanation, RetentionPath, StackBytes, TracerName, Window
from leakcheck.model.failure import WorkerFailed, misunderstood
from leakcheck.model.protocol import Pass
from leakcheck.model.result import Meter
from leakcheck.model.stacks import Frame, native_frame
from leakcheck.model.units import CALLS_PER_RATE
from leakcheck.runner.answer_decoding import part, whole
from leakcheck.runner.explain_request import ExplainRequest
from leakcheck.runner.machine import current_folder
from leakcheck.runner.task import Task
from leakcheck.runner.worker_process import WorkerProcess

SITES_SECONDS = 20.0
"""How long calls may be traced, where the first windows do not add up."""

_SEARCH_SECONDS = 10.0
_HOLD_SECONDS = 3.0
_ROUNDS_FOR_PAGES = 8
_FEWEST_HOLD_CALLS, _MOST_HOLD_CALLS = 40, 2000
_LONGEST_FILLING_SECONDS = 15.0
_FILLING_MARGIN = 2.0
_HELD_BY_PYTHON = 0.5
"""Below this share of the growth that a Python object holds, native frames are looked at too."""

_TRACED_COST = {
    TracerName.MEMRAY: 6.0,
    TracerName.MEMRAY_NATIVE: 15.0,
    TracerName.TRACEMALLOC: 15.0,
    TracerName.LINES: 30.0,
}
"""What a traced call is taken to cost before one was timed, in plain calls."""

_LEAST_SECONDS = 1e-9
_FRESH = (TracerName.MEMRAY, TracerName.MEMRAY_NATIVE)
_WARM_UP_CALLS, _WARM_UP_SECONDS, _TELLING_SECONDS = 20, 3.0, 1.0
_ENOUGH, _MOSTLY, _LITTLE = 0.9, 0.7, 0.5
"""Of the growth: above the first no other meter is tried, above the second none that is blind to Python's blocks, and
above the third none that sees less."""

_TOLD_NATIVELY, _WORTH_OF_NAMES = 0.05, 0.1
"""Of the growth: what native code takes or holds is told with its extension, though a plain meter explains more."""

_TOO_MUCH = "what {meter} saw adds up to {times:.0f} times the growth, so no line of it is named"
Watch = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _SearchStatus:
    """What the search says of itself."""

    stopped_by: str | None
    nothing_in_python: bool = False


@dataclass(slots=True)
class _Findings:
    """What is known so far; all of it stands when a process fails."""

    holders: tuple[Candidate, ...] = ()
    nothing_in_python: bool = False
    windows: list[Window] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def explain(task: Task, case: ExplainRequest, watch: Watch) -> Explanation:
    """Return why it grows, as far as it can be found out; raise nothing but Stopped."""
    watch("what holds it")
    warm_up, calls = _hold_calls(case)
    held = _search(task, case, warm_up, calls)
    rate = case.bytes_per_1000_calls
    if case.settled_after_calls is not None:
        # what filled up is watched for longer than it took: its rate is an average with the standstill
        rate *= min(1.0, (case.settled_after_calls - warm_up) / calls)
    explanation = Explanation(
        containers=containers_of(held.holders, rate),
        retention_paths=paths_of(held.holders, rate),
        nothing_in_python=held.nothing_in_python,
        notes=tuple(held.notes),
    )
    if case.is_bounded:
        return explanation
    watch("who allocates it")
    # whatever holds it: native frames alone tell who maps pages past the heap
    in_python = 0.0 if case.meter is Meter.RSS else held_share(held.holders, rate)
    return _with_sites(task, case, explanation, in_python)


def _search(task: Task, case: ExplainRequest, warm_up: int, calls: int) -> _Findings:
    """Ask a process which containers grow and what holds the rest."""
    found = _Findings()
    cost = (warm_up + calls) * case.seconds_per_call
    try:
        with WorkerProcess(task.plan(Pass.HOLD), task.surroundings) as worker:
            worker.start()
            answer = worker.ask(
                {
                    "kind": "hold",
                    "warm_up": warm_up,
                    "calls": calls,
                    "bytes_per_call": case.bytes_per_1000_calls / CALLS_PER_RATE,
                    "seconds": _SEARCH_SECONDS,
                    "settled": case.settled_after_calls is not None,
                    "mapped": case.meter is Meter.RSS,
                },
                during="the search for what holds it",
                extra_seconds=3 * cost + _SEARCH_SECONDS,
            )
            _take(found, answer)
            while not part(answer, "last", bool):
                # pages are weighed by some more rounds of calls
                more = _SEARCH_SECONDS + _ROUNDS_FOR_PAGES * cost * (case.meter is Meter.RSS)
                answer = worker.listen(during="the search for what holds it", extra_seconds=more)
                _take(found, answer)
            worker.finish()
    except WorkerFailed as failed:
        found.notes.append(f"the search for what holds it ended early: {failed.trouble.message}")
    return found


def _take(found: _Findings, answer: dict[str, Any]) -> None:
    holders = part(answer, "holders", tuple[Candidate, ...])
    if not all(1 <= holder.anchor <= len(holder.links) for holder in holders):
        raise misunderstood("a holder that is not reached")
    found.holders = tuple(replace(one, kept=_shown(one.kept), set_at=_shown(one.set_at)) for one in holders)
    searched = part(answer, "searched", _SearchStatus)
    found.nothing_in_python = searched.nothing_in_python
    reached = searched.stopped_by
    if part(answer, "last", bool) and reached:
        found.notes.append(f"the search for what holds it reached its bound in {reached}, so something may be missing")


def _shown(frame: Frame | None) -> Frame | None:
    return None if frame is None else replace(frame, file=short_file(frame.file, current_folder()))


def _hold_calls(case: ExplainRequest) -> tuple[int, int]:
    """Return the calls to warm up with, and those to watch: past the fill of what stood still, else a few seconds."""
    cost = max(case.seconds_per_call, 1e-9)
    if case.settled_after_calls is not None:
        warm_up = max(1, case.settled_after_calls // 20)
        calls = int(case.settled_after_calls * _FILLING_MARGIN) - warm_up
        return warm_up, max(_FEWEST_HOLD_CALLS, min(calls, int(_LONGEST_FILLING_SECONDS / cost)))
    calls = max(_FEWEST_HOLD_CALLS, min(_MOST_HOLD_CALLS, int(_HOLD_SECONDS / cost)))
    return calls // 4, calls


def _with_sites(task: Task, case: ExplainRequest, explanation: Explanation, held: float) -> Explanation:
    """Return the explanation with the sites of the first meter that accounts for the growth, or of the best."""
    rate, most, teeth = case.bytes_per_1000_calls, case.most_bytes_per_1000_calls, case.under_teeth
    possible = most_possible(rate, most)
    best, tried = explanation, set[TracerName]()
    grown: dict[TracerName, list[StackBytes]] = {}
    for meter in _METERS:
        if meter in tried or not _is_worth_trying(meter, best, case, held):
            continue
        tried.add(meter)
        traced = _trace(task, case, meter)
        best = replace(best, notes=(*best.notes, *traced.notes))
        if len(traced.windows) < FEWEST_WINDOWS:
            continue
        fraction = explained_fraction(traced.windows, rate, most=most, under_teeth=teeth)
        if fraction * rate > possible:
            best = replace(best, notes=(*best.notes, _TOO_MUCH.format(meter=meter, times=fraction)))
            continue
        stacks = grown_stacks(traced.windows, most_per_call=possible / CALLS_PER_RATE, under_teeth=teeth)
        grown[meter] = list(stacks)
        if best.explained_fraction is None or _distance(fraction, meter) < abs(1 - best.explained_fraction):
            sites = sites_of(traced.windows, rate, most=most, under_teeth=teeth)
            tree = tree_of(grown[meter])
            best = replace(best, sites=sites, sites_meter=meter, explained_fraction=fraction, growth_stacks=tree)
    by_extension = grown.get(TracerName.MEMRAY_NATIVE) or next(iter(grown.values()), [])
    return replace(best, retention_paths=named_natively(best.retention_paths, by_extension))


_METERS = (
    TracerName.MEMRAY_NATIVE,
    TracerName.MEMRAY,
    TracerName.MEMRAY_NATIVE,  # once more: the plain one may have shown that it is needed
    TracerName.TRACEMALLOC,
    TracerName.LINES,
)


def _is_worth_trying(meter: TracerName, best: Explanation, case: ExplainRequest, held: float) -> bool:
    """Tell whether a meter could add something: the plain ones where the better one failed, and lines for the rest."""
    explained = best.explained_fraction or 0.0
    if meter is TracerName.MEMRAY_NATIVE and any(_lacks_extension(site) for site in best.sites):
        return True
    if explained >= _ENOUGH:
        return False
    if meter is TracerName.MEMRAY_NATIVE:
        return held < _HELD_BY_PYTHON or any(_is_held_natively(path) for path in best.retention_paths)
    if meter is TracerName.LINES:
        return explained < _MOSTLY
    return explained < _LITTLE and case.meter is not Meter.RSS


def _lacks_extension(site: AllocationSite) -> bool:
    return site.native and site.share >= _TOLD_NATIVELY and native_frame(site.frames) is None


def _is_held_natively(path: RetentionPath) -> bool:
    return path.held_by_native and (path.share is None or path.share >= _TOLD_NATIVELY)


def _distance(fraction: float, meter: TracerName) -> float:
    """Return how far a meter is from explaining it all; one that names extensions may be a little further."""
    return abs(1 - fraction) - (_WORTH_OF_NAMES if meter is TracerName.MEMRAY_NATIVE else 0.0)


def _trace(task: Task, case: ExplainRequest, meter: TracerName) -> _Findings:
    """Ask for the stacks that are alive after windows of different length, until they add up.

    memray does not see frees of what was there before its window, so each of its windows has a process
    of its own: in one that goes on, a dict's table would count whole in every window.
    """
    found = _Findings()
    cost = max(case.seconds_per_call * _TRACED_COST[meter], _LEAST_SECONDS)
    began = time.monotonic()

    def wanted() -> int | None:
        left = began + SITES_SECONDS - time.monotonic()
        return next_window(found.windows, case.bytes_per_1000_calls, cost, left, under_teeth=case.under_teeth)

    try:
        calls = wanted()
        while calls is not None:
            with WorkerProcess(task.plan(Pass.SITES, tracer=meter.value), task.surroundings) as worker:
                worker.start()
                # dear calls tell what one costs traced, for which the table is a guess; of cheap ones it is mostly ours
                warm_up = max(1, min(calls, _WARM_UP_CALLS, int(_WARM_UP_SECONDS / cost)))
                answer = _ask(worker, "warm_up", warm_up, case, cost)
                if not found.windows and answer["seconds"] >= _TELLING_SECONDS:
                    cost = answer["seconds"] / warm_up
                    calls = wanted()
                while calls is not None:
                    answer = _ask(worker, "window", calls, case, cost)
                    window = whole(answer, Window)
                    found.windows.append(replace(window, stacks=as_shown(window.stacks, current_folder())))
                    cost = window.seconds / calls
                    calls = wanted()
                    if meter in _FRESH:
                        break
                worker.finish()
    except WorkerFailed as failed:
        if failed.trouble.kind != "missing":
            found.notes.append(f"tracing with {meter} ended early: {failed.trouble.message}")
    return found


def _ask(worker: WorkerProcess, kind: str, calls: int, case: ExplainRequest, cost: float) -> dict[str, Any]:
    return worker.ask(
        {"kind": kind, "calls": calls, "mapped": case.meter is Meter.RSS},
        during="tracing who allocates",
        extra_seconds=10 * calls * cost,
    )
