"""Wheel and sdist, built as they would be for an index, and environments that have the wheel and what it declares."""

import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesParser
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from tests.live.command import bare_environment

PROJECT = Path(__file__).resolve().parents[2]
NAME = "pytest-leakcheck"


@dataclass(frozen=True, slots=True)
class Built:
    """The two files of a release."""

    wheel: Path
    sdist: Path

    def wheel_files(self) -> dict[str, bytes]:
        """Return what the wheel holds, by name."""
        return read_wheel(self.wheel)

    def sdist_names(self) -> set[str]:
        """Return what the sdist holds, by its names below the one folder."""
        with tarfile.open(self.sdist) as archive:
            return {name.partition("/")[2] for name in archive.getnames()}

    def metadata(self) -> Message:
        """Return what an index would show."""
        files = self.wheel_files()
        return BytesParser().parsebytes(next(files[name] for name in files if name.endswith(".dist-info/METADATA")))


def read_wheel(wheel: Path) -> dict[str, bytes]:
    """Return what a wheel holds, by name."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def build(folder: Path, *what: str) -> None:
    """Build in this environment, so that nothing is fetched; without `what` the wheel is made of the sdist."""
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), *what, str(PROJECT)]
    ran(command, folder)


def ran(command: Sequence[str | Path], folder: Path, *, seconds: float = 300.0, code: int = 0, **said: str) -> str:
    """Run a command in a folder; return what it printed, errors behind it. Fail where it ends with another code."""
    done = subprocess.run(
        command,
        cwd=folder,
        env={**bare_environment(), **said},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@dataclass(frozen=True, slots=True)
class Installed:
    """A virtual environment that has the wheel."""

    folder: Path

    @property
    def python(self) -> Path:
        """Return its interpreter."""
        return self.folder / "bin" / "python"

    @property
    def leakcheck(self) -> Path:
        """Return its command."""
        return self.folder / "bin" / "leakcheck"

    @property
    def packages(self) -> Path:
        """Return where its packages lie."""
        (found,) = self.folder.glob("lib/python*/site-packages")
        return found

    def files(self) -> set[Path]:
        """Return all that lies among its packages as leakcheck's, what Python caches left out."""
        return {path for path in (self.packages / "leakcheck").rglob("*") if "__pycache__" not in path.parts}

    def borrow(self, *extras: str) -> None:
        """Let it have what the wheel declares for these extras, from this environment, and nothing else of it."""
        for distribution in closure(NAME, extras):
            for top in {file.parts[0] for file in distribution.files or ()} - {"..", "__pycache__"}:
                place = self.packages / top
                if not place.exists():
                    place.symlink_to(Path(str(distribution.locate_file(top))))


def install(wheel: Path, folder: Path) -> Installed:
    """Make an empty environment, and install the wheel alone into it."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True, timeout=60)
    made = Installed(folder)
    pip = [sys.executable, "-m", "pip", "--python", str(made.python), "install", "--quiet", "--no-deps", "--no-index"]
    ran([*pip, wheel], folder)
    return made


def closure(name: str, extras: Sequence[str]) -> Iterator[metadata.Distribution]:
    """Yield every distribution that one needs, by what they declare; it itself is left out."""
    waiting, seen = [(name, tuple(extras))], set()
    while waiting:
        asked = waiting.pop()
        if asked in seen:
            continue
        seen.add(asked)
        distribution = metadata.distribution(asked[0])
        if asked[0] != name:
            yield distribution
        for text in distribution.requires or ():
            requirement = Requirement(text)
            wanted = [{"extra": extra} for extra in ("", *asked[1])]
            if requirement.marker is None or any(map(requirement.marker.evaluate, wanted)):
                waiting.append((requirement.name, tuple(sorted(requirement.extras))))
