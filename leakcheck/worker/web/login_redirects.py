"""Recognize a redirect to a login page, by the page that the site names or by the usual spellings."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote

from leakcheck.worker.web.options import RequestSettings
from leakcheck.worker.web.request import Request, Response

_LOGS_IN = re.compile(r"(?:login|(?:^|[-_])(?:log|sign)[-_]?(?:in|on))$", re.IGNORECASE)
"""The end of a path segment: matches `login`, `user_login`, `sign-in` and `logon`, not `plugin` or `design-in`."""

_MAY_LOG_IN = frozenset({"auth", "authenticate", "authentication", "authorize", "authorise", "oauth", "oidc", "openid"})
_MAY_LOG_IN |= {"sso", "saml", "cas", "adfs", "idp", "session", "sessions"}
"""Path segments of a login page, if the query also has an address to return to."""

_COME_BACK = re.compile(
    r"(?:next|return|redirect|continue|back|goto|dest|target|callback)(?:to|url|uri|path|page|ion)?"
    r"|camefrom|service|relaystate|samlrequest|wreply|url|ru"
)
_CAME_FROM = frozenset({"from", "ref", "referer", "referrer", "source", "src", "old"})
"""Parameters with the address that a user came from, not one to return to."""

_ENDING = re.compile(r"[;.].*|\d+$")
_JOINTS = re.compile(r"[-_.]")
_NEEDS_LOGIN = frozenset({401, 403})


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginPage:
    """The login page of a site, and how to log in."""

    remedy: str
    """The options that log in, as the end of a sentence."""
    page_for: Callable[[str], str | None] = lambda path: None
    """Returns the login page that the site itself names, in the language of a path."""

    def is_target_of(self, request: Request, response: Response) -> bool:
        """Return whether a response is a redirect to a login page; never for a request for a login page itself."""
        if response.redirect_target is None:
            return False
        own_address = _Address(request.host, request.path, request.query, "")
        target = _address(response.redirect_target, own_address)
        return not self._is_page(own_address, own_address) and (
            self._is_page(target, own_address) or _asks_to_come_back(target, request.path)
        )

    def advice_for(self, response: Response) -> str:
        """Return the remedy if the status means that no user, or the wrong one, is logged in; otherwise ""."""
        return self.remedy if response.status in _NEEDS_LOGIN else ""

    def _is_page(self, address: "_Address", own_address: "_Address") -> bool:
        login_url = self.page_for(address.path)
        if login_url is not None:
            login_address = _address(login_url, own_address)
            # if the login page is the home page, there are other reasons to redirect to it
            is_specific = login_address.path.strip("/") or _comes_back(address.query)
            if is_specific and login_address.host == address.host and _same_path(login_address.path, address.path):
                return True
        fragment, _, query = address.fragment.partition("?")  # a page routed in the browser: `/#/login?next=/`
        return _is_spelled_as_login(address.path, address.query) or _is_spelled_as_login(fragment.lstrip("!"), query)


class _Address(NamedTuple):
    host: str
    path: str
    query: str
    fragment: str


def _address(text: str, base: _Address) -> _Address:
    """Return the parts of an address relative to `base`. urllib is not used: its cache would look like growth."""
    text, _, fragment = text.partition("#")
    text, _, query = text.partition("?")
    scheme, separator, rest = text.partition("//")
    if separator and (not scheme or scheme.endswith(":")) and "/" not in scheme:
        host, _, path = rest.partition("/")
        return _Address(host.lower(), f"/{path}", query, fragment)
    if not text.startswith("/"):
        text = f"{base.path.rpartition('/')[0]}/{text}" if text else base.path
    return _Address(base.host, text, query, fragment)


def generic_login_page(settings: RequestSettings) -> LoginPage:
    """Return the login page of an application about which nothing is known."""
    names = {line.partition(":")[0].strip().lower() for line in settings.header.splitlines()}
    if names & {"cookie", "authorization"}:
        return LoginPage(remedy="the session that --header sends is not logged in; pass a valid one")
    return LoginPage(remedy="log in with --header 'Cookie: NAME=VALUE' or --header 'Authorization: VALUE'")


def _is_spelled_as_login(path: str, query: str) -> bool:
    """Return whether a path ends in a word for logging in, or has one and the query has an address to return to."""
    segments = [_ENDING.sub("", segment) for segment in path.split("/") if segment]
    if segments and _LOGS_IN.search(segments[-1]):
        return True
    has_login_word = any(_LOGS_IN.search(segment) or segment.lower() in _MAY_LOG_IN for segment in segments)
    return has_login_word and _comes_back(query)


def _comes_back(query: str) -> bool:
    return any(_COME_BACK.fullmatch(_normalized(name)) for name, _ in parse_qsl(query, keep_blank_values=True))


def _asks_to_come_back(address: _Address, path: str) -> bool:
    """Return whether the query of an address has the requested path, to return to it: `/enter/?next=/account/`."""
    return any(
        _normalized(name) not in _CAME_FROM
        and (value.startswith("/") or "://" in value)
        and _same_path(_address(value, address).path, path)
        for name, value in parse_qsl(address.query)
    )


def _same_path(path: str, other: str) -> bool:
    return unquote(path).rstrip("/") == unquote(other).rstrip("/")


def _normalized(name: str) -> str:
    return _JOINTS.sub("", name).lower()
