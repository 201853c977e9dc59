"""Collapsed stacks, as flamegraph.pl, inferno and others read them: a line for each stack, its bytes at the end."""

from collections.abc import Iterator

from leakcheck.model.plain_text import escape_control
from leakcheck.model.run import Run
from leakcheck.reporters.escape import escape_arguments
from leakcheck.reporters.export.stacks import StackKind, frame_label, stacks_of


@escape_arguments
def collapsed(run: Run, kind: StackKind) -> Iterator[tuple[str, bytes]]:
    """Yield one file, with each scenario as the root of its stacks; none for a run without stacks."""
    lines = [
        f"{';'.join(map(_escaped, [escape_control(result.id), *map(frame_label, stack.frames)]))} {stack.bytes}\n"
        for result in run.results
        for stack in stacks_of(result, kind)
    ]
    if lines:
        yield f"{kind}.collapsed", "".join(lines).encode()


def _escaped(name: str) -> str:
    # a semicolon would end the frame; plain() has escaped line ends already
    return name.replace(";", "\\x3b") or "?"
