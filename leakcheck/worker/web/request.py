"""Requests and responses: build a request, find where a redirect leads, and check the status of a response."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from html import unescape
from http import HTTPStatus
from urllib.parse import urljoin, urlsplit

from leakcheck.model.errors import UsageError, WrongAnswer
from leakcheck.worker.web.options import RequestSettings
from leakcheck.worker.web.request_body import encode_body

MOST_KEPT_BYTES = 64_000
"""How much of an error's body is kept."""

_WITH_BODY = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_KEEP_METHOD = frozenset({307, 308})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
DEFAULT_HOST = "localhost"
PORTS = {"http": 80, "https": 443}
_LONGEST_ERROR_TEXT = 200
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
_TAGS = re.compile(r"<(script|style).*?</\1>|<[^>]+>", re.IGNORECASE | re.DOTALL)

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request to replay."""

    method: str
    path: str
    """Percent-encoded."""
    query: str = ""
    headers: Headers = ()
    """Names as they were written, including `Host` and `Content-Length`."""
    body: bytes = b""
    scheme: str = "http"
    expect: int = 0
    hops: int = 0

    @property
    def host(self) -> str:
        """Return the host that it is sent to, in lower case."""
        return next((value.lower() for name, value in self.headers if name.lower() == "host"), DEFAULT_HOST)

    @property
    def address(self) -> str:
        """Return the path with its query."""
        return self.path + (f"?{self.query}" if self.query else "")

    def __str__(self) -> str:
        return f"{self.method} {self.address}"


@dataclass(slots=True)
class Response:
    """A response. Its body is kept only if it is an error, and is read to its end in any case."""

    status: int = 0
    headers: list[tuple[str, str]] | None = None
    body_start: bytes = b""

    def header(self, name: str) -> str | None:
        """Return the value of the first header of that name, in lower case."""
        return next((value for header_name, value in self.headers or () if header_name.lower() == name), None)

    @property
    def redirect_target(self) -> str | None:
        """Return the address that a redirect leads to; None if this is no redirect or has no address."""
        return self.header("location") if 300 <= self.status < 400 else None


def build_request(text: str, settings: RequestSettings, *, cookies: str = "", scheme: str = "http") -> Request:
    """Return the request that `GET:/news/?page=2` stands for. Raises UsageError for an invalid header or body file."""
    method, _, address = text.partition(":")
    path, _, query = address.partition("?")
    own_headers = dict(_headers(settings.header))
    names = {name.lower() for name in own_headers}
    body = b""
    defaults = {"Host": DEFAULT_HOST, "User-Agent": "leakcheck", "Accept": "*/*"}
    if method in _WITH_BODY:
        own_type = next((value for name, value in own_headers.items() if name.lower() == "content-type"), "")
        body, content_type = encode_body(settings.data, own_type)
        if content_type != own_type:  # encode_body has chosen the boundary
            own_headers = {name: value for name, value in own_headers.items() if name.lower() != "content-type"}
            names.discard("content-type")
        defaults["Content-Type"] = content_type
        defaults["Content-Length"] = str(len(body))
    if cookies and "cookie" not in names:
        defaults["Cookie"] = cookies
    headers = {**{name: value for name, value in defaults.items() if name.lower() not in names}, **own_headers}
    return Request(
        method=method,
        path=path,
        query=query,
        headers=tuple(headers.items()),
        body=body,
        scheme=scheme,
        expect=settings.expect,
    )


def _headers(lines: str) -> Iterable[tuple[str, str]]:
    for line in lines.splitlines():
        name, separator, value = line.partition(":")
        if not separator or not name.strip():
            raise UsageError(f"--header {line!r}: write 'Name: value'")
        yield name.strip(), value.strip()


def next_hop(request: Request, response: Response) -> Request | None:
    """Return the request that follows a redirect; None if the response is no redirect or leads to another host."""
    location = response.header("location") if response.status in _REDIRECTS else None
    if location is None:
        return None
    host = request.host
    target = urlsplit(urljoin(f"{request.scheme}://{host}{request.path}", location))
    if target.netloc.lower() != host or target.scheme not in PORTS:
        return None
    keeps_method = response.status in _KEEP_METHOD or request.method in ("GET", "HEAD")
    dropped = () if keeps_method else ("content-type", "content-length")
    headers = tuple((name, value) for name, value in request.headers if name.lower() not in dropped)
    return replace(
        request,
        method=request.method if keeps_method else "GET",
        path=target.path or "/",
        query=target.query,
        body=request.body if keeps_method else b"",
        headers=_with_cookies(headers, response),
        scheme=target.scheme,
        hops=request.hops + 1,
    )


def _with_cookies(headers: Headers, response: Response) -> Headers:
    from http.cookies import SimpleCookie

    jar = SimpleCookie(next((value for name, value in headers if name.lower() == "cookie"), ""))
    for name, value in response.headers or ():
        if name.lower() == "set-cookie":
            jar.load(value)
    if not jar:
        return headers
    cookies = "; ".join(f"{name}={morsel.coded_value}" for name, morsel in jar.items())
    return (*((name, value) for name, value in headers if name.lower() != "cookie"), ("Cookie", cookies))


def check_status(request: Request, response: Response, advice: str = "") -> None:
    """Raise WrongAnswer, with the advice, if the status is not the expected one."""
    if response.status == request.expect or (not request.expect and 100 <= response.status < 400):
        return
    answered, remedy = f"it answered {status_text(response)}", f"; {advice}" if advice else ""
    if request.expect:
        raise WrongAnswer(f"{answered}, and {request.expect} was expected{remedy}", response.status)
    raise WrongAnswer(f"{answered}{remedy}; if that is meant, pass --expect {response.status}", response.status)


def status_text(response: Response) -> str:
    """Return the status with the reason that the body gives: `404 Not Found (Page not found at /nope/)`."""
    try:
        status = f"{response.status} {HTTPStatus(response.status).phrase}"
    except ValueError:
        status = str(response.status)
    error_text = _error_text(response.body_start.decode(errors="replace"))
    return f"{status} ({error_text})" if error_text and error_text not in status else status


def _error_text(body: str) -> str:
    """Return the title of a page, the message of a JSON object, or otherwise the start of the text."""
    title = _TITLE.search(body)
    text = unescape(title[1]) if title else _json_error(body) or unescape(_TAGS.sub(" ", body))
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST_ERROR_TEXT else f"{text[: _LONGEST_ERROR_TEXT - 1]}…"


def _json_error(body: str) -> str | None:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    names = ("detail", "error", "message") if isinstance(document, dict) else ()
    message = next((document[name] for name in names if name in document), None)
    return message if isinstance(message, str) else None
