"""Which address each native frame came from: one address stands for several frames where calls were inlined."""

import re
from collections.abc import Sequence

from leakcheck.worker.own import BUILTINS

__builtins__ = BUILTINS

UNKNOWN = "<unknown>"
"""What memray says of a function or a source file that it cannot tell."""

INTERPRETER = re.compile(r"(^|/)(Objects|Python|Modules|Parser|Include/internal)/")
"""A source file of the interpreter itself."""

MOST_FRAMES = 100
"""Of a deeper stack the innermost: more than that is not shown, and this takes their number squared."""


def stem_of(library: str) -> str:
    """Return the name of an extension without its platform: `_multidict` of `_multidict.cpython-311-…so`."""
    return library.partition(".")[0]


def spread_over(libraries: Sequence[str], frames: Sequence[tuple[str, str]]) -> list[int]:
    """Return for each of the innermost hundred frames (function, file) the place of its address in `libraries`.

    Each address has at least one frame, in order. memray knows of inlined calls from debug
    information alone, so a frame without a source file is the only one of its address. Of what is
    left the fewest frames disagree with their library ("" is the interpreter) on whose they are.
    """
    spare = len(frames) - len(libraries)
    if spare <= 0:
        return [min(at, len(libraries) - 1) for at in range(min(len(frames), MOST_FRAMES))]
    whole = len(frames) <= MOST_FRAMES
    frames = frames[:MOST_FRAMES]
    alone = [file == UNKNOWN for _, file in frames]
    stems = {stem_of(library) for library in libraries} - {""}

    def disagrees(frame: tuple[str, str], library: str) -> bool:
        function, file = frame
        # the standard library's extensions lie among the interpreter's sources: Modules/_asynciomodule.c
        of_extension = next((stem for stem in stems if stem in file), None)
        if of_extension is not None:
            return stem_of(library) != of_extension
        like_interpreter = bool(INTERPRETER.search(file)) or function.startswith("_Py")
        return like_interpreter != (library == "")

    # by how many frames were inlined so far: the least disagreement, and where the frame before stood
    costs = {0: int(disagrees(frames[0], libraries[0]))}
    came_from: list[dict[int, int]] = [{0: 0}]
    for at in range(1, len(frames)):
        following: dict[int, int] = {}
        steps: dict[int, int] = {}
        may_inline = not alone[at] and not alone[at - 1]
        for inlined, cost in costs.items():
            for used in (inlined, inlined + 1) if may_inline and inlined < spare else (inlined,):
                address = at - used
                if address >= len(libraries):
                    continue
                new = cost + disagrees(frames[at], libraries[address])
                if used not in following or new < following[used]:
                    following[used], steps[used] = new, inlined
        costs = following
        came_from.append(steps)
    if not costs or (whole and spare not in costs):
        return [min(at, len(libraries) - 1) for at in range(len(frames))]
    used = spare if whole else min(costs, key=lambda inlined: costs[inlined])
    found: list[int] = []
    for at in range(len(frames) - 1, -1, -1):
        found.append(at - used)
        used = came_from[at][used]
    return found[::-1]
