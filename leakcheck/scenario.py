"""What is replayed: the `@scenario` mark, its variants, and the targets that name it.

A scenario is a function whose body is one call, or a generator that sets up once and yields the
callable; both may be `async def`. The mark only adds an attribute: a marked function stays what it
was, and tests and scripts can go on calling it.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar, overload

from leakcheck.model.errors import UsageError
from leakcheck.model.protocol import OptionValue, spelled
from leakcheck.model.units import parse_growth, parse_size

_Function = TypeVar("_Function", bound=Callable[..., object])
_MARK = "__leakcheck_scenario__"
_PASSWORD = re.compile(r"(://[^\s/:@]*):[^\s/]*@")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioMark:
    """What `@scenario(...)` said. None and empty mean "not said here"."""

    name: str
    variants: Mapping[str, str] = field(default_factory=dict)
    """Each variant's name and the sentence that says what to learn from it ("" if none)."""
    growth_bytes_per_1000_calls: float | None = None
    peak_bytes: float | None = None
    growth_options: Mapping[str, OptionValue] = field(default_factory=dict)
    peak_options: Mapping[str, OptionValue] = field(default_factory=dict)
    timeout_seconds: float | None = None
    memory_bytes: float | None = None
    """What its process takes at most."""


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
    names, or names with a sentence each; the function takes the name as its argument `variant`.
    Its other parameters are options: `growth_options` and `peak_options` give them a value in one
    pass, `-o NAME=VALUE` on the command line. `memory` declares what its process takes at most, like
    "500 MiB": by this `--jobs` knows what fits side by side, and a process that takes more is ended.
    Raises UsageError for a budget or a size that is none, and for variants that are no names.
    """

    def mark(marked: _Function) -> _Function:
        called = name or str(getattr(marked, "__name__", type(marked).__name__))
        said = ScenarioMark(
            name=called,
            variants=_named(called, variants),
            growth_bytes_per_1000_calls=None if growth is None else parse_growth(growth),
            peak_bytes=None if peak is None else parse_size(peak),
            growth_options=dict(growth_options or {}),
            peak_options=dict(peak_options or {}),
            timeout_seconds=timeout_seconds,
            memory_bytes=None if memory is None else parse_size(memory),
        )
        setattr(marked, _MARK, said)
        return marked

    return mark if function is None else mark(function)


def _named(scenario_name: str, variants: Iterable[str] | Mapping[str, str]) -> dict[str, str]:
    """Return each variant with its sentence. Raises UsageError where one is no name."""
    if isinstance(variants, str):
        raise UsageError(f'{scenario_name}: variants are a list of names; write variants=["{variants}"]')
    sentences = dict(variants) if isinstance(variants, Mapping) else dict.fromkeys(variants, "")
    wrong = next((one for pair in sentences.items() for one in pair if not isinstance(one, str)), None)
    if wrong is not None:
        raise UsageError(f'{scenario_name}: a variant is a name, and {wrong!r} is none; write it in quotes: "{wrong}"')
    return sentences


def without_password(text: str) -> str:
    """Return a text that is to be kept or shown, with the password of a URL in it, if there is one, as `***`."""
    return _PASSWORD.sub(r"\1:***@", text)


def to_be_kept(options: Mapping[str, OptionValue]) -> dict[str, OptionValue]:
    """Return options as they may be written down."""
    return {name: without_password(one) if isinstance(one, str) else one for name, one in options.items()}


def mark_of(candidate: object) -> ScenarioMark | None:
    """Return what `@scenario` said of an object, or None where it was never marked."""
    # the object's own dictionary only: a proxy's __getattr__ answers yes to anything
    found = _own_attributes(candidate).get(_MARK)
    return found if isinstance(found, ScenarioMark) else None


def _own_attributes(candidate: object) -> Mapping[str, object]:
    try:
        own = vars(candidate)
    except Exception:  # a proxy outside its context (flask.request) raises what it likes
        return {}
    return own if type(own) in (dict, MappingProxyType) else {}


def replaced(text: str) -> str:
    """Return the text with a question mark for each half of a letter, as names of files that are no UTF-8 have them."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What the user named: a folder, a file, a scenario in a file, a callable in a module, or requests of a site."""

    path: Path | None = None
    module: str | None = None
    name: str | None = None
    """The scenario's name in `path`, or the dotted callable in `module`."""
    variant: str | None = None
    requests: tuple[str, ...] = ()
    """What the web application in `module` is asked: `GET:/news/`, or `GET:*` for every URL without an argument."""

    @property
    def kind(self) -> str:
        """What is to be loaded: a `site`, a `callable` or a `file`."""
        return "site" if self.requests else "file" if self.module is None else "callable"

    def __str__(self) -> str:
        if self.module is not None:
            return " ".join([f"{self.module}:{self.name}", *self.requests])
        return str(self.path) + (f"::{spelled(self.name, self.variant)}" if self.name else "")


_IN_FILE = re.compile(r"(?P<path>.+?\.py)(?:::(?P<name>[^\[\]]+)(?:\[(?P<variant>.+)\])?)?")
_IN_MODULE = re.compile(r"(?P<module>[^\W\d]\w*(?:\.[^\W\d]\w*)*):(?P<name>[^\W\d]\w*(?:\.[^\W\d]\w*)*)")
_METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
_REQUEST = re.compile(rf"(?:{'|'.join(_METHODS)}):(?:/\S*|\*)")
_STARTS_REQUEST = re.compile(rf"(?:{'|'.join(_METHODS)}):", re.IGNORECASE)
DJANGO = "django"
"""In the place of an application's module: the project with the settings that are named after it."""


def parse_request(text: str) -> str:
    """Return the one spelling of a request: `GET:/news/?page=2` for that, for `get:/news/…` and for `/news/…`.

    Raises UsageError for what is no request.
    """
    method, _, rest = ("GET", "", text) if text.startswith("/") else text.partition(":")
    request = f"{method.upper()}:{rest}"
    if not _REQUEST.fullmatch(request):
        raise UsageError(
            f"{text!r} is no request; write METHOD:/path, for example GET:/news/?page=2, where METHOD is "
            f"{', '.join(_METHODS[:-1])} or {_METHODS[-1]} and a space in the path is %20"
        )
    return request


def parse_targets(texts: Iterable[str]) -> list[Target]:
    """Return the targets that words name: `django:mysite.settings GET:/news/` is one, in one word or in several.

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

    Raises UsageError where the file or folder is not there, or the text has none of the forms.
    """
    application, *requests = text.split(" ")
    if requests and (match := _IN_MODULE.fullmatch(application)) and all(map(_REQUEST.fullmatch, requests)):
        return Target(module=match["module"], name=match["name"], requests=tuple(requests))
    if match := _IN_FILE.fullmatch(text):
        path = Path(match["path"])
        if not path.is_file():
            raise UsageError(f"{path}: there is no such file")
        return Target(path=path, name=match["name"], variant=match["variant"])
    if match := _IN_MODULE.fullmatch(text):
        return Target(module=match["module"], name=match["name"])
    path = Path(text)
    if text and path.is_dir():  # an empty variable in a script is not the current folder
        return Target(path=path)
    raise UsageError(
        f"{text!r}: there is no such folder, and it is no target; write FOLDER, FILE.py, FILE.py::NAME, "
        "FILE.py::NAME[VARIANT] or package.module:callable"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownLimit:
    """What `limited(...)` said of the instances of one class."""

    entries: tuple[str, ...]
    """Attributes that hold the entries; the first one's length is the container's."""
    limit: str | int | Callable[[Any], int]
    length: str | Callable[[Any], int] | None = None


_TAUGHT: dict[str, KnownLimit] = {}


def limited(
    what: type | str,
    /,
    *,
    entries: str | Iterable[str],
    limit: str | int | Callable[[Any], int],
    length: str | Callable[[Any], int] | None = None,
) -> None:
    """Say that instances of a class, and of its subclasses, hold at most so many entries.

    `what` is the class, or its dotted name where importing it would be dear. `entries` names the
    attributes that hold the entries: dicts, lists, sets or deques, emptied at the end of a
    measurement to see what they held. `limit` is a number, the attribute that holds it, or a function
    of the instance; `length` likewise, and without it the length of the first of `entries` counts.
    Raises UsageError for what cannot be looked up. A limit that is said and not kept hides a leak.
    """
    name = what if isinstance(what, str) else f"{what.__module__}.{what.__qualname__}"
    if not all(part.isidentifier() for part in name.replace("<locals>", "locals").split(".")) or "." not in name:
        raise UsageError(f"limited({name!r}): write the class, or its dotted name (package.module.Class)")
    attributes = (entries,) if isinstance(entries, str) else tuple(entries)
    if not attributes:
        raise UsageError(f"limited({name!r}): entries: name at least one attribute that holds the entries")
    if isinstance(limit, bool) or not (isinstance(limit, str | int) or callable(limit)):
        raise UsageError(f"limited({name!r}): limit is a number, an attribute's name, or a function of the instance")
    _TAUGHT[name] = KnownLimit(entries=attributes, limit=limit, length=length)


def taught() -> Mapping[str, KnownLimit]:
    """Return what was said so far, by the dotted name of the class."""
    return _TAUGHT
