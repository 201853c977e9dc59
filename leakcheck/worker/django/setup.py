"""Open a Django project: its settings, stand-ins for what must not be touched, and its handlers."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from leakcheck.model.errors import UsageError
from leakcheck.worker.django.databases import Databases
from leakcheck.worker.django.discover import project_folder
from leakcheck.worker.web.options import ASGI, DjangoRequestSettings

_HOST = "localhost"
_MAIL = "django.core.mail.backends."
_NO_MAIL = f"{_MAIL}dummy.EmailBackend"
_HASHERS = "django.contrib.auth.hashers."
_FAST_HASHER = f"{_HASHERS}MD5PasswordHasher"
_replaced: list[str] = []
"""The hasher that was the project's first."""

_KEPT_MAIL = frozenset({_NO_MAIL, f"{_MAIL}locmem.EmailBackend", f"{_MAIL}console.EmailBackend"})
"""Backends that send nothing to anybody. Another one would send a mail a call."""


@contextmanager
def opened(settings_module: str, manner: DjangoRequestSettings, shared_folder: str | None) -> Iterator[None]:
    """Set Django up with databases of this process's own, and destroy them at the end.

    Raises UsageError where Django or the settings cannot be found.
    """
    folder = project_folder(os.getcwd())
    if folder is not None and folder not in sys.path:
        sys.path.insert(0, folder)
    os.environ["DJANGO_SETTINGS_MODULE"] = settings_module
    try:
        import django
    except ModuleNotFoundError as error:
        raise UsageError(
            f"Django is not installed for {sys.executable}; name the project's own Python with --python"
        ) from error
    from django.conf import settings

    _read(settings, settings_module)
    databases = Databases(shared_folder)
    try:
        _mend(settings, manner)
        django.setup()
        databases.make(manner)
        yield
    finally:
        databases.close()


def _read(settings: Any, module: str) -> None:
    try:
        settings.INSTALLED_APPS  # noqa: B018 - the file is read when the first setting is
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise
        raise UsageError(
            f"--settings {module}: there is no module {error.name!r} here; run it in the folder of manage.py"
        ) from error


def _mend(settings: Any, manner: DjangoRequestSettings) -> None:
    """Change the settings that would keep a replay from being one, and no others."""
    settings.ALLOWED_HOSTS = [*settings.ALLOWED_HOSTS, _HOST]
    if manner.expect < 500:
        # a view that fails fails the replay with its own traceback, and not with a page that says 500
        settings.DEBUG_PROPAGATE_EXCEPTIONS = True
    if not manner.hashers:
        _hash_fast(settings)
    if manner.mail:
        return
    mailers = getattr(settings, "MAILERS", None)  # Django 6.1; before it there is one backend
    if mailers:
        settings.MAILERS = {
            name: said if said.get("BACKEND") in _KEPT_MAIL else {"BACKEND": _NO_MAIL} for name, said in mailers.items()
        }
    elif settings.EMAIL_BACKEND not in _KEPT_MAIL:
        settings.EMAIL_BACKEND = _NO_MAIL


def _hash_fast(settings: Any) -> None:
    """Have new passwords hashed as Django advises for tests: a login is made to take half a second otherwise.

    What a fixture holds is still known by the hasher that made it. A hasher of the project's own is left in its place.
    """
    hashers = settings.PASSWORD_HASHERS
    if hashers and hashers[0].startswith(_HASHERS) and hashers[0] != _FAST_HASHER:
        settings.PASSWORD_HASHERS = [_FAST_HASHER, *(one for one in hashers if one != _FAST_HASHER)]
        _replaced.append(hashers[0])


def passwords_were_hashed_fast() -> bool:
    """Tell whether a password was hashed in this process, and not as the project would have it."""
    hashers = sys.modules.get("django.contrib.auth.hashers")
    return bool(_replaced) and hashers is not None and hashers.get_hashers.cache_info().currsize > 0


def scheme() -> str:
    """Return `https` where the project sends everybody there who comes by `http`."""
    from django.conf import settings

    return "https" if settings.SECURE_SSL_REDIRECT else "http"


def handler(protocol: str) -> Any:
    """Return the project's handler with all of its middleware, which asks for no CSRF token."""
    if protocol == ASGI:
        from django.core.handlers.asgi import ASGIHandler as Handler
    else:
        from django.core.handlers.wsgi import WSGIHandler as Handler  # type: ignore[assignment]
    application = Handler()
    # what django.test.Client sets on each request; on the class it costs nothing
    checked = application.request_class
    application.request_class = type(checked.__name__, (checked,), {"_dont_enforce_csrf_checks": True})
    return application
