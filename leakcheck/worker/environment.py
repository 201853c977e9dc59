"""Say what this interpreter is, and what is installed in it."""

import platform
import sys
import sysconfig
from importlib import metadata
from typing import Any

from leakcheck.probe.originals import BUILTINS, os

__builtins__ = BUILTINS

_HEADER = 1000
"""Characters of a package's metadata among which its name and version are: they come second and third."""


def environment() -> dict[str, Any]:
    """Return what an `Environment` says of this interpreter."""
    packages = map(name_and_version, metadata.distributions())
    return {
        "python": platform.python_version(),
        "implementation": sys.implementation.name,
        "executable": sys.executable,
        "platform": f"{sys.platform}-{platform.machine()}",
        "allocator": _allocator(os.environ.get("PYTHONMALLOC", "")),
        "libc": " ".join(platform.libc_ver()).strip(),
        "packages": dict(sorted((name, version) for name, version in packages if name)),
    }


def name_and_version(package: metadata.Distribution) -> tuple[str | None, str | None]:
    """Return what a package is called, and which one it is.

    By its first lines: `package.metadata` parses the whole description too, a millisecond for each of what may be
    hundreds. Where they do not tell, it is asked all the same. Of a package that is broken nothing is known: that is
    no reason to measure nothing.
    """
    try:
        return _told_by(package)
    except Exception:  # whatever its files hold
        return None, None


def _told_by(package: metadata.Distribution) -> tuple[str | None, str | None]:
    text = package.read_text("METADATA") or package.read_text("PKG-INFO") or ""
    header = text[:_HEADER].partition("\n\n")[0]
    # the last line may be cut off in the middle
    header = header if len(header) < _HEADER else header.rpartition("\n")[0]
    name, version = (_field(header.split("\n"), field) for field in ("Name: ", "Version: "))
    if name and version:
        return name, version
    return package.metadata["Name"], package.version


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
