"""Find a WSGI or ASGI application by its name, and detect which of the two it is."""

import functools
import inspect
from typing import Any

from leakcheck.model.errors import UsageError
from leakcheck.worker.load import find_dotted, signature_of
from leakcheck.worker.web.options import ASGI, WSGI

_ARGUMENT_COUNTS = {WSGI: 2, ASGI: 3}
_SIGNATURES = {
    "": "(environ, start_response) or (scope, receive, send)",
    WSGI: "(environ, start_response)",
    ASGI: "(scope, receive, send)",
}


def find_application(module: str, name: str, protocol: str) -> tuple[Any, str]:
    """Return an application and its protocol. A function without parameters is called, as a factory.

    Raises UsageError if there is no application of that name, or if its protocol cannot be detected.
    """
    application = find_dotted(module, name)
    label = f"{module}:{name}"
    if inspect.isfunction(application) and _required_positional(application) == 0:
        application = application()
    if inspect.iscoroutine(application):
        application.close()
        raise UsageError(f"{label} is a coroutine function; name the application, or a plain function that makes it")
    if not callable(application):
        raise UsageError(f"{label} is {application!r}, which is not callable and so no application")
    detected = protocol or _protocol_of(application)
    if detected is None and any(_can_take(application, count) is not False for count in _ARGUMENT_COUNTS.values()):
        raise UsageError(f"{label}: cannot tell whether {application!r} is WSGI or ASGI; pass --wsgi or --asgi")
    if detected is None or _can_take(application, _ARGUMENT_COUNTS[detected]) is False:
        kind = f"no {protocol.upper()} application" if protocol else "neither a WSGI nor an ASGI application"
        owner = application if inspect.isroutine(application) or isinstance(application, type) else type(application)
        raise UsageError(
            f"{label} ({owner.__module__}.{owner.__qualname__}) is {kind}: no server could call it with "
            f"{_SIGNATURES[protocol]}. If its framework has its own server, write a scenario that starts "
            "it and sends requests with a client; the guide has one under `Any other application`"
        )
    return application, detected


def _can_take(function: Any, arguments: int) -> bool | None:
    """Return whether a callable takes this many arguments; None if it has no signature."""
    signature = signature_of(function)
    if signature is None:
        return None
    try:
        signature.bind(*range(arguments))
    except TypeError:
        return False
    return True


def _protocol_of(application: Any) -> str | None:
    """Return the protocol: ASGI for what is awaited or takes three arguments, WSGI for two, otherwise None."""
    function = application
    while isinstance(function, functools.partial):
        function = function.func
    method = function if inspect.isroutine(function) else type(function).__call__
    if inspect.iscoroutinefunction(method):
        return ASGI
    count = _required_positional(application)
    return {2: WSGI, 3: ASGI}.get(-1 if count is None else count)


def _required_positional(function: Any) -> int | None:
    """Return the number of required positional parameters; None if there is no signature or a `*args`."""
    signature = signature_of(function)
    if signature is None:
        return None
    parameters = signature.parameters.values()
    if any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters):
        return None
    return sum(
        parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
        and parameter.default is parameter.empty
        for parameter in parameters
    )
