"""Fingerprints of leaks, which stay the same from run to run, for the list of known leaks."""

import hashlib
import math
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import PurePath

from leakcheck.model.explanation import Link, RetentionPath, StackBytes
from leakcheck.model.stacks import Frame, frame_to_name, native_frame

_DIGITS = 12
"""48 bits: two of a thousand leaks share a fingerprint once in half a billion lists."""


def fingerprint_of(parts: Iterable[str]) -> str:
    """Return twelve hexadecimal digits for these parts in this order.

    White space within a part is normalized. Parts must not change with unrelated edits: no line, full path, address.
    """
    # joined without a separator, ("ab", "c") and ("a", "bc") would have one fingerprint
    text = "\0".join(" ".join(part.split()) for part in parts)
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:_DIGITS]


_COMPILER_SUFFIX = re.compile(r"\.(isra|part|constprop|cold|lto_priv)\b.*")
_LEAST_OF_HEAVIEST = 0.1


def native_parts(frame: Frame | None) -> list[str]:
    """Return the parts for a function of an extension, without the platform tag and the compiler's suffixes."""
    return [] if frame is None else [_stem(frame.file), _COMPILER_SUFFIX.sub("", frame.function)]


def line_parts(frame: Frame) -> list[str]:
    """Return the parts for a line: its function, the end of its path and its text, but not its number."""
    return [frame.function, *PurePath(frame.file).parts[-2:], frame.source or frame.function]


def native_fingerprint(links: Sequence[Link], stack: Sequence[Frame] = ()) -> str:
    """Return the fingerprint of a path held by native code, from its chain of types and the allocating stack."""
    # a key such as ['call 17'] differs from call to call
    chain = [text for link in links for text in ("[*]" if link.step.startswith("[") else link.step, link.type)]
    origin = [*native_parts(native_frame(stack)), *line_parts(frame_to_name(stack))] if stack else []
    return fingerprint_of([*chain, *origin])


def with_native_origin(paths: Iterable[RetentionPath], stacks: Iterable[StackBytes]) -> tuple[RetentionPath, ...]:
    """Return the paths, with the allocating extension and a fingerprint for those held by native code.

    `stacks` are the growing ones, in bytes per 1000 calls. Without native frames, the fingerprint has only the line.
    """
    by_library: dict[str, list[StackBytes]] = defaultdict(list)
    for stack in stacks:
        frame = native_frame(stack.frames)
        by_library["" if frame is None else frame.file].append(stack)
    return tuple(_with_origin(path, by_library) if path.held_by_native else path for path in paths)


def _with_origin(path: RetentionPath, by_library: dict[str, list[StackBytes]]) -> RetentionPath:
    weights = {library: sum(stack.bytes for stack in stacks) for library, stacks in by_library.items()}
    # extensions of the standard library call most others, and are seldom the cause
    third_party = [name for name in weights if name and _stem(name) not in sys.stdlib_module_names]
    candidates = third_party or [name for name in weights if name] or list(weights)
    heaviest = max((weights[name] for name in candidates), default=0.0)
    if heaviest <= 0:
        return path
    likely = [name for name in candidates if weights[name] >= _LEAST_OF_HEAVIEST * heaviest]
    retained = path.bytes_per_1000_calls or heaviest
    nearest = min(likely, key=lambda name: (round(abs(math.log(weights[name] / retained)), 2), name))
    stack = _heaviest(by_library[nearest])
    return replace(
        path, native=native_frame(stack), line=frame_to_name(stack), fingerprint=native_fingerprint(path.links, stack)
    )


def _heaviest(stacks: Sequence[StackBytes]) -> tuple[Frame, ...]:
    """Return the heaviest stack of the function and line that allocated the most in total."""
    groups: dict[str, list[StackBytes]] = defaultdict(list)
    for stack in stacks:
        frame = native_frame(stack.frames)
        groups["\0".join([*native_parts(frame), *line_parts(frame_to_name(stack.frames))])].append(stack)
    _, group = max(groups.items(), key=lambda item: (round(sum(stack.bytes for stack in item[1])), item[0]))
    return max(group, key=lambda stack: stack.bytes).frames


def _stem(library: str) -> str:
    return library.partition(".")[0]
