"""Turn growing containers into retention candidates: those of one path together, with names and estimated bytes."""

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
from leakcheck.probe.heap.path_steps import PathStep, step_from
from leakcheck.probe.heap.referrers import ReferrerSearch, path_to, possible_owners
from leakcheck.probe.heap.weak_references import lists_weakly, weak_collection_of
from leakcheck.probe.originals import BUILTINS, gc, os
from leakcheck.probe.retention.candidate import RetentionCandidate
from leakcheck.probe.retention.definitions import kept_function
from leakcheck.probe.retention.owned import CandidateChain, assign_owners
from leakcheck.probe.retention.watch import WatchedCalls

__builtins__ = BUILTINS

_MAX_CANDIDATES = 24  # any value from 8 to 100 does: the heaviest come first
_MAX_ESTIMATED = 200  # any value from 50 to 1000 does: those that gained most come first
_SAMPLE_SIZE = 40  # any value from 10 to 200 does: entries of a container are alike
_REACHED_PER_ENTRY = 500  # any value from 100 to 5000 does: it costs time
_OWN_REFERENCES = 2  # not tuned: counted, as follows
"""References to a grown container that are leakcheck's own, including the argument of the call."""

_MIN_INTERPRETER_RATE = 0.1
"""Entries per call from which a table of the interpreter's is reported."""

_PAIR = 2  # not tuned: a key and its value
_MIN_COMMON_RATE = 0.02
"""Entries per call that many containers must have gained together, if each of them rose only once."""


def _is_interpreter_table(grown: GrownContainer, calls: int) -> bool:
    """Return whether it is a table that the interpreter fills when first needed, unless calls keep adding to it."""
    if grown.growth is LengthGrowth.GROWING and grown.gained >= _MIN_INTERPRETER_RATE * calls:
        return False
    return any(
        grown.container is table for table in (sys.modules, linecache.cache, gc.garbage, sys.path_importer_cache)
    )


def container_candidates(
    watched: WatchedCalls, new: frozenset[int], search: ReferrerSearch
) -> list[RetentionCandidate]:
    """Return the grown containers as candidates with names and without weights, the heaviest by estimate first."""
    # a container with no other reference was replaced by another one
    alive = [grown for grown in watched.grown if sys.getrefcount(grown.container) > _OWN_REFERENCES]
    remaining = {id(grown.container): grown for grown in alive if not _is_interpreter_table(grown, watched.calls)}
    steady = [grown for grown in remaining.values() if grown.growth is not LengthGrowth.ONCE][:_MAX_ESTIMATED]
    by_bytes = sorted(((_estimate_bytes(grown, new), grown) for grown in steady), key=lambda pair: -pair[0])
    chained: list[CandidateChain] = []
    for _, grown in [*by_bytes, *((0.0, grown) for grown in _once_of_many(list(remaining.values()), watched.calls))]:
        max_candidates = _MAX_CANDIDATES if not search.budget.is_half_spent() else _MAX_CANDIDATES // 2
        if len(chained) >= max_candidates or search.budget.is_spent():
            break
        if id(grown.container) not in remaining:
            continue  # belongs to an earlier cluster
        chain = path_to(grown.container, search)
        cluster = [grown, *_on_same_path(chain, grown, remaining)]
        for member in cluster:
            remaining.pop(id(member.container), None)
        gained = sum(member.gained for member in cluster)
        if grown.growth is LengthGrowth.ONCE and gained < max(3, _MIN_COMMON_RATE * watched.calls):
            continue
        if _is_inner_table(chain, grown):
            continue
        chained.append(CandidateChain(_candidate(chain, cluster, new, search), chain))
    assign_owners(chained, search)
    return sorted((item.candidate for item in chained), key=lambda candidate: -candidate.estimated_bytes)


def _once_of_many(grown: Sequence[GrownContainer], calls: int) -> Iterator[GrownContainer]:
    """Yield some containers of each type of which more rose once than chance explains."""
    groups: dict[int, list[GrownContainer]] = {}
    for candidate in grown:
        if candidate.growth is LengthGrowth.ONCE:
            groups.setdefault(id(type(candidate.container)), []).append(candidate)
    for group in groups.values():
        if len(group) >= max(3, _MIN_COMMON_RATE * calls):
            # some may be on another path
            yield from sample(group, 4)


def _is_inner_table(chain: Sequence[Any], grown: GrownContainer) -> bool:
    """Return whether it is the inner table of another container, or the one in which a class lists its subclasses."""
    if len(chain) > 1:
        row = container_type_of(type(chain[-2]))
        return row is not None and row.has_inner_table and row.length(chain[-2]) == grown.length
    entries = grown.container_type.newest(grown.container, 1)
    return len(entries) == 2 and type(entries[0]) is int and type(entries[1]) is ReferenceType


def _on_same_path(
    chain: Sequence[Any], first: GrownContainer, remaining: dict[int, GrownContainer]
) -> list[GrownContainer]:
    """Return the other grown containers of the same path: below the last link that stands for many."""
    steps = _steps_of(chain)
    last_varying = max((number for number, (_, step) in enumerate(steps) if step.text == "[*]"), default=None)
    if last_varying is None:
        return []
    start, varying_step = steps[last_varying]
    texts = [step.text for _, step in steps[last_varying + 1 :]]
    pattern = chain[varying_step.to :]
    result: list[GrownContainer] = []
    for entry in introspect.referents(chain[start : varying_step.to]):
        if type(entry) is not type(pattern[0]):
            continue
        for path in _similar_paths(entry, pattern[1:]):
            grown = remaining.get(id(path[-1]))
            if grown is None or grown is first or grown.container_type is not first.container_type or grown in result:
                continue
            if [step.text for _, step in _steps_of(path)] == texts:
                result.append(grown)
    return result


def _steps_of(chain: Sequence[Any]) -> list[tuple[int, PathStep]]:
    steps = []
    position = 0
    while position < len(chain) - 1:
        step = step_from(chain, position)
        steps.append((position, step))
        position = step.to
    return steps


def _similar_paths(entry: Any, pattern: Sequence[Any]) -> Iterator[list[Any]]:
    if not pattern:
        yield [entry]
        return
    for referent in introspect.referents((entry,)):
        if type(referent) is type(pattern[0]):
            for rest in _similar_paths(referent, pattern[1:]):
                yield [entry, *rest]


def _entries(grown: GrownContainer, new: frozenset[int]) -> list[Any]:
    """Return some of the entries that were added last."""
    newest = grown.container_type.newest(grown.container, min(grown.gained, _SAMPLE_SIZE))
    return newest or sample(
        [entry for entry in introspect.referents((grown.container,)) if id(entry) in new], _SAMPLE_SIZE
    )


def _new_functions(new: frozenset[int]) -> list[Any]:
    """Return some of the functions that the calls have left, as entries of a table that only C code can read."""
    type_ids = frozenset(map(id, (FunctionType, MethodType, partial)))
    functions = [
        candidate for candidate in gc.get_objects() if id(type(candidate)) in type_ids and id(candidate) in new
    ]
    return sample(functions, _SAMPLE_SIZE)


def _estimate_bytes(grown: GrownContainer, new: frozenset[int]) -> float:
    entries = _entries(grown, new)
    if not entries:
        return float(grown.gained)
    # a dictionary's keys are among them, so the number of entries counts
    sampled = min(grown.gained, _SAMPLE_SIZE)
    return reach(entries, new, _REACHED_PER_ENTRY * _SAMPLE_SIZE).bytes / sampled * grown.gained


def _candidate(
    chain: list[Any], cluster: list[GrownContainer], new: frozenset[int], search: ReferrerSearch
) -> RetentionCandidate:
    lead = cluster[0]
    entries = _entries(lead, new)
    kind, limit = lead.container_type.word(lead.container), lead.container_type.limit(lead.container)
    table = None
    if lead.container_type is AT_EXIT:
        table = "atexit", "register"
    elif not search.is_rooted(chain):
        table = function_that_fills(lead.container)
    if table is not None:
        module, function = table
        links = [{"step": module, "type": "module"}, {"step": f".{function}", "type": AT_EXIT.word(lead.container)}]
        path = NamedPath(links, len(links), f"{module}.{function}", "")
        kept = kept_function(entries or _new_functions(new), new)
        return RetentionCandidate(
            path, cluster, links[1]["type"], estimated_bytes=_estimate_bytes(lead, new), kept=kept
        )
    if (collection := weak_collection_of(chain)) is not None:
        kind = introspect.name_of_class(type(collection))
    if limit is None and not search.budget.is_spent():
        bounded = find_limit(lead.container, possible_owners(lead.container, chain, search))
        if bounded is not None and bounded.limit.proved:
            kind, limit = bounded.limit.kind, bounded.limit.maximum
    heaviest = max(entries, key=lambda entry: reach([entry], new, _REACHED_PER_ENTRY).bytes, default=None)
    beyond = [] if heaviest is None else [heaviest, *heaviest_path(heaviest, new, 6)]
    shown = min(lead.gained, _SAMPLE_SIZE)
    has_keys = len(lead.container_type.newest(lead.container, 1)) == _PAIR
    tracked = len(reach(entries, new, _REACHED_PER_ENTRY * _SAMPLE_SIZE).ids)
    gained = sum(grown.gained for grown in cluster)
    return RetentionCandidate(
        name_path(chain, search, beyond),
        cluster,
        kind,
        limit,
        objects=tracked / shown * gained,
        estimated_bytes=_estimate_bytes(lead, new) / lead.gained * gained,
        is_rooted=search.is_rooted(chain),
        is_library=introspect.is_standard(chain),
        is_weak=lists_weakly(entries, new),
        kept=kept_function(entries[1::2] if has_keys else entries, new),
    )


_CODEC_ERROR_HANDLER = "xmlcharrefreplace"
_CHECKED_ENTRIES = 16  # any value from 8 to 100 does: what the interpreter has put in comes first
_ENCODINGS_SEARCH = "encodings.search_function"


def function_that_fills(container: Any) -> tuple[str, str] | None:
    """Return module and name of the function that fills a table of the interpreter's; None for any other table."""
    if type(container) is dict:
        keys = islice(dict.keys(container), _CHECKED_ENTRIES)
        # no other types: their __eq__ would be called
        is_error_table = any(type(key) is str and key == _CODEC_ERROR_HANDLER for key in keys)
        return ("codecs", "register_error") if is_error_table else None
    if type(container) is not list:
        return None
    functions = (entry for entry in islice(container, _CHECKED_ENTRIES) if type(entry) is FunctionType)
    if any(introspect.name_of_function(entry) == _ENCODINGS_SEARCH for entry in functions):
        return "codecs", "register"
    return ("os", "register_at_fork") if _is_fork_hook_list(container) else None


def _is_fork_hook_list(container: list[Any]) -> bool:
    """Return whether it is one of the three lists of functions to call at a fork: add a marker and remove it."""
    if not hasattr(os, "register_at_fork"):
        return False

    def mark() -> None:
        pass

    os.register_at_fork(before=mark, after_in_parent=mark, after_in_child=mark)
    lists = [referrer for referrer in gc.get_referrers(mark) if type(referrer) is list]
    for referrer in lists:
        referrer[:] = [function for function in referrer if function is not mark]
    return any(referrer is container for referrer in lists)
