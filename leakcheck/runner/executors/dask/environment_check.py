"""The environment that a task must be measured in, and the check whether this machine provides it.

The user's files must be the same on every machine, by a shared file system or by one image. This is checked by the
digests of the file that holds the scenario and of pyproject.toml, and where both machines see a git repository, by the
commit and the uncommitted changes to Python files. Figures of different Pythons, libraries or packages cannot be
compared, as in `leakcheck merge`.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

from leakcheck import __version__
from leakcheck.analysis.compare.environments import environment_differences
from leakcheck.config.settings import Settings
from leakcheck.config.sources import find_pyproject
from leakcheck.model.answers import ScenarioInfo
from leakcheck.model.errors import UsageError
from leakcheck.model.failure import WorkerFailed
from leakcheck.model.protocol import Pass, PassRequest
from leakcheck.model.run import Environment
from leakcheck.runner.worker_process import WorkerProcess, worker_limits_of
from leakcheck.scenario import DJANGO, parse_target
from leakcheck.storage import git

_MEASUREMENT_VARIABLES = (
    "PYTHON*",
    "MALLOC_*",
    "GLIBC_TUNABLES",
    "LD_PRELOAD",
    "*_NUM_THREADS",
    "DJANGO_SETTINGS_MODULE",
)
"""Environment variables that affect what is measured. They are taken from the command and never from the worker:
Dask's nanny sets some of them, one of which changes what malloc keeps."""

_DASK_VARIABLES = "DASK_*"
_ALGORITHM = "sha256"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionEnvironment:
    """What must be the same on the machine that measures as on the one that submitted the task."""

    folder: str
    environment: Environment
    python: str | None
    """The interpreter, where one was named; None for the one that runs leakcheck on that machine."""
    files: Mapping[str, str]
    """Digests of the user's files, by their paths relative to the folder."""
    changes: str | None
    """The digest of the uncommitted changes; None outside a repository."""
    variables: Mapping[str, str]


def required_environment(scenario: ScenarioInfo, settings: Settings, environment: Environment) -> ExecutionEnvironment:
    """Return the environment that this process would measure a scenario in."""
    return ExecutionEnvironment(
        folder=str(Path.cwd()),
        environment=environment,
        python=settings.python,
        files={path: digest for path in _files_of(scenario) if (digest := _digest(path)) is not None},
        changes=git.changes(),
        variables={name: value for name, value in os.environ.items() if _affects_measurement(name)},
    )


def enter(place: ExecutionEnvironment) -> None:
    """Take over the folder and the variables of an environment. Raises OSError where there is no such folder."""
    os.chdir(place.folder)
    for name in list(os.environ):
        if _affects_measurement(name) or fnmatchcase(name, _DASK_VARIABLES):
            del os.environ[name]
    os.environ.update(place.variables)


def differences(place: ExecutionEnvironment, target: str, settings: Settings) -> Iterator[str]:
    """Yield in what this machine differs from the environment; nothing where it may measure. Call `enter` first."""
    if place.python is not None and not os.access(place.python, os.X_OK):
        yield f"there is no interpreter {place.python}"
        return
    for path, digest in place.files.items():
        own_digest = _digest(path)
        if own_digest is None:
            yield f"there is no file {path} in {place.folder}"
        elif own_digest != digest:
            yield f"{path} in {place.folder} differs, or was changed after the run began"
    commit = git.commit()
    changes = git.changes() if place.changes is not None and commit == place.environment.git_commit else None
    if changes is not None and changes != place.changes:
        yield f"the uncommitted changes in {place.folder} differ"
    try:
        environment = _environment_of_interpreter(target, settings)
    except (WorkerFailed, UsageError) as error:
        yield f"its Python does not start: {error}"
        return
    # an image may come without its repository: then the digests of the files have to do
    environment = replace(environment, git_commit=commit or place.environment.git_commit)
    yield from environment_differences(place.environment, environment)


def _environment_of_interpreter(target: str, settings: Settings) -> Environment:
    """Return what the interpreter that will measure reports; it is ended before it imports the user's code."""
    request = PassRequest(kind=Pass.COLLECT, target=target)
    with WorkerProcess(request, worker_limits_of(settings)) as worker:
        return Environment(**worker.start()["environment"], leakcheck=__version__)


def _files_of(scenario: ScenarioInfo) -> Iterator[str]:
    """Yield the file of a scenario, where it is known without an import, and pyproject.toml, where there is one."""
    target = parse_target(scenario.target)
    if target.path is not None:
        yield str(target.path)
    elif target.module is not None:
        source = _source_of(target.name if target.module == DJANGO and target.requests else target.module)
        if source is not None:
            yield source
    pyproject = find_pyproject(Path.cwd())
    if pyproject is not None:
        yield os.path.relpath(pyproject)


def _source_of(module: str | None) -> str | None:
    """Return the file of a module in this folder or on PYTHONPATH; installed packages are compared by version."""
    *packages, last = (module or "").split(".")
    for folder in ("", *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))):
        parent = Path(folder, *packages)
        for path in (parent / f"{last}.py", parent / last / "__init__.py"):
            if path.is_file():
                return str(path)
    return None


def _digest(path: str) -> str | None:
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, _ALGORITHM).hexdigest()
    except OSError:
        return None


def _affects_measurement(name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in _MEASUREMENT_VARIABLES)
