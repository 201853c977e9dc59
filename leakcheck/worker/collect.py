"""Say which scenarios a file or module holds, in the interpreter that will measure them."""

import importlib
import inspect
import json
from collections.abc import Callable, Mapping
from typing import Any

from leakcheck.model.errors import UsageError
from leakcheck.model.protocol import PassRequest
from leakcheck.probe.originals import BUILTINS, os
from leakcheck.scenario import ScenarioMark, Target, mark_of, parse_target
from leakcheck.worker.channel import Channel
from leakcheck.worker.failure import describe_trouble
from leakcheck.worker.load import find_dotted, load_file, make_current_folder_importable, marked_in

__builtins__ = BUILTINS


def serve_describe(plan: PassRequest, channel: Channel) -> None:
    """Say what this interpreter is, import the target, and answer the fields of each `model.Description`.

    The process may be asked to replay one of them afterwards, so nothing is loaded here that it would not load there.
    """
    try:
        kind, fields = _environment()
        channel.send(kind, **fields)
        if kind == "trouble":
            return
        scenarios, left_out = _describe(
            plan, lambda doing, seconds: channel.send("doing", doing=doing, extra_seconds=seconds)
        )
        channel.send("described", scenarios=scenarios, left_out=left_out)
    except BaseException as error:
        channel.send("trouble", trouble=describe_trouble(error, "import"))


def _environment() -> tuple[str, dict[str, Any]]:
    """Return the message that tells this interpreter, found out by a fork: what it loads goes with it."""
    ours, its = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            with open(its, "w") as out:
                json.dump(_told_of_interpreter(), out)
        finally:
            os._exit(0)
    os.close(its)
    with open(ours) as answer:
        text = answer.read()
    os.waitpid(child, 0)
    kind, fields = json.loads(text)
    return kind, fields


def _told_of_interpreter() -> tuple[str, dict[str, Any]]:
    try:
        from leakcheck.worker.environment import environment

        return "environment", {"environment": environment()}
    except Exception as error:
        return "trouble", {"trouble": describe_trouble(error, "import")}


def _describe(
    plan: PassRequest, say: Callable[[str, float], None]
) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    make_current_folder_importable()
    target = parse_target(plan.target)
    if target.kind == "site":
        # by name: only a request wants what replays requests
        found: tuple[list[dict[str, Any]], list[dict[str, str]]] = importlib.import_module(
            "leakcheck.worker.web.collect"
        ).describe_site(target, plan, say)
        return found
    return _DESCRIBERS[target.kind](target), []


def _describe_callable(target: Target) -> list[dict[str, Any]]:
    assert target.module is not None
    assert target.name is not None
    function = find_dotted(target.module, target.name)
    if not callable(function):
        raise UsageError(f"{target} is {function!r}, which cannot be called")
    mark = mark_of(function) or ScenarioMark(name=str(target))
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


def _variants(target: str, mark: ScenarioMark, function: Any) -> list[dict[str, Any]]:
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
