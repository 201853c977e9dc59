"""A file for https://www.speedscope.app: a profile for each scenario's peak, and one for its growth.

The format is that of the `$schema` in the file; the profiles are of type "sampled", weighted in bytes.
"""

import json
from collections.abc import Iterator

from leakcheck import __version__
from leakcheck.model.plain_text import escape_control
from leakcheck.model.run import Run
from leakcheck.reporters.escape import escape_arguments
from leakcheck.reporters.export.stacks import KIND_DESCRIPTIONS, ExportStack, StackKind, stacks_of

_SCHEMA = "https://www.speedscope.app/file-format-schema.json"


@escape_arguments
def speedscope(run: Run) -> Iterator[tuple[str, bytes]]:
    """Yield one file with all profiles; none for a run without stacks."""
    frames: dict[tuple[str, str, int], int] = {}
    profiles = [
        _profile(f"{escape_control(result.id)}, {KIND_DESCRIPTIONS[kind]}", stacks, frames)
        for result in run.results
        for kind in StackKind
        if (stacks := stacks_of(result, kind))
    ]
    if not profiles:
        return
    document = {
        "$schema": _SCHEMA,
        "name": escape_control(f"leakcheck {run.started}"),
        "exporter": f"leakcheck@{__version__}",
        "activeProfileIndex": 0,
        "shared": {"frames": [_frame(*frame) for frame in frames]},
        "profiles": profiles,
    }
    yield "run.speedscope.json", json.dumps(document, separators=(",", ":")).encode() + b"\n"


def _profile(name: str, stacks: tuple[ExportStack, ...], frames: dict[tuple[str, str, int], int]) -> dict[str, object]:
    samples = [
        [
            frames.setdefault((escape_control(frame.display_name), escape_control(frame.file), frame.line), len(frames))
            for frame in stack.frames
        ]
        for stack in stacks
    ]
    weights = [stack.bytes for stack in stacks]
    return {
        "type": "sampled",
        "name": name,
        "unit": "bytes",
        "startValue": 0,
        "endValue": sum(weights),
        "samples": samples,
        "weights": weights,
    }


def _frame(function: str, file: str, line: int) -> dict[str, object]:
    frame: dict[str, object] = {"name": function}
    if file:
        frame["file"] = file
    if line > 0:
        frame["line"] = line
    return frame
