"""Known leaks: which part of a growth is on the list, and whether the rest is still too much."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase

from leakcheck.explanation import Explanation, KnownEntry, KnownLeak, RetentionPath, Site
from leakcheck.model import Result, Verdict

_EXPLAINED = 0.9
"""Share of a growth that culprits must account for before any of it is forgiven."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Culprit:
    """One part of a growth, under all the names by which an entry may call it."""

    names: tuple[str, ...]
    fingerprint: str
    bytes_per_1000_calls: float
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounted:
    """A growth, divided into what is on the list and what is not."""

    known: tuple[KnownLeak, ...] = ()
    rest_bytes_per_1000_calls: float = 0.0
    """The growth of the culprits that are on no list."""
    whole: bool = False
    """The culprits account for the growth, so that what is on no list can be told."""

    def is_forgiven(self, budget_bytes_per_1000_calls: float) -> bool:
        """Tell whether what is not on the list is within the budget."""
        valid = any(leak.expired is None for leak in self.known)
        return valid and self.whole and self.rest_bytes_per_1000_calls <= budget_bytes_per_1000_calls


def account(explanation: Explanation, entries: Sequence[KnownEntry], scenario: str, today: date) -> Accounted:
    """Return which part of an explained growth is known.

    Holders and sites are two views of the same growth: the holders count where they account for
    it, the sites where they do not. An entry that has expired is named, and forgives nothing.
    """
    mine = [entry for entry in entries if is_for(entry, scenario)]
    if not mine:
        return Accounted()
    views = [_held(explanation), _allocated(explanation)]
    whole = [view for view in views if sum(part.share for part in view) >= _EXPLAINED]
    # the names of either view are as good: a site's pattern finds its leak also where the holders count
    matched = [(entry, part) for view in whole or views for part in view for entry in mine if _names(entry, part)]
    if not matched:
        return Accounted(whole=bool(whole))
    view = next(view for view in (whole or views) if any(part is found for part in view for _, found in matched))
    known: list[KnownLeak] = []
    rest = 0.0
    for part in view:
        entry = next((entry for entry, found in matched if found is part), None)
        leak = None if entry is None else _known(entry, part, today)
        if leak is not None:
            known.append(leak)
        if leak is None or leak.expired is not None:
            rest += part.bytes_per_1000_calls
    return Accounted(known=tuple(known), rest_bytes_per_1000_calls=rest, whole=bool(whole))


def is_for(entry: KnownEntry, scenario: str) -> bool:
    """Tell whether an entry is meant for a scenario, by its id or its name without the variant."""
    # an id's brackets are no character class
    pattern = entry.scenario.replace("[", "[[]")
    return fnmatchcase(scenario, pattern) or fnmatchcase(scenario.partition("[")[0], pattern)


def unseen_entries(entries: Sequence[KnownEntry], results: Sequence[Result]) -> tuple[KnownEntry, ...]:
    """Return the entries that did not occur in any result with a verdict that they are for; none without such."""
    sure = [one for one in results if one.verdict is not Verdict.INCONCLUSIVE]
    seen = {leak.entry for one in results for leak in one.known}
    return tuple(
        entry for entry in entries if entry_name(entry) not in seen and any(is_for(entry, one.id) for one in sure)
    )


def entry_name(entry: KnownEntry) -> str:
    """Return what an entry is called by: its fingerprint, or its pattern."""
    return entry.fingerprint or entry.match


def _names(entry: KnownEntry, part: Culprit) -> bool:
    if entry.fingerprint:
        return entry.fingerprint == part.fingerprint
    pattern = entry.match.replace("[", "[[]")
    return any(fnmatchcase(name, pattern) for name in part.names)


def _known(entry: KnownEntry, part: Culprit, today: date) -> KnownLeak:
    expired = entry.expires is not None and entry.expires < today
    return KnownLeak(
        entry=entry_name(entry),
        reason=entry.reason,
        bytes_per_1000_calls=part.bytes_per_1000_calls,
        share=part.share,
        expired=str(entry.expires) if expired else None,
    )


def _held(explanation: Explanation) -> list[Culprit]:
    names = {container.fingerprint: container.name for container in explanation.containers}
    return [
        Culprit(
            names=tuple(_path_names(path, names.get(path.fingerprint, ""))),
            fingerprint=path.fingerprint,
            bytes_per_1000_calls=path.bytes_per_1000_calls,
            share=path.share,
        )
        for path in explanation.retention_paths
        if path.bytes_per_1000_calls is not None and path.share is not None
    ]


def _path_names(path: RetentionPath, container: str) -> Iterator[str]:
    yield path_text(path)
    if container:
        yield container


def path_text(path: RetentionPath) -> str:
    """Return a path as one line, as an entry's pattern sees it (`newsletter.views.SENT[*]._result_cache`)."""
    return "".join(link.step for link in path.links)


def _allocated(explanation: Explanation) -> list[Culprit]:
    return [
        Culprit(
            names=tuple(_site_names(site)),
            fingerprint=site.fingerprint,
            bytes_per_1000_calls=site.bytes_per_1000_calls,
            share=site.share,
        )
        for site in explanation.sites
    ]


def _site_names(site: Site) -> Iterator[str]:
    for frame in site.frames:
        yield f"{frame.file}:{frame.line}"
        yield f"{frame.file}::{frame.function}"
        yield frame.source
