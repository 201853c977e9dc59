"""List the URLs of a Django project, and resolve a path to its view."""

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
_UNQUOTED = "/:@!$&'()*+,;=-._~"
_IN_TEMPLATE = re.compile(r"%\((\w+)\)s")
_IN_ROUTE = re.compile(r"<(?:[^>:]+:)?(\w+)>")
TAKES_ARGUMENT = "takes an argument: name a sample of it under [tool.leakcheck.django.arguments]"

Samples = Mapping[str, Any]
"""Values by argument name; or, for one URL alone, a mapping of them by its name, pattern or view."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Url:
    """A URL pattern, joined with those it is included from."""

    path: str
    """The path to request; if it takes an argument, the pattern as it is written."""
    takes_argument: bool
    callback: Callable[..., Any]
    name: str
    """With its namespaces: `catalogue:one`."""
    template: str = ""
    """The path with its arguments as `%(number)s`."""
    arguments: tuple[str, ...] = ()
    without_sample: str = ""
    """Why the samples of its arguments do not lead to it; "" if there are no samples."""

    @property
    def view(self) -> str:
        """The dotted name of its view: `shop.views.ProductList`."""
        view = getattr(self.callback, "view_class", self.callback)
        name = getattr(view, "__qualname__", type(view).__name__)
        return f"{getattr(view, '__module__', type(view).__module__)}.{name}"

    @property
    def reason_to_skip(self) -> str | None:
        """Why it is not replayed unless it is named; None if it is."""
        if self.takes_argument:
            return self.without_sample or TAKES_ARGUMENT
        if self.view.rpartition(".")[0] in _SERVES_FILES:
            return "serves files"
        if any(map(_ENDS_SESSION.search, (self.path, self.name, self.view))):
            return "ends the session"
        return None


def all_urls(samples: Samples) -> Iterator[Url]:
    """Yield every URL of the project in order, without those that an earlier pattern matches."""
    from django.urls import get_resolver

    paths: set[str] = set()
    for pattern in _walk(get_resolver(), Url(path="/", takes_argument=False, callback=_walk, name="", template="/")):
        url = _with_samples(pattern, samples)
        if url.path in paths:
            continue
        paths.add(url.path)
        if not url.takes_argument:
            match = _resolve(unquote(url.path))
            # None where no text could be generated for a regular expression
            if match is None or match.func is not url.callback:
                continue
        yield url
    # the pattern of the home page may have an argument that is empty here
    home_page = _resolve("/")
    if home_page is not None and "/" not in paths:
        yield _url_of("/", home_page)


def _resolve(path: str) -> Any:
    """Return Django's match of a path that is not percent-encoded; None if no pattern matches it."""
    from django.urls import Resolver404, resolve

    try:
        return resolve(path)
    except Resolver404:
        return None


def _url_of(path: str, match: Any) -> Url:
    return Url(path=path, takes_argument=False, callback=match.func, name=match.url_name or "")


def _with_samples(url: Url, samples: Samples) -> Url:
    """Return a URL with its arguments filled in, if the project's configuration has a sample of each."""
    if not url.takes_argument or not url.arguments:
        return url
    own = [samples[key] for key in (url.view, url.path, url.name) if isinstance(samples.get(key), Mapping)]
    known = {name: value for name, value in samples.items() if not isinstance(value, Mapping)}
    for values in own:
        known.update(values)
    if any(name not in known for name in url.arguments):
        return url
    # not with the % operator: a path may contain a %
    texts = _IN_TEMPLATE.split(url.template)
    path = "".join(quote(str(known[text]) if index % 2 else text, safe=_UNQUOTED) for index, text in enumerate(texts))
    match = _resolve(unquote(path))
    if match is not None and match.func is url.callback:
        return replace(url, path=path, takes_argument=False)
    return replace(url, without_sample="takes another argument than the sample in [tool.leakcheck.django.arguments]")


def _walk(resolver: Any, parent: Url) -> Iterator[Url]:
    for entry in resolver.url_patterns:
        piece, template, arguments = _pattern_parts(entry.pattern)
        url = replace(
            parent,
            path=parent.path + piece,
            template=parent.template + template,
            takes_argument=parent.takes_argument or bool(arguments),
            arguments=parent.arguments + arguments,
        )
        if hasattr(entry, "url_patterns"):
            yield from _walk(
                entry, replace(url, name=f"{parent.name}{entry.namespace}:" if entry.namespace else parent.name)
            )
        else:
            path = url.path if url.takes_argument else quote(url.path, safe=_UNQUOTED)
            name = f"{parent.name}{entry.name}" if entry.name else ""
            yield replace(url, path=path, callback=entry.callback, name=name)


def _pattern_parts(pattern: Any) -> tuple[str, str, tuple[str, ...]]:
    """Return the text of a pattern, the same with its arguments as `%(name)s`, and the arguments' names."""
    from django.utils.regex_helper import normalize

    regex = getattr(pattern, "_regex", None)
    if regex is None:
        route = str(pattern)
        parts = _IN_ROUTE.split(route)
        names = tuple(parts[1::2])
        texts = [part if index % 2 == 0 else f"%({part})s" for index, part in enumerate(parts)]
        return route, "".join(texts), names
    alternatives = list(normalize(regex))
    plain = [text for text, parameters in alternatives if not parameters]
    if plain:
        # the shortest text that matches the expression; Django doubles each % in it
        text = min(plain, key=len).replace("%%", "%")
        return text, text, ()
    template, parameters = min(alternatives, key=lambda pair: len(pair[1]), default=(str(pattern), ["?"]))
    return str(pattern), template.replace("%%", "%"), tuple(parameters)


def view_name(path: str) -> str:
    """Return the dotted name of a path's view. Raises UsageError, which names similar paths, if there is none."""
    from django.conf import settings
    from django.utils import translation

    plain = unquote(path)
    with translation.override(translation.get_language_from_path(plain) or settings.LANGUAGE_CODE):
        match = _resolve(plain)
        if match is None:
            paths = [url.path for url in all_urls({}) if not url.takes_argument]
            raise UsageError(_no_url_message(path, paths, settings.ROOT_URLCONF))
        return _url_of(path, match).view


def _no_url_message(path: str, paths: list[str], urlconf: str) -> str:
    matches = get_close_matches(path, paths, _CLOSE, cutoff=0.5)
    if matches:
        others = f"close to it are {', '.join(matches)}"
    else:
        others = f"{urlconf} has {', '.join(paths[:_CLOSE]) or 'none'}"
    return f"{path}: no URL of {urlconf} matches it; {others}"
