"""`leakcheck http`: bare WSGI and ASGI applications, driven as a server drives them.

A text of 1000 bytes takes 1056 of the heap, and 8 of the list that keeps it.
"""

import json

import pytest

from leakcheck.model.errors import ExitCode
from leakcheck.model.verdict import Verdict
from tests.live.command import Leakcheck
from tests.live.sites import replay

WSGI = """
    KEPT = []
    OPEN = []

    class Body:
        def __init__(self):
            OPEN.append(bytes(1000))

        def __iter__(self):
            return iter([b"hello, ", b"reader"])

        def close(self):
            OPEN.pop()

    def leaky(environ, start_response):
        KEPT.append(bytes(1000))
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"hello"]

    def closed(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return Body()

    def strict(environ, start_response):
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"] or 0))
        said = environ["REQUEST_METHOD"], environ["PATH_INFO"], environ["QUERY_STRING"], body, environ.get("HTTP_X_TEA")
        right = ("PUT", "/caf\\u00c3\\u00a9/", "page=2", b'{"a": 1}', "green"), "application/json"
        status = "201 Created" if (said, environ["CONTENT_TYPE"]) == right else "400 Bad Request"
        start_response(status, [("Content-Type", "application/json")])
        return [b'{"detail": "%s"}' % repr(said).replace('"', "'").encode()]

    def make(settings=None):
        return closed

    def moving(environ, start_response):
        there = {"/a": "/b", "/b": "http://localhost/c?x=1", "/round": "/round"}.get(environ["PATH_INFO"])
        if there:
            start_response("302 Found", [("Location", there), ("Set-Cookie", "seen%s=1" % environ["PATH_INFO"][1:])])
        elif environ.get("HTTP_COOKIE") == "seena=1; seenb=1" and environ["QUERY_STRING"] == "x=1":
            KEPT.append(bytes(1000))
            start_response("200 OK", [])
        else:
            start_response("500 Oh", [])
        return []
"""

ASGI = """
    import asyncio, pathlib

    KEPT = []

    class Site:
        def __init__(self):
            self.up = False

        async def __call__(self, scope, receive, send):
            if scope["type"] == "lifespan":
                while True:
                    message = await receive()
                    if message["type"] == "lifespan.startup":
                        scope["state"]["tea"] = "green"
                        self.up = True
                        await send({"type": "lifespan.startup.complete"})
                    else:
                        pathlib.Path("down").touch()
                        await send({"type": "lifespan.shutdown.complete"})
                        return
            assert self.up and scope["state"]["tea"] == "green"
            message = await receive()
            waiting = asyncio.ensure_future(receive())
            await asyncio.sleep(0)
            assert not waiting.done(), "nobody goes away before the answer is there"
            KEPT.append(bytes(1000))
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"a", "more_body": True})
            await send({"type": "http.response.body", "body": message["body"]})
            assert (await waiting)["type"] == "http.disconnect"

    site = Site()

    async def without_lifespan(scope, receive, send):
        assert scope["type"] == "http", "this is only for requests"
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def broken(scope, receive, send):
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.failed", "message": "no tea in the house"})

    async def silent(scope, receive, send):
        pass
"""


def test_what_an_application_keeps_of_each_request_is_found_at_its_size(leakcheck: Leakcheck) -> None:
    leakcheck.write("web.py", WSGI)

    ran = replay(leakcheck, "http", "web:leaky", "GET:/a", "--explain=auto")

    growth = ran.result.growth
    assert growth is not None
    assert ran.result.id == "GET /a"
    assert ran.result.verdict is Verdict.LEAK
    assert growth.bytes_per_1000_calls == pytest.approx(1_064_000, rel=0.02)
    assert [container.name for container in ran.result.explanation.containers] == ["web.KEPT"]
    assert ran.code == ExitCode.OVER_BUDGET


@pytest.mark.parametrize("application", ["web:closed", "web:make"])
def test_a_body_is_read_and_closed_as_a_server_does(leakcheck: Leakcheck, application: str) -> None:
    leakcheck.write("web.py", WSGI)

    ran = replay(leakcheck, "http", application, "/")

    assert ran.result.verdict is Verdict.CLEAN, ran.errors
    assert ran.code == ExitCode.WITHIN


def test_method_path_query_header_and_body_arrive_as_they_were_said(leakcheck: Leakcheck) -> None:
    leakcheck.write("web.py", WSGI)
    leakcheck.write("body.json", '{"a": 1}').write_text('{"a": 1}')
    said = ("PUT:/caf%C3%A9/?page=2", "--header=X-Tea: green", "--expect=201", "--calls=3")

    inline = replay(leakcheck, "http", "web:strict", *said, '--data={"a": 1}')
    from_file = replay(leakcheck, "http", "web:strict", *said, "--data=@body.json")

    assert inline.result.failure is None
    assert from_file.result.failure is None
    assert from_file.result.growth_options["data"] == "@body.json"


def test_an_error_that_is_answered_fails_the_first_call_with_what_it_says(leakcheck: Leakcheck) -> None:
    leakcheck.write("web.py", WSGI)

    ran = replay(leakcheck, "http", "web:strict", "GET:/nowhere")

    assert ran.result.failure is not None
    assert ran.result.failure.call == 1
    assert "it answered 400 Bad Request (('GET', '/nowhere'" in ran.result.failure.message
    assert "--expect 400" in ran.result.failure.message
    assert ran.code == ExitCode.SCENARIO_FAILED


def test_redirects_are_followed_within_a_call_with_the_cookies_on_the_way(leakcheck: Leakcheck) -> None:
    leakcheck.write("web.py", WSGI)

    followed = replay(leakcheck, "http", "web:moving", "GET:/a", "--follow")
    left = replay(leakcheck, "http", "web:moving", "GET:/a", "--calls=100")
    for_ever = replay(leakcheck, "http", "web:moving", "GET:/round", "--follow")

    assert followed.result.verdict is Verdict.LEAK, "the page behind the second redirect leaks"
    assert left.result.failure is None
    assert for_ever.result.failure is not None
    assert "more than 20 times" in for_ever.result.failure.message


def test_an_asgi_application_is_started_up_asked_and_shut_down(leakcheck: Leakcheck) -> None:
    leakcheck.write("web.py", ASGI)

    ran = replay(leakcheck, "http", "web:site", "POST:/", "--data=x=1")

    growth = ran.result.growth
    assert growth is not None, ran.errors
    assert ran.result.verdict is Verdict.LEAK
    assert growth.bytes_per_1000_calls == pytest.approx(1_064_000, rel=0.02)
    assert (leakcheck.folder / "down").exists()


def test_an_asgi_application_that_knows_no_lifespan_is_let_be(leakcheck: Leakcheck) -> None:
    leakcheck.write("web.py", ASGI)

    ran = replay(leakcheck, "http", "web:without_lifespan", "GET:/")

    assert ran.result.verdict is Verdict.CLEAN, ran.errors


@pytest.mark.parametrize(
    ("application", "said"),
    [
        ("web:broken", "lifespan.startup failed: no tea in the house"),
        ("web:silent", "returned before its answer was complete"),
        ("web:KEPT", "which is not callable and so no application"),
        ("web:nowhere", "has no 'nowhere'"),
    ],
)
def test_what_is_wrong_with_an_application_is_said(leakcheck: Leakcheck, application: str, said: str) -> None:
    leakcheck.write("web.py", ASGI)

    ran = replay(leakcheck, "http", application, "GET:/")

    assert ran.result.failure is not None
    assert said in ran.result.failure.message
    assert ran.code in (ExitCode.SCENARIO_FAILED, ExitCode.USAGE)


def test_requests_are_held_to_the_budgets_of_their_names(leakcheck: Leakcheck) -> None:
    leakcheck.write("web.py", WSGI)
    pattern = json.dumps("GET /allowed*")
    leakcheck.write("pyproject.toml", f'[[tool.leakcheck.overrides]]\nmatch = {pattern}\ngrowth = "2 MiB / 1000 calls"')

    ran = replay(leakcheck, "http", "web:leaky", "GET:/allowed/", "GET:/other/")

    assert ran["GET /allowed/"].over_budget == ()
    assert ran["GET /other/"].over_budget == ("growth",)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("web:app", "FETCH:/"), "write METHOD:/path"),
        (("web", "GET:/"), "write package.module:application"),
        (("web:app", "GET:/", "--data=x"), "--data: none of the requests has a body"),
    ],
)
def test_a_request_that_cannot_be_understood_is_refused(
    leakcheck: Leakcheck, arguments: tuple[str, ...], said: str
) -> None:
    ran = replay(leakcheck, "http", *arguments)

    assert said in ran.errors
    assert ran.code == ExitCode.USAGE


OTHERS = """
    class Application:
        def __call__(self):
            return self

    app = Application()

    async def handler(request):
        return b""

    async def make():
        return app

    def either(*arguments):
        return []
"""


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (("others:app",), "others:app (others.Application) is neither a WSGI nor an ASGI application"),
        (("others:handler",), "others:handler (others.handler) is neither a WSGI nor an ASGI application"),
        (("others:app", "--wsgi"), "others:app (others.Application) is no WSGI application"),
        (("others:make",), "others:make is a coroutine function"),
        (("others:either",), "cannot tell whether"),
    ],
)
def test_what_no_server_could_call_is_told_so_and_what_to_do_instead(
    leakcheck: Leakcheck, said: tuple[str, ...], message: str
) -> None:
    leakcheck.write("others.py", OTHERS)

    ran = replay(leakcheck, "http", *said, "GET:/")

    assert ran.result.failure is not None
    assert message in ran.result.failure.message
    assert ("write a scenario" in ran.result.failure.message) == ("application" in message)
    assert ran.code == ExitCode.USAGE
