"""The retention and the allocation pass: why a scenario grows, found out in new processes.

One process searches for the containers that grow and for what retains them, with nothing traced; others trace the
allocations. Each may fail by itself, and none can cost the scenario its growth verdict.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from leakcheck.analysis.explain.allocation_sites import (
    FEWEST_WINDOWS,
    allocation_sites,
    explained_fraction,
    most_possible_rate,
    next_window,
)
from leakcheck.analysis.explain.fingerprint import with_native_origin
from leakcheck.analysis.explain.line_slopes import grown_stacks
from leakcheck.analysis.explain.retention import Candidate, containers_of, largest_share, paths_of
from leakcheck.analysis.explain.stack_tree import build_stack_tree, short_file, with_short_files
from leakcheck.model.explanation import AllocationSite, Explanation, RetentionPath, StackBytes, TracerName, Window
from leakcheck.model.failure import FailureKind, WorkerFailed, undecodable_answer
from leakcheck.model.protocol import Pass
from leakcheck.model.result import Meter
from leakcheck.model.stacks import Frame, native_frame
from leakcheck.model.units import CALLS_PER_RATE
from leakcheck.runner.answer_decoding import decode, decode_field
from leakcheck.runner.explain_request import ExplainRequest
from leakcheck.runner.machine import current_folder
from leakcheck.runner.task import Task
from leakcheck.runner.worker_process import WorkerProcess

_TRACING_SECONDS = 20.0
"""How long calls may be traced where the first windows do not add up."""

_SEARCH_SECONDS = 10.0
_RETENTION_SECONDS = 3.0
_ROUNDS_FOR_PAGES = 8
_FEWEST_RETENTION_CALLS, _MOST_RETENTION_CALLS = 40, 2000
_LONGEST_FILL_SECONDS = 15.0
_FILL_MARGIN = 2.0
_RETAINED_BY_PYTHON = 0.5
"""Where Python objects retain less than this share of the growth, native frames are traced too."""

_TRACED_COST = {
    TracerName.MEMRAY: 6.0,
    TracerName.MEMRAY_NATIVE: 15.0,
    TracerName.TRACEMALLOC: 15.0,
    TracerName.LINES: 30.0,
}
"""The assumed cost of a traced call until one was timed, in multiples of an untraced call."""

_LEAST_SECONDS = 1e-9
_FRESH_PROCESS = (TracerName.MEMRAY, TracerName.MEMRAY_NATIVE)
_WARM_UP_CALLS, _WARM_UP_SECONDS, _TIMED_SECONDS = 20, 3.0, 1.0
_ENOUGH, _MOSTLY, _LITTLE = 0.9, 0.7, 0.5
"""Explained shares of the growth: above the first no other tracer is tried, above the second none that does not see
Python's blocks, and above the third none that sees less."""

_NATIVE_SHARE, _WORTH_OF_NAMES = 0.05, 0.1
"""Shares of the growth: native code that allocates or retains at least the first is reported with its extension's name,
for which a tracer may explain less by the second."""

_TOO_MUCH = "what {tracer} traced adds up to {times:.0f} times the growth, so its lines are not reported"
Watch = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _SearchStatus:
    """How the search for what retains the growth ended."""

    stopped_by: str | None
    nothing_in_python: bool = False


@dataclass(slots=True)
class _Findings:
    """What was found so far; it remains valid when a process fails."""

    candidates: tuple[Candidate, ...] = ()
    nothing_in_python: bool = False
    windows: list[Window] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def explain(task: Task, request: ExplainRequest, watch: Watch) -> Explanation:
    """Return why it grows, as far as can be found out. Raises MeasurementStopped alone."""
    watch("retention")
    warm_up, calls = _retention_calls(request)
    findings = _search(task, request, warm_up, calls)
    rate = request.bytes_per_1000_calls
    if request.settled_after_calls is not None:
        # what filled up is watched for longer than it took to fill, so the observed rate includes the plateau
        rate *= min(1.0, (request.settled_after_calls - warm_up) / calls)
    explanation = Explanation(
        containers=containers_of(findings.candidates, rate),
        retention_paths=paths_of(findings.candidates, rate),
        nothing_in_python=findings.nothing_in_python,
        notes=tuple(findings.notes),
    )
    if request.is_bounded:
        return explanation
    watch("allocation")
    # pages outside the heap, whatever retains them: only native frames show who maps them
    share_in_python = 0.0 if request.meter is Meter.RSS else largest_share(findings.candidates, rate)
    return _with_sites(task, request, explanation, share_in_python)


def _search(task: Task, request: ExplainRequest, warm_up: int, calls: int) -> _Findings:
    """Run the retention pass: have a process search for the containers that grow, and what retains the rest."""
    findings = _Findings()
    cost = (warm_up + calls) * request.seconds_per_call
    try:
        with WorkerProcess(task.pass_request(Pass.RETENTION), task.worker_limits) as worker:
            worker.start()
            answer = worker.ask(
                {
                    "kind": "hold",
                    "warm_up": warm_up,
                    "calls": calls,
                    "bytes_per_call": request.bytes_per_1000_calls / CALLS_PER_RATE,
                    "seconds": _SEARCH_SECONDS,
                    "settled": request.settled_after_calls is not None,
                    "mapped": request.meter is Meter.RSS,
                },
                during="the retention pass",
                extra_seconds=3 * cost + _SEARCH_SECONDS,
            )
            _add_candidates(findings, answer)
            while not decode_field(answer, "last", bool):
                # pages are measured by some more rounds of calls
                more = _SEARCH_SECONDS + _ROUNDS_FOR_PAGES * cost * (request.meter is Meter.RSS)
                answer = worker.listen(during="the retention pass", extra_seconds=more)
                _add_candidates(findings, answer)
            worker.finish()
    except WorkerFailed as failed:
        findings.notes.append(f"the retention pass ended early: {failed.failure.message}")
    return findings


def _add_candidates(findings: _Findings, answer: dict[str, Any]) -> None:
    candidates = decode_field(answer, "holders", tuple[Candidate, ...])
    if not all(1 <= candidate.anchor <= len(candidate.links) for candidate in candidates):
        raise undecodable_answer("a retention path that lacks what it leads to")
    findings.candidates = tuple(
        replace(
            candidate,
            kept_function=_with_short_file(candidate.kept_function),
            set_at=_with_short_file(candidate.set_at),
        )
        for candidate in candidates
    )
    status = decode_field(answer, "searched", _SearchStatus)
    findings.nothing_in_python = status.nothing_in_python
    limit = status.stopped_by
    if decode_field(answer, "last", bool) and limit:
        findings.notes.append(f"the retention pass reached its limit of {limit}, so something may be missing")


def _with_short_file(frame: Frame | None) -> Frame | None:
    return None if frame is None else replace(frame, file=short_file(frame.file, current_folder()))


def _retention_calls(request: ExplainRequest) -> tuple[int, int]:
    """Return how many calls to warm up with and to watch: until after a plateau began, else for a few seconds."""
    cost = max(request.seconds_per_call, 1e-9)
    if request.settled_after_calls is not None:
        warm_up = max(1, request.settled_after_calls // 20)
        calls = int(request.settled_after_calls * _FILL_MARGIN) - warm_up
        return warm_up, max(_FEWEST_RETENTION_CALLS, min(calls, int(_LONGEST_FILL_SECONDS / cost)))
    calls = max(_FEWEST_RETENTION_CALLS, min(_MOST_RETENTION_CALLS, int(_RETENTION_SECONDS / cost)))
    return calls // 4, calls


def _with_sites(task: Task, request: ExplainRequest, explanation: Explanation, share_in_python: float) -> Explanation:
    """Return the explanation with the sites of the first tracer that accounts for the growth, or of the best one."""
    rate, most, sawtooth = request.bytes_per_1000_calls, request.most_bytes_per_1000_calls, request.is_sawtooth
    possible = most_possible_rate(rate, most)
    best, tried = explanation, set[TracerName]()
    grown: dict[TracerName, list[StackBytes]] = {}
    for tracer in _TRACERS:
        if tracer in tried or not _is_worth_trying(tracer, best, request, share_in_python):
            continue
        tried.add(tracer)
        findings = _trace(task, request, tracer)
        best = replace(best, notes=(*best.notes, *findings.notes))
        if len(findings.windows) < FEWEST_WINDOWS:
            continue
        fraction = explained_fraction(findings.windows, rate, most=most, under_teeth=sawtooth)
        if fraction * rate > possible:
            best = replace(best, notes=(*best.notes, _TOO_MUCH.format(tracer=tracer.label, times=fraction)))
            continue
        stacks = grown_stacks(findings.windows, most_per_call=possible / CALLS_PER_RATE, under_teeth=sawtooth)
        grown[tracer] = list(stacks)
        if best.explained_fraction is None or _distance(fraction, tracer) < abs(1 - best.explained_fraction):
            sites = allocation_sites(findings.windows, rate, most=most, under_teeth=sawtooth)
            tree = build_stack_tree(grown[tracer])
            best = replace(
                best, allocation_sites=sites, allocation_tracer=tracer, explained_fraction=fraction, growth_stacks=tree
            )
    by_extension = grown.get(TracerName.MEMRAY_NATIVE) or next(iter(grown.values()), [])
    return replace(best, retention_paths=with_native_origin(best.retention_paths, by_extension))


_TRACERS = (
    TracerName.MEMRAY_NATIVE,
    TracerName.MEMRAY,
    TracerName.MEMRAY_NATIVE,  # again: memray without native frames may have shown that they are needed
    TracerName.TRACEMALLOC,
    TracerName.LINES,
)


def _is_worth_trying(tracer: TracerName, best: Explanation, request: ExplainRequest, share_in_python: float) -> bool:
    """Return whether a tracer could add something: a simpler one where a better one failed, and lines for the rest."""
    explained = best.explained_fraction or 0.0
    if tracer is TracerName.MEMRAY_NATIVE and any(_lacks_extension(site) for site in best.allocation_sites):
        return True
    if explained >= _ENOUGH:
        return False
    if tracer is TracerName.MEMRAY_NATIVE:
        return share_in_python < _RETAINED_BY_PYTHON or any(_is_held_natively(path) for path in best.retention_paths)
    if tracer is TracerName.LINES:
        return explained < _MOSTLY
    return explained < _LITTLE and request.meter is not Meter.RSS


def _lacks_extension(site: AllocationSite) -> bool:
    return site.native and site.share >= _NATIVE_SHARE and native_frame(site.frames) is None


def _is_held_natively(path: RetentionPath) -> bool:
    return path.held_by_native and (path.share is None or path.share >= _NATIVE_SHARE)


def _distance(fraction: float, tracer: TracerName) -> float:
    """Return how far a tracer is from explaining all of the growth, less a bonus for one that names extensions."""
    return abs(1 - fraction) - (_WORTH_OF_NAMES if tracer is TracerName.MEMRAY_NATIVE else 0.0)


def _trace(task: Task, request: ExplainRequest, tracer: TracerName) -> _Findings:
    """Run the allocation pass: get the live stacks after windows of different lengths, until they add up.

    memray does not see frees of what was allocated before its window, so each of its windows has a process
    of its own: in a process that goes on, a dict's table would count whole in every window.
    """
    findings = _Findings()
    cost = max(request.seconds_per_call * _TRACED_COST[tracer], _LEAST_SECONDS)
    began = time.monotonic()

    def next_calls() -> int | None:
        left = began + _TRACING_SECONDS - time.monotonic()
        return next_window(findings.windows, request.bytes_per_1000_calls, cost, left, under_teeth=request.is_sawtooth)

    try:
        calls = next_calls()
        while calls is not None:
            with WorkerProcess(task.pass_request(Pass.ALLOCATION, tracer=tracer.value), task.worker_limits) as worker:
                worker.start()
                # slow calls show what one costs when traced, where the table is a guess; with fast ones, most of the
                # time is overhead
                warm_up = max(1, min(calls, _WARM_UP_CALLS, int(_WARM_UP_SECONDS / cost)))
                answer = _ask(worker, "warm_up", warm_up, request, cost)
                if not findings.windows and answer["seconds"] >= _TIMED_SECONDS:
                    cost = answer["seconds"] / warm_up
                    calls = next_calls()
                while calls is not None:
                    answer = _ask(worker, "window", calls, request, cost)
                    window = decode(answer, Window)
                    findings.windows.append(replace(window, stacks=with_short_files(window.stacks, current_folder())))
                    cost = window.seconds / calls
                    calls = next_calls()
                    if tracer in _FRESH_PROCESS:
                        break
                worker.finish()
    except WorkerFailed as failed:
        if failed.failure.kind is not FailureKind.MISSING:
            findings.notes.append(f"tracing with {tracer.label} ended early: {failed.failure.message}")
    return findings


def _ask(worker: WorkerProcess, kind: str, calls: int, request: ExplainRequest, cost: float) -> dict[str, Any]:
    return worker.ask(
        {"kind": kind, "calls": calls, "mapped": request.meter is Meter.RSS},
        during="the allocation pass",
        extra_seconds=10 * calls * cost,
    )
