"""Known leaks: which part of a growth is on the list, and whether the rest exceeds the budget."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from fnmatch import fnmatchcase

from leakcheck.model.explanation import AllocationSite, Explanation, KnownEntry, KnownLeak, RetentionPath
from leakcheck.model.failure import Failure, FailureKind
from leakcheck.model.result import Result
from leakcheck.model.verdict import Gate, Verdict

_SAME_LEAK_SHARE = 0.75
"""Of the growth of a line that a retention path must account for, so that both are one leak."""

_EXPLAINED = 0.9
"""The share of a growth that must be explained before any of it is forgiven."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Culprit:
    """One part of a growth, with all names that an entry may match."""

    names: tuple[str, ...]
    fingerprint: str
    bytes_per_1000_calls: float
    share: float
    aliases: tuple[str, ...] = ()
    """Fingerprints of the same leak in the other view (paths or sites)."""
    is_vague: bool = False
    """Held by unidentified native code: elsewhere the same fingerprint may be that of another leak."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownShare:
    """A growth, divided into known leaks and the rest."""

    known: tuple[KnownLeak, ...] = ()
    rest_bytes_per_1000_calls: float = 0.0
    """The growth of the culprits that are not on the list."""
    is_complete: bool = False
    """Whether the culprits account for the growth; otherwise the rest is unknown."""

    def is_forgiven(self, budget_bytes_per_1000_calls: float) -> bool:
        """Return whether the rest of the growth is within the budget."""
        valid = any(leak.expired is None for leak in self.known)
        return valid and self.is_complete and self.rest_bytes_per_1000_calls <= budget_bytes_per_1000_calls


def known_share(explanation: Explanation, entries: Sequence[KnownEntry], scenario: str, today: date) -> KnownShare:
    """Return which part of an explained growth is known.

    Retention paths and allocation sites are two views of the same growth. The paths count if they account for it,
    otherwise the sites do. An expired entry is listed, and forgives nothing.
    """
    applicable = [entry for entry in entries if applies_to(entry, scenario)]
    if not applicable:
        return KnownShare()
    views = [_paths(explanation), _sites(explanation)]
    complete = [view for view in views if _is_complete(view)]
    # an entry may name its leak in either view: the pattern of a site finds its leak even if the paths count
    matched = [
        (entry, part)
        for view in complete or views
        for part in view
        for entry in applicable
        if matches_entry(entry, part)
    ]
    if not matched:
        return KnownShare(is_complete=bool(complete))
    view = next(view for view in (complete or views) if any(part is match for part in view for _, match in matched))
    known: list[KnownLeak] = []
    rest = 0.0
    for part in view:
        entry = next((entry for entry, match in matched if match is part), None)
        leak = None if entry is None else _known(entry, part, today, _causes(entry, part, view, views, scenario))
        if leak is not None:
            known.append(leak)
        if leak is None or leak.expired is not None:
            rest += part.bytes_per_1000_calls
    return KnownShare(known=tuple(known), rest_bytes_per_1000_calls=rest, is_complete=bool(complete))


def applies_to(entry: KnownEntry, scenario: str) -> bool:
    """Return whether an entry applies to a scenario, by its id or by its name without the variant."""
    # the brackets of an id such as newsletter[naive] are not a character class
    pattern = entry.scenario.replace("[", "[[]")
    return fnmatchcase(scenario, pattern) or fnmatchcase(scenario.partition("[")[0], pattern)


def entry_name(entry: KnownEntry) -> str:
    """Return the fingerprint of an entry, or its pattern."""
    return entry.fingerprint or entry.match


def matches_entry(entry: KnownEntry, part: Culprit) -> bool:
    """Return whether an entry matches a culprit."""
    if entry.fingerprint:
        return entry.fingerprint in (part.fingerprint, *part.aliases)
    pattern = entry.match.replace("[", "[[]")
    return any(fnmatchcase(name, pattern) for name in part.names)


def _causes(
    entry: KnownEntry, part: Culprit, view: list[Culprit], views: Sequence[list[Culprit]], scenario: str
) -> tuple[str, ...]:
    """Return the fingerprints of a culprit's leak: its own, and the other view's if the entry matches it alone."""
    own = f"{part.fingerprint} {scenario}" if part.is_vague else part.fingerprint
    if sum(matches_entry(entry, other) for other in view) > 1:
        return (own,)
    others = (
        other.fingerprint
        for other_view in views
        if other_view is not view
        for other in other_view
        if matches_entry(entry, other)
    )
    return (own, *others)


def _known(entry: KnownEntry, part: Culprit, today: date, causes: tuple[str, ...]) -> KnownLeak:
    expired = entry.expires is not None and entry.expires < today
    return KnownLeak(
        entry=entry_name(entry),
        reason=entry.reason,
        bytes_per_1000_calls=part.bytes_per_1000_calls,
        share=part.share,
        expired=str(entry.expires) if expired else None,
        scenario=entry.scenario,
        causes=causes,
    )


def main_fingerprint(explanation: Explanation) -> str:
    """Return the fingerprint to put on the list: of the heaviest part in the view that counts, or ""."""
    paths, sites = _paths(explanation), _sites(explanation)
    counting = next((view for view in (paths, sites) if _is_complete(view)), [])
    return next((part.fingerprint for part in (*counting, *_paths(explanation, weighed=False), *sites)), "")


def _is_complete(view: Sequence[Culprit]) -> bool:
    return sum(part.share for part in view) >= _EXPLAINED


def _paths(explanation: Explanation, *, weighed: bool = True) -> list[Culprit]:
    containers = {container.fingerprint: container.name for container in explanation.containers}
    return [
        Culprit(
            names=tuple(_path_names(path, containers.get(path.fingerprint, ""))),
            fingerprint=path.fingerprint,
            bytes_per_1000_calls=path.bytes_per_1000_calls or 0.0,
            share=path.share or 0.0,
            aliases=tuple(site.fingerprint for site in explanation.allocation_sites if _is_same(path, site)),
            is_vague=path.held_by_native and path.line is None,
        )
        for path in explanation.retention_paths
        if not weighed or (path.bytes_per_1000_calls is not None and path.share is not None)
    ]


def _is_same(path: RetentionPath, site: AllocationSite) -> bool:
    """Return whether a line allocated what a native path holds, and little else."""
    return path.line is not None and site.frame == path.line and (path.share or 0.0) >= _SAME_LEAK_SHARE * site.share


def _path_names(path: RetentionPath, container: str) -> Iterator[str]:
    yield path_text(path)
    if container:
        yield container
    if path.native is not None:
        yield f"{path.native.file} {path.native.function}"


def path_text(path: RetentionPath) -> str:
    """Return a path as the text that patterns are matched with: `newsletter.views.SENT[*]._result_cache`."""
    return "".join(link.step for link in path.links)


def _sites(explanation: Explanation) -> list[Culprit]:
    return [
        Culprit(
            names=tuple(_site_names(site)),
            fingerprint=site.fingerprint,
            bytes_per_1000_calls=site.bytes_per_1000_calls,
            share=site.share,
            aliases=tuple(path.fingerprint for path in explanation.retention_paths if _is_same(path, site)),
        )
        for site in explanation.allocation_sites
    ]


def _site_names(site: AllocationSite) -> Iterator[str]:
    for frame in site.frames:
        yield f"{frame.file}:{frame.line}"
        yield f"{frame.file}::{frame.function}"
        yield frame.source


def culprits_of(result: Result) -> list[Culprit]:
    """Return everything that a result names, weighed or not."""
    explanation = result.explanation
    containers = [
        Culprit(names=(container.name,), fingerprint=container.fingerprint, bytes_per_1000_calls=0.0, share=0.0)
        for container in explanation.containers
    ]
    return [*_paths(explanation, weighed=False), *_sites(explanation), *containers]


def unseen_entries(entries: Sequence[KnownEntry], results: Sequence[Result]) -> tuple[KnownEntry, ...]:
    """Return the entries that occurred in no result, although a result that they apply to has a verdict.

    A leak that was not explained counts as no verdict, because what occurred in it is unknown. An entry that matches
    anything in any result, heavy or light, weighed or not, has occurred.
    """
    conclusive = [result for result in results if result.verdict is not Verdict.INCONCLUSIVE and _is_explained(result)]
    seen = {leak.entry for result in results for leak in result.known_leaks}
    culprits = [part for result in results for part in culprits_of(result)]
    return tuple(
        entry
        for entry in entries
        if entry_name(entry) not in seen
        and any(applies_to(entry, result.id) for result in conclusive)
        and not any(matches_entry(entry, part) for part in culprits)
    )


def without_ambiguous(results: Sequence[Result], before: Sequence[Result] = ()) -> tuple[Result, ...]:
    """Return the results, with a usage failure where an entry without a scenario matches different leaks.

    One entry is for one leak: its reason was given for that leak, and no other. `before` are earlier results of the
    same run, which are not returned.
    """
    leaks: dict[str, list[set[str]]] = defaultdict(list)
    for result in (*before, *results):
        for leak in _unscoped(result):
            same = [causes for causes in leaks[leak.entry] if not causes.isdisjoint(leak.causes)]
            others = [causes for causes in leaks[leak.entry] if causes.isdisjoint(leak.causes)]
            leaks[leak.entry] = [*others, set(leak.causes).union(*same)]
    counts = {entry: len(causes) for entry, causes in leaks.items()}
    return tuple(_failed_if_ambiguous(result, counts) for result in results)


def _failed_if_ambiguous(result: Result, counts: Mapping[str, int]) -> Result:
    entry = next((leak.entry for leak in _unscoped(result) if counts[leak.entry] > 1), None)
    if entry is None or result.failure is not None:
        return result
    message = (
        f"the known leak {entry} names {counts[entry]} different leaks in this run, and an entry is for one: "
        'give it the scenario that it is for (scenario = "..."), and list the other by its own fingerprint'
    )
    return replace(result, failure=Failure(kind=FailureKind.USAGE, message=message), gate=Gate.ERROR)


def _unscoped(result: Result) -> list[KnownLeak]:
    """Return the known leaks whose entry names no scenario."""
    return [leak for leak in result.known_leaks if leak.scenario == "*" and leak.causes]


def _is_explained(result: Result) -> bool:
    explanation = result.explanation
    found = explanation.containers or explanation.retention_paths or explanation.allocation_sites
    return result.verdict is not Verdict.LEAK or bool(found or explanation.allocation_tracer)
