"""How requests are replayed: options like any scenario's, for which the command line has flags."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from leakcheck.model.errors import UsageError
from leakcheck.model.protocol import OptionValue

WSGI, ASGI = "wsgi", "asgi"


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestSettings:
    """What the options say of every request."""

    data: str = ""
    """The body of requests that have one; `@FILE` reads it from there."""
    header: str = ""
    """`Name: value`, a line each."""
    expect: int = 0
    """The status that is expected; 0 for any below 400."""
    follow: bool = False
    """Follow redirects, within the same call."""
    protocol: str = ""
    """`wsgi` or `asgi`; "" finds out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DjangoRequestSettings(RequestSettings):
    """What the options say of the requests of a Django project."""

    user: str = ""
    """Whom to log in, by the name they log in with."""
    superuser: bool = False
    """Log in somebody who may do anything."""
    fixtures: str = ""
    """Fixtures to load, a line each."""
    migrate: bool = True
    """Make the tables by migrations; else straight from the models, which is faster."""
    atomic: bool = False
    """Roll back what each call did to the databases."""
    mail: bool = False
    """Send mail through the project's own backend."""
    hashers: bool = False
    """Hash passwords as the project does; else fast, as tests do."""
    arguments: str = ""
    """Of a `*`, samples of the arguments that URLs take, as a JSON object."""
    unsafe: bool = False
    """Of a `*`, post to URLs too, and leave out none that ends a session."""


def manner_of(options: Mapping[str, OptionValue], kind: type[RequestSettings]) -> Any:
    """Return the options as a manner of that kind. Raises UsageError for one that has no place in it."""
    defaults = {one.name: one.default for one in fields(kind)}
    said: dict[str, OptionValue] = {}
    for name, value in options.items():
        if name not in defaults:
            raise UsageError(f"-o {name}: there is no such option; the options here are {', '.join(defaults)}")
        wanted = type(defaults[name])
        if wanted is str and isinstance(value, int | float) and not isinstance(value, bool):
            value = str(value)  # -o data=1 reads as a number
        if type(value) is not wanted:
            raise UsageError(f"-o {name}={value}: must be of the kind {wanted.__name__}")
        said[name] = value
    return kind(**said)  # type: ignore[arg-type]
