"""Gather the facts about the measured Python, the machine and the project."""

import os
import platform
import re
import shutil
import sys
from collections.abc import Mapping
from dataclasses import replace
from importlib import metadata
from pathlib import Path

from leakcheck import __version__
from leakcheck.config.settings import resolve
from leakcheck.config.sources import PyprojectFile, SettingsLayer, find_pyproject, read_pyproject
from leakcheck.doctor.model import InterpreterFacts, MachineFacts, ProjectFacts
from leakcheck.model.errors import LeakcheckError
from leakcheck.model.failure import Failure, WorkerFailed
from leakcheck.model.protocol import Pass, PassRequest
from leakcheck.runner import machine
from leakcheck.runner.answer_decoding import decode_field
from leakcheck.runner.task import packages_to_lend
from leakcheck.runner.worker_process import WorkerLimits, WorkerProcess
from leakcheck.storage import baseline_file, git

_SERVERS: Mapping[str, tuple[str, ...]] = {
    "postgres": ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin"),
    "mariadbd": ("/usr/sbin", "/usr/libexec"),
}
"""Database servers, and where distributions install them outside of PATH."""


def gather_facts(python: str | None, terminal: str) -> tuple[InterpreterFacts | Failure, MachineFacts, ProjectFacts]:
    """Return the facts about an interpreter (`python`, or the configured one, or leakcheck's own), and the rest."""
    try:
        interpreter: InterpreterFacts | Failure = _interpreter(python or _configured_python() or sys.executable)
    except WorkerFailed as failed:
        interpreter = failed.failure
    return interpreter, _machine(interpreter), _project(interpreter, terminal)


def _interpreter(python: str) -> InterpreterFacts:
    """Return the facts that a worker in this interpreter reports. Raises WorkerFailed if it fails."""
    request = PassRequest(kind=Pass.DOCTOR, target="", memray_fallback=packages_to_lend())
    with WorkerProcess(request, WorkerLimits(python=python)) as worker:
        worker.start()
        return decode_field(worker.listen(during="examining"), "interpreter", InterpreterFacts)


def _configured_python() -> str | None:
    """Return the interpreter that the settings name; None also for invalid settings, which another check reports."""
    try:
        return resolve(SettingsLayer()).python
    except LeakcheckError:
        return None


def _machine(interpreter: InterpreterFacts | Failure) -> MachineFacts:
    release = re.match(r"[\d.]*\d", platform.release())  # its suffix may name a company
    return MachineFacts(
        system=f"{platform.system()} {release[0] if release else ''}".strip() + f", {platform.machine()}",
        cores=machine.cores(),
        all_cores=os.cpu_count() or 1,
        free_bytes=machine.free_bytes(),
        all_bytes=machine.all_bytes(),
        group=machine.control_group(),
        limiter="" if isinstance(interpreter, Failure) else interpreter.limiter,
    )


def _project(interpreter: InterpreterFacts | Failure, terminal: str) -> ProjectFacts:
    folder = Path.cwd()
    measured = {} if isinstance(interpreter, Failure) else interpreter.packages
    pyproject = find_pyproject(folder)
    project = ProjectFacts(
        leakcheck=__version__,
        python=platform.python_version(),
        packages={name.lower(): item.version for item in metadata.distributions() if (name := item.metadata["Name"])},
        measured_packages={name.lower(): version for name, version in measured.items()},
        programs={name: _is_installed(name, patterns) for name, patterns in _SERVERS.items()},
        git=git.version(),
        is_repository=git.changed_files() is not None,
        pyproject="" if pyproject is None else "pyproject.toml" + (" above" if pyproject.parent != folder else ""),
        variables=tuple(sorted(name for name in os.environ if name.startswith("LEAKCHECK_"))),
        is_autoload_off=bool(os.environ.get("PYTEST_DISABLE_PLUGIN_AUTOLOAD")),
        terminal=terminal,
    )
    try:
        settings = resolve(SettingsLayer())
    except LeakcheckError as error:
        return replace(project, settings_error=str(error))
    project = replace(project, has_table=read_pyproject(pyproject) != PyprojectFile(), baseline=settings.baseline.name)
    try:
        baseline = baseline_file.load_baseline(settings.baseline)
    except LeakcheckError as error:
        return replace(project, baseline_error=str(error))
    if baseline is None:
        return project
    return replace(project, baseline_entries=sum(map(len, baseline.environments.values())))


def _is_installed(program: str, patterns: tuple[str, ...]) -> bool:
    folders = [str(folder) for pattern in patterns for folder in Path("/").glob(pattern.lstrip("/"))]
    return any(shutil.which(program, path=folder) for folder in (None, *folders))
