"""Settings of replayed requests, given as options of a scenario; the command line has flags for them."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from leakcheck.model.errors import UsageError
from leakcheck.model.protocol import OptionValue

WSGI, ASGI = "wsgi", "asgi"


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestSettings:
    """Settings of every request."""

    data: str = ""
    """The body of requests that have one; `@FILE` reads it from a file."""
    header: str = ""
    """`Name: value`, one on each line."""
    expect: int = 0
    """The expected status; 0 for any below 400."""
    follow: bool = False
    """Follow redirects, within the same call."""
    protocol: str = ""
    """`wsgi` or `asgi`; "" to detect it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DjangoRequestSettings(RequestSettings):
    """Settings of the requests to a Django project."""

    user: str = ""
    superuser: bool = False
    fixtures: str = ""
    """Fixtures to load, one on each line."""
    migrate: bool = True
    """Create the tables with migrations; otherwise directly from the models, which is faster."""
    atomic: bool = False
    """Roll back what each call did to the databases."""
    mail: bool = False
    """Send mail through the project's own backend."""
    hashers: bool = False
    """Hash passwords as the project does; otherwise fast, as tests do."""
    arguments: str = ""
    """For `*`: sample arguments of URLs, as a JSON object."""
    unsafe: bool = False
    """For `*`: also send POST requests, and do not skip URLs that end the session."""


def read_request_settings(options: Mapping[str, OptionValue], settings_class: type[RequestSettings]) -> Any:
    """Return the options as settings of that class. Raises UsageError for an unknown option or a wrong type."""
    defaults = {field.name: field.default for field in fields(settings_class)}
    values: dict[str, OptionValue] = {}
    for name, value in options.items():
        if name not in defaults:
            raise UsageError(f"-o {name}: unknown option; available: {', '.join(defaults)}")
        expected = type(defaults[name])
        if expected is str and isinstance(value, int | float) and not isinstance(value, bool):
            value = str(value)  # -o data=1 reads as a number
        if type(value) is not expected:
            raise UsageError(f"-o {name}={value}: must be of type {expected.__name__}")
        values[name] = value
    return settings_class(**values)  # type: ignore[arg-type]
