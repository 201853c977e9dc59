"""A chain of objects, written down: links for a reader, and the name that a person would use."""

import sys
from collections.abc import Sequence
from contextvars import Context
from dataclasses import dataclass
from types import FrameType, FunctionType, ModuleType
from typing import Any

from leakcheck.probe.heap import introspect
from leakcheck.probe.heap.container_types import LruCache
from leakcheck.probe.heap.path_steps import key_of, step_from, variable_of
from leakcheck.probe.heap.referrers import ReferrerSearch, path_to
from leakcheck.probe.heap.search_budget import SearchBudget
from leakcheck.probe.heap.weak_references import TABLE, is_collection
from leakcheck.probe.originals import BUILTINS

__builtins__ = BUILTINS

_MOST_LINKS = 12
_NAMING_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class NamedPath:
    """A path as it is told."""

    links: list[dict[str, str]]
    anchor: int
    """How many of the links are its identity."""
    name: str
    where: str


def name_of(container: object, hidden: Sequence[object] = ()) -> str:
    """Return what a person would call a container: `newsletter.views.SENT`, or `a list` where nothing leads to it.

    Of what is `hidden`, no object is taken for a way to it.
    """
    world = ReferrerSearch(SearchBudget(_NAMING_SECONDS))
    world.hide(hidden, *hidden)
    return tell(path_to(container, world), world).name


def tell(chain: Sequence[Any], world: ReferrerSearch, beyond: Sequence[Any] = ()) -> NamedPath:
    """Write down a chain, root first, and as links only what lies beyond its last object."""
    links, where, at = _root(chain, world)
    whole = [*chain, *beyond]
    anchor = len(links)
    while at < len(whole) - 1:
        step = step_from(whole, at)
        if step.text == TABLE and is_collection(whole[at]):
            at = step.to
            continue
        text = f".{step.text}" if step.variable_of else step.text
        if id(whole[at]) in world.namespaces and type(key := key_of(whole[at], whole[at + 1])) is str:
            text = f".{key}"  # a module's dictionary: its entries are attributes
        links.append({"step": text, "type": _word(whole[step.to])})
        if at < len(chain) - 1:
            where = step.where or where
            anchor = len(links)
        elif len(links) > anchor + 1 and links[-1] == links[-2]:
            del links[-1]  # a chain of the same is told once
        at = step.to
    name = "".join(link["step"] for link in links[:anchor])
    return NamedPath(*_shortened(links, anchor), name=name, where=where)


def _shortened(links: list[dict[str, str]], anchor: int) -> tuple[list[dict[str, str]], int]:
    if len(links) <= _MOST_LINKS:
        return links, anchor
    if anchor <= _MOST_LINKS:
        return links[:_MOST_LINKS], anchor
    head = _MOST_LINKS // 2
    tail = _MOST_LINKS - head - 1
    return [*links[:head], {"step": "...", "type": ""}, *links[anchor - tail : anchor]], _MOST_LINKS


def _word(value: object) -> str:
    return name_of_type(value) if not issubclass(type(value), LruCache) else "lru_cache"


def name_of_type(value: object) -> str:
    """Return what kind of object it is, in a word."""
    return "module" if issubclass(type(value), ModuleType) else introspect.name_of_class(type(value))


def _root(chain: Sequence[Any], world: ReferrerSearch) -> tuple[list[dict[str, str]], str, int]:
    """Return the first link, what kind of place it is, and how far into the chain it leads."""
    root = chain[0]
    cls = type(root)
    known = world.namespaces.get(id(root))
    if known is not None:
        return [{"step": known, "type": "module"}], "", 0
    if root is sys.modules:
        return [{"step": "sys.modules", "type": "dict"}], "", 0
    if issubclass(cls, ModuleType):
        namespace = introspect.namespace(root)
        return [{"step": world.namespaces.get(id(namespace), "a module"), "type": "module"}], "", 0
    if introspect.is_class(root):
        return [{"step": f"{introspect.module_of_class(root)}.{introspect.name_of_class(root)}", "type": "type"}], "", 0
    if issubclass(cls, LruCache):
        return [{"step": _name_of_cache(root), "type": "lru_cache"}], "", 0
    if len(chain) > 1 and (cls is FunctionType or cls is FrameType or introspect.is_generator(root)):
        step = step_from(chain, 0)
        if step.variable_of:
            text = f"`{step.text}` in {step.variable_of}"
            return [{"step": text, "type": _word(chain[step.to])}], step.where, step.to
    if cls is FunctionType:
        return [{"step": introspect.name_of_function(root), "type": "function"}], "", 0
    if cls is Context:
        found = variable_of(root, chain[1:])
        if found is not None:
            link = {"step": name_of(found[0], [root]), "type": "ContextVar"}
            return [link, {"step": ".get()", "type": _word(chain[1 + found[1]])}], "context variable", 1 + found[1]
    return [{"step": f"{'an' if _word(root)[:1] in 'aeiouAEIOU' else 'a'} {_word(root)}", "type": _word(root)}], "", 0


def _name_of_cache(cache: object) -> str:
    """Return the name of the function that a cache stands for: functools copies it over."""
    own = introspect.namespace(cache) or {}
    module, name = own.get("__module__"), own.get("__qualname__")
    if type(name) is not str:
        return "an lru_cache"
    return f"{module}.{name}" if type(module) is str else name
