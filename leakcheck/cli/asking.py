"""What every verb that replays requests can be told of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import typer

from leakcheck.errors import UsageError
from leakcheck.scenario import OptionValue

_WITHOUT_BODY = ("GET:", "HEAD:", "OPTIONS:")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """The options of `http` and `django` that say what is sent, and what is expected to come back."""

    data: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT|@FILE", help="The body of POST, PUT, PATCH and DELETE: JSON, or a=1&b=2 for a form."
        ),
    ] = None
    header: Annotated[
        list[str] | None, typer.Option(metavar="'NAME: VALUE'", help="Send this header too; may be said again.")
    ] = None
    expect: Annotated[
        int | None, typer.Option(metavar="STATUS", help="The status to expect. \\[default: any below 400]")
    ] = None
    follow: Annotated[bool, typer.Option("--follow", help="Follow redirects, within the same call.")] = False

    def options(self, requests: Sequence[str]) -> dict[str, OptionValue]:
        """Return what was said, as options of the scenarios. Raises UsageError for a body that nothing takes."""
        if self.data is not None and all(request.startswith(_WITHOUT_BODY) for request in requests):
            raise UsageError("--data: none of the requests has a body; write POST:/path, PUT:, PATCH: or DELETE:")
        said = {
            "data": self.data,
            "header": "\n".join(self.header) if self.header else None,
            "expect": self.expect,
            "follow": self.follow or None,
        }
        return {name: value for name, value in said.items() if value is not None}
