"""Measure one scenario: the growth pass, then the peak pass, then the verdict."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any, Protocol

import msgspec

from leakcheck.analysis.advice import advise
from leakcheck.analysis.comparison import compared
from leakcheck.analysis.explained import explained, is_to_be_explained
from leakcheck.analysis.gating import gated, held_to_budgets
from leakcheck.analysis.growth import estimate_growth, rate_of, rate_until, settled_after
from leakcheck.analysis.latency import summarize_latency
from leakcheck.analysis.numeric import prepare_special_functions
from leakcheck.analysis.patience import Patience, is_settled, next_step
from leakcheck.analysis.places import as_shown
from leakcheck.analysis.progress import Progress
from leakcheck.analysis.resources import are_settled, is_enough, judge_resources, with_names
from leakcheck.analysis.served import foretold_by
from leakcheck.analysis.shape import QUIET_CALLS, Shape, shape_of
from leakcheck.analysis.sites import peak_sites
from leakcheck.analysis.trees import tree_of
from leakcheck.analysis.trend import falls_back
from leakcheck.analysis.verdict import holder_with_limit, judge
from leakcheck.engine import Worker, WorkerFailed
from leakcheck.explain import Case, explain
from leakcheck.explanation import Named, StackTree
from leakcheck.limit import serve_under_limit
from leakcheck.model import (
    Block,
    Budget,
    Gate,
    Growth,
    Limited,
    Meter,
    PeakReading,
    Result,
    Trouble,
    Verdict,
)
from leakcheck.plan import Pass
from leakcheck.scenario import to_be_kept
from leakcheck.served import Limit
from leakcheck.task import Task, Watch
from leakcheck.traps import DjangoFacts

_WEIGHED_SHARE = 1 / 20
_LONGEST_WEIGHING_SECONDS = 2.0


class Process(Protocol):
    """What can be asked to replay: a worker, or a process that lives on afterwards."""

    def ask(self, message: Mapping[str, Any], *, during: str, extra_seconds: float = 0.0) -> dict[str, Any]:
        """Return the answer, as `Worker.ask` does. Raises WorkerFailed."""


@dataclass(slots=True)
class GrowthPass:
    """What the growth pass has found out so far; all of it stands when the pass fails."""

    progress: Progress = field(default_factory=Progress)
    latencies_ns: tuple[int, ...] = ()
    shape: Shape | None = None
    bounded_by: Limited | None = None
    named: Mapping[str, tuple[Named, ...]] = field(default_factory=dict)
    """What rises beside memory, by its kind."""
    stopped_by: str | None = None
    start_seconds: float = 0.0
    cpu_seconds: float | None = None
    django: Mapping[str, Any] | None = None
    trouble: Trouble | None = None


def measure(task: Task, watch: Watch, described: Worker | None = None) -> Result:
    """Return the result of one scenario, whatever its code did; raise nothing but Stopped.

    `described` is a process that has described the scenario and does its growth pass, instead of a fresh one.
    """
    began = time.monotonic()
    growth_pass = _measure_growth(task, watch, described)
    peak, peak_trouble, capture = None, None, None
    if task.measure_peak and growth_pass.trouble is None:
        watch(task.scenario, "peak", growth_pass.progress)
        peak, peak_trouble, capture = measure_peak(task)
    result = replace(judged(task, growth_pass, peak, peak_trouble), capture=capture)
    if result.growth is not None and is_to_be_explained(result, task.settings.explain):
        settled = result.settled_after_calls
        case = Case(
            bytes_per_1000_calls=result.growth.bytes_per_1000_calls
            if settled is None
            else rate_until(result.readings, settled),
            meter=result.growth.meter,
            seconds_per_call=growth_pass.progress.seconds_per_call,
            is_bounded=result.verdict is Verdict.BOUNDED,
            under_teeth=growth_pass.shape is not None and falls_back(growth_pass.shape.tail),
            settled_after_calls=settled,
        )
        explanation = explain(task, case, lambda doing: watch(task.scenario, doing, growth_pass.progress))
        result = explained(result, explanation, task.settings.known, date.today())
    if task.settings.memory_bytes is not None:
        forecast = foretold_by(result.verdict, result.growth, result.readings, int(task.settings.memory_bytes))
        result = replace(result, forecast=forecast)
    if task.serving is not None and result.trouble is None:
        result = _served(result, serve_under_limit(task, task.serving, result.growth, watch))
    return replace(result, advice=advise(result), duration_seconds=time.monotonic() - began)


def _served(result: Result, served: Limit | Trouble) -> Result:
    """Return the result with what serving it showed. A request that surely fails is over: none is allowed to."""
    if isinstance(served, Trouble):
        return replace(result, trouble=served, gate=Gate.ERROR)
    if not served.errors:
        return replace(result, limit=served)
    gate = Gate.ERROR if result.gate is Gate.ERROR else Gate.OVER
    return replace(result, limit=served, gate=gate, failures=(*result.failures, "errors"))


def judged(task: Task, seen: GrowthPass, peak: PeakReading | None, peak_trouble: Trouble | None) -> Result:
    """Return what the passes together mean; a peak that was not measured is held to no budget."""
    scenario = task.scenario
    growth: Growth | None = None
    verdict, settled = Verdict.INCONCLUSIVE, None
    if seen.shape is not None:
        growth = estimate_growth(seen.progress, seen.shape)
        settled = settled_after(seen.progress, seen.shape)
        if seen.trouble is None or seen.trouble.kind == "teardown":
            # of a replay that broke off the figures are shown, and nothing is claimed
            verdict = judge(seen.shape, growth, bounded=seen.bounded_by is not None or settled is not None)
    risen = judge_resources(seen.progress.readings, task.settings.resource_budgets)
    held = () if peak is None else as_shown(peak.stacks, str(Path.cwd()))
    same_options = task.options_for(Pass.GROWTH) == task.options_for(Pass.PEAK)
    dear_calls = () if peak is None or same_options else peak.latencies_ns
    result = Result(
        scenario=scenario.name,
        variant=scenario.variant,
        target=scenario.target,
        verdict=verdict,
        gate=Gate.INCONCLUSIVE,
        failures=(),
        budget=task.settings.budget(scenario),
        growth=growth,
        peak_bytes=None if peak is None else peak.peak_bytes,
        peak_sites=() if peak is None else peak_sites(held, peak.peak_bytes),
        peak_stacks=StackTree() if peak is None else tree_of(held, whole_bytes=peak.peak_bytes),
        latency_seconds=summarize_latency(dear_calls or seen.latencies_ns),
        bounded_by=seen.bounded_by,
        settled_after_calls=settled,
        stopped_by=seen.stopped_by,
        trouble=seen.trouble,
        peak_trouble=peak_trouble,
        resources=with_names(risen, seen.named),
        lesson=scenario.lesson,
        growth_options=to_be_kept(task.options_for(Pass.GROWTH)),
        peak_options=to_be_kept(task.options_for(Pass.PEAK)),
        readings=seen.progress.readings,
        start_seconds=seen.start_seconds,
        replay_seconds=seen.progress.replay_seconds,
        watch_seconds=seen.progress.watch_seconds,
        worker_cpu_seconds=seen.cpu_seconds,
        django=None if seen.django is None else msgspec.convert(seen.django, DjangoFacts),
    )
    if task.accepted is None:
        return gated(result, held_to_budgets(result))
    return compared(result, task.accepted.get(result.id), task.settings.change)


def _measure_growth(task: Task, watch: Watch, described: Worker | None) -> GrowthPass:
    seen = GrowthPass()
    patience = Patience(calls=task.settings.calls, seconds=task.settings.time_seconds)
    watch(task.scenario, "set-up", seen.progress)
    began = time.monotonic()
    try:
        plan, around = task.plan(Pass.GROWTH), task.surroundings
        with Worker(plan, around) if described is None else described.go_on(plan, around) as worker:
            worker.start()
            seen.start_seconds = time.monotonic() - began
            take(seen, worker.ask({"kind": "first"}, during="call 1"))
            budget = task.settings.budget(task.scenario)
            allowed = task.settings.resource_budgets
            follow(seen, worker, patience, budget, allowed, lambda: watch(task.scenario, "growth", seen.progress))
            _name(seen, worker, allowed)
            _weigh(seen, worker)
            worker.finish()
            seen.cpu_seconds = worker.cpu_seconds
            seen.django = worker.django
    except WorkerFailed as failed:
        if failed.block is not None:
            take(seen, {"block": failed.block})
        seen.trouble = failed.trouble
    return seen


def follow(
    seen: GrowthPass,
    process: Process,
    patience: Patience,
    budget: Budget,
    allowed: Mapping[str, float],
    watch: Callable[[], None],
) -> None:
    """Replay block after block until the shape is clear, or calls or time are used up."""
    while True:
        step = next_step(seen.progress, patience)
        enough = is_enough(seen.progress.readings, allowed)
        if step is None or enough:
            seen.shape = shape_of(seen.progress, final=True)
            if not seen.shape.flat and not enough:
                used_up = patience.calls is not None and seen.progress.calls >= patience.calls
                seen.stopped_by = "calls" if used_up else "time"
            return
        first = seen.progress.calls + 1
        answer = process.ask(
            {
                "kind": "block",
                "windows": step.windows,
                "calls_per_window": step.calls_per_window,
                "timed_per_window": step.timed_per_window,
            },
            during=f"calls {first:,} to {first + step.calls - 1:,}",
            # three times what the calls should take: a timeout is for hanging, not for slowing down
            extra_seconds=3 * step.calls * seen.progress.seconds_per_call,
        )
        take(seen, answer)
        seen.shape = shape_of(seen.progress)
        watch()
        if not (seen.shape.flat or seen.shape.rising):
            if seen.progress.calls >= QUIET_CALLS:
                prepare_special_functions()
            continue
        rate = rate_of(seen.shape)
        if is_settled(seen.shape, rate, seen.progress, budget) and are_settled(seen.progress, allowed):
            return


def take(seen: GrowthPass, answer: Mapping[str, object]) -> None:
    """Add a block that was replayed to what is known."""
    block = msgspec.convert(answer["block"], Block)
    seen.progress = seen.progress.after(block)
    seen.latencies_ns += block.latencies_ns


def _name(seen: GrowthPass, worker: Worker, allowed: Mapping[str, float]) -> None:
    """Ask what the open files, threads and the like are, where they rise: that process has them all at hand."""
    risen = [resource.kind.value for resource in judge_resources(seen.progress.readings, allowed)]
    if risen:
        answer = worker.ask({"kind": "name", "resources": risen}, during="the naming of what rises")
        seen.named = msgspec.convert(answer["resources"], dict[str, tuple[Named, ...]])


def _weigh(seen: GrowthPass, worker: Worker) -> None:
    """Ask for filling containers with a limit, where the heap rises and that would explain it."""
    if seen.shape is None or seen.shape.flat or seen.shape.meter is Meter.RSS:
        return
    growth = estimate_growth(seen.progress, seen.shape)
    if growth.bytes_per_1000_calls <= 0:
        return
    cost = max(seen.progress.seconds_per_call, 1e-9)
    calls = max(1, int(min(seen.progress.calls * _WEIGHED_SHARE, _LONGEST_WEIGHING_SECONDS / cost)))
    answer = worker.ask(
        {"kind": "weigh", "calls": calls}, during="the search for limits", extra_seconds=6 * calls * cost
    )
    seen.bounded_by = holder_with_limit(growth, msgspec.convert(answer["found"], list[Limited]))


def measure_peak(task: Task) -> tuple[PeakReading | None, Trouble | None, str | None]:
    """Return the peak and the capture's name; or the trouble, which costs the growth verdict nothing."""
    captures = task.folder / "captures"
    capture = captures / f"{_file_name(task.scenario.id)}.bin"
    try:
        captures.mkdir(exist_ok=True)
    except OSError as error:
        return None, Trouble(kind="disk", message=f"{captures}: cannot be made ({error.strerror})"), None
    capture.unlink(missing_ok=True)
    try:
        with Worker(task.plan(Pass.PEAK, capture), task.surroundings) as worker:
            worker.start()
            # some warm calls, and one that is traced and so takes five times as long
            answer = worker.listen(during="the peak pass", extra_seconds=task.settings.timeout_seconds)
            worker.let_end()
    except WorkerFailed as failed:
        return None, failed.trouble, None
    return msgspec.convert(answer, PeakReading), None, str(capture.relative_to(task.folder))


def _file_name(scenario_id: str) -> str:
    name = "".join(letter if letter.isalnum() or letter in "-_[]" else "_" for letter in scenario_id)
    return name.encode()[:150].decode(errors="ignore")  # a file's name has so many bytes, not letters
