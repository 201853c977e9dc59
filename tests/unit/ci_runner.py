"""A small model of what GitHub's runner does with a line that is printed, written from what it is known to obey.

The first blanks are passed over; `::name properties::data` is a command if the name is one. Where that is
none, `##[name properties]data` is looked for anywhere in the line. Other runners know `##vso[…]`.
"""

import re
from dataclasses import dataclass

NAMES = frozenset(
    {
        "add-mask",
        "add-matcher",
        "add-path",
        "debug",
        "echo",
        "endgroup",
        "error",
        "group",
        "notice",
        "remove-matcher",
        "save-state",
        "set-env",
        "set-output",
        "stop-commands",
        "warning",
    }
)
_LINE_ENDS = re.compile(r"\r\n|\r|\n")
# what .NET calls white space
_BLANKS = "\t\v\f \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command as the runner understands it."""

    name: str
    properties: dict[str, str]
    data: str


def obeyed(text: str) -> list[Command]:
    """Return every command in what is printed."""
    return [found for line in _LINE_ENDS.split(text) if (found := _modern(line) or _old(line)) is not None]


def _modern(line: str) -> Command | None:
    line = line.lstrip(_BLANKS)
    if not line.startswith("::") or (end := line.find("::", 2)) < 0:
        return None
    name, _, properties = line[2:end].partition(" ")
    if name.lower() not in NAMES:
        return None
    found = {}
    for pair in filter(None, properties.strip(_BLANKS).split(",")):
        key, _, value = pair.partition("=")
        if value:
            found[key.lower()] = _read(value, {"%3A": ":", "%2C": ","})
    return Command(name=name.lower(), properties=found, data=_read(line[end + 2 :], {}))


def _old(line: str) -> Command | None:
    found = re.search(r"##(?:vso)?\[([^\]]*)\](.*)", line)
    if found is None:
        return None
    return Command(name=found[1].split(" ")[0], properties={}, data=found[2])


def _read(text: str, more: dict[str, str]) -> str:
    for spelt, letter in {"%0D": "\r", "%0A": "\n", **more}.items():
        text = text.replace(spelt, letter)
    return text.replace("%25", "%")
