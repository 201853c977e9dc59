"""The public API, `@scenario` and `limited()`, and the targets of the command line.

A scenario is a function whose body is one call, or a generator that sets up once and yields the callable; both may be
`async def`. The decorator only adds an attribute: tests and scripts can go on calling the function.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar, overload

from leakcheck.model.errors import UsageError
from leakcheck.model.protocol import OptionValue, name_with_variant
from leakcheck.model.units import parse_growth, parse_size

_Function = TypeVar("_Function", bound=Callable[..., object])
_MARK = "__leakcheck_scenario__"
_PASSWORD = re.compile(r"(://[^\s/:@]*):[^\s/]*@")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioMark:
    """The arguments of `@scenario(...)`. None or empty means that the argument was not given."""

    name: str
    variants: Mapping[str, str] = field(default_factory=dict)
    """Name of each variant, and a sentence on what to learn from it ("" if there is none)."""
    growth_bytes_per_1000_calls: float | None = None
    peak_bytes: float | None = None
    growth_options: Mapping[str, OptionValue] = field(default_factory=dict)
    peak_options: Mapping[str, OptionValue] = field(default_factory=dict)
    timeout_seconds: float | None = None
    memory_bytes: float | None = None
    """Maximum memory of its process."""


@overload
def scenario(function: _Function, /) -> _Function: ...
@overload
def scenario(
    *,
    name: str | None = None,
    variants: Iterable[str] | Mapping[str, str] = (),
    growth: str | None = None,
    peak: str | None = None,
    growth_options: Mapping[str, OptionValue] | None = None,
    peak_options: Mapping[str, OptionValue] | None = None,
    timeout_seconds: float | None = None,
    memory: str | None = None,
) -> Callable[[_Function], _Function]: ...
def scenario(
    function: _Function | None = None,
    /,
    *,
    name: str | None = None,
    variants: Iterable[str] | Mapping[str, str] = (),
    growth: str | None = None,
    peak: str | None = None,
    growth_options: Mapping[str, OptionValue] | None = None,
    peak_options: Mapping[str, OptionValue] | None = None,
    timeout_seconds: float | None = None,
    memory: str | None = None,
) -> _Function | Callable[[_Function], _Function]:
    """Mark a function as a scenario and return it unchanged.

    `growth` is a budget like "64 KiB / 1000 calls" and `peak` one like "10 MiB". `variants` are
    names, or a mapping of names to a sentence each; the function gets the name as its argument
    `variant`. Its other parameters are options: `growth_options` and `peak_options` set them for one
    pass, `-o NAME=VALUE` on the command line for both. `timeout_seconds` limits each call. `memory`
    declares the maximum memory of its process, like "500 MiB": `--jobs` uses it to decide what fits side
    by side, and a process that exceeds it is killed. Raises UsageError for an invalid budget, size or variant.
    """

    def mark(marked: _Function) -> _Function:
        scenario_name = name or str(getattr(marked, "__name__", type(marked).__name__))
        attribute = ScenarioMark(
            name=scenario_name,
            variants=_parse_variants(scenario_name, variants),
            growth_bytes_per_1000_calls=None if growth is None else parse_growth(growth),
            peak_bytes=None if peak is None else parse_size(peak),
            growth_options=dict(growth_options or {}),
            peak_options=dict(peak_options or {}),
            timeout_seconds=timeout_seconds,
            memory_bytes=None if memory is None else parse_size(memory),
        )
        setattr(marked, _MARK, attribute)
        return marked

    return mark if function is None else mark(function)


def _parse_variants(scenario_name: str, variants: Iterable[str] | Mapping[str, str]) -> dict[str, str]:
    if isinstance(variants, str):
        raise UsageError(f'{scenario_name}: variants are a list of names; write variants=["{variants}"]')
    sentences = dict(variants) if isinstance(variants, Mapping) else dict.fromkeys(variants, "")
    wrong = next((text for pair in sentences.items() for text in pair if not isinstance(text, str)), None)
    if wrong is not None:
        raise UsageError(f'{scenario_name}: a variant must be a name, not {wrong!r}; write it in quotes: "{wrong}"')
    return sentences


def without_password(text: str) -> str:
    """Return the text with the password of any URL in it replaced by `***`."""
    return _PASSWORD.sub(r"\1:***@", text)


def without_passwords(options: Mapping[str, OptionValue]) -> dict[str, OptionValue]:
    """Return options as they may be stored in a document: without passwords."""
    return {name: without_password(value) if isinstance(value, str) else value for name, value in options.items()}


def mark_of(candidate: object) -> ScenarioMark | None:
    """Return the mark that `@scenario` left on an object, or None if it has none."""
    # only the object's own __dict__: the __getattr__ of a proxy or mock has every attribute
    mark = _own_attributes(candidate).get(_MARK)
    return mark if isinstance(mark, ScenarioMark) else None


def _own_attributes(candidate: object) -> Mapping[str, object]:
    try:
        own = vars(candidate)
    except Exception:  # a proxy outside its context (flask.request) may raise anything
        return {}
    return own if type(own) in (dict, MappingProxyType) else {}


def replace_surrogates(text: str) -> str:
    """Return the text with lone surrogates, as in file names that are not UTF-8, replaced by question marks."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What to measure: a folder, a file, a scenario in a file, a callable in a module, or requests to a site."""

    path: Path | None = None
    module: str | None = None
    name: str | None = None
    """The name of the scenario in `path`, or of the callable in `module`, with dots."""
    variant: str | None = None
    requests: tuple[str, ...] = ()
    """Requests to the web application in `module`: `GET:/news/`, or `GET:*` for every URL without an argument."""

    @property
    def kind(self) -> str:
        """What has to be loaded: a `site`, a `callable` or a `file`."""
        return "site" if self.requests else "file" if self.module is None else "callable"

    def __str__(self) -> str:
        if self.module is not None:
            return " ".join([f"{self.module}:{self.name}", *self.requests])
        return str(self.path) + (f"::{name_with_variant(self.name, self.variant)}" if self.name else "")


_IN_FILE = re.compile(r"(?P<path>.+?\.py)(?:::(?P<name>[^\[\]]+)(?:\[(?P<variant>.+)\])?)?")
_IN_MODULE = re.compile(r"(?P<module>[^\W\d]\w*(?:\.[^\W\d]\w*)*):(?P<name>[^\W\d]\w*(?:\.[^\W\d]\w*)*)")
_METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
_REQUEST = re.compile(rf"(?:{'|'.join(_METHODS)}):(?:/\S*|\*)")
_STARTS_REQUEST = re.compile(rf"(?:{'|'.join(_METHODS)}):", re.IGNORECASE)
DJANGO = "django"
"""Stands in the place of a module (`django:mysite.settings`): the Django project with these settings."""


def parse_request(text: str) -> str:
    """Return a request in its normal form: `GET:/news/` for `GET:/news/`, `get:/news/` and `/news/`.

    Raises UsageError for anything else.
    """
    method, _, rest = ("GET", "", text) if text.startswith("/") else text.partition(":")
    request = f"{method.upper()}:{rest}"
    if not _REQUEST.fullmatch(request):
        raise UsageError(
            f"{text!r} is not a request; write METHOD:/path, for example GET:/news/?page=2, where METHOD is "
            f"{', '.join(_METHODS[:-1])} or {_METHODS[-1]} and a space in the path is %20"
        )
    return request


def parse_targets(texts: Iterable[str]) -> list[Target]:
    """Return the targets of the command line: `django:mysite.settings GET:/news/` is one, in one argument or several.

    Raises UsageError as `parse_target` and `parse_request` do.
    """
    joined: list[str] = []
    for text in texts:
        is_request = _STARTS_REQUEST.match(text) is not None
        if is_request and joined and _IN_MODULE.match(joined[-1]) and ".py" not in joined[-1]:
            joined[-1] += f" {parse_request(text)}"
        else:
            joined.append(text)
    return [parse_target(text) for text in joined]


def parse_target(text: str) -> Target:
    """Return the target that `text` names.

    Raises UsageError if the file or folder does not exist, or the text has none of the forms.
    """
    application, *requests = text.split(" ")
    if requests and (match := _IN_MODULE.fullmatch(application)) and all(map(_REQUEST.fullmatch, requests)):
        return Target(module=match["module"], name=match["name"], requests=tuple(requests))
    if match := _IN_FILE.fullmatch(text):
        path = Path(match["path"])
        if not path.is_file():
            raise UsageError(f"{path}: no such file{_close_match(path)}")
        return Target(path=path, name=match["name"], variant=match["variant"])
    if match := _IN_MODULE.fullmatch(text):
        return Target(module=match["module"], name=match["name"])
    path = Path(text)
    if text and path.is_dir():  # "" would be the current folder: an empty variable in a script is a mistake
        return Target(path=path)
    raise UsageError(
        f"{text!r}: no such folder, nor is it a valid target; write FOLDER, FILE.py, FILE.py::NAME, "
        "FILE.py::NAME[VARIANT] or package.module:callable"
    )


def _close_match(path: Path) -> str:
    from difflib import get_close_matches

    files = [sibling.stem for sibling in path.parent.glob("*.py") if sibling.is_file()]
    matches = get_close_matches(path.stem, files, 1)
    return f"; did you mean {path.with_stem(matches[0])}?" if matches else "; pass an existing file or folder"


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownLimit:
    """The limit that `limited(...)` declares for the instances of a class."""

    entries: tuple[str, ...]
    """Attributes that hold the entries; the length of the first is that of the container."""
    limit: str | int | Callable[[Any], int]
    length: str | Callable[[Any], int] | None = None


_KNOWN_LIMITS: dict[str, KnownLimit] = {}


def limited(
    what: type | str,
    /,
    *,
    entries: str | Iterable[str],
    limit: str | int | Callable[[Any], int],
    length: str | Callable[[Any], int] | None = None,
) -> None:
    """Declare that instances of a class and of its subclasses hold a limited number of entries.

    `what` is the class, or its dotted name if importing it is slow. `entries` names the attributes
    that hold the entries: dicts, lists, sets or deques, which a copy of the process empties
    to weigh them. `limit` is a number, the name of an attribute, or a function of the instance.
    `length` is the name of an attribute or a function; by default it is the length of the first of `entries`.
    Raises UsageError for arguments of another form. leakcheck does not verify the limit: a wrong one hides a leak.
    """
    name = what if isinstance(what, str) else f"{what.__module__}.{what.__qualname__}"
    if not all(part.isidentifier() for part in name.replace("<locals>", "locals").split(".")) or "." not in name:
        raise UsageError(f"limited({name!r}): write the class, or its dotted name (package.module.Class)")
    attributes = (entries,) if isinstance(entries, str) else tuple(entries)
    if not attributes:
        raise UsageError(f"limited({name!r}): entries: name at least one attribute that holds the entries")
    if isinstance(limit, bool) or not (isinstance(limit, str | int) or callable(limit)):
        raise UsageError(f"limited({name!r}): limit is a number, an attribute's name, or a function of the instance")
    _KNOWN_LIMITS[name] = KnownLimit(entries=attributes, limit=limit, length=length)


def known_limits() -> Mapping[str, KnownLimit]:
    """Return the declared limits by the dotted name of the class."""
    return _KNOWN_LIMITS
