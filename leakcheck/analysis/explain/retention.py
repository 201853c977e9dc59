"""Growing containers and retention paths from the candidates of the retention pass, the heaviest first."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from leakcheck.analysis.explain.fingerprint import fingerprint_of, native_fingerprint
from leakcheck.model.explanation import GrowingContainer, Link, RetentionPath
from leakcheck.model.stacks import Frame
from leakcheck.model.units import CALLS_PER_RATE


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A retention candidate: one object that keeps growing memory alive, as the measured process reports it."""

    links: tuple[Link, ...]
    anchor: int
    """How many of the links identify it; the links after those only show what it holds."""
    kept_function: Frame | None = None
    set_at: Frame | None = None
    container: GrowingContainer | None = None
    """The container that it is, without its share of the growth."""
    objects_per_call: float = 0.0
    bytes_per_call: float | None = None
    held_by_native: bool = False
    first_objects_per_call: float = 0.0


def containers_of(candidates: Sequence[Candidate], growth_per_1000_calls: float) -> tuple[GrowingContainer, ...]:
    """Return the growing containers with their shares of the growth, unweighed ones last."""
    return tuple(
        replace(
            candidate.container,
            bytes_per_1000_calls=_per_1000(candidate),
            share=_share(candidate, growth_per_1000_calls),
            fingerprint=_fingerprint(candidate),
        )
        for candidate in sorted(candidates, key=_weight)
        if candidate.container is not None
    )


def paths_of(candidates: Sequence[Candidate], growth_per_1000_calls: float) -> tuple[RetentionPath, ...]:
    """Return the retention paths with their shares of the growth, unweighed ones last."""
    return tuple(
        RetentionPath(
            links=candidate.links,
            kept_function=candidate.kept_function,
            set_at=candidate.set_at,
            bytes_per_1000_calls=_per_1000(candidate),
            share=_share(candidate, growth_per_1000_calls),
            objects_per_call=candidate.objects_per_call,
            held_by_native=candidate.held_by_native,
            first_objects_per_call=candidate.first_objects_per_call,
            fingerprint=_fingerprint(candidate),
        )
        for candidate in sorted(candidates, key=_weight)
    )


def largest_share(candidates: Sequence[Candidate], growth_per_1000_calls: float) -> float:
    """Return the share of the growth that the heaviest candidate in Python explains; 0 where none was weighed."""
    python = (candidate for candidate in candidates if not candidate.held_by_native)
    return max((_share(candidate, growth_per_1000_calls) or 0.0 for candidate in python), default=0.0)


def _weight(candidate: Candidate) -> float:
    return -(candidate.bytes_per_call or 0.0)


def _per_1000(candidate: Candidate) -> float | None:
    return None if candidate.bytes_per_call is None else CALLS_PER_RATE * candidate.bytes_per_call


def _share(candidate: Candidate, growth_per_1000_calls: float) -> float | None:
    retained = _per_1000(candidate)
    return None if retained is None or growth_per_1000_calls <= 0 else retained / growth_per_1000_calls


def _fingerprint(candidate: Candidate) -> str:
    if candidate.held_by_native:
        return native_fingerprint(candidate.links)
    return fingerprint_of(link.step for link in candidate.links[: candidate.anchor])
