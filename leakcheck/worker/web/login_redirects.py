"""Tell a redirect to a login page from all others: by what the site says of itself, and else by how people spell it."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote

from leakcheck.worker.web.options import RequestSettings
from leakcheck.worker.web.request import Request, Response

_LOGS_IN = re.compile(r"(?:login|(?:^|[-_])(?:log|sign)[-_]?(?:in|on))$", re.IGNORECASE)
"""The end of a segment: `login`, `user_login`, `sign-in`, `logon`; `plugin` and `design-in` are none."""

_MAY_LOG_IN = frozenset({"auth", "authenticate", "authentication", "authorize", "authorise", "oauth", "oidc", "openid"})
_MAY_LOG_IN |= {"sso", "saml", "cas", "adfs", "idp", "session", "sessions"}
"""Segments that are a login page's where the address also says where to come back to."""

_COME_BACK = re.compile(
    r"(?:next|return|redirect|continue|back|goto|dest|target|callback)(?:to|url|uri|path|page|ion)?"
    r"|camefrom|service|relaystate|samlrequest|wreply|url|ru"
)
_CAME_FROM = frozenset({"from", "ref", "referer", "referrer", "source", "src", "old"})
"""Parameters that tell where somebody came from, and lead nowhere."""

_ENDING = re.compile(r"[;.].*|\d+$")
_JOINTS = re.compile(r"[-_.]")
_NEEDS_LOGIN = frozenset({401, 403})


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginPage:
    """How a site asks to log in, and how to do so."""

    remedy: str
    """What to say on the command line, as the end of a sentence."""
    page_for: Callable[[str], str | None] = lambda path: None
    """The login page that the site itself names, beside a path of the language that a redirect is in."""

    def is_wanted_by(self, exchange: Request, answer: Response) -> bool:
        """Tell whether an answer is a redirect to a login page. Who asks for a login page is never sent to one."""
        if answer.leads_to is None:
            return False
        own = _Address(_host_of(exchange), exchange.path, exchange.query, "")
        there = _address(answer.leads_to, own)
        return not self._is_page(own, own) and (self._is_page(there, own) or _asks_to_come_back(there, exchange.path))

    def advice_for(self, answer: Response) -> str:
        """Return the remedy where a status says that nobody, or the wrong one, is logged in; else ""."""
        return self.remedy if answer.status in _NEEDS_LOGIN else ""

    def _is_page(self, address: "_Address", own: "_Address") -> bool:
        said = self.page_for(address.path)
        if said is not None:
            named = _address(said, own)
            # a home page that logs in is led to for other reasons, too
            is_sure = named.path.strip("/") or _comes_back(address.query)
            if is_sure and named.host == address.host and _same(named.path, address.path):
                return True
        fragment, _, query = address.fragment.partition("?")  # a page that routes in the browser: `/#/login?next=/`
        return _is_spelled_as_login(address.path, address.query) or _is_spelled_as_login(fragment.lstrip("!"), query)


class _Address(NamedTuple):
    host: str
    path: str
    query: str
    fragment: str


def _address(text: str, beside: _Address) -> _Address:
    """Return the parts of an address that stands on a page. urllib would keep a hundred of them, as if they leaked."""
    text, _, fragment = text.partition("#")
    text, _, query = text.partition("?")
    scheme, found, rest = text.partition("//")
    if found and (not scheme or scheme.endswith(":")) and "/" not in scheme:
        host, _, path = rest.partition("/")
        return _Address(host.lower(), f"/{path}", query, fragment)
    if not text.startswith("/"):
        text = f"{beside.path.rpartition('/')[0]}/{text}" if text else beside.path
    return _Address(beside.host, text, query, fragment)


def _host_of(exchange: Request) -> str:
    return next((value.lower() for name, value in exchange.headers if name.lower() == "host"), "")


def login_by_header(manner: RequestSettings) -> LoginPage:
    """Return how an application of which nothing is known asks to log in."""
    names = {line.partition(":")[0].strip().lower() for line in manner.header.splitlines()}
    if names & {"cookie", "authorization"}:
        return LoginPage(remedy="what --header sends logs nobody in; send a session that is valid")
    return LoginPage(remedy="log in with --header 'Cookie: NAME=VALUE' or --header 'Authorization: VALUE'")


def _is_spelled_as_login(path: str, query: str) -> bool:
    """Tell whether a path ends in a word for logging in, or has one and an address to come back to beside it."""
    segments = [_ENDING.sub("", segment) for segment in path.split("/") if segment]
    if segments and _LOGS_IN.search(segments[-1]):
        return True
    spelled = any(_LOGS_IN.search(segment) or segment.lower() in _MAY_LOG_IN for segment in segments)
    return spelled and _comes_back(query)


def _comes_back(query: str) -> bool:
    return any(_COME_BACK.fullmatch(_plain(name)) for name, _ in parse_qsl(query, keep_blank_values=True))


def _asks_to_come_back(address: _Address, path: str) -> bool:
    """Tell whether an address holds the path that was asked for, to come back to it: `/enter/?next=/account/`."""
    return any(
        _plain(name) not in _CAME_FROM
        and (value.startswith("/") or "://" in value)
        and _same(_address(value, address).path, path)
        for name, value in parse_qsl(address.query)
    )


def _same(one: str, other: str) -> bool:
    return unquote(one).rstrip("/") == unquote(other).rstrip("/")


def _plain(name: str) -> str:
    return _JOINTS.sub("", name).lower()
