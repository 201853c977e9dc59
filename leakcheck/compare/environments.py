"""The Python environment of a revision: the current one if the lock files are the same, else a new one."""

import hashlib
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from leakcheck.model.errors import UsageError
from leakcheck.model.files import read_file
from leakcheck.storage.command import CommandFailed, run_command

_LOCKS = ("uv.lock", "pylock.toml", "requirements.txt", "requirements.lock", "poetry.lock", "pdm.lock", "Pipfile.lock")
_INSTALL_SECONDS = 1800
_LARGEST_FILE_BYTES = 64 * 1024 * 1024
_UNSUPPORTED_BY_PIP = ("uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock")


def lock_of(folder: Path) -> str:
    """Return a digest of a checkout's requirements: its lock files, or the dependencies in pyproject.toml."""
    paths = [folder / name for name in _LOCKS if (folder / name).is_file()]
    paths += sorted((folder / "requirements").glob("*.txt"))
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.name.encode() + b"\0" + _read(path) + b"\0")
    if not paths:
        digest.update(repr(_dependencies(folder)).encode())
    return digest.hexdigest()[:16]


def python_of(folder: Path, reference: Path, cache: Path, python: str | None) -> str:
    """Return the interpreter for a checkout; create its environment below `cache` if necessary.

    The given Python, or else the running one, is taken to satisfy the requirements of `reference`, and is returned for
    a checkout with the same ones. Raises UsageError if an environment cannot be created.
    """
    current = python or sys.executable
    lock = lock_of(folder)
    if lock == lock_of(reference):
        return current
    environment = cache / "environments" / lock
    if not (environment / ".complete").exists():
        _create(environment, current, _install_arguments(folder))
        (environment / ".complete").touch()
    return str(environment / "bin" / "python")


def _install_arguments(folder: Path) -> list[str]:
    requirements = [folder / name for name in ("requirements.txt", "requirements.lock") if (folder / name).is_file()]
    requirements += sorted((folder / "requirements").glob("*.txt"))
    if requirements:
        return [part for path in requirements for part in ("-r", str(path))]
    if (folder / "pylock.toml").is_file():
        return ["-r", str(folder / "pylock.toml")]
    lock = next((name for name in _UNSUPPORTED_BY_PIP if (folder / name).is_file()), None)
    if lock is not None:
        raise UsageError(
            f"{folder}: needs other packages than the present environment, and pip cannot read {lock}; make an "
            "environment of that revision and name its interpreter with --python-before or --python-after"
        )
    return _dependencies(folder)


def _read(path: Path) -> bytes:
    # links are followed, because the code of this revision is run anyway
    return read_file(path, most_bytes=_LARGEST_FILE_BYTES, what="lock file may be", follows_links=True)


def _dependencies(folder: Path) -> list[str]:
    path = folder / "pyproject.toml"
    if not path.is_file():
        return []
    try:
        project: Mapping[str, Any] = tomllib.loads(_read(path).decode("utf-8")).get("project", {})
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: {error}") from error
    dependencies = project.get("dependencies", [])
    return [item for item in dependencies if isinstance(item, str)] if isinstance(dependencies, list) else []


def _create(environment: Path, python: str, install_arguments: Sequence[str]) -> None:
    environment.parent.mkdir(parents=True, exist_ok=True)
    _run([python, "-m", "venv", "--clear", str(environment)])
    if install_arguments:
        pip = [str(environment / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _run([*pip, *install_arguments])


def _run(command: Sequence[str]) -> None:
    try:
        run_command(command, timeout_seconds=_INSTALL_SECONDS, error_lines=5)
    except CommandFailed as error:
        raise UsageError(
            f"cannot create the environment of that revision:\n{error}\n"
            "name an interpreter with --python-before or --python-after"
        ) from error
