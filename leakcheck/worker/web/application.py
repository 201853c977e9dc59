"""Find a WSGI or ASGI application by its name, and tell which of the two it is."""

import functools
import inspect
from typing import Any

from leakcheck.errors import UsageError
from leakcheck.worker.load import find_dotted
from leakcheck.worker.web.manner import ASGI, WSGI


def find_application(module: str, name: str, protocol: str) -> tuple[Any, str]:
    """Return an application and its protocol. A function without parameters is called: it makes one.

    Raises UsageError for what is no application, or does not tell of which kind it is.
    """
    application = find_dotted(module, name)
    if inspect.isfunction(application) and _positional(application) == 0:
        application = application()
    where = f"{module}:{name}"
    if not callable(application):
        raise UsageError(f"{where} is {application!r}, which is no application: it cannot be called")
    found = protocol or _protocol_of(application)
    if found is None:
        raise UsageError(f"{where}: cannot tell of which kind {application!r} is; say --wsgi or --asgi")
    return application, found


def _protocol_of(application: Any) -> str | None:
    """Return how it wants to be called: ASGI is awaited, or takes three; WSGI takes two."""
    plain = application
    while isinstance(plain, functools.partial):
        plain = plain.func
    called = plain if inspect.isroutine(plain) else type(plain).__call__
    if inspect.iscoroutinefunction(called):
        return ASGI
    takes = _positional(application)
    return {2: WSGI, 3: ASGI}.get(-1 if takes is None else takes)


def _positional(function: Any) -> int | None:
    """Return how many arguments a function must be given; None where it does not tell."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters):
        return None
    return sum(
        parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
        and parameter.default is parameter.empty
        for parameter in parameters
    )
