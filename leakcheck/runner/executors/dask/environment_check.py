"""Where a measurement belongs, and whether this machine is such a place.

The user's files must be the same everywhere, by a shared file system or by one image. What proves it: the digest of
the file that holds the scenario and of pyproject.toml, and where both sides see a git repository the commit and what
differs from it in Python files. Figures of different Pythons, libraries or packages cannot be compared, here as in
`leakcheck merge`.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path

from leakcheck import __version__
from leakcheck.analysis.compare.environments import between_environments
from leakcheck.config.settings import Settings
from leakcheck.config.sources import find_pyproject
from leakcheck.model.answers import ScenarioInfo
from leakcheck.model.errors import UsageError
from leakcheck.model.failure import WorkerFailed
from leakcheck.model.protocol import Pass, PassRequest
from leakcheck.model.run import Environment
from leakcheck.runner.collect import surroundings_of
from leakcheck.runner.worker_process import WorkerProcess
from leakcheck.scenario import DJANGO, parse_target
from leakcheck.storage import git

_DECIDING = ("PYTHON*", "MALLOC_*", "GLIBC_TUNABLES", "LD_PRELOAD", "*_NUM_THREADS", "DJANGO_SETTINGS_MODULE")
"""Variables that decide what is measured: they are those of the command, and never those of a worker. Dask's nanny
sets some of them, and one changes what malloc keeps."""

_OF_DASK = "DASK_*"
_ALGORITHM = "sha256"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionEnvironment:
    """The surroundings that a measurement must have, on whichever machine."""

    folder: str
    """The working folder."""
    environment: Environment
    python: str | None
    """The interpreter, where one was named; None: the one that runs leakcheck there."""
    files: Mapping[str, str]
    """Digests of the user's files, by their paths from the folder."""
    changes: str | None
    """The digest of what the commit does not hold; None outside of a repository."""
    variables: Mapping[str, str]


def place_here(scenario: ScenarioInfo, settings: Settings, environment: Environment) -> ExecutionEnvironment:
    """Return the place that this process measures a scenario in."""
    return ExecutionEnvironment(
        folder=str(Path.cwd()),
        environment=environment,
        python=settings.python,
        files={path: digest for path in _files_of(scenario) if (digest := _digest(path)) is not None},
        changes=git.changes(),
        variables={name: value for name, value in os.environ.items() if _is_deciding(name)},
    )


def enter(place: ExecutionEnvironment) -> None:
    """Make this process's folder and variables those of a place. Raises OSError where there is no such folder."""
    os.chdir(place.folder)
    for name in list(os.environ):
        if _is_deciding(name) or fnmatchcase(name, _OF_DASK):
            del os.environ[name]
    os.environ.update(place.variables)


def differences_here(place: ExecutionEnvironment, target: str, settings: Settings) -> Iterator[str]:
    """Yield what is not as it must be, after `enter`; nothing where it may be measured here."""
    if place.python is not None and not os.access(place.python, os.X_OK):
        yield f"there is no Python {place.python}"
        return
    for path, digest in place.files.items():
        found = _digest(path)
        if found is None:
            yield f"there is no file {path} in {place.folder}"
        elif found != digest:
            yield f"{path} in {place.folder} is another one, or was changed since the run began"
    there = git.commit()
    changes = git.changes() if place.changes is not None and there == place.environment.git_commit else None
    if changes is not None and changes != place.changes:
        yield f"what differs from the commit in {place.folder} is something else"
    try:
        environment = _environment(target, settings)
    except (WorkerFailed, UsageError) as error:
        yield f"its Python does not start: {error}"
        return
    # an image may come without its repository: then the files have to do
    environment = replace(environment, git_commit=there or place.environment.git_commit)
    yield from between_environments(place.environment, environment)


def _environment(target: str, settings: Settings) -> Environment:
    """Ask the interpreter that will measure; it ends before it imports anything of the user's."""
    plan = PassRequest(work=Pass.DESCRIBE, target=target)
    with WorkerProcess(plan, surroundings_of(settings)) as worker:
        return Environment(**worker.start()["environment"], leakcheck=__version__)


def _files_of(scenario: ScenarioInfo) -> Iterator[str]:
    """Yield the files that hold a scenario, and the settings, as far as they can be told without importing them."""
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
    """Return the file of a module that lies here or on PYTHONPATH; packages that are installed have a version."""
    *packages, last = (module or "").split(".")
    for folder in ("", *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))):
        place = Path(folder, *packages)
        for path in (place / f"{last}.py", place / last / "__init__.py"):
            if path.is_file():
                return str(path)
    return None


def _digest(path: str) -> str | None:
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, _ALGORITHM).hexdigest()
    except OSError:
        return None


def _is_deciding(name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in _DECIDING)
