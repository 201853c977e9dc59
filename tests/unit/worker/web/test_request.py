"""Requests: parsing them, building them for WSGI and ASGI, following redirects, and checking responses."""

import os
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from wsgiref.validate import validator

import pytest

from leakcheck.config.settings import django_settings, resolve
from leakcheck.config.sources import SettingsLayer
from leakcheck.model.answers import SkippedRequest
from leakcheck.model.errors import ConfigError, ScenarioFailed, UsageError
from leakcheck.reporters.messages.run import RunFact, run_phrases
from leakcheck.scenario import Target, parse_request, parse_target
from leakcheck.worker.django import databases
from leakcheck.worker.django.discover import project_folder, settings_in_manage
from leakcheck.worker.web.asgi import asgi_scope
from leakcheck.worker.web.options import DjangoRequestSettings, RequestSettings, read_request_settings
from leakcheck.worker.web.request import (
    Request,
    Response,
    build_request,
    check_status,
    next_hop,
    status_text,
)
from leakcheck.worker.web.wsgi import wsgi_environ
from tests.unit.runs import run_of


@pytest.mark.parametrize(
    ("text", "request_text"),
    [
        ("GET:/news/", "GET:/news/"),
        ("post:/send/?a=1", "POST:/send/?a=1"),
        ("/news/", "GET:/news/"),
        ("/at:ten", "GET:/at:ten"),
        ("GET:*", "GET:*"),
    ],
)
def test_a_request_is_parsed_into_one_spelling(text: str, request_text: str) -> None:
    assert parse_request(text) == request_text


@pytest.mark.parametrize("text", ["", "GET", "GET:", "GET:news/", "FETCH:/", "GET:/a b/", "https://example.com/"])
def test_a_text_that_is_no_request_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="write METHOD:/path"):
        parse_request(text)


@pytest.mark.parametrize(
    "text", ["django:mysite.settings GET:/news/", "shop.web:app GET:/ POST:/send?x=1", "a:b GET:*"]
)
def test_an_application_with_its_requests_is_a_target_and_reads_as_it_was_written(text: str) -> None:
    target = parse_target(text)

    assert target.kind == "site"
    assert str(target) == text


def test_a_callable_followed_by_something_other_than_requests_is_no_target() -> None:
    with pytest.raises(UsageError):
        parse_target("shop.web:app and:/more")
    assert Target(module="shop", name="app").kind == "callable"


def test_options_are_read_as_request_settings() -> None:
    settings = read_request_settings({"user": "ada", "data": 1, "expect": 404, "migrate": False}, DjangoRequestSettings)

    assert settings == DjangoRequestSettings(user="ada", data="1", expect=404, migrate=False)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"users": "ada"}, "available: data, header"), ({"expect": "no"}, "must be of type int")],
)
def test_an_unknown_option_or_one_of_a_wrong_type_is_refused(options: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        read_request_settings(options, DjangoRequestSettings)


@pytest.mark.parametrize(
    ("data", "content_type"),
    [
        ('{"a": 1}', "application/json"),
        ("[1, 2]", "application/json"),
        ("a=1&b=2", "application/x-www-form-urlencoded"),
        ("{never closed", "application/x-www-form-urlencoded"),
        ("", "application/x-www-form-urlencoded"),
    ],
)
def test_a_body_is_sent_as_json_if_it_parses_as_json_and_otherwise_as_a_form(data: str, content_type: str) -> None:
    environ = wsgi_environ(build_request("POST:/send/", RequestSettings(data=data)))

    assert environ["CONTENT_TYPE"] == content_type
    assert environ["CONTENT_LENGTH"] == str(len(data))


def test_a_given_header_replaces_the_default_whatever_its_case() -> None:
    settings = RequestSettings(data="<a/>", header="content-type: text/xml\nhost: shop.example.com\nX-Token: a: b")
    environ = wsgi_environ(build_request("POST:/send/", settings, cookies="sessionid=1"))

    assert environ["CONTENT_TYPE"] == "text/xml"
    assert environ["HTTP_HOST"] == "shop.example.com"
    assert environ["HTTP_X_TOKEN"] == "a: b"
    assert environ["HTTP_COOKIE"] == "sessionid=1"


def test_an_invalid_header_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="write 'Name: value'"):
        build_request("GET:/", RequestSettings(header="nothing"))
    with pytest.raises(UsageError, match="cannot be read"):
        build_request("POST:/", RequestSettings(data=f"@{tmp_path / 'nowhere'}"))


def test_a_get_request_has_no_body() -> None:
    request = build_request("GET:/", RequestSettings(data="a=1"))

    assert request.body == b""
    assert wsgi_environ(request)["CONTENT_LENGTH"] == ""


def test_the_environ_passes_the_validator_of_the_standard_library() -> None:
    paths = []

    def application(environ, start_response):  # type: ignore[no-untyped-def]
        paths.append(environ["PATH_INFO"])
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [environ["wsgi.input"].read(3)]

    environ = wsgi_environ(build_request("POST:/caf%C3%A9/?page=2", RequestSettings(data="a=1")))
    # the validator writes into its errors, and wants no header that is empty
    environ = {**environ, "wsgi.input": BytesIO(b"a=1"), "wsgi.errors": _Errors()}
    chunks = validator(application)(environ, lambda status, headers, exc_info=None: lambda data: None)

    assert list(chunks) == [b"a=1"]
    chunks.close()  # type: ignore[attr-defined]
    assert paths == ["/caf\u00c3\u00a9/"], "bytes that are carried in a text, as PEP 3333 has it"


class _Errors:
    def write(self, text: str) -> None: ...
    def writelines(self, lines: list[str]) -> None: ...
    def flush(self) -> None: ...


def test_a_scope_has_the_path_decoded_and_raw() -> None:
    scope = asgi_scope(build_request("GET:/caf%C3%A9/?page=2", RequestSettings(header="X-Tea: green")))

    assert scope["path"] == "/café/"
    assert scope["raw_path"] == b"/caf%C3%A9/"
    assert scope["query_string"] == b"page=2"
    assert (b"x-tea", b"green") in scope["headers"]


@pytest.mark.parametrize(
    ("status", "method", "then"),
    [(302, "POST", "GET"), (303, "POST", "GET"), (307, "POST", "POST"), (308, "PUT", "PUT"), (301, "HEAD", "HEAD")],
)
def test_a_redirect_keeps_or_changes_the_method_as_http_says(status: int, method: str, then: str) -> None:
    request = build_request(f"{method}:/a/b", RequestSettings(data="x=1"))
    hop = next_hop(request, Response(status=status, headers=[("Location", "../c?d=1")]))

    assert hop is not None
    assert (hop.method, hop.path, hop.query) == (then, "/c", "d=1")
    assert hop.body == (b"x=1" if then in ("POST", "PUT") else b"")
    assert ("Content-Length" in dict(hop.headers)) == (then in ("POST", "PUT"))
    assert hop.hops == request.hops + 1


def test_a_redirect_to_the_host_that_the_user_named_is_followed_however_it_is_spelled() -> None:
    request = build_request("GET:/", RequestSettings(header="host: Shop.example.com"))
    hop = next_hop(request, Response(status=302, headers=[("Location", "https://shop.Example.com/a")]))

    assert hop is not None
    assert (hop.scheme, hop.path) == ("https", "/a")


@pytest.mark.parametrize(
    "response",
    [
        Response(status=200, headers=[("Location", "/")]),
        Response(status=302, headers=[]),
        Response(status=302, headers=[("Location", "https://elsewhere.example.com/")]),
        Response(status=302, headers=[("Location", "ftp://localhost/")]),
    ],
)
def test_a_response_that_leads_nowhere_on_the_same_host_is_not_followed(response: Response) -> None:
    assert next_hop(build_request("GET:/", RequestSettings()), response) is None


def request_expecting(expect: int = 0) -> Request:
    return Request(method="GET", path="/", expect=expect)


@pytest.mark.parametrize(("status", "expect"), [(200, 0), (302, 0), (399, 0), (404, 404), (500, 500)])
def test_a_response_with_the_expected_status_passes(status: int, expect: int) -> None:
    check_status(request_expecting(expect), Response(status=status))


@pytest.mark.parametrize(("status", "expect"), [(400, 0), (500, 0), (200, 404), (404, 200)])
def test_a_response_with_another_status_fails(status: int, expect: int) -> None:
    with pytest.raises(ScenarioFailed, match=f"answered {status}"):
        check_status(request_expecting(expect), Response(status=status))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<html><title>Oh\n &amp; no</title><body>long</body>", "404 Not Found (Oh & no)"),
        (b'{"detail": "there is no tea"}', "404 Not Found (there is no tea)"),
        (b"<p>Just <b>text</b></p><script>alert(1)</script>", "404 Not Found (Just text)"),
        (b"Not Found", "404 Not Found"),
        (b"", "404 Not Found"),
        (b"\xff" * 500, "404 Not Found (" + "\ufffd" * 199 + "…)"),
        (b"[]", "404 Not Found ([])"),
        (b"7", "404 Not Found (7)"),
        (b'["detail"]', '404 Not Found (["detail"])'),
        (b"[" * 9000, "404 Not Found (" + "[" * 199 + "…)"),
    ],
)
def test_the_reason_in_the_body_of_an_error_is_added_to_its_status(body: bytes, words: str) -> None:
    assert status_text(Response(status=404, body_start=body)) == words


def test_an_unknown_status_is_reported_as_its_number() -> None:
    assert status_text(Response(status=799)) == "799"


def test_skipped_requests_are_listed_by_their_reason() -> None:
    many = [SkippedRequest(request=f"GET /{number}/", reason="takes an argument") for number in range(7)]
    skipped = (*many, SkippedRequest(request="GET /logout/", reason="ends the session"))

    assert run_phrases(replace(run_of(), skipped_requests=skipped), RunFact.SKIPPED_REQUESTS) == [
        "Skipped (takes an argument): GET /0/, GET /1/, GET /2/, GET /3/, GET /4/ and 2 more",
        "Skipped (ends the session): GET /logout/",
    ]


@pytest.mark.parametrize(
    "line",
    [
        'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings")',
        "os.environ['DJANGO_SETTINGS_MODULE'] = 'mysite.settings'",
        'environ.setdefault(\n    "DJANGO_SETTINGS_MODULE",\n    "mysite.settings",\n)',
    ],
)
def test_the_settings_are_read_in_manage_py(tmp_path: Path, line: str) -> None:
    (tmp_path / "manage.py").write_text(f"import os\n{line}\n")
    below = tmp_path / "shop" / "views"
    below.mkdir(parents=True)

    assert project_folder(str(below)) == str(tmp_path)
    assert settings_in_manage(str(tmp_path)) == "mysite.settings"


def test_without_a_settings_module_in_manage_py_none_is_returned(tmp_path: Path) -> None:
    (tmp_path / "manage.py").write_text("print('manage')")

    assert settings_in_manage(str(tmp_path)) is None
    assert settings_in_manage(str(tmp_path / "nowhere")) is None


def test_pyproject_may_name_the_settings(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.leakcheck.django]\nsettings = "mysite.settings"\n')
    assert django_settings(tmp_path).settings == "mysite.settings"

    (tmp_path / "pyproject.toml").write_text('[tool.leakcheck.django]\nsetting = "mysite.settings"\n')
    with pytest.raises(ConfigError, match="did you mean settings"):
        resolve(SettingsLayer(), environment={}, folder=tmp_path)


def test_only_databases_of_ended_processes_of_this_machine_are_abandoned() -> None:
    suffix = databases.name_suffix()
    machine = suffix.rpartition("_")[0]
    ended = f"test_shop_{machine}_4194999"
    names = ["shop", "test_shop", f"test_shop_{suffix}", ended, f"test_shop_leakcheck_00000000_{os.getpid()}"]

    assert databases.abandoned(names) == [ended]
