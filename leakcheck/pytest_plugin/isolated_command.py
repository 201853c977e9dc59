"""What this session tells an isolated pytest process, which runs one test up to a body and replays it there.

It has the command, and how long each stage of the set-up took in this session, by which that process is limited.
"""

import gc
import json
import os
import subprocess
import sys
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import pytest

from leakcheck.model.setup_stages import BODY, START, fixture_stage

_START = (
    "import json, sys; details = json.loads(sys.argv[1]); sys.path[:] = details['path']; "
    "from leakcheck.pytest_plugin.isolated_session import main; main(details, sys.argv[2])"
)
# removed from the environment, because tracing would be measured
_TRACERS = ("COV_CORE_", "COVERAGE_PROCESS_")
_WORKER_IDS = 9000
"""First number of the isolated processes' xdist worker ids, far above those that xdist gives.

What a project names after the worker id is then not shared with any other process.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartupEnvironment:
    """The state of the process before any test or plugin has changed it."""

    path: tuple[str, ...]
    environment: Mapping[str, str]
    interpreter: tuple[str, ...]
    """The command that starts the same interpreter with the same flags."""
    frozen_objects: int
    """Objects in the collector's permanent generation: Python 3.12 starts with 375 of its own."""


def startup_environment() -> StartupEnvironment:
    """Return the present state of the process; to be called when the plugin is loaded."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(_TRACERS)}
    flags: list[str] = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    return StartupEnvironment(
        path=tuple(sys.path),
        environment=environment,
        interpreter=(sys.executable, *flags),
        frozen_objects=gc.get_freeze_count(),
    )


def build_command(
    config: pytest.Config, startup: StartupEnvironment, item: pytest.Item, folder: str, **position: Any
) -> list[str]:
    """Return the command, to which the socket's path is to be appended.

    All arguments of pytest stay as they are, even the paths of tests: by them it finds its ini file, its plugins and
    the first conftests. The test to collect is passed separately; `position` says which of its bodies is meant.
    """
    worker = getattr(config, "workerinput", {}).get("workerid", "gw0")
    number = "".join(letter for letter in worker if letter.isdigit())
    _, _, inside = item.nodeid.partition("::")
    details = {
        # under xdist they are the controller's
        "arguments": [os.fspath(argument) for argument in config.invocation_params.args],
        "path": startup.path,
        "nodeid": item.nodeid,
        "collect": f"{item.path}::{inside}" if inside else str(item.path),
        "basetemp": folder,
        "worker": f"gw{_WORKER_IDS + int(number or 0)}",
        "seed": config.getoption("randomly_seed", None),
        "without": ["--no-cov"] if config.pluginmanager.hasplugin("pytest_cov") else [],
        **position,
    }
    return [*startup.interpreter, "-P", "-c", _START, json.dumps(details)]


class SetupTimes:
    """A plugin that times the set-up of fixtures; it is registered only if a test is to be measured."""

    def __init__(self) -> None:
        self._began = perf_counter()
        self._test_began = self._began
        self._seconds: dict[str, float] = {}

    def start_is_over(self) -> None:
        """Note that all tests are collected."""
        self._seconds[START] = perf_counter() - self._began

    def test_begins(self) -> None:
        """Note that the set-up of a test begins."""
        self._test_began = perf_counter()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[object], request: pytest.FixtureRequest
    ) -> Generator[None, object, object]:
        """Time a fixture, including the fixtures that it requests during its set-up."""
        began = perf_counter()
        try:
            return (yield)
        finally:
            self._seconds[stage_of_fixture(fixturedef)] = perf_counter() - began

    def needed_by(self, item: pytest.Item) -> dict[str, float]:
        """Return the seconds of each stage on the way to the body of a test; to be called right before that runs."""
        dynamic = getattr(getattr(item, "_request", None), "_fixture_defs", ())
        names = {START, *getattr(item, "fixturenames", ()), *dynamic}
        seconds = {stage: duration for stage, duration in self._seconds.items() if stage.rpartition("|")[2] in names}
        return {**seconds, BODY: perf_counter() - self._test_began}


def stage_of_fixture(fixturedef: pytest.FixtureDef[object]) -> str:
    """Return the name of the stage that sets a fixture up; it is the same in both processes."""
    return fixture_stage(str(fixturedef.scope), str(getattr(fixturedef, "baseid", "")), fixturedef.argname)
