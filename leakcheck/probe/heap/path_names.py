"""Describe a chain of objects as links, and by the name that a person would use."""

import sys
from collections.abc import Sequence
from contextvars import Context
from dataclasses import dataclass
from types import FrameType, FunctionType, ModuleType
from typing import Any

from leakcheck.probe.heap import introspect
from leakcheck.probe.heap.container_functions import LruCache
from leakcheck.probe.heap.path_steps import key_of, step_from, variable_of
from leakcheck.probe.heap.referrers import ReferrerSearch, path_to
from leakcheck.probe.heap.search_budget import SearchBudget
from leakcheck.probe.heap.weak_references import TABLE_STEP, is_weak_collection
from leakcheck.probe.originals import BUILTINS

__builtins__ = BUILTINS

_MAX_LINKS = 12
_NAMING_SECONDS = 5.0  # any value from 1 to 30 does: a name is found in milliseconds, or not at all


@dataclass(frozen=True, slots=True)
class NamedPath:
    """A reference path with a name."""

    links: list[dict[str, str]]
    anchor: int
    """How many of the links identify it."""
    name: str
    where: str


def name_of(container: object, hidden: Sequence[object] = ()) -> str:
    """Return a container's name as a person writes it: `newsletter.views.SENT`, or `a list` if nothing leads to it.

    No path goes through `hidden` objects.
    """
    search = ReferrerSearch(SearchBudget(_NAMING_SECONDS))
    search.hide(hidden, *hidden)
    return name_path(path_to(container, search), search).name


def name_path(chain: Sequence[Any], search: ReferrerSearch, beyond: Sequence[Any] = ()) -> NamedPath:
    """Return a chain, root first, as named path; what lies `beyond` its last object becomes links only."""
    links, where, position = _root_link(chain, search)
    full_chain = [*chain, *beyond]
    anchor = len(links)
    while position < len(full_chain) - 1:
        owner, value = full_chain[position : position + 2]
        step = step_from(full_chain, position)
        if step.text == TABLE_STEP and is_weak_collection(owner):
            position = step.to
            continue
        text = f".{step.text}" if step.variable_of else step.text
        if id(owner) in search.namespaces and type(key := key_of(owner, value)) is str:
            text = f".{key}"  # an entry of a module's dictionary is an attribute
        links.append({"step": text, "type": _type_word(full_chain[step.to])})
        if position < len(chain) - 1:
            where = step.where or where
            anchor = len(links)
        elif len(links) > anchor + 1 and links[-1] == links[-2]:
            del links[-1]  # repeated steps are listed once
        position = step.to
    name = "".join(link["step"] for link in links[:anchor])
    return NamedPath(*_truncated(links, anchor), name=name, where=where)


def _truncated(links: list[dict[str, str]], anchor: int) -> tuple[list[dict[str, str]], int]:
    if len(links) <= _MAX_LINKS:
        return links, anchor
    if anchor <= _MAX_LINKS:
        return links[:_MAX_LINKS], anchor
    head = _MAX_LINKS // 2
    tail = _MAX_LINKS - head - 1
    return [*links[:head], {"step": "...", "type": ""}, *links[anchor - tail : anchor]], _MAX_LINKS


def _type_word(value: object) -> str:
    return name_of_type(value) if not issubclass(type(value), LruCache) else "lru_cache"


def name_of_type(value: object) -> str:
    """Return the type of an object in a word."""
    return "module" if issubclass(type(value), ModuleType) else introspect.name_of_class(type(value))


def _root_link(chain: Sequence[Any], search: ReferrerSearch) -> tuple[list[dict[str, str]], str, int]:
    """Return the first link, the kind of its place, and the index in the chain that it leads to."""
    root = chain[0]
    cls = type(root)
    module_name = search.namespaces.get(id(root))
    if module_name is not None:
        return [{"step": module_name, "type": "module"}], "", 0
    if root is sys.modules:
        return [{"step": "sys.modules", "type": "dict"}], "", 0
    if issubclass(cls, ModuleType):
        namespace = introspect.namespace(root)
        return [{"step": search.namespaces.get(id(namespace), "a module"), "type": "module"}], "", 0
    if introspect.is_class(root):
        return [{"step": f"{introspect.module_of_class(root)}.{introspect.name_of_class(root)}", "type": "type"}], "", 0
    if issubclass(cls, LruCache):
        return [{"step": _name_of_cache(root), "type": "lru_cache"}], "", 0
    if len(chain) > 1 and (cls is FunctionType or cls is FrameType or introspect.is_generator(root)):
        step = step_from(chain, 0)
        if step.variable_of:
            text = f"`{step.text}` in {step.variable_of}"
            return [{"step": text, "type": _type_word(chain[step.to])}], step.where, step.to
    if cls is FunctionType:
        return [{"step": introspect.name_of_function(root), "type": "function"}], "", 0
    if cls is Context:
        match = variable_of(root, chain[1:])
        if match is not None:
            link = {"step": name_of(match[0], [root]), "type": "ContextVar"}
            return [link, {"step": ".get()", "type": _type_word(chain[1 + match[1]])}], "context variable", 1 + match[1]
    word = _type_word(root)
    return [{"step": f"{'an' if word[:1] in 'aeiouAEIOU' else 'a'} {word}", "type": word}], "", 0


def _name_of_cache(cache: object) -> str:
    """Return the name of the function behind an lru_cache: functools copies it to the wrapper."""
    own = introspect.namespace(cache) or {}
    module, name = own.get("__module__"), own.get("__qualname__")
    if type(name) is not str:
        return "an lru_cache"
    return f"{module}.{name}" if type(module) is str else name
