"""A task: all that the measurement of one scenario needs, and the requests that it makes to its processes."""

import importlib.util
import math
import sysconfig
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event

from leakcheck.analysis.growth.progress import ReplayProgress
from leakcheck.config.settings import Settings
from leakcheck.model.answers import ScenarioInfo
from leakcheck.model.baseline import BaselineEntry
from leakcheck.model.memory_limit import LimitRequest
from leakcheck.model.protocol import OptionValue, Pass, PassRequest
from leakcheck.model.setup_stages import SetupStages
from leakcheck.runner.scheduler import ASSUMED_BYTES
from leakcheck.runner.worker_process import WorkerLimits, worker_limits_of

_DECLARED_LIMIT = "its declared memory (memory= in its @scenario, or memory in its override)"
Watch = Callable[[ScenarioInfo, str, ReplayProgress], None]
"""Called with the scenario, what is being done, and the progress of its growth pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasurePlan:
    """How to measure: the part of a request that all scenarios of a run have in common."""

    settings: Settings
    options: Mapping[str, OptionValue] = field(default_factory=dict)
    """By their names: `rows` for every pass, `peak.rows` for one."""
    setup: str | None = None
    measure_peak: bool = True
    limit_request: LimitRequest | None = None
    """How to serve a scenario under a memory limit; None for no limit pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureRequest(MeasurePlan):
    """What to measure of one scenario, and how: the part of a task that can be sent to another machine."""

    scenario: ScenarioInfo
    baseline_entries: Mapping[str, BaselineEntry] | None = None
    """The scenario's entry of the baseline by its id, if it has one; None where the budgets alone count."""

    def options_for(self, work: Pass) -> dict[str, OptionValue]:
        """Return the options of a pass: the scenario's own, then `NAME`, then `PASS.NAME`."""
        names = self.scenario.option_names
        declared = self.scenario.peak_options if work in (Pass.PEAK, Pass.LIMIT) else self.scenario.growth_options
        for_all_passes = {name: value for name, value in self.options.items() if "." not in name}
        prefix = f"{work.value}."
        for_this_pass = {name[len(prefix) :]: value for name, value in self.options.items() if name.startswith(prefix)}
        given = {**for_all_passes, **for_this_pass}
        return {**declared, **{name: value for name, value in given.items() if names is None or name in names}}

    @property
    def expected_memory(self) -> float:
        """Return the bytes that its process is taken to need: what it declares, else `ASSUMED_BYTES`."""
        declared = self.settings.declared_memory(self.scenario)
        return ASSUMED_BYTES if declared is None else declared


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A request, and what it takes to measure it in this process."""

    request: MeasureRequest
    folder: Path
    stop: Event
    """Set when the run is interrupted."""
    command: tuple[str, ...] = ()
    setup_seconds: float = 0.0
    stages: SetupStages = field(default_factory=SetupStages)
    """These three as in `WorkerLimits`, for a scenario that is a test: its process is a pytest."""
    shared_folder: Path | None = None
    """Where the run's processes share what is slow to make."""

    def pass_request(
        self, work: Pass, capture: Path | None = None, tracer: str = "", serving: Mapping[str, object] | None = None
    ) -> PassRequest:
        """Return the request for a pass. The retention and the allocation pass replay what the growth pass did."""
        scenario = self.request.scenario
        return PassRequest(
            kind=work,
            target=scenario.target,
            variant=scenario.variant,
            options=self.request.options_for(work if work in (Pass.PEAK, Pass.LIMIT) else Pass.GROWTH),
            setup=self.request.setup,
            capture_path=None if capture is None else str(capture.resolve()),
            tracer=tracer,
            limit_request=serving,
            shared_folder=None if self.shared_folder is None else str(self.shared_folder),
            memray_fallback=packages_to_lend() if work in (Pass.PEAK, Pass.ALLOCATION) else None,
        )

    @property
    def capture(self) -> Path:
        """Return the path for memray's capture of its peak."""
        return self.folder / "captures" / f"{file_name(self.request.scenario.id)}.bin"

    @property
    def worker_limits(self) -> WorkerLimits:
        """Return the interpreter and the limits of its processes."""
        settings, scenario = self.request.settings, self.request.scenario
        limits = worker_limits_of(settings, scenario.timeout_seconds, self.stop)
        limits = replace(limits, command=self.command, setup_seconds=self.setup_seconds, stages=self.stages)
        declared = settings.declared_memory(scenario)
        if declared is None or declared >= (limits.memory_limit_bytes or math.inf):
            return limits
        return replace(limits, memory_limit_bytes=declared, memory_limit_from=_DECLARED_LIMIT)


def file_name(scenario_id: str) -> str:
    """Return a file name for a scenario."""
    name = "".join(letter if letter.isalnum() or letter in "-_[]" else "_" for letter in scenario_id)
    return name.encode()[:150].decode(errors="ignore")  # the limit of a file's name is in bytes, not letters


def packages_to_lend() -> str | None:
    """Return `FOLDER#ABI` for `PassRequest.memray_fallback`; None where this process has no memray itself.

    The measured process refuses packages of another ABI than its own, so this may be sent to any.
    """
    spec = importlib.util.find_spec("memray")
    abi = sysconfig.get_config_var("SOABI")
    if spec is None or spec.origin is None or not abi:
        return None
    return f"{Path(spec.origin).parent.parent}#{abi}"
