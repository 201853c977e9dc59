"""Collect the scenarios of a target, in the interpreter that will measure them."""

import json
from collections.abc import Callable
from typing import Any

from leakcheck.model.errors import UsageError
from leakcheck.model.protocol import PassRequest
from leakcheck.probe.originals import BUILTINS, os
from leakcheck.scenario import ScenarioMark, Target, mark_of, parse_target
from leakcheck.worker.channel import Channel
from leakcheck.worker.failure import describe_failure
from leakcheck.worker.load import find_dotted, load_file, make_current_folder_importable, marked_scenarios, signature_of

__builtins__ = BUILTINS


def serve_collect(pass_request: PassRequest, channel: Channel) -> None:
    """Send the environment, import the target, and send the fields of a `ScenarioInfo` for each scenario.

    The process may be asked to replay one of them afterwards, so it loads nothing that replaying would not load.
    """
    try:
        kind, fields = _environment_from_fork()
        channel.send(kind, **fields)
        if kind == "failure":
            return
        scenarios, skipped = _collect_target(
            pass_request, lambda doing, seconds: channel.send("doing", doing=doing, extra_seconds=seconds)
        )
        channel.send("described", scenarios=scenarios, skipped=skipped)
    except BaseException as error:
        channel.send("failure", failure=describe_failure(error, "import"))


def _environment_from_fork() -> tuple[str, dict[str, Any]]:
    """Return the kind and the fields of the environment message.

    A forked child makes it, so that what it takes to load ends with the child.
    """
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            with open(write_end, "w") as file:
                json.dump(_environment_message(), file)
        finally:
            os._exit(0)
    os.close(write_end)
    with open(read_end) as file:
        text = file.read()
    os.waitpid(child, 0)
    kind, fields = json.loads(text)
    return kind, fields


def _environment_message() -> tuple[str, dict[str, Any]]:
    try:
        from leakcheck.worker.environment import environment

        return "environment", {"environment": environment()}
    except Exception as error:
        return "failure", {"failure": describe_failure(error, "import")}


def _collect_target(
    pass_request: PassRequest, report_progress: Callable[[str, float], None]
) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    make_current_folder_importable()
    target = parse_target(pass_request.target)
    if target.kind == "site":
        from leakcheck.worker.web.scenarios import collect_requests  # here: only requests need it

        return collect_requests(target, pass_request, report_progress)
    return _COLLECTORS[target.kind](target), []


def _collect_callable(target: Target) -> list[dict[str, Any]]:
    assert target.module is not None
    assert target.name is not None
    function = find_dotted(target.module, target.name)
    if not callable(function):
        raise UsageError(f"{target} is {function!r}, which cannot be called")
    mark = mark_of(function) or ScenarioMark(name=str(target))
    return _variants(str(target), mark, function)


def _collect_file(target: Target) -> list[dict[str, Any]]:
    assert target.path is not None
    marked = marked_scenarios(load_file(target.path))
    return [
        row for name, (mark, function) in marked.items() for row in _variants(f"{target.path}::{name}", mark, function)
    ]


_COLLECTORS = {"callable": _collect_callable, "file": _collect_file}


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
    return [{**shared, "variant": name, "description": text} for name, text in mark.variants.items()] or [shared]


def _option_names(function: Any) -> list[str] | None:
    """Return the parameter names of a function; None if it takes any, or has no signature."""
    signature = signature_of(function)
    if signature is None or any(parameter.kind is parameter.VAR_KEYWORD for parameter in signature.parameters.values()):
        return None
    return [name for name in signature.parameters if name != "variant"]
