"""Collapsed stacks, as flamegraph.pl, inferno and many others read them: a line a stack, its bytes at the end."""

from collections.abc import Iterator

from leakcheck.model.plain_text import plain
from leakcheck.model.run import Run
from leakcheck.reporters.escape import plainly
from leakcheck.reporters.export.stacks import StackKind, label, stacks_of


@plainly
def collapsed(run: Run, kind: StackKind) -> Iterator[tuple[str, bytes]]:
    """Yield one file of one kind, with each scenario as the root of its stacks; none where no stack is known."""
    lines = [
        f"{';'.join([_part(plain(result.id)), *(_part(label(frame)) for frame in stack.frames)])} {stack.bytes}\n"
        for result in run.results
        for stack in stacks_of(result, kind)
    ]
    if lines:
        yield f"{kind}.collapsed", "".join(lines).encode()


def _part(name: str) -> str:
    """Return a name that cannot end a frame; it has no line's end in it any more."""
    return name.replace(";", "\\x3b") or "?"
