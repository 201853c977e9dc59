"""Describe this interpreter and the packages that are installed in it."""

import platform
import sys
import sysconfig
from importlib import metadata
from typing import Any

from leakcheck.probe.originals import BUILTINS, os

__builtins__ = BUILTINS

_HEADER = 1000
"""How many characters of the metadata to search for the name and version, usually its second and third line."""


def environment() -> dict[str, Any]:
    """Return the fields of an `Environment` that describe this interpreter."""
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
    """Return the name and the version of a package; None for both if its metadata is broken.

    They are read from its first lines. `package.metadata` also parses the whole description, which takes a millisecond
    for each of what may be hundreds of packages, so it is used only where the first lines do not have both.
    """
    try:
        return _from_metadata(package)
    except Exception:  # whatever its files hold
        return None, None


def _from_metadata(package: metadata.Distribution) -> tuple[str | None, str | None]:
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
