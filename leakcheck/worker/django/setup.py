"""Set a Django project up: its settings, with replacements for what a replay must not reach, and its handler."""

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
_replaced_hashers: list[str] = []
"""The project's first hasher, if it was replaced."""

_KEPT_MAIL = frozenset({_NO_MAIL, f"{_MAIL}locmem.EmailBackend", f"{_MAIL}console.EmailBackend"})
"""Backends that send no mail. Any other would send one with each call."""


@contextmanager
def django_project(
    settings_module: str, request_settings: DjangoRequestSettings, shared_folder: str | None
) -> Iterator[None]:
    """Set Django up with test databases of this process, and destroy them at the end.

    Raises UsageError if Django or the settings cannot be found.
    """
    folder = project_folder(os.getcwd())
    if folder is not None and folder not in sys.path:
        sys.path.insert(0, folder)
    os.environ["DJANGO_SETTINGS_MODULE"] = settings_module
    try:
        import django
    except ModuleNotFoundError as error:
        raise UsageError(
            f"Django is not installed for {sys.executable}; pass the project's own Python with --python"
        ) from error
    from django.conf import settings

    _load_settings(settings, settings_module)
    databases = Databases(shared_folder)
    try:
        _adjust_settings(settings, request_settings)
        django.setup()
        databases.make(request_settings)
        yield
    finally:
        databases.close()


def _load_settings(settings: Any, module: str) -> None:
    try:
        settings.INSTALLED_APPS  # noqa: B018 - reading a setting loads the module
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise
        raise UsageError(
            f"--settings {module}: there is no module {error.name!r} here; run leakcheck in the folder of manage.py"
        ) from error


def _adjust_settings(settings: Any, request_settings: DjangoRequestSettings) -> None:
    """Change the settings under which a request could not be replayed."""
    settings.ALLOWED_HOSTS = [*settings.ALLOWED_HOSTS, _HOST]
    if request_settings.expect < 500:
        # a view that fails is to fail the replay with its traceback, not with a page of status 500
        settings.DEBUG_PROPAGATE_EXCEPTIONS = True
    if not request_settings.hashers:
        _use_fast_hasher(settings)
    if request_settings.mail:
        return
    mailers = getattr(settings, "MAILERS", None)  # Django 6.1; before it there is one backend
    if mailers:
        settings.MAILERS = {
            name: mailer if mailer.get("BACKEND") in _KEPT_MAIL else {"BACKEND": _NO_MAIL}
            for name, mailer in mailers.items()
        }
    elif settings.EMAIL_BACKEND not in _KEPT_MAIL:
        settings.EMAIL_BACKEND = _NO_MAIL


def _use_fast_hasher(settings: Any) -> None:
    """Hash new passwords with MD5, as Django advises for tests: hashing one securely takes half a second.

    Passwords in fixtures are still checked by the hasher that made them. A custom hasher of the project is kept.
    """
    hashers = settings.PASSWORD_HASHERS
    if hashers and hashers[0].startswith(_HASHERS) and hashers[0] != _FAST_HASHER:
        settings.PASSWORD_HASHERS = [_FAST_HASHER, *(hasher for hasher in hashers if hasher != _FAST_HASHER)]
        _replaced_hashers.append(hashers[0])


def passwords_were_hashed_fast() -> bool:
    """Return whether this process has hashed passwords, and with a faster hasher than the project's."""
    hashers = sys.modules.get("django.contrib.auth.hashers")
    return bool(_replaced_hashers) and hashers is not None and hashers.get_hashers.cache_info().currsize > 0


def site_scheme() -> str:
    """Return `https` if the project redirects all of `http` to it, otherwise `http`."""
    from django.conf import settings

    return "https" if settings.SECURE_SSL_REDIRECT else "http"


def make_handler(protocol: str) -> Any:
    """Return the project's handler with all of its middleware, without CSRF checks."""
    if protocol == ASGI:
        from django.core.handlers.asgi import ASGIHandler as Handler
    else:
        from django.core.handlers.wsgi import WSGIHandler as Handler  # type: ignore[assignment]
    application = Handler()
    # django.test.Client sets this on each request; on the class it costs nothing
    request_class = application.request_class
    application.request_class = type(request_class.__name__, (request_class,), {"_dont_enforce_csrf_checks": True})
    return application
