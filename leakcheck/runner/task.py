"""One measurement, as it is handed from room to room."""

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
from leakcheck.runner.collect import surroundings_of
from leakcheck.runner.scheduler import ASSUMED_BYTES
from leakcheck.runner.worker_limits import WorkerLimits

_DECLARED = "what it declares, memory= of its @scenario or memory in its override,"
Watch = Callable[[ScenarioInfo, str, ReplayProgress], None]
"""Told what is being done: the scenario, the pass, how far it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """All that one measurement needs."""

    scenario: ScenarioInfo
    settings: Settings
    options: Mapping[str, OptionValue]
    setup: str | None
    measure_peak: bool
    serving: LimitRequest | None = None
    """How it is to be served under a memory limit; None where it is not."""
    folder: Path
    stop: Event
    """Set when the run is interrupted."""
    accepted: Mapping[str, BaselineEntry] | None = None
    """What the baseline accepts, by the scenario's id; None where the budgets alone count."""
    command: tuple[str, ...] = ()
    setup_seconds: float = 0.0
    stages: SetupStages = field(default_factory=SetupStages)
    """These three as in `WorkerLimits`: where it is a test, whose process is a pytest."""
    shared_folder: Path | None = None
    """Where the run's processes leave each other what is dear to make."""

    def options_for(self, work: Pass) -> dict[str, OptionValue]:
        """Return the options of a pass: the scenario's own, then `NAME`, then `PASS.NAME`."""
        takes = self.scenario.option_names
        marked = self.scenario.peak_options if work in (Pass.PEAK, Pass.LIMIT) else self.scenario.growth_options
        for_all = {name: value for name, value in self.options.items() if "." not in name}
        prefix = f"{work.value}."
        for_this = {name[len(prefix) :]: value for name, value in self.options.items() if name.startswith(prefix)}
        said = {name: value for name, value in {**for_all, **for_this}.items() if takes is None or name in takes}
        return {**marked, **said}

    def plan(
        self,
        work: Pass,
        capture: Path | None = None,
        tracer: str = "",
        serving: Mapping[str, object] | None = None,
    ) -> PassRequest:
        """Return what the measured process is told. A pass that explains replays what the growth pass did."""
        return PassRequest(
            work=work,
            target=self.scenario.target,
            variant=self.scenario.variant,
            options=self.options_for(work if work in (Pass.PEAK, Pass.LIMIT) else Pass.GROWTH),
            setup=self.setup,
            capture_path=None if capture is None else str(capture.resolve()),
            tracer=tracer,
            serving=serving,
            shared_folder=None if self.shared_folder is None else str(self.shared_folder),
            lent_packages=lent_packages() if work in (Pass.PEAK, Pass.SITES) else None,
        )

    @property
    def capture(self) -> Path:
        """Return where memray's capture of its peak is to lie."""
        return self.folder / "captures" / f"{file_name(self.scenario.id)}.bin"

    @property
    def surroundings(self) -> WorkerLimits:
        """Return where, and within which limits, its processes run."""
        around = surroundings_of(self.settings, self.scenario.timeout_seconds, self.stop)
        around = replace(around, command=self.command, setup_seconds=self.setup_seconds, stages=self.stages)
        declared = self.settings.declared_memory(self.scenario)
        if declared is None or declared >= (around.memory_limit_bytes or math.inf):
            return around
        return replace(around, memory_limit_bytes=declared, memory_limit_from=_DECLARED)

    @property
    def expected_memory(self) -> float:
        """Return the bytes that its process is taken to need: as declared, else an assumption."""
        declared = self.settings.declared_memory(self.scenario)
        return ASSUMED_BYTES if declared is None else declared


def file_name(scenario_id: str) -> str:
    """Return a name that a file can have for a scenario."""
    name = "".join(letter if letter.isalnum() or letter in "-_[]" else "_" for letter in scenario_id)
    return name.encode()[:150].decode(errors="ignore")  # a file's name has so many bytes, not letters


def lent_packages() -> str | None:
    """Return `FOLDER#ABI` for `Plan.lent_packages`; None where the engine has no memray itself.

    The measured process refuses what is of another ABI than its own, so this may be said to any.
    """
    found = importlib.util.find_spec("memray")
    abi = sysconfig.get_config_var("SOABI")
    if found is None or found.origin is None or not abi:
        return None
    return f"{Path(found.origin).parent.parent}#{abi}"
