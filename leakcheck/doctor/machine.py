"""Checks of the machine, of optional packages, and of the project in the current folder."""

from leakcheck.doctor.checks import Check, Checks, Problem, check, note
from leakcheck.doctor.model import CheckState, MachineFacts, ProjectFacts
from leakcheck.model.units import format_size

_DISTRIBUTION = "pytest-leakcheck"


def _control_group(machine: MachineFacts) -> str:
    group = machine.group
    limits = [
        *([] if group.cores is None else [f"{group.cores:g} cores"]),
        *([] if group.memory_bytes is None else [format_size(group.memory_bytes)]),
    ]
    if group.version != 2:
        return f"v{group.version}" if group.version else "none"
    return f"v2, limited to {' and '.join(limits)}" if limits else "v2, no limits"


MACHINE: Checks[MachineFacts] = (
    check("system", lambda machine: machine.system),
    check(
        "cores",
        lambda machine: f"{machine.cores} of {machine.all_cores} usable; --jobs auto measures that many in parallel",
    ),
    check("memory", lambda machine: f"{format_size(machine.free_bytes)} of {format_size(machine.all_bytes)} available"),
    check(
        "control group",
        _control_group,
        note(
            lambda machine: machine.group.version == 1,
            "cgroup v1 limits are not detected; set --jobs and --max-memory in containers",
        ),
    ),
    check(
        "memory limit",
        lambda machine: f"leakcheck limit sets it with {machine.limiter}",
        applies=lambda machine: machine.limiter,
    ),
)


def _install(extra: str) -> str:
    return f'pip install "{_DISTRIBUTION}[{extra}]"'


def _package(name: str, purpose: str, extra: str, *, is_measured: bool = True) -> Check[ProjectFacts]:
    """Return the check of a package in the measured environment, or else in leakcheck's own."""

    def version(project: ProjectFacts) -> str:
        return (project.measured_packages if is_measured else project.packages).get(name.lower(), "")

    missing: Problem[ProjectFacts] = note(
        lambda project: not version(project), _install(extra), f"not installed; needed for {purpose}"
    )
    return check(name, version, missing)


def _server(program: str, name: str) -> Check[ProjectFacts]:
    """Return the check of a database server that the scenarios of the newsletter can start."""
    message = f"not installed; needed to run the newsletter's scenarios on {name}"
    missing: Problem[ProjectFacts] = note(
        lambda project: not project.programs[program], f"install the {name} server", message
    )
    return check(program, "available", missing)


OPTIONAL: Checks[ProjectFacts] = (
    check(
        "pytest plugin",
        lambda project: f"loaded by pytest {project.measured_packages['pytest']}",
        note(
            lambda project: "pytest" not in project.measured_packages,
            _install("pytest"),
            "pytest is not installed; needed for the marker and the fixture",
        ),
        note(
            lambda project: _DISTRIBUTION not in project.measured_packages,
            f"pip install {_DISTRIBUTION} in the measured environment",
            lambda project: f"not installed beside pytest {project.measured_packages['pytest']}",
        ),
        note(
            lambda project: project.is_autoload_off,
            "pytest -p leakcheck.pytest_plugin.plugin",
            "not loaded: PYTEST_DISABLE_PLUGIN_AUTOLOAD is set",
        ),
    ),
    _package("Django", "leakcheck django and leakcheck demo", "django"),
    _package("aiosmtpd", "leakcheck demo", "django"),
    _package("gunicorn", "leakcheck limit", "limit"),
    _package("uvicorn", "leakcheck limit with ASGI applications", "limit"),
    _package("httpx", "leakcheck limit", "limit", is_measured=False),
    _package("matplotlib", "leakcheck plot", "plots", is_measured=False),
    _package("psycopg", "PostgreSQL", "databases"),
    _package("mysqlclient", "MariaDB and MySQL", "databases"),
    _package("PyMySQL", "MariaDB and MySQL", "databases"),
    _server("postgres", "PostgreSQL"),
    _server("mariadbd", "MariaDB"),
)


def _settings(project: ProjectFacts) -> str:
    if not project.pyproject:
        return "no pyproject.toml; the defaults apply"
    table = "[tool.leakcheck] is valid" if project.has_table else "no [tool.leakcheck]; the defaults apply"
    return f"{project.pyproject}: {table}"


def _baseline(project: ProjectFacts) -> str:
    if project.baseline_entries is None:
        return "none; leakcheck baseline update creates one"
    return f"{project.baseline}, {project.baseline_entries} accepted"


LEAKCHECK: Checks[ProjectFacts] = (
    check("version", lambda project: f"{project.leakcheck}, on Python {project.python}"),
    check(
        "settings",
        _settings,
        Problem(
            lambda project: project.settings_error,
            "fix it: nothing is measured with invalid settings",
            lambda project: project.settings_error,
            CheckState.BROKEN,
        ),
    ),
    check(
        "baseline",
        _baseline,
        Problem(
            lambda project: project.baseline_error,
            "fix it, or recreate it with leakcheck baseline update; only leakcheck check needs it",
            lambda project: project.baseline_error,
        ),
    ),
    check(
        "variables", lambda project: f"{', '.join(project.variables)} set", applies=lambda project: project.variables
    ),
    check(
        "git",
        lambda project: f"{project.git}{'' if project.is_repository else '; this folder is not in a repository'}",
        note(
            lambda project: project.git is None,
            "install git",
            "not installed; needed to compare revisions and to record the commit",
        ),
    ),
    check("terminal", lambda project: project.terminal),
)

MACHINE_GROUPS = {"Machine": MACHINE}
PROJECT_GROUPS = {"Optional": OPTIONAL, "leakcheck": LEAKCHECK}
