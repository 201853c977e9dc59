"""Measure one scenario: the growth pass, then the peak pass, then the verdict."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import date

from leakcheck.analysis.explain.advice import advise
from leakcheck.analysis.explain.allocation_sites import peak_sites
from leakcheck.analysis.explain.resident_memory import pinning_bytes_per_1000_calls, resident_parts
from leakcheck.analysis.explain.stack_tree import build_stack_tree, with_short_files
from leakcheck.analysis.gate.baseline import compare_with_baseline
from leakcheck.analysis.gate.explained import needs_explanation, with_explanation
from leakcheck.analysis.gate.verdict import budget_gates, calls_for_a_verdict, judge, with_gate
from leakcheck.analysis.growth.child_processes import with_children
from leakcheck.analysis.growth.estimate import settled_after
from leakcheck.analysis.growth.native_bound import verdict_with_hidden_bytes
from leakcheck.analysis.growth.resources import judge_resources, with_names
from leakcheck.analysis.growth.stopping import StopPolicy
from leakcheck.analysis.latency import summarize_latency
from leakcheck.analysis.memory_limit import forecast_for_process
from leakcheck.model.answers import PeakReading
from leakcheck.model.errors import LeakcheckError
from leakcheck.model.failure import Failure, FailureKind, MeasurementStopped, WorkerFailed, internal_failure
from leakcheck.model.memory_limit import LimitResult
from leakcheck.model.protocol import Pass
from leakcheck.model.result import Growth, Meter, Result
from leakcheck.model.stacks import StackTree
from leakcheck.model.verdict import Gate, Verdict
from leakcheck.runner.answer_decoding import decode, decode_status_counts
from leakcheck.runner.bounded_check import follow_and_search_limits, growth_of
from leakcheck.runner.explain_request import explain_request_of
from leakcheck.runner.growth_pass import GrowthPass, add_block, add_failure
from leakcheck.runner.machine import current_folder
from leakcheck.runner.task import MeasureRequest, Task, Watch
from leakcheck.runner.worker_process import WorkerProcess
from leakcheck.scenario import replace_surrogates, without_passwords


def measure(task: Task, watch: Watch, warm_process: WorkerProcess | None = None) -> Result:
    """Return the result of one scenario, whatever its code or leakcheck's does. Raises MeasurementStopped alone.

    `warm_process` is a process that has collected the scenario, and makes its growth pass instead of a new one.
    """
    began = time.monotonic()
    try:
        result = _last_result(task, _stages(task, watch, warm_process))
    finally:
        if warm_process is not None:
            warm_process.end()
    return replace(result, duration_seconds=time.monotonic() - began)


def _stages(task: Task, watch: Watch, warm_process: WorkerProcess | None) -> Iterator[Result]:
    """Yield the result after each stage, so that what was measured stands when a later stage fails."""
    scenario, settings = task.request.scenario, task.request.settings
    growth_pass = _measure_growth(task, watch, warm_process)
    peak, peak_failure, capture = None, None, None
    if task.request.measure_peak and growth_pass.failure is None:
        watch(scenario, "peak", growth_pass.progress)
        peak, peak_failure, capture = measure_peak(task)
    result = replace(judged_result(task.request, growth_pass, peak, peak_failure), capture=capture)
    yield result
    if result.growth is not None and needs_explanation(result, settings.explain):
        from leakcheck.runner.explain import explain  # a clean scenario needs none of it

        to_explain = explain_request_of(result, growth_pass.progress, growth_pass.shape)
        explanation = explain(task, to_explain, lambda doing: watch(scenario, doing, growth_pass.progress))
        result = with_explanation(result, explanation, settings.known, date.today())
        yield result
    if settings.memory_bytes is not None:
        limit = int(settings.memory_bytes)
        forecast = forecast_for_process(
            result.verdict, result.growth, result.readings, limit, children=result.child_processes
        )
        result = replace(result, forecast=forecast)
    if task.request.limit_request is not None and result.failure is None:
        from leakcheck.runner.memory_limit import serve_under_limit

        result = _with_limit_result(result, serve_under_limit(task, task.request.limit_request, result.growth, watch))
        yield result
    yield replace(result, advice=advise(result))


def _with_limit_result(result: Result, outcome: LimitResult | Failure) -> Result:
    """Return the result with the outcome of its limit pass. It is over budget where any request failed."""
    if isinstance(outcome, Failure):
        return replace(result, failure=outcome, gate=Gate.ERROR)
    if not outcome.errors:
        return replace(result, memory_limit=outcome)
    gate = Gate.ERROR if result.gate is Gate.ERROR else Gate.OVER
    return replace(result, memory_limit=outcome, gate=gate, over_budget=(*result.over_budget, "errors"))


def judged_result(
    request: MeasureRequest, growth_pass: GrowthPass, peak: PeakReading | None, peak_failure: Failure | None
) -> Result:
    """Return the result of the growth and the peak pass; a peak that was not measured is not held to its budget."""
    shape, progress = growth_pass.shape, growth_pass.progress
    growth: Growth | None = None
    verdict, settled, needed, bounded_by = Verdict.INCONCLUSIVE, None, None, growth_pass.bounded_by
    children = growth_pass.children.judged(progress)
    if shape is not None:
        growth = growth_of(growth_pass, shape)
        settled = settled_after(progress, shape)
        if growth_pass.failure is None or growth_pass.failure.kind is FailureKind.TEARDOWN:
            # a replay that broke off has figures, but no verdict
            verdict = judge(shape, growth, bounded=growth_pass.bounded_by is not None or settled is not None)
            verdict = verdict_with_hidden_bytes(verdict, shape.hidden_bytes_per_call)
            combined = with_children(growth, verdict, children)
            growth, verdict = combined.growth, combined.verdict
            if combined.is_changed:
                bounded_by, settled = None, None
            if verdict is Verdict.INCONCLUSIVE:
                needed = calls_for_a_verdict(shape, growth, progress.seconds_per_call)
    resident = resident_parts(verdict, growth, progress.readings, growth_pass.mapping_samples.early_and_late)
    rising = judge_resources(progress.readings, request.settings.resource_budgets)
    stacks = () if peak is None else with_short_files(peak.stacks, current_folder())
    same_options = request.options_for(Pass.GROWTH) == request.options_for(Pass.PEAK)
    peak_latencies = () if peak is None or same_options else peak.latencies_ns
    result = replace(
        _unmeasured_result(request),
        verdict=verdict,
        growth=growth,
        peak_bytes=None if peak is None else peak.peak_bytes,
        peak_sites=() if peak is None else peak_sites(stacks, peak.peak_bytes),
        peak_stacks=StackTree() if peak is None else build_stack_tree(stacks, whole_bytes=peak.peak_bytes),
        latency_seconds=summarize_latency(peak_latencies or growth_pass.latencies_ns),
        bounded_by=bounded_by,
        settled_after_calls=settled,
        stopped_by=growth_pass.stopped_by,
        calls_needed=needed,
        failure=growth_pass.failure,
        peak_failure=peak_failure,
        resident=resident,
        pinned_by_bytes_per_1000_calls=pinning_bytes_per_1000_calls(growth, resident),
        child_processes=children,
        resources=with_names(rising, growth_pass.resource_names),
        readings=progress.readings,
        start_seconds=growth_pass.start_seconds,
        replay_seconds=progress.replay_seconds,
        watch_seconds=progress.watch_seconds,
        worker_cpu_seconds=growth_pass.cpu_seconds,
        response_statuses=growth_pass.response_statuses,
        django=growth_pass.django,
    )
    if request.baseline_entries is None:
        return with_gate(result, budget_gates(result))
    return compare_with_baseline(result, request.baseline_entries.get(result.id), request.settings.change)


def _measure_growth(task: Task, watch: Watch, warm_process: WorkerProcess | None) -> GrowthPass:
    scenario, settings = task.request.scenario, task.request.settings
    growth_pass = GrowthPass()
    policy = StopPolicy(calls=settings.calls, seconds=settings.time_seconds)
    watch(scenario, "set-up", growth_pass.progress)
    began = time.monotonic()
    try:
        request, limits = task.pass_request(Pass.GROWTH), task.worker_limits
        process = warm_process.continue_with(request, limits) if warm_process else WorkerProcess(request, limits)
        with process as worker:
            worker.start()
            growth_pass.start_seconds = time.monotonic() - began
            add_block(growth_pass, worker.ask({"kind": "first"}, during="call 1"))
            growth_pass.children.record(worker, growth_pass.progress.calls)

            def after_block() -> None:
                watch(scenario, "growth", growth_pass.progress)
                growth_pass.mapping_samples.take(worker.pid, growth_pass.progress.calls)

            follow_and_search_limits(
                growth_pass, worker, policy, settings.budget(scenario), settings.resource_budgets, after_block
            )
            if growth_pass.shape is not None and growth_pass.shape.meter is Meter.RSS:
                growth_pass.mapping_samples.take(worker.pid, growth_pass.progress.calls, last=True)
            worker.finish()
            growth_pass.cpu_seconds = worker.cpu_seconds
            growth_pass.django = worker.django
            growth_pass.response_statuses = decode_status_counts(worker.response_statuses)
    except WorkerFailed as failed:
        add_failure(growth_pass, failed)
        growth_pass.response_statuses = decode_status_counts(failed.response_statuses)
    return growth_pass


def measure_peak(task: Task) -> tuple[PeakReading | None, Failure | None, str | None]:
    """Return the peak and its capture's path in the run's folder, or the failure."""
    capture = task.capture
    try:
        capture.parent.mkdir(exist_ok=True)
    except OSError as error:
        message = f"{capture.parent}: cannot be created ({error.strerror})"
        return None, Failure(kind=FailureKind.DISK, message=message), None
    capture.unlink(missing_ok=True)
    try:
        with WorkerProcess(task.pass_request(Pass.PEAK, capture), task.worker_limits) as worker:
            worker.start()
            # some warm-up calls, and one that is traced and so takes five times as long
            answer = worker.listen(during="the peak pass", extra_seconds=task.request.settings.timeout_seconds)
            reading = decode(answer, PeakReading)
            worker.let_end()
    except WorkerFailed as failed:
        return None, failed.failure, None
    return reading, None, str(capture.relative_to(task.folder))


def _unmeasured_result(request: MeasureRequest) -> Result:
    """Return the result of a scenario that is not measured yet."""
    scenario = request.scenario
    return Result(
        scenario=scenario.name,
        variant=scenario.variant,
        target=replace_surrogates(scenario.target),
        verdict=Verdict.INCONCLUSIVE,
        gate=Gate.INCONCLUSIVE,
        over_budget=(),
        budget=request.settings.budget(scenario),
        description=scenario.description,
        growth_options=without_passwords(request.options_for(Pass.GROWTH)),
        peak_options=without_passwords(request.options_for(Pass.PEAK)),
    )


def _last_result(task: Task, stages: Iterator[Result]) -> Result:
    """Return the last result, with the failure where a stage raises. Raises MeasurementStopped alone."""
    result = _unmeasured_result(task.request)
    try:
        for stage_result in stages:
            result = stage_result
    except MeasurementStopped:
        raise
    except LeakcheckError as error:
        failure = Failure(kind=FailureKind.USAGE, message=str(error))
    except Exception as error:  # a bug of leakcheck costs this scenario alone
        failure = internal_failure(error)
    else:
        return result
    return replace(result, failure=result.failure or failure, gate=Gate.ERROR)
