"""What a peer is asked and what it says: the words that all of them share. The standard library only."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol


class Verdict(StrEnum):
    """What a tool says of a function; most know the first two only."""

    LEAK = "leak"
    """Memory or something else is lost: the tool fails the build, or its rule would have a person alarmed."""
    CLEAN = "clean"
    UNDECIDED = "undecided"
    NONE = "no verdict"
    """It crashed or ran out of time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """The function that is replayed, in the form of its file."""

    file: Path
    name: str
    setup: str = ""
    """A function of the file that is called once, first; "" where the scenario sets up for itself."""
    folder: Path
    """The current folder of whoever replays it."""
    python: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    marked: bool = True
    """It is a scenario of leakcheck's, and not a plain function."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a tool said of a function."""

    verdict: Verdict
    calls: int | None = None
    """Calls of the function until the verdict."""
    bytes_per_call: float | None = None
    """None where the tool gives no rate."""
    shown: tuple[str, ...] | None = None
    """The texts of what it shows first: source lines, names. None where it names nothing, () where it might have."""
    detail: str = ""
    """What the verdict rests on, in the tool's own words or figures."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """The figures that its rule reads, kept so that another rule can be tried on them."""


class Answered(Protocol):
    """How the command went; see `running.Ran`."""

    @property
    def exit_code(self) -> int:
        """Negative where a signal ended it."""

    @property
    def output(self) -> str:
        """What it wrote to stdout."""

    @property
    def last_words(self) -> str:
        """The last line that it wrote."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A tool beside leakcheck."""

    name: str
    """As it stands in tables and in `--tools`."""
    packages: tuple[str, ...]
    """What it is installed from; () for the standard library. The first one's version is told."""
    settings: str
    """How it is asked, in a sentence."""
    rule: str
    """When it counts as saying leak, in a sentence."""
    source: str
    """The documentation that both are taken from."""
    module: str
    """What is run in the arm's interpreter: a module of ours that measures, or pytest."""
    arguments: Callable[[Path, int], list[str]]
    """Its arguments, from a folder of its own and how many times the usual calls are wanted."""
    environment: Mapping[str, str] = field(default_factory=dict)
    read: Callable[[Answered, Mapping[str, Any], int], Said]
    """Makes sense of how it went, of what was left in the folder, and of the same factor."""
