"""A request as a server hands it on, made once; and the answer to it, judged."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from html import unescape
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote, unquote_to_bytes, urljoin, urlsplit

from leakcheck.model.errors import UsageError, WrongAnswer
from leakcheck.worker.web.options import RequestSettings
from leakcheck.worker.web.request_body import body_of

MOST_HOPS = 20
MOST_KEPT_BYTES = 64_000
"""Of the body of an answer that is an error."""

_WITH_BODY = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_KEEP_METHOD = frozenset({307, 308})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_DEFAULT_HOST = "localhost"
_PORTS = {"http": 80, "https": 443}
_LONGEST_SAYING = 200
_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
_TAGS = re.compile(r"<(script|style).*?</\1>|<[^>]+>", re.IGNORECASE | re.DOTALL)

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request."""

    method: str
    path: str
    """With its percent signs."""
    query: str = ""
    headers: Headers = ()
    """Names as they were written; `Host` and `Content-Length` are among them."""
    body: bytes = b""
    scheme: str = "http"
    expect: int = 0

    @property
    def address(self) -> str:
        """Return the path with its query."""
        return self.path + (f"?{self.query}" if self.query else "")

    def __str__(self) -> str:
        return f"{self.method} {self.address}"


@dataclass(slots=True)
class Response:
    """What came back: the body of an error, and of all else only that it was read to its end."""

    status: int = 0
    headers: list[tuple[str, str]] | None = None
    beginning: bytes = b""

    def header(self, name: str) -> str | None:
        """Return the value of the first header of that name, in lower case."""
        return next((value for found, value in self.headers or () if found.lower() == name), None)

    @property
    def leads_to(self) -> str | None:
        """Where a redirect leads; None where this is none, or does not say it."""
        return self.header("location") if 300 <= self.status < 400 else None


def exchange_of(request: str, manner: RequestSettings, *, cookies: str = "", scheme: str = "http") -> Request:
    """Return what `GET:/news/?page=2` says. Raises UsageError for a header or a file that cannot be read."""
    method, _, address = request.partition(":")
    path, _, query = address.partition("?")
    said = dict(_headers(manner.header))
    names = {name.lower() for name in said}
    body = b""
    usual = {"Host": _DEFAULT_HOST, "User-Agent": "leakcheck", "Accept": "*/*"}
    if method in _WITH_BODY:
        type_said = next((value for name, value in said.items() if name.lower() == "content-type"), "")
        body, content_type = body_of(manner.data, type_said)
        if content_type != type_said:  # a boundary is ours to choose
            said = {name: value for name, value in said.items() if name.lower() != "content-type"}
            names.discard("content-type")
        usual["Content-Type"] = content_type
        usual["Content-Length"] = str(len(body))
    if cookies and "cookie" not in names:
        usual["Cookie"] = cookies
    headers = {**{name: value for name, value in usual.items() if name.lower() not in names}, **said}
    return Request(
        method=method,
        path=path,
        query=query,
        headers=tuple(headers.items()),
        body=body,
        scheme=scheme,
        expect=manner.expect,
    )


def _headers(lines: str) -> Iterable[tuple[str, str]]:
    for line in lines.splitlines():
        name, found, value = line.partition(":")
        if not found or not name.strip():
            raise UsageError(f"--header {line!r}: write 'Name: value'")
        yield name.strip(), value.strip()


def environ_of(exchange: Request) -> dict[str, Any]:
    """Return the request as WSGI spells it, without its body's stream."""
    fields = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in exchange.headers}
    return {
        "REQUEST_METHOD": exchange.method,
        "SCRIPT_NAME": "",
        # PEP 3333: bytes that are carried in a text
        "PATH_INFO": unquote_to_bytes(exchange.path).decode("latin-1"),
        "QUERY_STRING": exchange.query,
        "CONTENT_TYPE": fields.pop("HTTP_CONTENT_TYPE", ""),
        "CONTENT_LENGTH": fields.pop("HTTP_CONTENT_LENGTH", ""),
        "SERVER_NAME": _DEFAULT_HOST,
        "SERVER_PORT": str(_PORTS[exchange.scheme]),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": exchange.scheme,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        **fields,
    }


def scope_of(exchange: Request, state: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the request as ASGI spells it; `state` is what the application's start-up left for its requests."""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": exchange.method,
        "scheme": exchange.scheme,
        "path": unquote(exchange.path),
        "raw_path": exchange.path.encode(),
        "query_string": exchange.query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in exchange.headers],
        "client": ("127.0.0.1", 40000),
        "server": (_DEFAULT_HOST, _PORTS[exchange.scheme]),
        **({} if state is None else {"state": state}),
    }


def next_hop(exchange: Request, answer: Response) -> Request | None:
    """Return the request that a redirect leads to; None where the answer is none, or leads to another host."""
    location = answer.header("location")
    if answer.status not in _REDIRECTS or location is None:
        return None
    host = dict(exchange.headers).get("Host", _DEFAULT_HOST)
    there = urlsplit(urljoin(f"{exchange.scheme}://{host}{exchange.path}", location))
    if there.netloc != host:
        return None
    keeps = answer.status in _KEEP_METHOD or exchange.method in ("GET", "HEAD")
    dropped = () if keeps else ("content-type", "content-length")
    headers = tuple((name, value) for name, value in exchange.headers if name.lower() not in dropped)
    return replace(
        exchange,
        method=exchange.method if keeps else "GET",
        path=there.path or "/",
        query=there.query,
        body=exchange.body if keeps else b"",
        headers=_with_cookies(headers, answer),
        scheme=there.scheme,
    )


def _with_cookies(headers: Headers, answer: Response) -> Headers:
    """Return the headers of a browser that took the answer's cookies."""
    from http.cookies import SimpleCookie

    jar = SimpleCookie(next((value for name, value in headers if name.lower() == "cookie"), ""))
    for name, value in answer.headers or ():
        if name.lower() == "set-cookie":
            jar.load(value)
    if not jar:
        return headers
    cookies = "; ".join(f"{name}={morsel.coded_value}" for name, morsel in jar.items())
    return (*((name, value) for name, value in headers if name.lower() != "cookie"), ("Cookie", cookies))


def check(exchange: Request, answer: Response, advice: str = "") -> None:
    """Raise WrongAnswer, with the advice, for an answer that is not what was expected."""
    if answer.status == exchange.expect or (not exchange.expect and 100 <= answer.status < 400):
        return
    said, remedy = f"it answered {status_words(answer)}", f"; {advice}" if advice else ""
    if exchange.expect:
        raise WrongAnswer(f"{said}, and {exchange.expect} was expected{remedy}", answer.status)
    raise WrongAnswer(f"{said}{remedy}; if that is meant, say --expect {answer.status}", answer.status)


def status_words(answer: Response) -> str:
    """Return a status with what the answer says of it: `404 Not Found (Page not found at /nope/)`."""
    try:
        status = f"{answer.status} {HTTPStatus(answer.status).phrase}"
    except ValueError:
        status = str(answer.status)
    saying = _saying(answer.beginning.decode(errors="replace"))
    return f"{status} ({saying})" if saying and saying not in status else status


def _saying(body: str) -> str:
    """Return the title of a page, what a JSON object says is wrong, or else the first words."""
    title = _TITLE.search(body)
    if title is not None:
        text = unescape(title[1])
    else:
        text = _wrong_in(body) or unescape(_TAGS.sub(" ", body))
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST_SAYING else f"{text[: _LONGEST_SAYING - 1]}…"


def _wrong_in(body: str) -> str | None:
    try:
        said = json.loads(body)
    except ValueError:
        return None
    found = next((said[name] for name in ("detail", "error", "message") if name in said), None) if said else None
    return found if isinstance(found, str) else None
