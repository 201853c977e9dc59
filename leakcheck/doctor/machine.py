"""What else there is: the machine, the optional parts, and the folder that the command was given in."""

from collections.abc import Iterator
from dataclasses import dataclass

from leakcheck.doctor.model import Check, CheckState, InterpreterFacts, MachineFacts, ProjectFacts
from leakcheck.model.units import format_size

MACHINE, PARTS, FOLDER = "the machine", "optional parts", "here"
_PROJECT = "pytest-leakcheck"
_REMEDY = f'pip install "{_PROJECT}[{{}}]"'


@dataclass(frozen=True, slots=True)
class _OptionalPackage:
    """A package that is needed for one thing only."""

    package: str
    what_for: str
    extra: str
    is_measured: bool = False
    """It has to be where the measured code is; else beside leakcheck."""


_PARTS = (
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


def of_machine(computer: MachineFacts, limiter: str) -> Iterator[Check]:
    """Yield what there is to say of the machine."""
    yield Check(part=MACHINE, name="system", state=CheckState.GOOD, says=computer.system)
    cores = f"{computer.cores} of {computer.all_cores} may be used; --jobs auto measures as many side by side"
    yield Check(part=MACHINE, name="cores", state=CheckState.GOOD, says=cores)
    memory = f"{format_size(computer.free_bytes)} of {format_size(computer.all_bytes)} can be had"
    yield Check(part=MACHINE, name="memory", state=CheckState.GOOD, says=memory)
    yield _control_group(computer)
    if limiter:
        yield Check(
            part=MACHINE, name="memory limit", state=CheckState.GOOD, says=f"leakcheck limit sets it by {limiter}"
        )


def _control_group(computer: MachineFacts) -> Check:
    group = computer.group
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


def of_parts(here: ProjectFacts, found: InterpreterFacts | None) -> Iterator[Check]:
    """Yield each optional part: its version, or what it would be needed for."""
    measured = {} if found is None else {name.lower(): version for name, version in found.packages.items()}
    yield _plugin(measured, here)
    for part in _PARTS:
        version = (measured if part.is_measured else here.packages).get(part.package.lower())
        says = version or f"not installed; needed for {part.what_for}"
        remedy = "" if version else _REMEDY.format(part.extra)
        state = CheckState.GOOD if version else CheckState.NOTE
        yield Check(part=PARTS, name=part.package, state=state, says=says, remedy=remedy)
    for name, is_there in here.programs.items():
        says = "can be started" if is_there else "not installed; needed for a database server of the newsletter's own"
        yield Check(part=PARTS, name=name, state=CheckState.GOOD if is_there else CheckState.NOTE, says=says)


def _plugin(measured: dict[str, str], here: ProjectFacts) -> Check:
    pytest, ours = measured.get("pytest"), measured.get(_PROJECT)
    if pytest is None:
        says, remedy = "pytest is not installed; needed for the marker and the fixture", _REMEDY.format("pytest")
    elif ours is None:
        says, remedy = f"pytest {pytest} does not have leakcheck beside it", f"pip install {_PROJECT} there"
    elif here.is_autoload_off:
        says, remedy = f"pytest {pytest} loads no plugin by itself", "pytest -p leakcheck.pytest_plugin.plugin"
    else:
        return Check(part=PARTS, name="pytest plugin", state=CheckState.GOOD, says=f"loaded by pytest {pytest}")
    return Check(part=PARTS, name="pytest plugin", state=CheckState.NOTE, says=says, remedy=remedy)


def of_folder(here: ProjectFacts) -> Iterator[Check]:
    """Yield what there is to say of the folder, the environment and the terminal."""
    yield Check(part=FOLDER, name="leakcheck", state=CheckState.GOOD, says=f"runs on Python {here.python}")
    yield _settings(here)
    yield _baseline(here)
    if here.variables:
        says = f"set: {', '.join(here.variables)}"
        yield Check(part=FOLDER, name="environment", state=CheckState.GOOD, says=says)
    git = here.git or "not installed; needed for comparing revisions, and to say what was measured"
    says = git if not here.git or here.is_repository else f"{git}; this folder is in no repository"
    remedy = "" if here.git else "install git"
    yield Check(
        part=FOLDER, name="git", state=CheckState.GOOD if here.git else CheckState.NOTE, says=says, remedy=remedy
    )
    yield Check(part=FOLDER, name="terminal", state=CheckState.GOOD, says=here.terminal)


def _settings(here: ProjectFacts) -> Check:
    if here.settings_error:
        remedy = "mend it: nothing is measured with settings that cannot be used"
        return Check(part=FOLDER, name="settings", state=CheckState.BROKEN, says=here.settings_error, remedy=remedy)
    if not here.pyproject:
        return Check(part=FOLDER, name="settings", state=CheckState.GOOD, says="no pyproject.toml: the defaults")
    what = "[tool.leakcheck] is valid" if here.has_table else "no [tool.leakcheck]: the defaults"
    return Check(part=FOLDER, name="settings", state=CheckState.GOOD, says=f"{here.pyproject}: {what}")


def _baseline(here: ProjectFacts) -> Check:
    if here.baseline_error:
        remedy = "mend it, or make it anew with leakcheck baseline update; only leakcheck check needs it"
        return Check(part=FOLDER, name="baseline", state=CheckState.LESS, says=here.baseline_error, remedy=remedy)
    if here.baseline_entries is None:
        return Check(
            part=FOLDER, name="baseline", state=CheckState.GOOD, says="none; leakcheck baseline update makes one"
        )
    says = f"{here.baseline}: {here.baseline_entries} accepted"
    return Check(part=FOLDER, name="baseline", state=CheckState.GOOD, says=says)
