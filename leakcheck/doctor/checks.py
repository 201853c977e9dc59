"""Collect facts about the measured Python, the machine and the project, and run all checks.

The report is meant for public issues: it must not contain paths or names of users and hosts, even in error messages.
"""

import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import msgspec

from leakcheck import __version__
from leakcheck.config.settings import resolve
from leakcheck.config.sources import PyprojectFile, SettingsLayer, find_pyproject, read_pyproject
from leakcheck.doctor.interpreter import MEASURED_PYTHON, check_interpreter, summary
from leakcheck.doctor.machine import check_machine, check_packages, check_project
from leakcheck.doctor.model import Check, CheckState, DoctorReport, InterpreterFacts, MachineFacts, ProjectFacts
from leakcheck.model.document_text import replace_invalid_texts
from leakcheck.model.errors import LeakcheckError
from leakcheck.model.failure import WorkerFailed
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

_PATH = re.compile(r"(?<![\w/.…~])/(?!proc\b|sys\b)(?:[^\s/'\",:;)]+/)*(?P<last>[^\s/'\",:;)]+)/?")


def run_checks(python: str | None, terminal: str) -> DoctorReport:
    """Return the report on an interpreter: `python`, or the configured one, or leakcheck's own.

    `terminal` describes the terminal. Raises UsageError if the interpreter cannot be started at all.
    """
    project = _project(terminal)
    python = python or _configured_python() or sys.executable
    interpreter: InterpreterFacts | None = None
    checks: list[Check] = []
    try:
        interpreter = _interpreter(python)
        checks += check_interpreter(interpreter)
    except WorkerFailed as failed:
        remedy = "name another interpreter with --python; leakcheck measures CPython 3.11 and later"
        says = " ".join(filter(None, (failed.failure.message, *(failed.failure.details or "").splitlines()[-1:])))
        checks.append(Check(part=MEASURED_PYTHON, name="Python", state=CheckState.BROKEN, says=says, remedy=remedy))
    checks += check_machine(_machine(), "" if interpreter is None else interpreter.limiter)
    checks += check_packages(project, interpreter)
    checks += check_project(project)
    return DoctorReport(
        leakcheck=__version__,
        summary="nothing can be measured" if interpreter is None else summary(interpreter),
        findings=tuple(
            replace(check, says=without_paths(check.says), remedy=without_paths(check.remedy)) for check in checks
        ),
    )


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


def _machine() -> MachineFacts:
    release = re.match(r"[\d.]*\d", platform.release())  # its suffix may name a company
    return MachineFacts(
        system=f"{platform.system()} {release[0] if release else ''}".strip() + f", {platform.machine()}",
        cores=machine.cores(),
        all_cores=os.cpu_count() or 1,
        free_bytes=machine.free_bytes(),
        all_bytes=machine.all_bytes(),
        group=machine.control_group(),
    )


def _project(terminal: str) -> ProjectFacts:
    folder = Path.cwd()
    pyproject = find_pyproject(folder)
    project = ProjectFacts(
        python=platform.python_version(),
        packages={name.lower(): item.version for item in metadata.distributions() if (name := item.metadata["Name"])},
        programs={name: _is_installed(name, patterns) for name, patterns in _SERVERS.items()},
        git=_git_version(),
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


def _git_version() -> str | None:
    try:
        process = subprocess.run(["git", "--version"], capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return process.stdout.strip()


def without_paths(text: str) -> str:
    """Return the text with every absolute path shortened to its last name."""
    for path, replacement in _known_paths():
        text = text.replace(path, replacement)
    return _PATH.sub(lambda match: f"…/{match['last']}", text)


def _known_paths() -> Iterator[tuple[str, str]]:
    """Yield known folders with their replacements, longest first; `_PATH` would miss those with spaces."""
    known = {
        str(Path.cwd()): ".",
        sys.prefix: "…",
        sys.base_prefix: "…",
        tempfile.gettempdir(): "…",
        str(Path.home()): "~",
    }
    yield from sorted((item for item in known.items() if len(item[0]) > 1), key=lambda item: -len(item[0]))


def encode(report: DoctorReport) -> bytes:
    """Return a report as JSON."""
    return msgspec.json.format(msgspec.json.encode(replace_invalid_texts(report)), indent=2) + b"\n"
