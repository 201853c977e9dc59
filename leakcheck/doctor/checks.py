"""What can be measured here, and why not more: asked of the Python that measures, of the machine, of this folder.

The answer goes into public issues: no path, no user's name and no host's is in it, whatever an error says.
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
from leakcheck.doctor.interpreter import MEASURED_PYTHON, of_interpreter, summary
from leakcheck.doctor.machine import of_folder, of_machine, of_parts
from leakcheck.doctor.model import Check, CheckState, DoctorReport, InterpreterFacts, MachineFacts, ProjectFacts
from leakcheck.model.document_text import conforming
from leakcheck.model.errors import LeakcheckError
from leakcheck.model.failure import WorkerFailed
from leakcheck.model.protocol import Pass, PassRequest
from leakcheck.runner import machine
from leakcheck.runner.answer_decoding import part
from leakcheck.runner.task import lent_packages
from leakcheck.runner.worker_limits import WorkerLimits
from leakcheck.runner.worker_process import WorkerProcess
from leakcheck.storage import baseline_file, git

_SERVERS: Mapping[str, tuple[str, ...]] = {
    "postgres": ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin"),
    "mariadbd": ("/usr/sbin", "/usr/libexec"),
}
"""Database servers, and where systems put them beside PATH."""

_PATH = re.compile(r"(?<![\w/.…~])/(?!proc\b|sys\b)(?:[^\s/'\",:;)]+/)*(?P<last>[^\s/'\",:;)]+)/?")


def examine(python: str | None, terminal: str) -> DoctorReport:
    """Return what was found; `python` is the interpreter to be examined, ours where it is None.

    Raises UsageError where that cannot be started at all.
    """
    here = _here(terminal)
    python = python or _configured_python() or sys.executable
    found: InterpreterFacts | None = None
    findings: list[Check] = []
    try:
        found = _interpreter(python)
        findings += of_interpreter(found)
    except WorkerFailed as failed:
        remedy = "name another interpreter with --python; leakcheck measures CPython 3.11 and later"
        says = " ".join(filter(None, (failed.trouble.message, *(failed.trouble.details or "").splitlines()[-1:])))
        findings.append(Check(part=MEASURED_PYTHON, name="Python", state=CheckState.BROKEN, says=says, remedy=remedy))
    findings += of_machine(_computer(), "" if found is None else found.limiter)
    findings += of_parts(here, found)
    findings += of_folder(here)
    said = "nothing can be measured" if found is None else summary(found)
    return DoctorReport(leakcheck=__version__, summary=said, findings=tuple(map(_public, findings)))


def _interpreter(python: str) -> InterpreterFacts:
    """Return what an interpreter says of itself. Raises WorkerFailed where it does not."""
    plan = PassRequest(work=Pass.EXAMINE, target="", lent_packages=lent_packages())
    with WorkerProcess(plan, WorkerLimits(python=python)) as worker:
        worker.start()
        return part(worker.listen(during="examining"), "interpreter", InterpreterFacts)


def _configured_python() -> str | None:
    """Return the interpreter that this folder's settings name; None where they cannot be used, which is told."""
    try:
        return resolve(SettingsLayer()).python
    except LeakcheckError:
        return None


def _computer() -> MachineFacts:
    release = re.match(r"[\d.]*\d", platform.release())  # what follows may be a company's own name
    return MachineFacts(
        system=f"{platform.system()} {release[0] if release else ''}".strip() + f", {platform.machine()}",
        cores=machine.cores(),
        all_cores=os.cpu_count() or 1,
        free_bytes=machine.free_bytes(),
        all_bytes=machine.all_bytes(),
        group=machine.control_group(),
    )


def _here(terminal: str) -> ProjectFacts:
    folder = Path.cwd()
    pyproject = find_pyproject(folder)
    here = ProjectFacts(
        python=platform.python_version(),
        packages={name.lower(): one.version for one in metadata.distributions() if (name := one.metadata["Name"])},
        programs={name: _is_there(name, patterns) for name, patterns in _SERVERS.items()},
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
        return replace(here, settings_error=str(error))
    here = replace(here, has_table=read_pyproject(pyproject) != PyprojectFile(), baseline=settings.baseline.name)
    try:
        baseline = baseline_file.load_baseline(settings.baseline)
    except LeakcheckError as error:
        return replace(here, baseline_error=str(error))
    if baseline is None:
        return here
    return replace(here, baseline_entries=sum(map(len, baseline.environments.values())))


def _is_there(program: str, patterns: tuple[str, ...]) -> bool:
    folders = [str(found) for pattern in patterns for found in Path("/").glob(pattern.lstrip("/"))]
    return any(shutil.which(program, path=folder) for folder in (None, *folders))


def _git_version() -> str | None:
    try:
        done = subprocess.run(["git", "--version"], capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _public(finding: Check) -> Check:
    return replace(finding, says=without_paths(finding.says), remedy=without_paths(finding.remedy))


def without_paths(text: str) -> str:
    """Return a text in which of every absolute path the last name is left: the others tell who and where."""
    for place, short in _places():
        text = text.replace(place, short)
    return _PATH.sub(lambda found: f"…/{found['last']}", text)


def _places() -> Iterator[tuple[str, str]]:
    """Yield the folders that we know of, the longest first: their names may hold blanks."""
    known = {
        str(Path.cwd()): ".",
        sys.prefix: "…",
        sys.base_prefix: "…",
        tempfile.gettempdir(): "…",
        str(Path.home()): "~",
    }
    yield from sorted(
        ((place, short) for place, short in known.items() if len(place) > 1), key=lambda one: -len(one[0])
    )


def encode(found: DoctorReport) -> bytes:
    """Return an examination as a JSON document."""
    return msgspec.json.format(msgspec.json.encode(conforming(found)), indent=2) + b"\n"
