"""Measure one scenario: the growth pass, then the peak pass, then the verdict."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import date

from leakcheck.analysis.explain.advice import advise
from leakcheck.analysis.explain.allocation_sites import peak_sites
from leakcheck.analysis.explain.resident_memory import pinning_bytes_per_1000_calls, resident_parts
from leakcheck.analysis.explain.stack_tree import as_shown, tree_of
from leakcheck.analysis.gate.baseline import compared
from leakcheck.analysis.gate.explained import explained, is_to_be_explained
from leakcheck.analysis.gate.verdict import calls_for_a_verdict, gated, held_to_budgets, judge
from leakcheck.analysis.growth.child_processes import with_children
from leakcheck.analysis.growth.estimate import settled_after
from leakcheck.analysis.growth.native_bound import as_far_as_seen
from leakcheck.analysis.growth.resources import judge_resources, with_names
from leakcheck.analysis.growth.stopping import StopPolicy
from leakcheck.analysis.latency import summarize_latency
from leakcheck.analysis.memory_limit import foretold_by
from leakcheck.model.answers import Failure, PeakReading
from leakcheck.model.failure import WorkerFailed
from leakcheck.model.memory_limit import LimitResult
from leakcheck.model.protocol import Pass
from leakcheck.model.result import Growth, Meter, Result
from leakcheck.model.stacks import StackTree
from leakcheck.model.verdict import Gate, Verdict
from leakcheck.runner.answer_decoding import answered_of, whole
from leakcheck.runner.bounded_check import follow_and_weigh, growth_of
from leakcheck.runner.explain_request import case_of
from leakcheck.runner.growth_pass import GrowthPass, take, take_trouble
from leakcheck.runner.machine import current_folder
from leakcheck.runner.task import Task, Watch
from leakcheck.runner.unmeasured import bare_result, guarded
from leakcheck.runner.worker_process import WorkerProcess


def measure(task: Task, watch: Watch, described: WorkerProcess | None = None) -> Result:
    """Return the result of one scenario, whatever its code did, or ours; raise nothing but Stopped.

    `described` is a process that has described the scenario and does its growth pass, instead of a fresh one.
    """
    began = time.monotonic()
    try:
        result = guarded(task, _stages(task, watch, described))
    finally:
        if described is not None:
            described.end()
    return replace(result, duration_seconds=time.monotonic() - began)


def _stages(task: Task, watch: Watch, described: WorkerProcess | None) -> Iterator[Result]:
    """Yield the result as far as it is known: what was measured stands, whatever becomes of its explanation."""
    growth_pass = _measure_growth(task, watch, described)
    peak, peak_trouble, capture = None, None, None
    if task.measure_peak and growth_pass.trouble is None:
        watch(task.scenario, "peak", growth_pass.progress)
        peak, peak_trouble, capture = measure_peak(task)
    result = replace(judged(task, growth_pass, peak, peak_trouble), capture=capture)
    yield result
    if result.growth is not None and is_to_be_explained(result, task.settings.explain):
        from leakcheck.runner.explain import explain  # what is clean needs none of it

        case = case_of(result, growth_pass.progress, growth_pass.shape)
        explanation = explain(task, case, lambda doing: watch(task.scenario, doing, growth_pass.progress))
        result = explained(result, explanation, task.settings.known, date.today())
        yield result
    if task.settings.memory_bytes is not None:
        limit = int(task.settings.memory_bytes)
        forecast = foretold_by(result.verdict, result.growth, result.readings, limit, children=result.children)
        result = replace(result, forecast=forecast)
    if task.serving is not None and result.trouble is None:
        from leakcheck.runner.memory_limit import serve_under_limit

        result = _served(result, serve_under_limit(task, task.serving, result.growth, watch))
        yield result
    yield replace(result, advice=advise(result))


def _served(result: Result, served: LimitResult | Failure) -> Result:
    """Return the result with what serving it showed. A request that surely fails is over: none is allowed to."""
    if isinstance(served, Failure):
        return replace(result, trouble=served, gate=Gate.ERROR)
    if not served.errors:
        return replace(result, limit=served)
    gate = Gate.ERROR if result.gate is Gate.ERROR else Gate.OVER
    return replace(result, limit=served, gate=gate, failures=(*result.failures, "errors"))


def judged(task: Task, seen: GrowthPass, peak: PeakReading | None, peak_trouble: Failure | None) -> Result:
    """Return what the passes together mean; a peak that was not measured is held to no budget."""
    growth: Growth | None = None
    verdict, settled, needed, bounded_by = Verdict.INCONCLUSIVE, None, None, seen.bounded_by
    children = seen.children.judged(seen.progress)
    if seen.shape is not None:
        growth = growth_of(seen, seen.shape)
        settled = settled_after(seen.progress, seen.shape)
        if seen.trouble is None or seen.trouble.kind == "teardown":
            # of a replay that broke off the figures are shown, and nothing is claimed
            verdict = judge(seen.shape, growth, bounded=seen.bounded_by is not None or settled is not None)
            verdict = as_far_as_seen(verdict, seen.shape.hidden_bytes_per_call)
            together = with_children(growth, verdict, children)
            growth, verdict = together.growth, together.verdict
            if together.is_changed:
                bounded_by, settled = None, None
            if verdict is Verdict.INCONCLUSIVE:
                needed = calls_for_a_verdict(seen.shape, growth, seen.progress.seconds_per_call)
    resident = resident_parts(verdict, growth, seen.progress.readings, seen.looks.early_and_late)
    risen = judge_resources(seen.progress.readings, task.settings.resource_budgets)
    held = () if peak is None else as_shown(peak.stacks, current_folder())
    same_options = task.options_for(Pass.GROWTH) == task.options_for(Pass.PEAK)
    dear_calls = () if peak is None or same_options else peak.latencies_ns
    result = replace(
        bare_result(task),
        verdict=verdict,
        growth=growth,
        peak_bytes=None if peak is None else peak.peak_bytes,
        peak_sites=() if peak is None else peak_sites(held, peak.peak_bytes),
        peak_stacks=StackTree() if peak is None else tree_of(held, whole_bytes=peak.peak_bytes),
        latency_seconds=summarize_latency(dear_calls or seen.latencies_ns),
        bounded_by=bounded_by,
        settled_after_calls=settled,
        stopped_by=seen.stopped_by,
        calls_needed=needed,
        trouble=seen.trouble,
        peak_trouble=peak_trouble,
        resident=resident,
        pinned_by_bytes_per_1000_calls=pinning_bytes_per_1000_calls(growth, resident),
        children=children,
        resources=with_names(risen, seen.named),
        readings=seen.progress.readings,
        start_seconds=seen.start_seconds,
        replay_seconds=seen.progress.replay_seconds,
        watch_seconds=seen.progress.watch_seconds,
        worker_cpu_seconds=seen.cpu_seconds,
        answered=seen.answered,
        django=seen.django,
    )
    if task.accepted is None:
        return gated(result, held_to_budgets(result))
    return compared(result, task.accepted.get(result.id), task.settings.change)


def _measure_growth(task: Task, watch: Watch, described: WorkerProcess | None) -> GrowthPass:
    seen = GrowthPass()
    patience = StopPolicy(calls=task.settings.calls, seconds=task.settings.time_seconds)
    watch(task.scenario, "set-up", seen.progress)
    began = time.monotonic()
    try:
        plan, around = task.plan(Pass.GROWTH), task.surroundings
        with WorkerProcess(plan, around) if described is None else described.go_on(plan, around) as worker:
            worker.start()
            seen.start_seconds = time.monotonic() - began
            take(seen, worker.ask({"kind": "first"}, during="call 1"))
            seen.children.look(worker, seen.progress.calls)
            budget = task.settings.budget(task.scenario)
            allowed = task.settings.resource_budgets
            pid = getattr(worker, "pid", None)  # what replays a script has none

            def looked() -> None:
                watch(task.scenario, "growth", seen.progress)
                seen.looks.take(pid, seen.progress.calls)

            follow_and_weigh(seen, worker, patience, budget, allowed, looked)
            if seen.shape is not None and seen.shape.meter is Meter.RSS:
                seen.looks.take(pid, seen.progress.calls, last=True)
            worker.finish()
            seen.cpu_seconds = worker.cpu_seconds
            seen.django = worker.django
            seen.answered = answered_of(worker.answered)
    except WorkerFailed as failed:
        take_trouble(seen, failed)
        seen.answered = answered_of(failed.answered)
    return seen


def measure_peak(task: Task) -> tuple[PeakReading | None, Failure | None, str | None]:
    """Return the peak and the capture's name; or the trouble, which costs the growth verdict nothing."""
    capture = task.capture
    try:
        capture.parent.mkdir(exist_ok=True)
    except OSError as error:
        return None, Failure(kind="disk", message=f"{capture.parent}: cannot be made ({error.strerror})"), None
    capture.unlink(missing_ok=True)
    try:
        with WorkerProcess(task.plan(Pass.PEAK, capture), task.surroundings) as worker:
            worker.start()
            # some warm calls, and one that is traced and so takes five times as long
            answer = worker.listen(during="the peak pass", extra_seconds=task.settings.timeout_seconds)
            reading = whole(answer, PeakReading)
            worker.let_end()
    except WorkerFailed as failed:
        return None, failed.trouble, None
    return reading, None, str(capture.relative_to(task.folder))
