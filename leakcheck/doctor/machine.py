"""Checks of the machine, of optional packages, and of the project in the current folder."""

from collections.abc import Iterator
from dataclasses import dataclass

from leakcheck.doctor.model import Check, CheckState, InterpreterFacts, MachineFacts, ProjectFacts
from leakcheck.model.units import format_size

MACHINE, PARTS, FOLDER = "the machine", "optional parts", "here"
_DISTRIBUTION = "pytest-leakcheck"
_REMEDY = f'pip install "{_DISTRIBUTION}[{{}}]"'


@dataclass(frozen=True, slots=True)
class _OptionalPackage:
    """A package that only some commands need."""

    package: str
    what_for: str
    extra: str
    is_measured: bool = False
    """It must be installed for the measured Python; otherwise for leakcheck's own."""


_PACKAGES = (
    _OptionalPackage("Django", "leakcheck django, leakcheck demo", "django", True),
    _OptionalPackage("aiosmtpd", "leakcheck demo", "django", True),
    _OptionalPackage("gunicorn", "leakcheck limit", "limit", True),
    _OptionalPackage("uvicorn", "leakcheck limit of ASGI applications", "limit", True),
    _OptionalPackage("httpx", "leakcheck limit", "limit"),
    _OptionalPackage("matplotlib", "leakcheck plot", "plots"),
    _OptionalPackage("psycopg", "PostgreSQL", "databases", True),
    _OptionalPackage("mysqlclient", "MariaDB and MySQL", "databases", True),
    _OptionalPackage("PyMySQL", "MariaDB and MySQL", "databases", True),
)


def check_machine(machine: MachineFacts, limiter: str) -> Iterator[Check]:
    """Yield the checks of the machine; `limiter` is the means by which memory is limited, "" if there is none."""
    yield Check(part=MACHINE, name="system", state=CheckState.GOOD, says=machine.system)
    cores = f"{machine.cores} of {machine.all_cores} may be used; --jobs auto measures as many side by side"
    yield Check(part=MACHINE, name="cores", state=CheckState.GOOD, says=cores)
    memory = f"{format_size(machine.free_bytes)} of {format_size(machine.all_bytes)} can be had"
    yield Check(part=MACHINE, name="memory", state=CheckState.GOOD, says=memory)
    yield _control_group(machine)
    if limiter:
        yield Check(
            part=MACHINE, name="memory limit", state=CheckState.GOOD, says=f"leakcheck limit sets it by {limiter}"
        )


def _control_group(machine: MachineFacts) -> Check:
    group = machine.group
    if group.version == 1:
        remedy = "its limits are not seen: say --jobs and --max-memory where the job has less than the machine"
        return Check(part=MACHINE, name="control group", state=CheckState.NOTE, says="version 1", remedy=remedy)
    if not group.version:
        return Check(part=MACHINE, name="control group", state=CheckState.GOOD, says="none")
    limits = [
        *([] if group.cores is None else [f"{group.cores:g} cores"]),
        *([] if group.memory_bytes is None else [format_size(group.memory_bytes)]),
    ]
    says = f"version 2, limited to {' and '.join(limits)}" if limits else "version 2, without limits"
    return Check(part=MACHINE, name="control group", state=CheckState.GOOD, says=says)


def check_packages(project: ProjectFacts, interpreter: InterpreterFacts | None) -> Iterator[Check]:
    """Yield the checks of optional packages and programs, and of the pytest plugin."""
    measured = {} if interpreter is None else {name.lower(): version for name, version in interpreter.packages.items()}
    yield _plugin(measured, project)
    for item in _PACKAGES:
        version = (measured if item.is_measured else project.packages).get(item.package.lower())
        says = version or f"not installed; needed for {item.what_for}"
        remedy = "" if version else _REMEDY.format(item.extra)
        state = CheckState.GOOD if version else CheckState.NOTE
        yield Check(part=PARTS, name=item.package, state=state, says=says, remedy=remedy)
    for name, is_installed in project.programs.items():
        says, state = "can be started", CheckState.GOOD
        if not is_installed:
            says, state = "not installed; needed for a database server of the newsletter's own", CheckState.NOTE
        yield Check(part=PARTS, name=name, state=state, says=says)


def _plugin(measured: dict[str, str], project: ProjectFacts) -> Check:
    pytest, leakcheck = measured.get("pytest"), measured.get(_DISTRIBUTION)
    if pytest is None:
        says, remedy = "pytest is not installed; needed for the marker and the fixture", _REMEDY.format("pytest")
    elif leakcheck is None:
        says, remedy = f"pytest {pytest} does not have leakcheck beside it", f"pip install {_DISTRIBUTION} there"
    elif project.is_autoload_off:
        says, remedy = f"pytest {pytest} loads no plugin by itself", "pytest -p leakcheck.pytest_plugin.plugin"
    else:
        return Check(part=PARTS, name="pytest plugin", state=CheckState.GOOD, says=f"loaded by pytest {pytest}")
    return Check(part=PARTS, name="pytest plugin", state=CheckState.NOTE, says=says, remedy=remedy)


def check_project(project: ProjectFacts) -> Iterator[Check]:
    """Yield the checks of the current folder, the environment and the terminal."""
    yield Check(part=FOLDER, name="leakcheck", state=CheckState.GOOD, says=f"runs on Python {project.python}")
    yield _settings(project)
    yield _baseline(project)
    if project.variables:
        says = f"set: {', '.join(project.variables)}"
        yield Check(part=FOLDER, name="environment", state=CheckState.GOOD, says=says)
    git = project.git or "not installed; needed for comparing revisions, and to say what was measured"
    says = git if not project.git or project.is_repository else f"{git}; this folder is in no repository"
    remedy = "" if project.git else "install git"
    yield Check(
        part=FOLDER, name="git", state=CheckState.GOOD if project.git else CheckState.NOTE, says=says, remedy=remedy
    )
    yield Check(part=FOLDER, name="terminal", state=CheckState.GOOD, says=project.terminal)


def _settings(project: ProjectFacts) -> Check:
    if project.settings_error:
        remedy = "mend it: nothing is measured with settings that cannot be used"
        return Check(part=FOLDER, name="settings", state=CheckState.BROKEN, says=project.settings_error, remedy=remedy)
    if not project.pyproject:
        return Check(part=FOLDER, name="settings", state=CheckState.GOOD, says="no pyproject.toml: the defaults")
    what = "[tool.leakcheck] is valid" if project.has_table else "no [tool.leakcheck]: the defaults"
    return Check(part=FOLDER, name="settings", state=CheckState.GOOD, says=f"{project.pyproject}: {what}")


def _baseline(project: ProjectFacts) -> Check:
    if project.baseline_error:
        remedy = "mend it, or make it anew with leakcheck baseline update; only leakcheck check needs it"
        return Check(part=FOLDER, name="baseline", state=CheckState.LESS, says=project.baseline_error, remedy=remedy)
    if project.baseline_entries is None:
        return Check(
            part=FOLDER, name="baseline", state=CheckState.GOOD, says="none; leakcheck baseline update makes one"
        )
    says = f"{project.baseline}: {project.baseline_entries} accepted"
    return Check(part=FOLDER, name="baseline", state=CheckState.GOOD, says=says)
