"""A virtual environment for each distinct set of packages, kept between runs."""

import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import distributions
from pathlib import Path

# exits 0 only when every "name==version" among its arguments is what is installed
_CHECK = """
import sys
from importlib.metadata import PackageNotFoundError, version
try:
    sys.exit(any(version(name) != pin for name, pin in (spec.split("==") for spec in sys.argv[1:])))
except PackageNotFoundError:
    sys.exit(1)
"""


class InstallError(Exception):
    """An environment could not be made; the message is the end of what pip wrote."""


def environment_key(packages: Sequence[str]) -> str:
    """Return the environment's folder name: `Django-4.2.16`, or `stdlib` for no packages."""
    return "_".join(spec.replace("==", "-") for spec in packages) or "stdlib"


def environment_python(root: Path, packages: Sequence[str]) -> Path:
    """Return the interpreter of an environment with those packages, made if it is not there yet.

    Raises InstallError when it cannot be made; what was begun is finished by the next run.
    """
    folder = root / environment_key(packages)
    python = folder / "bin" / "python"
    if not _complete(python, packages):
        _run([sys.executable, "-m", "venv", str(folder)])
        if packages:
            _run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages])
    return python


def make_environments(
    wanted: Iterable[tuple[str, ...]], root: Path, tell: Callable[[str], None]
) -> dict[tuple[str, ...], Path]:
    """Return an interpreter for each set of packages that can be installed; `tell` hears of the others."""
    pythons: dict[tuple[str, ...], Path] = {}
    for packages in sorted(set(wanted)):
        try:
            pythons[packages] = environment_python(root, packages)
        except InstallError as error:
            tell(f"{environment_key(packages)} cannot be installed; its arms are left out:\n{error}")
    return pythons


def lent_folder(root: Path, packages: Sequence[str]) -> Path:
    """Return a folder with those packages, which interpreters of this version may add to the end of their path.

    Raises InstallError when it cannot be made. Remove the folder to have newer versions.
    """
    folder = root / "peers"
    if set(packages) - set(versions(folder)):
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _run([*pip, "--upgrade", "--target", str(folder), *packages])
    return folder


def versions(folder: Path) -> dict[str, str]:
    """Return what is installed in a folder, and in which version."""
    return {found.name: found.version for found in distributions(path=[str(folder)])}


def _complete(python: Path, packages: Sequence[str]) -> bool:
    # by asking it, not by a marker file: an install that was interrupted leaves a python too
    return python.is_file() and subprocess.run([str(python), "-c", _CHECK, *packages], check=False).returncode == 0


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise InstallError("\n".join((done.stdout + done.stderr).strip().splitlines()[-5:]))
