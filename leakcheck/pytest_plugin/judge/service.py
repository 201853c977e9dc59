"""The judge: measure a test and describe the result, and write the run document, as the test process requests."""

import os
import signal
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event
from types import FrameType
from typing import Any

import msgspec

from leakcheck import __version__
from leakcheck.analysis.gate.known_leaks import unseen_entries, without_ambiguous
from leakcheck.config.settings import Settings, resolve
from leakcheck.config.sources import SettingsLayer
from leakcheck.model.answers import ScenarioInfo
from leakcheck.model.errors import LeakcheckError
from leakcheck.model.failure import Failure, FailureKind, internal_error
from leakcheck.model.result import Result
from leakcheck.model.run import SCHEMA, Environment, Run
from leakcheck.model.setup_stages import SetupStages, is_shared
from leakcheck.model.verdict import Gate
from leakcheck.pytest_plugin.judge.connection import JudgeConnection, TestProcessGone
from leakcheck.pytest_plugin.judge.screening import screen
from leakcheck.reporters.pytest_text import has_nothing_to_report, result_row, result_text, summary_lines
from leakcheck.runner.child_process import declare_own_process
from leakcheck.runner.growth_pass import GrowthPass
from leakcheck.runner.measure import judged_result, measure
from leakcheck.runner.task import MeasureRequest, Task
from leakcheck.runner.temporary_folders import remove_leftovers
from leakcheck.storage import git, run_file
from leakcheck.worker.main import die_with_parent

_SETUP_SECONDS = 240.0
"""A project's tests may have to import it all, and to migrate a database."""


def serve(descriptor: int, parent: int) -> None:
    """Answer the requests of the test process until it ends; `descriptor` is that of a listening socket."""
    die_with_parent(signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit(0)  # the test process ended before the prctl call
    declare_own_process()
    remove_leftovers()
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is meant for the test process, which then ends the judge
    connection = JudgeConnection(socket.socket(fileno=descriptor))
    service: JudgeService | None = None
    while True:
        try:
            message = connection.next_message()
            kind = message.pop("kind")
            if kind == "project":
                service, answer = JudgeService(message), {}
            else:
                assert service is not None
                if kind == "measure":
                    answer = service.measure(msgspec.convert(message, JudgeRequest), connection)
                else:
                    service.save(**message)
                    answer = {}
        except TestProcessGone:
            return
        except LeakcheckError as error:
            answer = {"refused": str(error)}
        except Exception as error:
            connection.forgive()
            answer = {"broken": internal_error(error)}
        connection.send({"kind": "done", **answer})


def _end(number: int, frame: FrameType | None) -> None:
    sys.exit(0)  # an exception, so that the running measured processes are ended too


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeRequest:
    """A measurement that the test process requests. None means "not given here"."""

    name: str
    """The test's node id without its parameters, which are the variant."""
    variant: str | None = None
    growth_bytes_per_1000_calls: float | None = None
    peak_bytes: float | None = None
    calls: int | None = None
    time: float | None = None
    screen: bool = True
    """Whether the test process replays first, and isolated processes only what is not level there."""
    setups: Mapping[str, float] = field(default_factory=dict)
    """The seconds that each stage of this test's set-up took in the test process."""
    command: tuple[str, ...] = ()
    """The command of an isolated pytest process that replays the body of this test."""


class JudgeService:
    """Measures the tests of one project with its settings."""

    def __init__(self, project: Mapping[str, Any]) -> None:
        self._settings = resolve(
            msgspec.convert(project["flags"], SettingsLayer),
            folder=Path(project["root"]),
            beside=msgspec.convert(project["ini"], SettingsLayer),
        )
        self._folder = Path(project["folder"])
        self._with_known_leaks: list[Result] = []
        self._unreached: dict[str, Failure] = {}
        """The failures of fixtures that other tests use too, by their stage."""

    def measure(self, request: JudgeRequest, connection: JudgeConnection) -> dict[str, Any]:
        """Return the result, whether it fails the test, and the text to print."""
        task = self._task(request)
        connection.timeout_seconds = task.request.settings.timeout_seconds
        result = screen(task, connection) if request.screen else None
        if result is None:
            result = self._measure_isolated(task)
        # of two leaks that match one known entry the second fails: the first test has been answered already
        [result] = without_ambiguous([result], before=self._with_known_leaks)
        if result.known_leaks:
            self._with_known_leaks.append(result)
        unsure = result.gate is Gate.INCONCLUSIVE and not task.request.settings.allow_inconclusive
        return {
            "result": msgspec.to_builtins(result),
            "fails": unsure or result.gate in (Gate.OVER, Gate.ERROR),
            "fine": has_nothing_to_report(result),
            "sentences": list(summary_lines(result)),
            "text": result_text(result),
            "row": result_row(result),
        }

    def _measure_isolated(self, task: Task) -> Result:
        """Return the result of isolated processes. A shared fixture that cannot be set up there is tried only once."""
        failure = next(
            (unreached for stage, unreached in self._unreached.items() if stage in task.stages.seconds), None
        )
        if failure is not None:
            return judged_result(task.request, GrowthPass(failure=failure), None, None)
        result = replace(measure(task, lambda *_: None), capture=None)
        failure = result.failure
        if failure is not None and failure.kind is FailureKind.UNREACHED and is_shared(task.stages.latest):
            self._unreached[task.stages.latest] = failure
        return result

    def _task(self, request: JudgeRequest) -> Task:
        scenario_info = ScenarioInfo(target=request.name, name=request.name, variant=request.variant)
        layers = self._settings.budget(scenario_info)
        scenario = replace(
            scenario_info,
            target=scenario_info.id,
            growth_bytes_per_1000_calls=_first_set(
                request.growth_bytes_per_1000_calls, layers.growth_bytes_per_1000_calls
            ),
            peak_bytes=_first_set(request.peak_bytes, layers.peak_bytes),
        )
        return Task(
            request=MeasureRequest(
                scenario=scenario, settings=self._pinned(request), measure_peak=scenario.peak_bytes is not None
            ),
            folder=self._folder,
            stop=Event(),
            command=request.command,
            setup_seconds=_SETUP_SECONDS,
            stages=SetupStages(seconds=request.setups),
        )

    def _pinned(self, request: JudgeRequest) -> Settings:
        """Return the settings without their layers of budgets, over which the test's marker has precedence."""
        return replace(
            self._settings,
            calls=_first_set(request.calls, self._settings.calls),
            time_seconds=_first_set(request.time, self._settings.time_seconds),
            project=SettingsLayer(),
            overrides=(),
            explicit=SettingsLayer(),
        )

    def save(self, path: str, results: list[Any], about: Mapping[str, Any]) -> None:
        """Write the run document. Raises StoreError."""
        parsed = tuple(msgspec.convert(result, Result) for result in results)
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
            results=parsed,
            known_leaks_not_found=unseen_entries(self._settings.known, parsed),
            finished=about["finished"],
            duration_seconds=about["duration_seconds"],
        )
        run_file.save(run, Path(path))


def _first_set(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)
