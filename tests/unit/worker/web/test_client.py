"""A request is sent, redirects are followed, and responses are checked and counted, over WSGI and ASGI alike."""

import asyncio
import io
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from leakcheck.model.errors import ScenarioFailed, WrongAnswer
from leakcheck.worker.web import client
from leakcheck.worker.web.client import Exchange, make_call
from leakcheck.worker.web.login_redirects import LoginPage
from leakcheck.worker.web.options import ASGI, WSGI, RequestSettings
from leakcheck.worker.web.request import Request, Response, build_request

LOGIN = LoginPage(remedy="log in with --user NAME")


def request_for(path: str = "/account/", *, expect: int = 0) -> Request:
    return build_request(f"GET:{path}", RequestSettings(expect=expect))


def redirect(location: str, status: int = 302) -> Response:
    return Response(status=status, headers=[("Location", location)])


@pytest.fixture(autouse=True)
def _nothing_counted() -> Iterator[None]:
    yield
    client._counts[:] = type(client._counts)("q", bytes(8 * len(client._counts)))
    client._first_targets.clear()
    client._varied[:] = bytes(len(client._varied))


def exchange(request: Request, response: Response, *, follow: bool = False) -> Request | None:
    return Exchange(request, LOGIN, follow=follow).next_request(request, response)


def test_a_redirect_to_a_login_page_fails_the_call_and_names_the_flag_that_logs_in() -> None:
    with pytest.raises(WrongAnswer) as error:
        exchange(request_for(), redirect("/login/?next=/account/"))

    assert str(error.value) == (
        "it answered 302 Found, which leads to a login page (/login/?next=/account/), so the page itself was not "
        "measured; log in with --user NAME; if the redirect is meant, pass --expect 302"
    )
    assert error.value.status == 302


def test_a_followed_redirect_to_a_login_page_fails_and_an_expected_one_does_not() -> None:
    with pytest.raises(WrongAnswer, match="pass --expect 302 and leave out --follow"):
        exchange(request_for(), redirect("/login/"), follow=True)

    assert exchange(request_for(expect=302), redirect("/login/")) is None
    with pytest.raises(WrongAnswer, match="leads to a login page"):
        exchange(request_for(expect=200), redirect("/login/"))


@pytest.mark.parametrize("status", [401, 403])
def test_a_response_of_401_or_403_names_the_flag_that_logs_in(status: int) -> None:
    with pytest.raises(WrongAnswer, match=f"log in with --user NAME; if that is meant, pass --expect {status}"):
        exchange(request_for(), Response(status=status))
    with pytest.raises(WrongAnswer, match="and 200 was expected; log in with --user NAME"):
        exchange(request_for(expect=200), Response(status=status))


def test_every_final_response_is_counted_and_the_first_redirect_target_is_kept() -> None:
    request = request_for("/a")
    judge = Exchange(request, LOGIN, follow=False)
    for _ in range(300):
        judge.next_request(request, Response(status=200))
    for number in range(3):
        judge.next_request(request, redirect(f"/orders/{number}/"))
    following = Exchange(request, LOGIN, follow=True)
    hop = following.next_request(request, redirect("/behind?x=1"))
    assert hop is not None
    following.next_request(hop, Response(status=204))
    with pytest.raises(WrongAnswer):
        judge.next_request(request, Response(status=7000))

    assert client.counts_by_status() == [
        {"status": 200, "count": 300, "leads_to": None, "varies": False},
        {"status": 302, "count": 3, "leads_to": "/orders/0/", "varies": True},
        {"status": 0, "count": 1, "leads_to": None, "varies": False},
        {"status": 204, "count": 1, "leads_to": "/behind?x=1", "varies": False},
    ]


# --- whole calls, over both protocols -------------------------------------------------------------

Page = tuple[int, list[tuple[str, str]], bytes]
Seen = list[tuple[str, str, str, bytes]]
"""Method, path, cookies and body of each request that the application received."""


def call_site(pages: Mapping[str, Page], protocol: str, request: Request, seen: Seen, *, follow: bool) -> Response:
    """Serve some pages by an application of either protocol, and make one call of a request."""

    def wsgi_application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        status, headers, body = pages[environ["PATH_INFO"]]
        seen.append(
            (
                environ["REQUEST_METHOD"],
                environ["PATH_INFO"],
                environ.get("HTTP_COOKIE", ""),
                environ["wsgi.input"].read(),
            )
        )
        start_response(f"{status} -", headers)
        return [body]

    async def asgi_application(scope: Any, receive: Any, send: Any) -> None:
        status, headers, body = pages[scope["path"]]
        cookies = dict(scope["headers"]).get(b"cookie", b"").decode()
        seen.append((scope["method"], scope["path"], cookies, (await receive())["body"]))
        raw_headers = [(name.lower().encode(), value.encode()) for name, value in headers]
        await send({"type": "http.response.start", "status": status, "headers": raw_headers})
        await send({"type": "http.response.body", "body": body[:1], "more_body": True})
        await send({"type": "http.response.body", "body": body[1:]})
        assert await receive() == {"type": "http.disconnect"}

    application = asgi_application if protocol == ASGI else wsgi_application
    call = make_call(application, protocol, request, LOGIN, follow=follow)
    result: Response = asyncio.run(call()) if protocol == ASGI else call()
    return result


both_protocols = pytest.mark.parametrize("protocol", [WSGI, ASGI])


@both_protocols
def test_redirects_are_followed_with_the_cookies_that_they_set(protocol: str) -> None:
    pages = {
        "/": (302, [("Location", "/next"), ("Set-Cookie", "a=1; Path=/")], b""),
        "/next": (307, [("Location", "/end?x=1"), ("Set-Cookie", "b=2")], b""),
        "/end": (200, [], b"here"),
    }
    seen: Seen = []
    response = call_site(pages, protocol, build_request("POST:/", RequestSettings(data="x=1")), seen, follow=True)

    assert response.status == 200
    assert seen == [("POST", "/", "", b"x=1"), ("GET", "/next", "a=1", b""), ("GET", "/end", "a=1; b=2", b"")]
    assert client.counts_by_status() == [{"status": 200, "count": 1, "leads_to": "/end?x=1", "varies": False}]


@both_protocols
def test_a_redirect_is_the_answer_unless_redirects_are_followed(protocol: str) -> None:
    seen: Seen = []
    response = call_site({"/": (302, [("Location", "/next")], b"")}, protocol, request_for("/"), seen, follow=False)

    assert (response.redirect_target, len(seen)) == ("/next", 1)


@both_protocols
def test_the_twenty_first_redirect_of_a_circle_fails(protocol: str) -> None:
    seen: Seen = []
    with pytest.raises(ScenarioFailed, match=r"redirected more than 20 times, at last to GET /round"):
        call_site({"/round": (302, [("Location", "/round")], b"")}, protocol, request_for("/round"), seen, follow=True)
    assert len(seen) == 21


@both_protocols
def test_twenty_redirects_are_followed(protocol: str) -> None:
    pages: dict[str, Page] = {f"/{number}": (302, [("Location", f"/{number + 1}")], b"") for number in range(20)}
    seen: Seen = []
    response = call_site({**pages, "/20": (200, [], b"")}, protocol, request_for("/0"), seen, follow=True)

    assert (response.status, len(seen)) == (200, 21)


@both_protocols
def test_the_body_of_an_error_is_kept_and_that_of_a_page_is_not(protocol: str) -> None:
    page = call_site({"/": (200, [], b"words")}, protocol, request_for("/"), [], follow=False)
    assert page.body_start == b""

    with pytest.raises(WrongAnswer, match=r"500 Internal Server Error \(no tea\)"):
        call_site({"/": (500, [], b"no tea")}, protocol, request_for("/"), [], follow=False)


def test_a_response_that_is_never_completed_fails() -> None:
    async def silent(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200})

    with pytest.raises(ScenarioFailed, match="before its answer was complete"):
        asyncio.run(make_call(silent, ASGI, request_for(), LOGIN, follow=False)())
    with pytest.raises(ScenarioFailed, match="never called start_response"):
        make_call(lambda environ, start_response: [], WSGI, request_for(), LOGIN, follow=False)()


def test_a_wsgi_response_is_closed_after_it_was_read_even_if_reading_fails() -> None:
    class Body(io.BytesIO):
        def __next__(self) -> bytes:
            raise OSError("gone")

    body = Body()
    call = make_call(
        lambda environ, start_response: start_response("200 OK", []) and body, WSGI, request_for(), LOGIN, follow=False
    )
    with pytest.raises(OSError, match="gone"):
        call()
    assert body.closed


def test_each_call_of_an_asgi_application_gets_its_own_copy_of_the_state_of_start_up() -> None:
    states = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        states.append(dict(scope["state"]))
        scope["state"]["used"] = True
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body"})

    call = make_call(application, ASGI, request_for(), LOGIN, follow=False, state={"pool": 1})
    asyncio.run(call())
    asyncio.run(call())
    assert states == [{"pool": 1}, {"pool": 1}]
