"""Describe this interpreter and the packages that are installed in it."""

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

_METADATA_FILES = {".dist-info": "METADATA", ".egg-info": "PKG-INFO"}
_HEADER = 1000
"""How many characters of the metadata to search for the name and version, usually its second and third line."""


def environment() -> dict[str, Any]:
    """Return the fields of an `Environment` that describe this interpreter."""
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
    """Return the name and the version of each package, None where they are unknown.

    importlib.metadata loads all of email, which takes 30 ms: it is used only for packages that pip did not lay out.
    """
    packages = packages_in_folders(sys.path)
    # a finder other than Python's own may have packages anywhere
    others = (finder for finder in sys.meta_path if finder is not PathFinder)
    if packages is None or any(hasattr(finder, "find_distributions") for finder in others):
        from importlib import metadata

        return map(name_and_version, metadata.distributions())
    return packages


def packages_in_folders(folders: Iterable[str]) -> list[tuple[str, str]] | None:
    """Return the names and versions of the packages that pip laid out; None where a folder holds anything else."""
    packages = []
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
            file = _METADATA_FILES.get(name[name.rfind(".") :].lower())
            if file is None:
                continue
            package = _name_in(_beginning(f"{folder or '.'}/{name}/{file}"))
            if package is None:
                return None
            packages.append(package)
    return packages


def _beginning(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read(_HEADER)
    except (OSError, ValueError):
        return ""


def name_and_version(package: "metadata.Distribution") -> tuple[str | None, str | None]:
    """Return the name and the version of a package; None for both if its metadata is broken.

    They are read from its first lines. `package.metadata` also parses the whole description, which takes a millisecond
    for each of what may be hundreds of packages, so it is used only where the first lines do not have both.
    """
    try:
        text = package.read_text("METADATA") or package.read_text("PKG-INFO") or ""
        return _name_in(text) or (package.metadata["Name"], package.version)
    except Exception:  # whatever its files hold
        return None, None


def _name_in(text: str) -> tuple[str, str] | None:
    header = text[:_HEADER].partition("\n\n")[0]
    # the last line may be cut off in the middle
    header = header if len(header) < _HEADER else header.rpartition("\n")[0]
    name, version = (_field(header.split("\n"), field) for field in ("Name: ", "Version: "))
    return (name, version) if name and version else None


def _field(header: list[str], field: str) -> str | None:
    return next((line.removeprefix(field).strip() for line in header if line.startswith(field)), None)


def _allocator(configured: str) -> str:
    """Return the name of this interpreter's allocator: the size of an object depends on it."""
    default = "mimalloc" if sysconfig.get_config_var("Py_GIL_DISABLED") else "pymalloc"
    if not sysconfig.get_config_var("WITH_PYMALLOC"):
        default = "malloc"
    debug = f"{default}_debug"
    if configured in ("", "default"):
        is_debug = hasattr(sys, "gettotalrefcount") or (not configured and sys.flags.dev_mode)
        return debug if is_debug else default
    return debug if configured == "debug" else configured
