"""Log a user in without the login page, by a session whose cookie each request sends."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from leakcheck.model.errors import UsageError
from leakcheck.worker.web.login_redirects import LoginPage
from leakcheck.worker.web.options import DjangoRequestSettings

_NAME = "leakcheck"
_EMAIL = "leakcheck@example.com"


def session_cookie(request_settings: DjangoRequestSettings) -> str:
    """Return the session cookie of the user to log in; "" for none. Raises UsageError if nobody can be logged in."""
    if not (request_settings.user or request_settings.superuser):
        return ""
    from django.apps import apps
    from django.conf import settings

    if not apps.is_installed("django.contrib.auth"):
        raise UsageError("--user: django.contrib.auth is not installed in this project; authenticate with --header")
    from django.contrib.auth import load_backend, login
    from django.http import HttpRequest

    user = _get_user(request_settings)
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore()
    backend = next(path for path in settings.AUTHENTICATION_BACKENDS if hasattr(load_backend(path), "get_user"))
    login(request, user, backend)
    request.session.save()
    return f"{settings.SESSION_COOKIE_NAME}={request.session.session_key}"


def login_page(settings: DjangoRequestSettings) -> LoginPage:
    """Return the project's login page, with advice that depends on who is logged in already."""
    if settings.superuser:
        remedy = "a superuser is logged in, but the page requires more; pass that with --header 'NAME: VALUE'"
    elif settings.user:
        remedy = (
            f"{settings.user} is logged in and may not see it; log in with --superuser, or as another user with --user"
        )
    else:
        remedy = "log in with --user NAME or --superuser"
    return LoginPage(remedy=remedy, page_for=_login_pages())


def _login_pages() -> Callable[[str], str | None]:
    """Return a function that resolves settings.LOGIN_URL in the language of a path."""
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
        except Exception:  # a name that does not resolve fails when the project itself redirects
            return None

    return page_for


def _get_user(settings: DjangoRequestSettings) -> Any:
    """Return the user to log in, created if the database has none of that name."""
    from django.contrib.auth import get_user_model

    model: Any = get_user_model()
    name_field = model._meta.get_field(model.USERNAME_FIELD)
    name = settings.user or _default_value(name_field)
    try:
        user = model._default_manager.get_by_natural_key(name)
    except model.DoesNotExist:
        user = _create_user(model, name, settings)
    if settings.superuser and not (user.is_superuser and user.is_staff):
        user.is_superuser = user.is_staff = True
        user.save()
    if not user.is_active:
        raise UsageError(f"--user {name}: this user is not active and cannot log in; pass another one")
    return user


def _create_user(model: Any, name: str, settings: DjangoRequestSettings) -> Any:
    required = {field: _default_value(model._meta.get_field(field)) for field in model.REQUIRED_FIELDS}
    make = model._default_manager.create_superuser if settings.superuser else model._default_manager.create_user
    try:
        return make(**{model.USERNAME_FIELD: name, **required})
    except Exception as error:
        raise UsageError(
            f"--user {name}: there is no such user in the test database, and it could not be created "
            f"({type(error).__name__}: {error}); load one with --fixtures"
        ) from error


def _default_value(field: Any) -> Any:
    return _EMAIL if field.get_internal_type() == "EmailField" or field.name == "email" else _NAME
