"""The list of known leaks as a whole, held to a run: what did not occur, and what names more than one leak."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from leakcheck.analysis.known import culprits_of, entry_name, is_for, names
from leakcheck.explanation import KnownEntry, KnownLeak
from leakcheck.model import Gate, Result, Trouble, Verdict

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
    return replace(result, trouble=Trouble(kind="usage", message=message), gate=Gate.ERROR)


def _unscoped(result: Result) -> list[KnownLeak]:
    return [leak for leak in result.known if leak.scenario == EVERY_SCENARIO and leak.causes]


def _is_looked_into(result: Result) -> bool:
    found = (result.containers, result.retention_paths, result.sites, result.sites_meter)
    return result.verdict is not Verdict.LEAK or any(found)
