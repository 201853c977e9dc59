"""The URLs of a Django project: all that take no argument, and whether one of the user's leads anywhere."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any
from urllib.parse import quote, unquote

from leakcheck.errors import UsageError

_ENDS_SESSION = re.compile(r"(?:log|sign)[-_]?(?:out|off)(?![a-z])", re.IGNORECASE)
_SERVES_FILES = frozenset({"django.views.static", "django.contrib.staticfiles.views"})
_CLOSE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Url:
    """One pattern, with all that stands before it."""

    path: str
    """Ready to be asked for; where it takes an argument, as the pattern is written."""
    takes_argument: bool
    callback: Callable[..., Any]
    name: str

    @property
    def view(self) -> str:
        """What answers it: `shop.views.ProductList`."""
        view = getattr(self.callback, "view_class", self.callback)
        name = getattr(view, "__qualname__", type(view).__name__)
        return f"{getattr(view, '__module__', type(view).__module__)}.{name}"

    @property
    def reason_to_leave_out(self) -> str | None:
        """Why it is not replayed by itself; None where it is."""
        if self.takes_argument:
            return "takes an argument"
        if self.view.rpartition(".")[0] in _SERVES_FILES:
            return "serves files"
        if any(map(_ENDS_SESSION.search, (self.path, self.name, self.view))):
            return "ends the session"
        return None


def all_urls() -> Iterator[Url]:
    """Yield every URL of the project, in order; none that another pattern comes before."""
    from django.urls import Resolver404, get_resolver, resolve

    seen: set[str] = set()
    for url in _walk(get_resolver(), "", takes_argument=False):
        if url.path in seen:
            continue
        seen.add(url.path)
        if not url.takes_argument:
            try:
                if resolve(unquote(url.path)).func is not url.callback:
                    continue
            except Resolver404:
                continue  # a regular expression that no text was found for
        yield url
    home = _home()
    if home is not None and home.path not in seen:
        yield home


def _home() -> Url | None:
    """Return the home page, which a pattern with an argument may answer too: a page by its path, here none."""
    from django.urls import Resolver404, resolve

    try:
        found = resolve("/")
    except Resolver404:
        return None
    return Url(path="/", takes_argument=False, callback=found.func, name=found.url_name or "")


def _walk(resolver: Any, before: str, *, takes_argument: bool) -> Iterator[Url]:
    for entry in resolver.url_patterns:
        piece, takes = _piece(entry.pattern)
        takes = takes or takes_argument
        if hasattr(entry, "url_patterns"):
            yield from _walk(entry, before + piece, takes_argument=takes)
        else:
            path = f"/{before}{piece}"
            yield Url(
                path=path if takes else quote(path, safe="/:@!$&'()*+,;=-._~"),
                takes_argument=takes,
                callback=entry.callback,
                name=entry.name or "",
            )


def _piece(pattern: Any) -> tuple[str, bool]:
    """Return what a pattern adds to a path, and whether that has an argument in it."""
    from django.utils.regex_helper import normalize

    regex = getattr(pattern, "_regex", None)
    if regex is None:
        return str(pattern), bool(pattern.converters)
    plain = [text for text, parameters in normalize(regex) if not parameters]
    # the shortest way through the expression; % stands doubled in it
    return (min(plain, key=len).replace("%%", "%"), False) if plain else (str(pattern), True)


def view_of(path: str) -> str:
    """Return the view that a path leads to. Raises UsageError, naming close ones, where there is none."""
    from django.conf import settings
    from django.urls import Resolver404, resolve
    from django.utils import translation

    plain = unquote(path)
    with translation.override(translation.get_language_from_path(plain) or settings.LANGUAGE_CODE):
        try:
            found = resolve(plain)
        except Resolver404:
            there = list(dict.fromkeys(url.path for url in _walk(_root(), "", takes_argument=False)))
            raise UsageError(_nowhere(path, there, settings.ROOT_URLCONF)) from None
        return Url(path=path, takes_argument=False, callback=found.func, name=found.url_name or "").view


def _root() -> Any:
    from django.urls import get_resolver

    return get_resolver()


def _nowhere(path: str, there: list[str], where: str) -> str:
    close = get_close_matches(path, there, _CLOSE, cutoff=0.5)
    others = f"close to it are {', '.join(close)}" if close else f"{where} has {', '.join(there[:_CLOSE]) or 'none'}"
    return f"{path}: no URL of {where} matches it; {others}"
