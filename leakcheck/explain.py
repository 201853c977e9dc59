"""The explain pass: why a scenario grows, asked of fresh processes.

Two processes, each with its own way of failing: one searches for what grows and what holds it,
with nothing traced; one traces who allocates. Neither can cost the scenario its growth verdict.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec

from leakcheck.analysis.holders import Holder, containers_of, held_share, paths_of
from leakcheck.analysis.places import as_shown, short_file
from leakcheck.analysis.sites import explained_fraction, next_window, sites_of
from leakcheck.analysis.slopes import grown_stacks
from leakcheck.analysis.trees import tree_of
from leakcheck.engine import Worker, WorkerFailed
from leakcheck.explanation import Explanation, Frame, SiteMeter, Window
from leakcheck.model import Meter
from leakcheck.plan import Pass
from leakcheck.task import Task
from leakcheck.units import CALLS_PER_RATE

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
    SiteMeter.MEMRAY: 6.0,
    SiteMeter.MEMRAY_NATIVE: 15.0,
    SiteMeter.TRACEMALLOC: 15.0,
    SiteMeter.LINES: 30.0,
}
"""What a traced call is taken to cost before one was timed, in plain calls."""

_FRESH = (SiteMeter.MEMRAY, SiteMeter.MEMRAY_NATIVE)
_WARM_UP_CALLS = 20
_ENOUGH, _MOSTLY = 0.9, 0.7
"""Of the growth: above the first no other meter is tried, above the second none that is blind to Python's blocks."""
Watch = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is to be explained."""

    bytes_per_1000_calls: float
    """The growth; of what stood still in the end, the growth until then."""
    meter: Meter
    seconds_per_call: float
    is_bounded: bool = False
    """It ends by itself: who fills it is said, and who allocates is not asked."""
    under_teeth: bool = False
    """The growth was found under teeth, and so counts the tables that doubled."""
    settled_after_calls: int | None = None
    """Where memory stood still in the end: the containers that filled until then are looked for."""


@dataclass(slots=True)
class _Findings:
    """What is known so far; all of it stands when a process fails."""

    holders: tuple[Holder, ...] = ()
    nothing_in_python: bool = False
    windows: list[Window] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def explain(task: Task, case: Case, watch: Watch) -> Explanation:
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


def _search(task: Task, case: Case, warm_up: int, calls: int) -> _Findings:
    """Ask a process which containers grow and what holds the rest."""
    found = _Findings()
    cost = (warm_up + calls) * case.seconds_per_call
    try:
        with Worker(task.plan(Pass.HOLD), task.surroundings) as worker:
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
            while not answer["last"]:
                # pages are weighed by some more rounds of calls
                more = _SEARCH_SECONDS + _ROUNDS_FOR_PAGES * cost * (case.meter is Meter.RSS)
                answer = worker.listen(during="the search for what holds it", extra_seconds=more)
                _take(found, answer)
            worker.finish()
    except WorkerFailed as failed:
        found.notes.append(f"the search for what holds it ended early: {failed.trouble.message}")
    return found


def _take(found: _Findings, answer: dict[str, Any]) -> None:
    holders = msgspec.convert(answer["holders"], tuple[Holder, ...])
    found.holders = tuple(replace(one, kept=_shown(one.kept), set_at=_shown(one.set_at)) for one in holders)
    found.nothing_in_python = answer["searched"].get("nothing_in_python") is True
    if answer["last"] and (reached := answer["searched"]["stopped_by"]):
        found.notes.append(f"the search for what holds it reached its bound in {reached}, so something may be missing")


def _shown(frame: Frame | None) -> Frame | None:
    return None if frame is None else replace(frame, file=short_file(frame.file, str(Path.cwd())))


def _hold_calls(case: Case) -> tuple[int, int]:
    """Return the calls to warm up with, and those to watch: past the fill of what stood still, else a few seconds."""
    cost = max(case.seconds_per_call, 1e-9)
    if case.settled_after_calls is not None:
        warm_up = max(1, case.settled_after_calls // 20)
        calls = int(case.settled_after_calls * _FILLING_MARGIN) - warm_up
        return warm_up, max(_FEWEST_HOLD_CALLS, min(calls, int(_LONGEST_FILLING_SECONDS / cost)))
    calls = max(_FEWEST_HOLD_CALLS, min(_MOST_HOLD_CALLS, int(_HOLD_SECONDS / cost)))
    return calls // 4, calls


def _with_sites(task: Task, case: Case, explanation: Explanation, held: float) -> Explanation:
    """Return the explanation with the sites of the first meter that accounts for the growth, or of the best."""
    rate = case.bytes_per_1000_calls
    best = explanation
    for meter in _METERS:
        if not _is_worth_trying(meter, best, case, held):
            continue
        traced = _trace(task, case, meter)
        best = replace(best, notes=(*best.notes, *traced.notes))
        if not traced.windows:
            continue
        fraction = explained_fraction(traced.windows, rate, under_teeth=case.under_teeth)
        if best.explained_fraction is None or abs(1 - fraction) < abs(1 - best.explained_fraction):
            sites = sites_of(traced.windows, rate, under_teeth=case.under_teeth)
            stacks = grown_stacks(traced.windows, under_teeth=case.under_teeth)
            best = replace(
                best, sites=sites, sites_meter=meter, explained_fraction=fraction, growth_stacks=tree_of(stacks)
            )
    return best


_METERS = (SiteMeter.MEMRAY_NATIVE, SiteMeter.MEMRAY, SiteMeter.TRACEMALLOC, SiteMeter.LINES)


def _is_worth_trying(meter: SiteMeter, best: Explanation, case: Case, held: float) -> bool:
    """Tell whether a meter could add something: the plain ones where the better one failed, and lines for the rest."""
    if best.explained_fraction is not None and best.explained_fraction >= _ENOUGH:
        return False
    if meter is SiteMeter.MEMRAY_NATIVE:
        return held < _HELD_BY_PYTHON
    if meter is SiteMeter.LINES:
        return best.explained_fraction is None or best.explained_fraction < _MOSTLY
    return best.sites_meter is None and case.meter is not Meter.RSS


def _trace(task: Task, case: Case, meter: SiteMeter) -> _Findings:
    """Ask for the stacks that are alive after windows of different length, until they add up.

    memray does not see frees of what was there before its window, so each of its windows has a process
    of its own: in one that goes on, a dict's table would count whole in every window.
    """
    found = _Findings()
    cost = case.seconds_per_call * _TRACED_COST[meter]
    began = time.monotonic()

    def wanted() -> int | None:
        left = began + SITES_SECONDS - time.monotonic()
        return next_window(found.windows, case.bytes_per_1000_calls, cost, left, under_teeth=case.under_teeth)

    try:
        calls = wanted()
        while calls is not None:
            with Worker(task.plan(Pass.SITES, tracer=meter.value), task.surroundings) as worker:
                worker.start()
                _ask(worker, "warm_up", min(calls, _WARM_UP_CALLS), case, cost)
                while calls is not None:
                    answer = _ask(worker, "window", calls, case, cost)
                    window = msgspec.convert(answer, Window)
                    found.windows.append(replace(window, stacks=as_shown(window.stacks, str(Path.cwd()))))
                    cost = window.seconds / calls
                    calls = wanted()
                    if meter in _FRESH:
                        break
                worker.finish()
    except WorkerFailed as failed:
        if failed.trouble.kind != "missing":
            found.notes.append(f"tracing with {meter} ended early: {failed.trouble.message}")
    return found


def _ask(worker: Worker, kind: str, calls: int, case: Case, cost: float) -> dict[str, Any]:
    return worker.ask(
        {"kind": kind, "calls": calls, "mapped": case.meter is Meter.RSS},
        during="tracing who allocates",
        extra_seconds=10 * calls * cost,
    )
