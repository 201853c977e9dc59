"""One measurement, as it is handed from room to room."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from leakcheck.analysis.progress import Progress
from leakcheck.config import Settings
from leakcheck.engine import Surroundings
from leakcheck.find import surroundings_of
from leakcheck.lending import lent_packages
from leakcheck.model import Description
from leakcheck.plan import Pass, Plan
from leakcheck.scenario import OptionValue

Watch = Callable[[Description, str, Progress], None]
"""Told what is being done: the scenario, the pass, how far it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """All that one measurement needs."""

    scenario: Description
    settings: Settings
    options: Mapping[str, OptionValue]
    setup: str | None
    measure_peak: bool
    folder: Path
    stop: Event
    """Set when the run is interrupted."""
    shared_folder: Path | None = None
    """Where the run's processes leave each other what is dear to make."""

    def options_for(self, work: Pass) -> dict[str, OptionValue]:
        """Return the options of a pass: the scenario's own, then `NAME`, then `PASS.NAME`."""
        takes = self.scenario.option_names
        marked = self.scenario.peak_options if work is Pass.PEAK else self.scenario.growth_options
        for_all = {name: value for name, value in self.options.items() if "." not in name}
        prefix = f"{work.value}."
        for_this = {name[len(prefix) :]: value for name, value in self.options.items() if name.startswith(prefix)}
        said = {name: value for name, value in {**for_all, **for_this}.items() if takes is None or name in takes}
        return {**marked, **said}

    def plan(self, work: Pass, capture: Path | None = None, tracer: str = "") -> Plan:
        """Return what the measured process is told. A pass that explains replays what the growth pass did."""
        return Plan(
            work=work,
            target=self.scenario.target,
            variant=self.scenario.variant,
            options=self.options_for(work if work is Pass.PEAK else Pass.GROWTH),
            setup=self.setup,
            capture_path=None if capture is None else str(capture.resolve()),
            tracer=tracer,
            shared_folder=None if self.shared_folder is None else str(self.shared_folder),
            lent_packages=lent_packages() if work in (Pass.PEAK, Pass.SITES) else None,
        )

    @property
    def surroundings(self) -> Surroundings:
        """Return where, and within which limits, its processes run."""
        return surroundings_of(self.settings, self.scenario.timeout_seconds, self.stop)
