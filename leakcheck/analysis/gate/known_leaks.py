"""Known leaks: which part of a growth is on the list, and whether the rest is still too much."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from fnmatch import fnmatchcase

from leakcheck.model.answers import Failure
from leakcheck.model.explanation import AllocationSite, Explanation, KnownEntry, KnownLeak, RetentionPath
from leakcheck.model.result import Result
from leakcheck.model.verdict import Gate, Verdict

_MOST_OF_A_LINE = 0.75
_EXPLAINED = 0.9
"""Share of a growth that culprits must account for before any of it is forgiven."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Culprit:
    """One part of a growth, under all the names by which an entry may call it."""

    names: tuple[str, ...]
    fingerprint: str
    bytes_per_1000_calls: float
    share: float
    also: tuple[str, ...] = ()
    """Fingerprints of the same leak in the other view."""
    is_vague: bool = False
    """Native code holds it, and nothing told which: the same fingerprint may be another leak's elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownShare:
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


def account(explanation: Explanation, entries: Sequence[KnownEntry], scenario: str, today: date) -> KnownShare:
    """Return which part of an explained growth is known.

    Holders and sites are two views of the same growth: the holders count where they account for
    it, the sites where they do not. An entry that has expired is named, and forgives nothing.
    """
    mine = [entry for entry in entries if is_for(entry, scenario)]
    if not mine:
        return KnownShare()
    views = [_held(explanation), _allocated(explanation)]
    whole = [view for view in views if _is_whole(view)]
    # the names of either view are as good: a site's pattern finds its leak also where the holders count
    matched = [(entry, part) for view in whole or views for part in view for entry in mine if names(entry, part)]
    if not matched:
        return KnownShare(whole=bool(whole))
    view = next(view for view in (whole or views) if any(part is found for part in view for _, found in matched))
    known: list[KnownLeak] = []
    rest = 0.0
    for part in view:
        entry = next((entry for entry, found in matched if found is part), None)
        leak = None if entry is None else _known(entry, part, today, _causes(entry, part, view, views, scenario))
        if leak is not None:
            known.append(leak)
        if leak is None or leak.expired is not None:
            rest += part.bytes_per_1000_calls
    return KnownShare(known=tuple(known), rest_bytes_per_1000_calls=rest, whole=bool(whole))


def is_for(entry: KnownEntry, scenario: str) -> bool:
    """Tell whether an entry is meant for a scenario, by its id or its name without the variant."""
    # an id's brackets are no character class
    pattern = entry.scenario.replace("[", "[[]")
    return fnmatchcase(scenario, pattern) or fnmatchcase(scenario.partition("[")[0], pattern)


def entry_name(entry: KnownEntry) -> str:
    """Return what an entry is called by: its fingerprint, or its pattern."""
    return entry.fingerprint or entry.match


def names(entry: KnownEntry, part: Culprit) -> bool:
    """Tell whether an entry names a culprit."""
    if entry.fingerprint:
        return entry.fingerprint in (part.fingerprint, *part.also)
    pattern = entry.match.replace("[", "[[]")
    return any(fnmatchcase(name, pattern) for name in part.names)


def _causes(
    entry: KnownEntry, part: Culprit, view: list[Culprit], views: Sequence[list[Culprit]], scenario: str
) -> tuple[str, ...]:
    """Return the fingerprints of the leak that a culprit is: its own, and the other view's where it alone matches."""
    own = f"{part.fingerprint} {scenario}" if part.is_vague else part.fingerprint
    if sum(names(entry, other) for other in view) > 1:
        return (own,)
    others = (
        other.fingerprint
        for other_view in views
        if other_view is not view
        for other in other_view
        if names(entry, other)
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
    """Return the fingerprint to put on the list: the heaviest of the view that accounts for the growth; "" for none."""
    views = [_held(explanation), _allocated(explanation)]
    counting = next((view for view in views if _is_whole(view)), [])
    named = [*counting, *_held(explanation, weighed=False), *_allocated(explanation)]
    return next((part.fingerprint for part in named), "")


def _is_whole(view: Sequence[Culprit]) -> bool:
    return sum(part.share for part in view) >= _EXPLAINED


def _held(explanation: Explanation, *, weighed: bool = True) -> list[Culprit]:
    names = {container.fingerprint: container.name for container in explanation.containers}
    return [
        Culprit(
            names=tuple(_path_names(path, names.get(path.fingerprint, ""))),
            fingerprint=path.fingerprint,
            bytes_per_1000_calls=path.bytes_per_1000_calls or 0.0,
            share=path.share or 0.0,
            also=tuple(site.fingerprint for site in explanation.sites if _is_same(path, site)),
            is_vague=path.held_by_native and path.line is None,
        )
        for path in explanation.retention_paths
        if not weighed or (path.bytes_per_1000_calls is not None and path.share is not None)
    ]


def _is_same(path: RetentionPath, site: AllocationSite) -> bool:
    """Tell whether a line allocated what native code holds, and not much else."""
    return path.line is not None and site.frame == path.line and (path.share or 0.0) >= _MOST_OF_A_LINE * site.share


def _path_names(path: RetentionPath, container: str) -> Iterator[str]:
    yield path_text(path)
    if container:
        yield container
    if path.native is not None:
        yield f"{path.native.file} {path.native.function}"


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
            also=tuple(path.fingerprint for path in explanation.retention_paths if _is_same(path, site)),
        )
        for site in explanation.sites
    ]


def _site_names(site: AllocationSite) -> Iterator[str]:
    for frame in site.frames:
        yield f"{frame.file}:{frame.line}"
        yield f"{frame.file}::{frame.function}"
        yield frame.source


def culprits_of(result: Result) -> list[Culprit]:
    """Return all that a result names, with or without a weight."""
    said = Explanation(containers=result.containers, retention_paths=result.retention_paths, sites=result.sites)
    containers = [
        Culprit(names=(one.name,), fingerprint=one.fingerprint, bytes_per_1000_calls=0.0, share=0.0)
        for one in result.containers
    ]
    return [*_held(said, weighed=False), *_allocated(said), *containers]


EVERY_SCENARIO = "*"
"""The scenario of an entry that names none."""


def unseen_entries(entries: Sequence[KnownEntry], results: Sequence[Result]) -> tuple[KnownEntry, ...]:
    """Return the entries that did not occur in any result with a verdict that they are for; none without such.

    Where a leak was not explained, nobody can say what occurred; and what an entry names in any result,
    heavy or light, weighed or not, has occurred.
    """
    sure = [one for one in results if one.verdict is not Verdict.INCONCLUSIVE and _is_looked_into(one)]
    seen = {leak.entry for one in results for leak in one.known}
    culprits = [part for one in results for part in culprits_of(one)]
    return tuple(
        entry
        for entry in entries
        if entry_name(entry) not in seen
        and any(is_for(entry, one.id) for one in sure)
        and not any(names(entry, part) for part in culprits)
    )


def without_ambiguous(results: Sequence[Result], before: Sequence[Result] = ()) -> tuple[Result, ...]:
    """Return the results, those as failed in which an entry without a scenario names another leak than elsewhere.

    One entry is for one leak: by its reason somebody accepted that one, and no other. `before` are
    results of the same run that have been given out.
    """
    leaks: dict[str, list[set[str]]] = defaultdict(list)
    for result in (*before, *results):
        for leak in _unscoped(result):
            same = [known for known in leaks[leak.entry] if not known.isdisjoint(leak.causes)]
            others = [known for known in leaks[leak.entry] if known.isdisjoint(leak.causes)]
            leaks[leak.entry] = [*others, set(leak.causes).union(*same)]
    return tuple(_refused(result, {entry: len(known) for entry, known in leaks.items()}) for result in results)


def _refused(result: Result, leaks: Mapping[str, int]) -> Result:
    entry = next((leak.entry for leak in _unscoped(result) if leaks[leak.entry] > 1), None)
    if entry is None or result.trouble is not None:
        return result
    message = (
        f"the known leak {entry} names {leaks[entry]} different leaks in this run, and an entry is for one: "
        'give it the scenario that it is for (scenario = "..."), and list the other by its own fingerprint'
    )
    return replace(result, trouble=Failure(kind="usage", message=message), gate=Gate.ERROR)


def _unscoped(result: Result) -> list[KnownLeak]:
    return [leak for leak in result.known if leak.scenario == EVERY_SCENARIO and leak.causes]


def _is_looked_into(result: Result) -> bool:
    found = (result.containers, result.retention_paths, result.sites, result.sites_meter)
    return result.verdict is not Verdict.LEAK or any(found)
