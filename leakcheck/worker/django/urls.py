"""The URLs of a Django project: all that take no argument, and whether one of the user's leads anywhere."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any
from urllib.parse import quote, unquote

from leakcheck.model.errors import UsageError

_ENDS_SESSION = re.compile(r"(?:log|sign)[-_]?(?:out|off)(?![a-z])", re.IGNORECASE)
_SERVES_FILES = frozenset({"django.views.static", "django.contrib.staticfiles.views"})
_CLOSE = 4
_KEPT = "/:@!$&'()*+,;=-._~"
"""What stands in a path as it is."""
_IN_TEMPLATE = re.compile(r"%\((\w+)\)s")
_IN_ROUTE = re.compile(r"<(?:[^>:]+:)?(\w+)>")
TAKES_ARGUMENT = "takes an argument: name a sample of it under [tool.leakcheck.django.arguments]"

Samples = Mapping[str, Any]
"""Values by the arguments' names; for one URL alone a mapping of such, by its name, its pattern or its view."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Url:
    """One pattern, with all that stands before it."""

    path: str
    """Ready to be asked for; where it takes an argument, as the pattern is written."""
    takes_argument: bool
    callback: Callable[..., Any]
    name: str
    """With its namespaces: `catalogue:one`."""
    template: str = ""
    """The path with its arguments as `%(number)s`."""
    arguments: tuple[str, ...] = ()
    without_sample: str = ""
    """Why the samples of its arguments lead nowhere; "" where none are known."""

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
            return self.without_sample or TAKES_ARGUMENT
        if self.view.rpartition(".")[0] in _SERVES_FILES:
            return "serves files"
        if any(map(_ENDS_SESSION.search, (self.path, self.name, self.view))):
            return "ends the session"
        return None


def all_urls(samples: Samples) -> Iterator[Url]:
    """Yield every URL of the project, in order; none that another pattern comes before."""
    from django.urls import Resolver404, get_resolver, resolve

    seen: set[str] = set()
    for pattern in _walk(get_resolver(), Url(path="/", takes_argument=False, callback=_walk, name="", template="/")):
        url = _with_samples(pattern, samples)
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


def _with_samples(url: Url, samples: Samples) -> Url:
    """Return a URL with its arguments filled in, where the project's configuration has a sample of each."""
    from django.urls import Resolver404, resolve

    if not url.takes_argument or not url.arguments:
        return url
    own = [samples[key] for key in (url.view, url.path, url.name) if isinstance(samples.get(key), Mapping)]
    known = {name: value for name, value in samples.items() if not isinstance(value, Mapping)}
    for one in own:
        known.update(one)
    if any(name not in known for name in url.arguments):
        return url
    # not by %: a path may have one of its own
    texts = _IN_TEMPLATE.split(url.template)
    path = "".join(quote(str(known[text]) if at % 2 else text, safe=_KEPT) for at, text in enumerate(texts))
    try:
        there = resolve(unquote(path)).func
    except Resolver404:
        there = None
    if there is url.callback:
        return replace(url, path=path, takes_argument=False)
    return replace(url, without_sample="takes another argument than the sample in [tool.leakcheck.django.arguments]")


def _home() -> Url | None:
    """Return the home page, which a pattern with an argument may answer too: a page by its path, here none."""
    from django.urls import Resolver404, resolve

    try:
        found = resolve("/")
    except Resolver404:
        return None
    return Url(path="/", takes_argument=False, callback=found.func, name=found.url_name or "")


def _walk(resolver: Any, above: Url) -> Iterator[Url]:
    for entry in resolver.url_patterns:
        piece, template, arguments = _piece(entry.pattern)
        here = replace(
            above,
            path=above.path + piece,
            template=above.template + template,
            takes_argument=above.takes_argument or bool(arguments),
            arguments=above.arguments + arguments,
        )
        if hasattr(entry, "url_patterns"):
            yield from _walk(
                entry, replace(here, name=f"{above.name}{entry.namespace}:" if entry.namespace else above.name)
            )
        else:
            path = here.path if here.takes_argument else quote(here.path, safe=_KEPT)
            name = f"{above.name}{entry.name}" if entry.name else ""
            yield replace(here, path=path, callback=entry.callback, name=name)


def _piece(pattern: Any) -> tuple[str, str, tuple[str, ...]]:
    """Return what a pattern adds to a path, the same with its arguments as `%(name)s`, and their names."""
    from django.utils.regex_helper import normalize

    regex = getattr(pattern, "_regex", None)
    if regex is None:
        route = str(pattern)
        parts = _IN_ROUTE.split(route)
        names = tuple(parts[1::2])
        texts = [part if at % 2 == 0 else f"%({part})s" for at, part in enumerate(parts)]
        return route, "".join(texts), names
    ways = list(normalize(regex))
    plain = [text for text, parameters in ways if not parameters]
    if plain:
        # the shortest way through the expression; % stands doubled in it
        text = min(plain, key=len).replace("%%", "%")
        return text, text, ()
    template, parameters = min(ways, key=lambda way: len(way[1])) if ways else (str(pattern), ["?"])
    return str(pattern), template.replace("%%", "%"), tuple(parameters)


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
            there = [url.path for url in all_urls({}) if not url.takes_argument]
            raise UsageError(_nowhere(path, there, settings.ROOT_URLCONF)) from None
        return Url(path=path, takes_argument=False, callback=found.func, name=found.url_name or "").view


def _nowhere(path: str, there: list[str], where: str) -> str:
    close = get_close_matches(path, there, _CLOSE, cutoff=0.5)
    others = f"close to it are {', '.join(close)}" if close else f"{where} has {', '.join(there[:_CLOSE]) or 'none'}"
    return f"{path}: no URL of {where} matches it; {others}"
