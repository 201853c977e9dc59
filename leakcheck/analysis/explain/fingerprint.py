"""A short name for one finding that stays the same from run to run, for lists of known leaks."""

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

_LETTERS = 12
"""48 bits: two of a thousand findings share a name once in half a billion lists."""


def fingerprint_of(parts: Iterable[str]) -> str:
    """Return twelve hexadecimal digits that stand for these parts in this order.

    White space within a part does not count. Give it nothing that an unrelated edit changes: no
    line number, no absolute path, no address.
    """
    # a part that ends where the next one begins would else be the same as another division of the same text
    text = "\0".join(" ".join(part.split()) for part in parts)
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:_LETTERS]


_COMPILERS_SUFFIX = re.compile(r"\.(isra|part|constprop|cold|lto_priv)\b.*")
_LEAST_OF_HEAVIEST = 0.1


def native_parts(frame: Frame | None) -> list[str]:
    """Return what a fingerprint says of an extension's function: neither the platform nor the compiler's suffixes."""
    if frame is None:
        return []
    return [_stem(frame.file), _COMPILERS_SUFFIX.sub("", frame.function)]


def line_parts(frame: Frame) -> list[str]:
    """Return what a fingerprint says of a line: its function, its file's end and its text, and not its number."""
    return [frame.function, *PurePath(frame.file).parts[-2:], frame.source or frame.function]


def native_fingerprint(links: Sequence[Link], stack: Sequence[Frame] = ()) -> str:
    """Return the fingerprint of what native code holds: its type and chain, and as far as it is known who allocated."""
    # what is held of a call has a key of that call
    chain = [text for link in links for text in ("[*]" if link.step.startswith("[") else link.step, link.type)]
    named = [*native_parts(native_frame(stack)), *line_parts(frame_to_name(stack))] if stack else []
    return fingerprint_of([*chain, *named])


def named_natively(paths: Iterable[RetentionPath], stacks: Iterable[StackBytes]) -> tuple[RetentionPath, ...]:
    """Return paths of which those that native code holds have the extension that allocated, and their fingerprint.

    `stacks` are those that grow, in bytes per 1000 calls. Without native frames among them the line alone
    is in the fingerprint.
    """
    by_library: dict[str, list[StackBytes]] = defaultdict(list)
    for stack in stacks:
        frame = native_frame(stack.frames)
        by_library["" if frame is None else frame.file].append(stack)
    return tuple(_named(path, by_library) if path.held_by_native else path for path in paths)


def _named(path: RetentionPath, by_library: dict[str, list[StackBytes]]) -> RetentionPath:
    weights = {library: sum(stack.bytes for stack in stacks) for library, stacks in by_library.items()}
    # the standard library's extensions are on the way to most others, and seldom at fault
    foreign = [name for name in weights if name and _stem(name) not in sys.stdlib_module_names]
    candidates = foreign or [name for name in weights if name] or list(weights)
    heaviest = max((weights[name] for name in candidates), default=0.0)
    if heaviest <= 0:
        return path
    likely = [name for name in candidates if weights[name] >= _LEAST_OF_HEAVIEST * heaviest]
    held = path.bytes_per_1000_calls or heaviest
    nearest = min(likely, key=lambda name: (round(abs(math.log(weights[name] / held)), 2), name))
    stack = _heaviest(by_library[nearest])
    return replace(
        path,
        native=native_frame(stack),
        line=frame_to_name(stack),
        fingerprint=native_fingerprint(path.links, stack),
    )


def _heaviest(stacks: Sequence[StackBytes]) -> tuple[Frame, ...]:
    """Return the heaviest stack of the function and line that took the most together."""
    groups: dict[str, list[StackBytes]] = defaultdict(list)
    for stack in stacks:
        frame = native_frame(stack.frames)
        groups["\0".join([*native_parts(frame), *line_parts(frame_to_name(stack.frames))])].append(stack)
    _, group = max(groups.items(), key=lambda item: (round(sum(stack.bytes for stack in item[1])), item[0]))
    return max(group, key=lambda stack: stack.bytes).frames


def _stem(library: str) -> str:
    return library.partition(".")[0]
