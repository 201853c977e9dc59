"""Names of resources: where a frame stands, and names that differ by a number, or within one folder, in one line."""

import re
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from types import FrameType

from leakcheck.probe.originals import BUILTINS, os

__builtins__ = BUILTINS

STANDARD_LIBRARY = os.path.dirname(os.path.abspath(threading.__file__))
_OURS = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

_MANY = 5
"""Fewer names than this are listed one by one."""

_DIGITS = re.compile(r"(\d+)")


def grouped(counts: "Counter[str]") -> "Counter[str]":
    """Return the counts with names grouped where many differ: `/tmp/x/[*].log`."""
    return _group_by(
        _group_by(counts, lambda name: _DIGITS.sub("0", name), _merge_numbers), os.path.dirname, _merge_names
    )


def _group_by(
    counts: "Counter[str]", key: Callable[[str], str], merge: Callable[[Sequence[str]], str]
) -> "Counter[str]":
    groups: dict[str, list[str]] = defaultdict(list)
    for name in counts:
        groups[key(name)].append(name)
    result: Counter[str] = Counter()
    for common, names in groups.items():
        if len(names) < _MANY or not common:
            result.update({name: counts[name] for name in names})
        else:
            result[merge(names)] += sum(counts[name] for name in names)
    return result


def _merge_numbers(names: Sequence[str]) -> str:
    """Return the pattern of names that have numbers at the same positions."""
    columns = zip(*(_DIGITS.split(name) for name in names), strict=True)
    return "".join(parts[0] if len(set(parts)) == 1 else "[*]" for parts in columns)


def _merge_names(names: Sequence[str]) -> str:
    prefix = os.path.commonprefix(names)
    suffix = os.path.commonprefix([name[len(prefix) :][::-1] for name in names])[::-1]
    return f"{prefix}[*]{suffix}".replace("[*][*]", "[*]")


def user_frame(frame: FrameType) -> FrameType:
    """Return the innermost frame outside the standard library and leakcheck, else the innermost of all."""
    current: FrameType | None = frame
    while current is not None:
        if not current.f_code.co_filename.startswith((STANDARD_LIBRARY, _OURS, "<")):
            return current
        current = current.f_back
    return frame


def location(frame: FrameType) -> str:
    """Return where a frame stands: file, line and function."""
    return f"{_short(frame.f_code.co_filename)}:{frame.f_lineno} {frame.f_code.co_qualname}"


def _short(path: str) -> str:
    try:
        working_directory = os.getcwd() + os.sep
    except OSError:
        working_directory = ""  # the working directory was deleted
    return path.removeprefix(working_directory).removeprefix(STANDARD_LIBRARY + os.sep)


def read_text(path: str) -> str:
    """Return the text of a file; "" if it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
