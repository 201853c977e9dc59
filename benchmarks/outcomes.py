"""What each tool said of each arm, beside the truth: rows, how they are judged, and how they are kept."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from arms import Arm
from peers.words import Said, Verdict


class Standing(StrEnum):
    """How what a tool said stands to the truth; the worst last."""

    RIGHT = "right"
    UNDECIDED = "undecided"
    MISSED = "missed"
    FALSE_ALARM = "false alarm"
    FAILED = "failed"
    """It crashed or ran out of time."""


class Kind(StrEnum):
    """What there is to find in an arm."""

    MEMORY = "memory leak"
    OTHER = "other leak"
    """Files, sockets or child processes, with memory standing still."""
    NOTHING = "no leak"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One tool on one arm, once."""

    arm: str
    """`case-arm`, as `-k` knows it."""
    kind: Kind
    tool: str
    repetition: int = 0
    factor: int = 1
    """How many times the tool's usual calls were asked for."""
    verdict: Verdict
    standing: Standing
    detail: str = ""
    calls: int | None = None
    cpu_seconds: float
    """Of the whole command with all its children."""
    wall_seconds: float
    bare_cpu_seconds: float | None = None
    """Of a bare replay of as many calls, made right after."""
    bytes_per_call: float | None = None
    error_percent: float | None = None
    """How far the rate lies outside what is known; None where the tool gives none or there is no leak."""
    named: bool | None = None
    """The culprit is in what is shown first; None where none is known, or where the tool names nothing."""
    timed_out: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ratio(self) -> float | None:
        """The CPU of the whole command over that of the bare replay."""
        return self.cpu_seconds / self.bare_cpu_seconds if self.bare_cpu_seconds else None


def kind_of(arm: Arm) -> Kind:
    """Return what there is to find; a cache that ends is no leak."""
    if arm.truth == "leak":
        return Kind.MEMORY
    return Kind.OTHER if arm.resource else Kind.NOTHING


def standing_of(kind: Kind, verdict: Verdict) -> Standing:
    """Return how a verdict stands to the truth; any alarm will do where there is something to find."""
    if verdict is Verdict.NONE:
        return Standing.FAILED
    if verdict is Verdict.UNDECIDED:
        return Standing.UNDECIDED
    if kind is Kind.NOTHING:
        return Standing.FALSE_ALARM if verdict is Verdict.LEAK else Standing.RIGHT
    return Standing.RIGHT if verdict is Verdict.LEAK else Standing.MISSED


def error_percent(arm: Arm, bytes_per_call: float | None) -> float | None:
    """Return how far a rate lies outside the known range, in percent of the nearer end; 0 within it."""
    low, high = arm.low_bytes_per_call, arm.high_bytes_per_call
    if bytes_per_call is None or low is None or high is None:
        return None
    nearest = min(max(bytes_per_call, low), high)
    return 100 * (bytes_per_call - nearest) / nearest


def is_named(arm: Arm, shown: Sequence[str] | None) -> bool | None:
    """Tell whether the culprit's line or what holds it is in what is shown first; None where none is known or shown."""
    wanted = [*arm.lines, *filter(None, [arm.holder])]
    if arm.truth != "leak" or not wanted or shown is None:
        return None
    return any(text in line for text in wanted for line in shown)


def judged(arm: Arm, tool: str, said: Said) -> dict[str, Any]:
    """Return what a row says about the verdict; a rate and a culprit count only where the leak was found."""
    kind = kind_of(arm)
    standing = standing_of(kind, said.verdict)
    found = kind is Kind.MEMORY and standing is Standing.RIGHT
    return {
        "arm": f"{arm.case}-{arm.name}",
        "kind": kind,
        "tool": tool,
        "verdict": said.verdict,
        "standing": standing,
        "detail": said.detail,
        "calls": said.calls,
        "bytes_per_call": said.bytes_per_call,
        "error_percent": error_percent(arm, said.bytes_per_call) if found else None,
        "named": is_named(arm, said.shown) if found else None,
        "facts": said.facts,
    }


def as_json(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Return rows as they stand in the document."""
    return [asdict(one) for one in rows]


def from_json(rows: Iterable[Mapping[str, Any]]) -> list[Row]:
    """Return the rows of a document."""
    return [
        Row(
            **{
                **one,
                "kind": Kind(one["kind"]),
                "verdict": Verdict(one["verdict"]),
                "standing": Standing(one["standing"]),
            }
        )
        for one in rows
    ]
