"""Say what this interpreter is, and what is installed in it."""

import platform
import sys
import sysconfig
from collections.abc import Iterable
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING, Any

from leakcheck.probe.originals import BUILTINS, os

if TYPE_CHECKING:
    from importlib import metadata

__builtins__ = BUILTINS

_TOLD_IN = {".dist-info": "METADATA", ".egg-info": "PKG-INFO"}
_HEADER = 1000
"""Characters of a package's metadata among which its name and version are: they come second and third."""


def environment() -> dict[str, Any]:
    """Return what an `Environment` says of this interpreter."""
    return {
        "python": platform.python_version(),
        "implementation": sys.implementation.name,
        "executable": sys.executable,
        "platform": f"{sys.platform}-{platform.machine()}",
        "allocator": _allocator(os.environ.get("PYTHONMALLOC", "")),
        "libc": " ".join(platform.libc_ver()).strip(),
        "packages": dict(sorted((name, version) for name, version in _packages() if name)),
    }


def _packages() -> Iterable[tuple[str | None, str | None]]:
    """Return what each package is called, and which one it is.

    As importlib.metadata finds them, which loads all of email for 30 ms: only where they are kept in another way.
    """
    found = packages_in_folders(sys.path)
    # others than Python's own finder have packages wherever they like
    if found is None or any(hasattr(one, "find_distributions") for one in sys.meta_path if one is not PathFinder):
        from importlib import metadata

        return map(name_and_version, metadata.distributions())
    return found


def packages_in_folders(folders: Iterable[str]) -> list[tuple[str, str]] | None:
    """Return the names and versions of packages in folders as pip makes them; None where anything is not as usual."""
    found = []
    for folder in folders:
        try:
            names = os.listdir(folder or ".")
        except FileNotFoundError:
            continue
        except (OSError, TypeError):
            return None
        if folder.lower().endswith(".egg"):
            return None
        for name in names:
            file = _TOLD_IN.get(name[name.rfind(".") :].lower())
            if file is None:
                continue
            told = _told_in(_beginning(f"{folder or '.'}/{name}/{file}"))
            if told is None:
                return None
            found.append(told)
    return found


def _beginning(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read(_HEADER)
    except (OSError, ValueError):
        return ""


def name_and_version(package: "metadata.Distribution") -> tuple[str | None, str | None]:
    """Return what a package is called, and which one it is.

    By its first lines: `package.metadata` parses the whole description too, a millisecond for each of what may be
    hundreds. Where they do not tell, it is asked all the same. Of a package that is broken nothing is known: that is
    no reason to measure nothing.
    """
    try:
        return _told_by(package)
    except Exception:  # whatever its files hold
        return None, None


def _told_by(package: "metadata.Distribution") -> tuple[str | None, str | None]:
    text = package.read_text("METADATA") or package.read_text("PKG-INFO") or ""
    return _told_in(text) or (package.metadata["Name"], package.version)


def _told_in(text: str) -> tuple[str, str] | None:
    header = text[:_HEADER].partition("\n\n")[0]
    # the last line may be cut off in the middle
    header = header if len(header) < _HEADER else header.rpartition("\n")[0]
    name, version = (_field(header.split("\n"), field) for field in ("Name: ", "Version: "))
    return (name, version) if name and version else None


def _field(header: list[str], field: str) -> str | None:
    return next((line.removeprefix(field).strip() for line in header if line.startswith(field)), None)


def _allocator(said: str) -> str:
    """Return what hands out this interpreter's memory: under different ones the same object has different sizes."""
    built = "mimalloc" if sysconfig.get_config_var("Py_GIL_DISABLED") else "pymalloc"
    if not sysconfig.get_config_var("WITH_PYMALLOC"):
        built = "malloc"
    debug = f"{built}_debug"
    if said in ("", "default"):
        is_debug = hasattr(sys, "gettotalrefcount") or (not said and sys.flags.dev_mode)
        return debug if is_debug else built
    return debug if said == "debug" else said
