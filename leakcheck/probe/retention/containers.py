"""Growing containers as holders: those of one path taken together, named, and weighed."""

import linecache
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from types import FunctionType, MethodType
from typing import Any
from weakref import ReferenceType

from leakcheck.probe.heap import introspect
from leakcheck.probe.heap.container_types import AT_EXIT, container_type_of
from leakcheck.probe.heap.lengths import GrownContainer, LengthGrowth
from leakcheck.probe.heap.limits import find_limit
from leakcheck.probe.heap.new_objects import heaviest_path, reach, sample
from leakcheck.probe.heap.path_names import NamedPath, name_path
from leakcheck.probe.heap.path_steps import step_from
from leakcheck.probe.heap.referrers import ReferrerSearch, path_to, possible_owners
from leakcheck.probe.heap.weak_references import lists_weakly, weak_collection_of
from leakcheck.probe.originals import BUILTINS, gc, os
from leakcheck.probe.retention.candidate import RetentionCandidate
from leakcheck.probe.retention.definitions import kept_function
from leakcheck.probe.retention.owned import CandidateChain, note_owners
from leakcheck.probe.retention.watch import WatchedCalls

__builtins__ = BUILTINS


_MOST_NAMED = 24
_MOST_LOOKED_AT = 200
_SAMPLED = 40
_REACH = 500
_HELD_BY_US = 2
"""References to a grown container that are our doing, the one for asking included."""

_FEWEST_OF_INTERPRETER = 0.1
"""Entries a call that a table of the interpreter's must take in to be a culprit."""

_A_PAIR = 2
_FEWEST_OF_MANY = 0.02
"""Entries a call that many containers must have taken in together, where each of them rose once only."""


def _is_the_interpreters(grown: GrownContainer, calls: int) -> bool:
    """Return whether it is a table that the interpreter fills at its first need, unless calls fill it all the time."""
    if grown.growth is LengthGrowth.GROWING and grown.gained >= _FEWEST_OF_INTERPRETER * calls:
        return False
    return any(grown.container is one for one in (sys.modules, linecache.cache, gc.garbage, sys.path_importer_cache))


def named(watched: WatchedCalls, new: frozenset[int], world: ReferrerSearch) -> list[RetentionCandidate]:
    """Return what grew with its names and without a weight, the heaviest by its objects' sizes first."""
    # one that is ours alone by now has been replaced by another
    alive = [one for one in watched.grown if sys.getrefcount(one.container) > _HELD_BY_US]
    left = {id(one.container): one for one in alive if not _is_the_interpreters(one, watched.calls)}
    steady = [one for one in left.values() if one.growth is not LengthGrowth.ONCE][:_MOST_LOOKED_AT]
    by_bytes = sorted(((_reckoned(one, new), one) for one in steady), key=lambda pair: -pair[0])
    ways: list[CandidateChain] = []
    for _, one in [*by_bytes, *((0.0, one) for one in _of_many(list(left.values()), watched.calls))]:
        most = _MOST_NAMED if not world.budget.is_half_spent() else _MOST_NAMED // 2
        if len(ways) >= most or world.budget.is_spent():
            break
        if id(one.container) not in left:
            continue  # taken together with another one
        chain = path_to(one.container, world)
        cluster = [one, *_beside(chain, one, left)]
        for each in cluster:
            left.pop(id(each.container), None)
        gained = sum(each.gained for each in cluster)
        if one.growth is LengthGrowth.ONCE and gained < max(3, _FEWEST_OF_MANY * watched.calls):
            continue
        if _is_a_part(chain, one):
            continue
        ways.append(CandidateChain(_found(chain, cluster, new, world), chain))
    note_owners(ways, world)
    return sorted((way.found for way in ways), key=lambda one: -one.reckoned_bytes)


def _of_many(grown: Sequence[GrownContainer], calls: int) -> Iterator[GrownContainer]:
    """Yield a container of each type of which so many rose once that it is no chance."""
    groups: dict[int, list[GrownContainer]] = {}
    for one in grown:
        if one.growth is LengthGrowth.ONCE:
            groups.setdefault(id(type(one.container)), []).append(one)
    for group in groups.values():
        if len(group) >= max(3, _FEWEST_OF_MANY * calls):
            # some may be of another path
            yield from sample(group, 4)


def _is_a_part(chain: Sequence[Any], grown: GrownContainer) -> bool:
    """Return whether it is the table of something else: of a cache, or the one in which a class notes its subclasses."""
    if len(chain) > 1:
        owner = container_type_of(type(chain[-2]))
        return owner is not None and owner.has_inner_table and owner.length(chain[-2]) == grown.length
    entries = grown.container_type.newest(grown.container, 1)
    return len(entries) == 2 and type(entries[0]) is int and type(entries[1]) is ReferenceType


def _beside(chain: Sequence[Any], lead: GrownContainer, left: dict[int, GrownContainer]) -> list[GrownContainer]:
    """Return the other grown containers of the same path: below the last link that stands for many."""
    places = []
    at = 0
    while at < len(chain) - 1:
        step = step_from(chain, at)
        places.append((at, step))
        at = step.to
    varying = max((n for n, (_, step) in enumerate(places) if step.text == "[*]"), default=None)
    if varying is None:
        return []
    start, first = places[varying]
    texts = [step.text for _, step in places[varying + 1 :]]
    models = chain[first.to :]
    found = []
    for entry in introspect.referents(chain[start : first.to]):
        if type(entry) is not type(models[0]):
            continue
        for path in _same(entry, models[1:]):
            grown = left.get(id(path[-1]))
            alike = grown is not None and grown is not lead and grown.container_type is lead.container_type
            if alike and grown is not None and _texts(path) == texts and grown not in found:
                found.append(grown)
    return found


def _same(entry: Any, models: Sequence[Any]) -> Iterator[list[Any]]:
    """Yield each way on from an entry over objects of the same types."""
    if not models:
        yield [entry]
        return
    for one in introspect.referents((entry,)):
        if type(one) is type(models[0]):
            for rest in _same(one, models[1:]):
                yield [entry, *rest]


def _texts(path: Sequence[Any]) -> list[str]:
    found = []
    at = 0
    while at < len(path) - 1:
        step = step_from(path, at)
        found.append(step.text)
        at = step.to
    return found


def _entries(grown: GrownContainer, new: frozenset[int]) -> list[Any]:
    """Return some of what was put in lately."""
    newest = grown.container_type.newest(grown.container, min(grown.gained, _SAMPLED))
    return newest or sample([one for one in introspect.referents((grown.container,)) if id(one) in new], _SAMPLED)


def _new_functions(new: frozenset[int]) -> list[Any]:
    """Return some of the functions that the calls have left: what a table that only C knows of was given."""
    wanted = frozenset(map(id, (FunctionType, MethodType, partial)))
    found = [one for one in gc.get_objects() if id(type(one)) in wanted and id(one) in new]
    return sample(found, _SAMPLED)


def _values(grown: GrownContainer, entries: list[Any]) -> list[Any]:
    """Return entries without their keys."""
    newest = grown.container_type.newest(grown.container, 1)
    return entries[1::2] if len(newest) == _A_PAIR else entries


def _reckoned(grown: GrownContainer, new: frozenset[int]) -> float:
    """Return about how many bytes its new entries take, by the sizes of a few."""
    entries = _entries(grown, new)
    if not entries:
        return float(grown.gained)
    # a dictionary's keys are among them: what matters is how many entries they stand for
    shown = min(grown.gained, _SAMPLED)
    return reach(entries, new, _REACH * _SAMPLED).bytes / shown * grown.gained


def _found(
    chain: list[Any], cluster: list[GrownContainer], new: frozenset[int], world: ReferrerSearch
) -> RetentionCandidate:
    lead = cluster[0]
    entries = _entries(lead, new)
    kind, limit = lead.container_type.word(lead.container), lead.container_type.limit(lead.container)
    table = None
    if lead.container_type is AT_EXIT:
        table = "atexit", "register"
    elif not world.is_rooted(chain):
        table = function_that_fills(lead.container)
    if table is not None:
        module, function = table
        links = [{"step": module, "type": "module"}, {"step": f".{function}", "type": AT_EXIT.word(lead.container)}]
        told = NamedPath(links, len(links), f"{module}.{function}", "")
        kept = kept_function(entries or _new_functions(new), new)
        return RetentionCandidate(told, cluster, links[1]["type"], reckoned_bytes=_reckoned(lead, new), kept=kept)
    if (weak := weak_collection_of(chain)) is not None:
        kind = introspect.name_of_class(type(weak))
    if limit is None and not world.budget.is_spent():
        known = find_limit(lead.container, possible_owners(lead.container, chain, world))
        if known is not None and known.limit.proved:
            kind, limit = known.limit.kind, known.limit.maximum
    heaviest = max(entries, key=lambda one: reach([one], new, _REACH).bytes, default=None)
    beyond = [] if heaviest is None else [heaviest, *heaviest_path(heaviest, new, 6)]
    shown = min(lead.gained, _SAMPLED)
    tracked = len(reach(entries, new, _REACH * _SAMPLED).ids)
    gained = sum(one.gained for one in cluster)
    return RetentionCandidate(
        name_path(chain, world, beyond),
        cluster,
        kind,
        limit,
        objects=tracked / shown * gained,
        reckoned_bytes=_reckoned(lead, new) / lead.gained * gained,
        is_rooted=world.is_rooted(chain),
        is_library=introspect.is_standard(chain),
        is_weak=lists_weakly(entries, new),
        kept=kept_function(_values(lead, entries), new),
    )


_A_CODEC_ERROR_HANDLER = "xmlcharrefreplace"
_FIRST_ENTRIES = 16
_SEARCH_OF_ENCODINGS = "encodings.search_function"


def function_that_fills(container: Any) -> tuple[str, str] | None:
    """Return the module and the name of the function that puts entries into a table; None where it is no such table."""
    if type(container) is dict:
        keys = islice(dict.keys(container), _FIRST_ENTRIES)
        # of no other type: its __eq__ would be asked
        known = any(type(key) is str and key == _A_CODEC_ERROR_HANDLER for key in keys)
        return ("codecs", "register_error") if known else None
    if type(container) is not list:
        return None
    functions = (one for one in islice(container, _FIRST_ENTRIES) if type(one) is FunctionType)
    if any(introspect.name_of_function(one) == _SEARCH_OF_ENCODINGS for one in functions):
        return "codecs", "register"
    return ("os", "register_at_fork") if _is_at_fork(container) else None


def _is_at_fork(container: list[Any]) -> bool:
    """Return whether it is one of the three lists of functions to call at a fork: a mark is put in, and taken out."""
    if not hasattr(os, "register_at_fork"):
        return False

    def mark() -> None:
        pass

    os.register_at_fork(before=mark, after_in_parent=mark, after_in_child=mark)
    lists = [one for one in gc.get_referrers(mark) if type(one) is list]
    for one in lists:
        one[:] = [function for function in one if function is not mark]
    return any(one is container for one in lists)
