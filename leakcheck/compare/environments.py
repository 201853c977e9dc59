"""The Python environment of a revision: the present one where its locks are the same, else one of its own."""

import hashlib
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from leakcheck.model.errors import UsageError
from leakcheck.model.files import read_file

LOCKS = ("uv.lock", "pylock.toml", "requirements.txt", "requirements.lock", "poetry.lock", "pdm.lock", "Pipfile.lock")
_INSTALL_SECONDS = 1800
_LARGEST_FILE_BYTES = 64 * 1024 * 1024
_UNREADABLE = ("uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock")


def lock_of(folder: Path) -> str:
    """Return a fingerprint of what a checkout says it needs: its lock files, else pyproject's dependencies."""
    locked = [folder / name for name in LOCKS if (folder / name).is_file()]
    locked += sorted((folder / "requirements").glob("*.txt"))
    told = hashlib.sha256()
    for path in locked:
        told.update(path.name.encode() + b"\0" + _read(path) + b"\0")
    if not locked:
        told.update(repr(_dependencies(folder)).encode())
    return told.hexdigest()[:16]


def python_of(folder: Path, present: Path, place: Path, python: str | None) -> str:
    """Return the interpreter for a checkout, making its environment where there is none yet.

    `present` is the folder whose needs the given, or the running, Python satisfies: a checkout that
    needs the same gets that one. Raises UsageError where an environment cannot be made.
    """
    current = python or sys.executable
    lock = lock_of(folder)
    if lock == lock_of(present):
        return current
    environment = place / "environments" / lock
    made = environment / "bin" / "python"
    if not (environment / ".complete").exists():
        _make(environment, current, _install_arguments(folder))
        (environment / ".complete").touch()
    return str(made)


def _install_arguments(folder: Path) -> list[str]:
    """Return what pip is to install."""
    requirements = [folder / name for name in ("requirements.txt", "requirements.lock") if (folder / name).is_file()]
    requirements += sorted((folder / "requirements").glob("*.txt"))
    if requirements:
        return [part for path in requirements for part in ("-r", str(path))]
    if (folder / "pylock.toml").is_file():
        return ["-r", str(folder / "pylock.toml")]
    other = next((name for name in _UNREADABLE if (folder / name).is_file()), None)
    if other is not None:
        raise UsageError(
            f"{folder}: needs other packages than the present environment, and pip cannot read {other}; make an "
            "environment of that revision and name its interpreter with --python-before or --python-after"
        )
    return _dependencies(folder)


def _read(path: Path) -> bytes:
    # of a revision whose code is run: links are followed, and a device is not read for ever
    return read_file(path, most_bytes=_LARGEST_FILE_BYTES, what="lock file may be", follows_links=True)


def _dependencies(folder: Path) -> list[str]:
    path = folder / "pyproject.toml"
    if not path.is_file():
        return []
    try:
        project: Mapping[str, Any] = tomllib.loads(_read(path).decode("utf-8")).get("project", {})
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: {error}") from error
    found = project.get("dependencies", [])
    return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []


def _make(environment: Path, python: str, wanted: Sequence[str]) -> None:
    environment.parent.mkdir(parents=True, exist_ok=True)
    _run([python, "-m", "venv", "--clear", str(environment)])
    if wanted:
        pip = [str(environment / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _run([*pip, *wanted])


def _run(command: Sequence[str]) -> None:
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_INSTALL_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise UsageError(
            f"{command[0]}: {error}; name an interpreter with --python-before or --python-after"
        ) from error
    if done.returncode:
        said = "\n".join((done.stderr or done.stdout).strip().splitlines()[-5:])
        raise UsageError(
            f"the environment of that revision cannot be made:\n{said}\n"
            "name an interpreter with --python-before or --python-after"
        )
