"""What a judge does for a test process: measure, judge, put into words, and write the document."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event
from typing import Any

import msgspec

from leakcheck import __version__
from leakcheck.analysis.gate.known_leaks import unseen_entries, without_ambiguous
from leakcheck.config.settings import Settings, resolve
from leakcheck.config.sources import SettingsLayer
from leakcheck.model.answers import Failure, ScenarioInfo
from leakcheck.model.result import SCHEMA, Environment, Result, Run
from leakcheck.model.setup_stages import UNREACHED, SetupStages, is_shared
from leakcheck.model.verdict import Gate
from leakcheck.pytest_plugin.judge.connection import JudgeConnection
from leakcheck.pytest_plugin.judge.screening import screen
from leakcheck.reporters.pytest_text import is_fine, main_sentences, row, whole_text
from leakcheck.runner.growth_pass import GrowthPass
from leakcheck.runner.measure import judged, measure
from leakcheck.runner.task import Task
from leakcheck.storage import git, run_file

_SETUP_SECONDS = 240.0
"""A project's tests may have to import it all, and to migrate a database."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureRequest:
    """A measurement that the test process asks for. None means "not said here"."""

    name: str
    """The test's node id, without the parameters that are its variant."""
    variant: str | None = None
    growth_bytes_per_1000_calls: float | None = None
    peak_bytes: float | None = None
    calls: int | None = None
    time: float | None = None
    screen: bool = True
    """Whether the test process replays first, and other processes only what does not stand still there."""
    setups: Mapping[str, float] = field(default_factory=dict)
    """The seconds that each stage of this test's set-up took in the test process."""
    command: tuple[str, ...] = ()
    """The pytest that comes to the body of this test, and has it replayed there."""


class JudgeService:
    """The settings of one project, and what they are applied to."""

    def __init__(self, said: Mapping[str, Any]) -> None:
        self._settings = resolve(
            msgspec.convert(said["flags"], SettingsLayer),
            folder=Path(said["root"]),
            beside=msgspec.convert(said["ini"], SettingsLayer),
        )
        self._folder = Path(said["folder"])
        self._measured: list[Result] = []
        """Those with known leaks."""
        self._unreached: dict[str, Failure] = {}
        """What came of fixtures that further tests use, by their stage."""

    def measure(self, wanted: MeasureRequest, line: JudgeConnection) -> dict[str, Any]:
        """Return the result, whether it fails the test, and what there is to say."""
        task = self._task(wanted)
        line.timeout_seconds = task.settings.timeout_seconds
        result = screen(task, line) if wanted.screen else None
        if result is None:
            result = self._measured_apart(task)
        # who is the second by a known entry fails: the first test's answer has been given
        [result] = without_ambiguous([result], before=self._measured)
        if result.known:
            self._measured.append(result)
        unsure = result.gate is Gate.INCONCLUSIVE and not task.settings.allow_inconclusive
        return {
            "result": msgspec.to_builtins(result),
            "fails": unsure or result.gate in (Gate.OVER, Gate.ERROR),
            "fine": is_fine(result),
            "sentences": list(main_sentences(result)),
            "text": whole_text(result),
            "row": row(result),
        }

    def _measured_apart(self, task: Task) -> Result:
        """Return the result of processes of their own; one fixture that they cannot have is waited for once."""
        known = next((found for stage, found in self._unreached.items() if stage in task.stages.seconds), None)
        if known is not None:
            return judged(task, GrowthPass(trouble=known), None, None)
        result = replace(measure(task, lambda *_: None), capture=None)
        trouble = result.trouble
        if trouble is not None and trouble.kind == UNREACHED and is_shared(task.stages.latest):
            self._unreached[task.stages.latest] = trouble
        return result

    def _task(self, wanted: MeasureRequest) -> Task:
        bare = ScenarioInfo(target=wanted.name, name=wanted.name, variant=wanted.variant)
        layers = self._settings.budget(bare)
        scenario = replace(
            bare,
            target=bare.id,
            growth_bytes_per_1000_calls=_first_set(
                wanted.growth_bytes_per_1000_calls, layers.growth_bytes_per_1000_calls
            ),
            peak_bytes=_first_set(wanted.peak_bytes, layers.peak_bytes),
        )
        return Task(
            scenario=scenario,
            settings=self._pinned(wanted),
            options={},
            setup=None,
            measure_peak=scenario.peak_bytes is not None,
            folder=self._folder,
            stop=Event(),
            command=wanted.command,
            setup_seconds=_SETUP_SECONDS,
            stages=SetupStages(seconds=wanted.setups),
        )

    def _pinned(self, wanted: MeasureRequest) -> Settings:
        """Return the settings without their layers of budgets: what the test's mark says comes last here."""
        return replace(
            self._settings,
            calls=_first_set(wanted.calls, self._settings.calls),
            time_seconds=_first_set(wanted.time, self._settings.time_seconds),
            project=SettingsLayer(),
            overrides=(),
            said=SettingsLayer(),
        )

    def save(self, path: str, results: list[Any], about: Mapping[str, Any]) -> None:
        """Write the run document. Raises StoreError."""
        read = tuple(msgspec.convert(result, Result) for result in results)
        changed = git.changed_files()
        run = Run(
            schema=SCHEMA,
            started=about["started"],
            command=tuple(about["command"]),
            environment=Environment(
                **about["environment"],
                leakcheck=__version__,
                git_commit=git.commit(),
                git_dirty=None if changed is None else bool(changed),
            ),
            results=read,
            known_unseen=unseen_entries(self._settings.known, read),
            finished=about["finished"],
            duration_seconds=about["duration_seconds"],
        )
        run_file.save(run, Path(path))


def _first_set(*said: Any) -> Any:
    return next((one for one in said if one is not None), None)
