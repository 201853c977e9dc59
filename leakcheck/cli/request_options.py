"""What every verb that replays requests can be told of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import typer

from leakcheck.model.errors import UsageError
from leakcheck.model.protocol import OptionValue

_WITHOUT_BODY = ("GET:", "HEAD:", "OPTIONS:")
_REQUESTS = "Requests"
_PROJECT = "Requests of a Django project"


# without slots, so that another group of options can stand beside it in one verb's
@dataclass(frozen=True, kw_only=True)
class RequestOptions:
    """The options of all requests: what is sent, and what is expected to come back."""

    data: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT|@FILE",
            help="The body of POST, PUT, PATCH and DELETE: JSON, or a=1&b=2 for a form; file=@FILE sends a file.",
            rich_help_panel=_REQUESTS,
        ),
    ] = None
    header: Annotated[
        list[str] | None,
        typer.Option(
            metavar="'NAME: VALUE'", help="Send this header too; may be said again.", rich_help_panel=_REQUESTS
        ),
    ] = None
    expect: Annotated[
        int | None,
        typer.Option(
            metavar="STATUS",
            help="The status to expect. \\[default: any below 400, and no redirect to a login page]",
            rich_help_panel=_REQUESTS,
        ),
    ] = None
    follow: Annotated[
        bool,
        typer.Option("--follow", help="Follow redirects, within the same call.", rich_help_panel=_REQUESTS),
    ] = False
    asgi: Annotated[
        bool | None,
        typer.Option(
            "--asgi/--wsgi",
            help="How the application is called. \\[default: found out; --wsgi for a Django project]",
            rich_help_panel=_REQUESTS,
        ),
    ] = None

    def options(self, requests: Sequence[str]) -> dict[str, OptionValue]:
        """Return what was said, as options of the scenarios. Raises UsageError for a body that nothing takes."""
        if self.data is not None and all(request.startswith(_WITHOUT_BODY) for request in requests):
            raise UsageError("--data: none of the requests has a body; write POST:/path, PUT:, PATCH: or DELETE:")
        return {name: value for name, value in self._said().items() if value is not None}

    def _said(self) -> dict[str, OptionValue | None]:
        return {
            "data": self.data,
            "header": "\n".join(self.header) if self.header else None,
            "expect": self.expect,
            "follow": self.follow or None,
            "protocol": None if self.asgi is None else "asgi" if self.asgi else "wsgi",
        }


@dataclass(frozen=True, kw_only=True)
class DjangoRequestOptions(RequestOptions):
    """The options of requests to a Django project as well: who asks, and of which database."""

    user: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Log this user in; made, where no fixture has one of that name.",
            rich_help_panel=_PROJECT,
        ),
    ] = None
    superuser: Annotated[
        bool, typer.Option("--superuser", help="Log in somebody who may do anything.", rich_help_panel=_PROJECT)
    ] = False
    fixture: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE", help="Load this into the test database; may be said again.", rich_help_panel=_PROJECT
        ),
    ] = None
    migrate: Annotated[
        bool,
        typer.Option(
            "--migrate/--no-migrate",
            help="Make the tables by migrations, or straight from the models.",
            rich_help_panel=_PROJECT,
        ),
    ] = True
    atomic: Annotated[
        bool,
        typer.Option("--atomic", help="Roll back what each call did to the databases.", rich_help_panel=_PROJECT),
    ] = False
    mail: Annotated[
        bool,
        typer.Option(
            "--mail", help="Send mail as the project does; without this it is dropped.", rich_help_panel=_PROJECT
        ),
    ] = False

    hashers: Annotated[
        bool,
        typer.Option(
            "--hashers",
            help="Hash passwords as the project does; without this fast, as in tests.",
            rich_help_panel=_PROJECT,
        ),
    ] = False

    def _said(self) -> dict[str, OptionValue | None]:
        return {
            **super()._said(),
            "user": self.user,
            "superuser": self.superuser or None,
            "fixtures": "\n".join(self.fixture) if self.fixture else None,
            "migrate": None if self.migrate else False,
            "atomic": self.atomic or None,
            "mail": self.mail or None,
            "hashers": self.hashers or None,
        }
