"""The command line of a pytest process that comes to one body of one test, and has it replayed there."""

import gc
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

_START = (
    "import json, sys; said = json.loads(sys.argv[1]); sys.path[:] = said['path']; "
    "from leakcheck.pytest_plugin.isolated_session import main; main(said, sys.argv[2])"
)
# tracing would be measured
_TRACERS = ("COV_CORE_", "COVERAGE_PROCESS_")
_WORKER_IDS = 9000
"""Ids of xdist's form, far from those that it gives: what is called by a worker's id is then nobody else's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartupEnvironment:
    """What a process finds before any test or plugin has changed it."""

    path: tuple[str, ...]
    environment: Mapping[str, str]
    interpreter: tuple[str, ...]
    """The command that starts the same one with the same flags."""
    frozen_objects: int
    """What the collector leaves alone already: 3.12 begins with 375 of its own."""


def startup_environment() -> StartupEnvironment:
    """Return what is found now; to be asked when the plugin is loaded."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(_TRACERS)}
    flags: list[str] = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    return StartupEnvironment(
        path=tuple(sys.path),
        environment=environment,
        interpreter=(sys.executable, *flags),
        frozen_objects=gc.get_freeze_count(),
    )


def build_command(
    config: pytest.Config, surroundings: StartupEnvironment, item: pytest.Item, folder: str, **where: Any
) -> list[str]:
    """Return the command; the socket's path is to follow.

    All that pytest was called with stays as it was, the paths of tests included: by them it finds its
    settings, its plugins and the first conftests. What is to be collected is said apart.
    """
    worker = getattr(config, "workerinput", {}).get("workerid", "gw0")
    number = "".join(letter for letter in worker if letter.isdigit())
    _, _, inside = item.nodeid.partition("::")
    said = {
        # under xdist these are the controller's
        "arguments": [os.fspath(argument) for argument in config.invocation_params.args],
        "path": surroundings.path,
        "nodeid": item.nodeid,
        "collect": f"{item.path}::{inside}" if inside else str(item.path),
        "basetemp": folder,
        "worker": f"gw{_WORKER_IDS + int(number or 0)}",
        "seed": config.getoption("randomly_seed", None),
        "without": ["--no-cov"] if config.pluginmanager.hasplugin("pytest_cov") else [],
        **where,
    }
    return [*surroundings.interpreter, "-P", "-c", _START, json.dumps(said)]
