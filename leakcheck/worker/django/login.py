"""Log somebody in, without the login page: a session made once, whose cookie each request brings."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from leakcheck.model.errors import UsageError
from leakcheck.worker.web.login_redirects import LoginPage
from leakcheck.worker.web.options import DjangoRequestSettings

_NAME = "leakcheck"
_EMAIL = "leakcheck@example.com"


def cookies_of(manner: DjangoRequestSettings) -> str:
    """Return the cookie of whoever is to be logged in; "" for nobody. Raises UsageError where that is impossible."""
    if not (manner.user or manner.superuser):
        return ""
    from django.apps import apps
    from django.conf import settings

    if not apps.is_installed("django.contrib.auth"):
        raise UsageError("--user: the project has no django.contrib.auth; send what it asks for with --header")
    from django.contrib.auth import load_backend, login
    from django.http import HttpRequest

    user = _user(manner)
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore()
    backend = next(path for path in settings.AUTHENTICATION_BACKENDS if hasattr(load_backend(path), "get_user"))
    login(request, user, backend)
    request.session.save()
    return f"{settings.SESSION_COOKIE_NAME}={request.session.session_key}"


def login_of(manner: DjangoRequestSettings) -> LoginPage:
    """Return how the project asks to log in, and what to say that has not been said yet."""
    if manner.superuser:
        remedy = "a superuser is logged in, and it asks for more; send that with --header 'NAME: VALUE'"
    elif manner.user:
        remedy = (
            f"{manner.user} is logged in and may not see it; log in with --superuser, or as somebody else with --user"
        )
    else:
        remedy = "log in with --user NAME or --superuser"
    return LoginPage(remedy=remedy, page_for=_login_pages())


def _login_pages() -> Callable[[str], str | None]:
    """Return what tells settings.LOGIN_URL, a path, a name or an address, in the language that a path is in."""
    known: dict[str, str | None] = {}

    def page_for(path: str) -> str | None:
        from django.conf import settings
        from django.shortcuts import resolve_url
        from django.utils import translation

        try:
            language = translation.get_language_from_path(path) or settings.LANGUAGE_CODE
            if language not in known:
                with translation.override(language):
                    known[language] = resolve_url(settings.LOGIN_URL)
            return known[language]
        except Exception:  # a name that leads nowhere is found out when the project itself redirects
            return None

    return page_for


def _user(manner: DjangoRequestSettings) -> Any:
    """Return the chosen user, made where the database has none of that name."""
    from django.contrib.auth import get_user_model

    model: Any = get_user_model()
    named = model._meta.get_field(model.USERNAME_FIELD)
    name = manner.user or _value_of(named)
    try:
        user = model._default_manager.get_by_natural_key(name)
    except model.DoesNotExist:
        user = _made(model, name, manner)
    if manner.superuser and not (user.is_superuser and user.is_staff):
        user.is_superuser = user.is_staff = True
        user.save()
    if not user.is_active:
        raise UsageError(f"--user {name}: is not active, and cannot log in")
    return user


def _made(model: Any, name: str, manner: DjangoRequestSettings) -> Any:
    required = {field: _value_of(model._meta.get_field(field)) for field in model.REQUIRED_FIELDS}
    make = model._default_manager.create_superuser if manner.superuser else model._default_manager.create_user
    try:
        return make(**{model.USERNAME_FIELD: name, **required})
    except Exception as error:
        raise UsageError(
            f"--user {name}: there is no such user in the test database, and none can be made "
            f"({type(error).__name__}: {error}); load one with --fixtures"
        ) from error


def _value_of(field: Any) -> Any:
    return _EMAIL if field.get_internal_type() == "EmailField" or field.name == "email" else _NAME
