"""Find a WSGI or ASGI application by its name, and tell which of the two it is."""

import functools
import inspect
from typing import Any

from leakcheck.model.errors import UsageError
from leakcheck.worker.load import find_dotted
from leakcheck.worker.web.options import ASGI, WSGI

_TAKES = {WSGI: 2, ASGI: 3}
_GIVEN = {
    "": "(environ, start_response) or (scope, receive, send)",
    WSGI: "(environ, start_response)",
    ASGI: "(scope, receive, send)",
}


def find_application(module: str, name: str, protocol: str) -> tuple[Any, str]:
    """Return an application and its protocol. A function without parameters is called: it makes one.

    Raises UsageError for what is no application, or does not tell of which kind it is.
    """
    application = find_dotted(module, name)
    where = f"{module}:{name}"
    if inspect.isfunction(application) and _positional(application) == 0:
        application = application()
    if inspect.iscoroutine(application):
        application.close()
        raise UsageError(f"{where} is a coroutine function; name the application, or a plain function that makes it")
    if not callable(application):
        raise UsageError(f"{where} is {application!r}, which is no application: it cannot be called")
    found = protocol or _protocol_of(application)
    if found is None and any(_can_take(application, count) is not False for count in _TAKES.values()):
        raise UsageError(f"{where}: cannot tell of which kind {application!r} is; say --wsgi or --asgi")
    if found is None or _can_take(application, _TAKES[found]) is False:
        kind = f"no {protocol.upper()} application" if protocol else "neither a WSGI nor an ASGI application"
        owner = application if inspect.isroutine(application) or isinstance(application, type) else type(application)
        raise UsageError(
            f"{where} ({owner.__module__}.{owner.__qualname__}) is {kind}: no server could call it with "
            f"{_GIVEN[protocol]}. Where its framework brings a server of its own, write a scenario that starts that "
            "and asks it by a client; the guide has one under `Any other application`"
        )
    return application, found


def _can_take(function: Any, arguments: int) -> bool | None:
    """Tell whether it may be called with so many arguments; None where it does not tell."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return None
    try:
        signature.bind(*range(arguments))
    except TypeError:
        return False
    return True


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
