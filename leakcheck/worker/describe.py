"""Say which scenarios a file or module holds, in the interpreter that will measure them."""

import importlib
import inspect
import os
import platform
import sys
import sysconfig
from collections.abc import Callable, Mapping
from importlib import metadata
from typing import Any

from leakcheck.errors import UsageError
from leakcheck.plan import Plan
from leakcheck.scenario import Mark, Target, mark_of, parse_target
from leakcheck.worker.channel import Channel
from leakcheck.worker.load import find_dotted, load_file, make_current_folder_importable, marked_in
from leakcheck.worker.trouble import describe_trouble

_HEADER = 1000
"""Characters of a package's metadata among which its name and version are: they come second and third."""


def serve_describe(plan: Plan, channel: Channel) -> None:
    """Say what this interpreter is, import the target, and answer the fields of each `model.Description`."""
    try:
        channel.send("environment", environment=environment())
        scenarios, left_out = _describe(
            plan, lambda doing, seconds: channel.send("doing", doing=doing, extra_seconds=seconds)
        )
        channel.send("described", scenarios=scenarios, left_out=left_out)
    except BaseException as error:
        channel.send("trouble", trouble=describe_trouble(error, "import"))


def _describe(plan: Plan, say: Callable[[str, float], None]) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    make_current_folder_importable()
    target = parse_target(plan.target)
    if target.kind == "site":
        # by name: only a request wants what replays requests
        found: tuple[list[dict[str, Any]], list[dict[str, str]]] = importlib.import_module(
            "leakcheck.worker.web.describing"
        ).describe_site(target, plan, say)
        return found
    return _DESCRIBERS[target.kind](target), []


def _describe_callable(target: Target) -> list[dict[str, Any]]:
    assert target.module is not None
    assert target.name is not None
    function = find_dotted(target.module, target.name)
    if not callable(function):
        raise UsageError(f"{target} is {function!r}, which cannot be called")
    mark = mark_of(function) or Mark(name=str(target))
    return _variants(str(target), mark, function)


def _describe_file(target: Target) -> list[dict[str, Any]]:
    assert target.path is not None
    marked = marked_in(load_file(target.path))
    return [
        row for name, (mark, function) in marked.items() for row in _variants(f"{target.path}::{name}", mark, function)
    ]


_DESCRIBERS: Mapping[str, Callable[[Target], list[dict[str, Any]]]] = {
    "callable": _describe_callable,
    "file": _describe_file,
}


def _variants(target: str, mark: Mark, function: Any) -> list[dict[str, Any]]:
    shared = {
        "target": target,
        "name": mark.name,
        "growth_bytes_per_1000_calls": mark.growth_bytes_per_1000_calls,
        "peak_bytes": mark.peak_bytes,
        "growth_options": dict(mark.growth_options),
        "peak_options": dict(mark.peak_options),
        "option_names": _option_names(function),
        "timeout_seconds": mark.timeout_seconds,
        "memory_bytes": mark.memory_bytes,
    }
    return [{**shared, "variant": name, "lesson": lesson} for name, lesson in mark.variants.items()] or [shared]


def _option_names(function: Any) -> list[str] | None:
    """Return the names that a function takes; None where it takes any, or does not tell."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return None
    return [parameter.name for parameter in parameters if parameter.name != "variant"]


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
    hundreds. Where they do not tell, it is asked all the same.
    """
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
