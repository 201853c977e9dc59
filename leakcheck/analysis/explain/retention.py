"""From what the search found to growing containers and retention paths, the heaviest first."""

from collections.abc import Sequence
from dataclasses import dataclass

from leakcheck.analysis.explain.fingerprint import fingerprint_of, native_fingerprint
from leakcheck.model.explanation import GrowingContainer, Link, RetentionPath
from leakcheck.model.stacks import Frame
from leakcheck.model.units import CALLS_PER_RATE


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateContainer:
    """The container that a holder is, as the measured process saw it."""

    name: str
    kind: str
    where: str = ""
    length: int
    length_per_call: float
    limit: int | None = None
    stopped: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """What the measured process answers for one thing that keeps what grows."""

    links: tuple[Link, ...]
    anchor: int
    """How many of the links are its identity; those after it only say what it holds."""
    kept: Frame | None = None
    set_at: Frame | None = None
    container: CandidateContainer | None = None
    objects_per_call: float = 0.0
    bytes_per_call: float | None = None
    weighed: str = ""
    """How the bytes are known: `emptied`, `reckoned` from sizes, or not at all ("")."""
    held_by_native: bool = False
    first_objects_per_call: float = 0.0


def containers_of(holders: Sequence[Candidate], growth_per_1000_calls: float) -> tuple[GrowingContainer, ...]:
    """Return the growing containers with their shares of a growth, those without a weight last."""
    found = [
        GrowingContainer(
            name=holder.container.name,
            kind=holder.container.kind,
            where=holder.container.where,
            length=holder.container.length,
            length_per_call=holder.container.length_per_call,
            limit=holder.container.limit,
            stopped=holder.container.stopped,
            bytes_per_1000_calls=_per_1000(holder),
            share=_share(holder, growth_per_1000_calls),
            fingerprint=_fingerprint(holder),
        )
        for holder in sorted(holders, key=_weight)
        if holder.container is not None
    ]
    return tuple(found)


def paths_of(holders: Sequence[Candidate], growth_per_1000_calls: float) -> tuple[RetentionPath, ...]:
    """Return the paths to what is held, with their shares of a growth, those without a weight last."""
    return tuple(
        RetentionPath(
            links=holder.links,
            kept=holder.kept,
            set_at=holder.set_at,
            bytes_per_1000_calls=_per_1000(holder),
            share=_share(holder, growth_per_1000_calls),
            objects_per_call=holder.objects_per_call,
            held_by_native=holder.held_by_native,
            first_objects_per_call=holder.first_objects_per_call,
            fingerprint=_fingerprint(holder),
        )
        for holder in sorted(holders, key=_weight)
    )


def held_share(holders: Sequence[Candidate], growth_per_1000_calls: float) -> float:
    """Return the share of a growth that the heaviest Python holder explains; 0 where none was weighed."""
    python = (holder for holder in holders if not holder.held_by_native)
    return max((_share(holder, growth_per_1000_calls) or 0.0 for holder in python), default=0.0)


def _weight(holder: Candidate) -> float:
    return -(holder.bytes_per_call or 0.0)


def _per_1000(holder: Candidate) -> float | None:
    return None if holder.bytes_per_call is None else CALLS_PER_RATE * holder.bytes_per_call


def _share(holder: Candidate, growth_per_1000_calls: float) -> float | None:
    held = _per_1000(holder)
    return None if held is None or growth_per_1000_calls <= 0 else held / growth_per_1000_calls


def _fingerprint(holder: Candidate) -> str:
    if holder.held_by_native:
        return native_fingerprint(holder.links)
    return fingerprint_of(link.step for link in holder.links[: holder.anchor])
