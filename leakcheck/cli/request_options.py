"""The options of every command that replays requests."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated

import typer

from leakcheck.model.errors import UsageError
from leakcheck.model.protocol import OptionValue

_WITHOUT_BODY = ("GET:", "HEAD:", "OPTIONS:")
_request_option = partial(typer.Option, rich_help_panel="Requests")
_django_option = partial(typer.Option, rich_help_panel="Requests to a Django project")


# without slots, so that a command's options can inherit from this and from another group
@dataclass(frozen=True, kw_only=True)
class RequestOptions:
    """The options of all requests: what is sent, and which response is expected."""

    data: Annotated[
        str | None,
        _request_option(
            metavar="TEXT|@FILE",
            help="Body of POST, PUT, PATCH and DELETE: JSON, or form fields a=1&b=2; file=@FILE uploads a file.",
        ),
    ] = None
    header: Annotated[
        list[str] | None, _request_option(metavar="'NAME: VALUE'", help="Send this header; repeatable.")
    ] = None
    expect: Annotated[
        int | None,
        _request_option(
            metavar="STATUS",
            help="Expected response status. \\[default: any below 400, except a redirect to a login page]",
        ),
    ] = None
    follow: Annotated[bool, _request_option("--follow", help="Follow redirects within the same call.")] = False
    asgi: Annotated[
        bool | None,
        _request_option(
            "--asgi/--wsgi", help="Interface of the application. \\[default: detected; --wsgi for a Django project]"
        ),
    ] = None

    def options(self, requests: Sequence[str]) -> dict[str, OptionValue]:
        """Return the options that were given, as options of scenarios. Raises UsageError for a body without use."""
        if self.data is not None and all(request.startswith(_WITHOUT_BODY) for request in requests):
            raise UsageError("--data: none of the requests has a body; write POST:/path, PUT:, PATCH: or DELETE:")
        return {name: value for name, value in self._values().items() if value is not None}

    def _values(self) -> dict[str, OptionValue | None]:
        return {
            "data": self.data,
            "header": "\n".join(self.header) if self.header else None,
            "expect": self.expect,
            "follow": self.follow or None,
            "protocol": None if self.asgi is None else "asgi" if self.asgi else "wsgi",
        }


@dataclass(frozen=True, kw_only=True)
class DjangoRequestOptions(RequestOptions):
    """The options of requests to a Django project as well: the user, and the test database."""

    user: Annotated[
        str | None, _django_option(metavar="NAME", help="Log in as this user; created if no fixture contains it.")
    ] = None
    superuser: Annotated[bool, _django_option("--superuser", help="Log in as a superuser.")] = False
    fixture: Annotated[
        list[str] | None, _django_option(metavar="FILE", help="Load this fixture into the test database; repeatable.")
    ] = None
    migrate: Annotated[
        bool,
        _django_option(
            "--migrate/--no-migrate", help="Create tables with migrations, or directly from models (faster)."
        ),
    ] = True
    atomic: Annotated[bool, _django_option("--atomic", help="Roll back the database changes of each call.")] = False
    mail: Annotated[
        bool, _django_option("--mail", help="Send mail with the project's backend instead of discarding it.")
    ] = False
    hashers: Annotated[
        bool, _django_option("--hashers", help="Use the project's password hashers instead of a fast one.")
    ] = False

    def _values(self) -> dict[str, OptionValue | None]:
        return {
            **super()._values(),
            "user": self.user,
            "superuser": self.superuser or None,
            "fixtures": "\n".join(self.fixture) if self.fixture else None,
            "migrate": None if self.migrate else False,
            "atomic": self.atomic or None,
            "mail": self.mail or None,
            "hashers": self.hashers or None,
        }
