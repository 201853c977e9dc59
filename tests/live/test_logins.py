"""A page that needs a login is no green redirect: it fails, and what is answered stands in the run."""

import pytest

from leakcheck.model.answers import StatusCount
from leakcheck.model.errors import ExitCode
from leakcheck.model.verdict import Gate
from tests.live.command import Leakcheck
from tests.live.sites import copy_of, replay

URLS = """
    from django.contrib.auth.decorators import login_required, permission_required
    from django.http import HttpResponse, HttpResponseRedirect
    from django.urls import path

    def page(request):
        return HttpResponse("page")

    def moved(request):
        return HttpResponseRedirect("/page/")

    def to_account(request):
        return HttpResponseRedirect("/account/")

    def gone(request):
        request.session["seen"] = seen = request.session.get("seen", 0) + 1
        if seen > 3:
            request.session.flush()
        return HttpResponse("seen")

    urlpatterns = [
        path("page/", page),
        path("moved/", moved),
        path("moved/twice/", to_account),
        path("account/", login_required(page)),
        path("mine/", login_required(page, login_url="/enter/", redirect_field_name="back")),
        path("staff/", permission_required("shop.add_order")(page)),
        path("expires/", login_required(gone)),
        path("door/", page, name="door"),
    ]
"""

WSGI = """
    def app(environ, start_response):
        path = environ["PATH_INFO"]
        if path.startswith("/account") and not environ.get("HTTP_COOKIE"):
            start_response("302 Found", [("Location", "/auth/?return_to=" + path)])
        elif path == "/moved":
            start_response("301 Moved", [("Location", "/page")])
        elif path == "/forbidden":
            start_response("403 Forbidden", [])
        else:
            start_response("200 OK", [])
        return [b""]

    async def asgi(scope, receive, send):
        assert scope["type"] == "http"
        headers = [(b"location", b"https://sso.example.com/authorize?redirect_uri=https%3A%2F%2Flocalhost%2F")]
        await send({"type": "http.response.start", "status": 303, "headers": headers})
        await send({"type": "http.response.body", "body": b""})
"""


@pytest.fixture
def shop(leakcheck: Leakcheck) -> Leakcheck:
    """The command, in a copy of the shop whose pages ask to log in."""
    copy_of("shop", leakcheck)
    leakcheck.write("shop/urls.py", URLS)
    return leakcheck


def test_a_page_that_needs_a_login_fails_without_one_and_another_redirect_is_told(shop: Leakcheck) -> None:
    requests = ("GET:/account/", "GET:/mine/", "GET:/moved/", "GET:/page/")
    ran = replay(shop, "django", *requests, "--calls=60")

    for name, login in (("GET /account/", "/login/?next=/account/"), ("GET /mine/", "/enter/?back=/mine/")):
        failure = ran[name].failure
        assert failure is not None
        assert f"it answered 302 Found, which leads to a login page ({login})" in failure.message
        assert "log in with --user NAME or --superuser" in failure.message
        assert ran[name].gate is Gate.ERROR
        assert ran[name].response_statuses == (StatusCount(status=302, count=1, leads_to=login),)
    assert ran["GET /moved/"].response_statuses == (StatusCount(status=302, count=60, leads_to="/page/"),)
    assert ran["GET /page/"].response_statuses == (StatusCount(status=200, count=60),)
    assert "GET /moved/: answered 302 Found to 60 calls, redirecting to /page/: the redirect was measured" in ran.output
    assert ran.code == ExitCode.SCENARIO_FAILED


def test_a_redirect_that_is_asked_for_is_measured_and_a_user_sees_the_page(shop: Leakcheck) -> None:
    meant = replay(shop, "django", "GET:/account/", "--expect=302", "--calls=60", "--allow-inconclusive")
    inside = replay(shop, "django", "GET:/account/", "--user=ada", "--calls=60", "--allow-inconclusive")

    assert [(one.status, one.count) for one in meant.result.response_statuses] == [(302, 60)]
    assert [(one.status, one.count) for one in inside.result.response_statuses] == [(200, 60)]
    assert (meant.code, inside.code) == (ExitCode.WITHIN, ExitCode.WITHIN)


def test_who_is_logged_in_and_may_not_see_a_page_is_told_so(shop: Leakcheck) -> None:
    ran = replay(shop, "django", "GET:/staff/", "--user=ada", "--calls=60")

    assert ran.result.failure is not None
    assert "ada is logged in and may not see it; log in with --superuser" in ran.result.failure.message


@pytest.mark.parametrize("protocol", [(), ("--asgi",)])
def test_a_session_that_ends_between_calls_fails_the_call_after_it(shop: Leakcheck, protocol: tuple[str, ...]) -> None:
    ran = replay(shop, "django", "GET:/expires/", "--user=ada", *protocol, "--calls=60")

    assert ran.result.failure is not None
    assert ran.result.failure.call == 5
    assert [(one.status, one.count) for one in ran.result.response_statuses] == [(200, 4), (302, 1)]
    assert "its responses differed: 200 ×4, 302 ×1" in ran.output
    assert ran.code == ExitCode.SCENARIO_FAILED


def test_redirects_that_are_followed_do_not_lead_past_a_login_page(shop: Leakcheck) -> None:
    followed = replay(shop, "django", "GET:/moved/", "--follow", "--calls=60")
    stopped = replay(shop, "django", "GET:/moved/twice/", "--follow", "--calls=60")

    assert followed.result.response_statuses == (StatusCount(status=200, count=60, leads_to="/page/"),)
    assert stopped.result.failure is not None
    assert "leads to a login page (/login/?next=/account/)" in stopped.result.failure.message
    assert "pass --expect 302 and leave out --follow" in stopped.result.failure.message


@pytest.mark.parametrize(
    ("said", "location"),
    [
        ('"door"', "/door/"),
        ('"https://id.example.com/door"', "https://id.example.com/door"),
        ('__import__("django.urls").urls.reverse_lazy("door")', "/door/"),
    ],
)
def test_the_login_page_is_the_one_that_the_settings_name(shop: Leakcheck, said: str, location: str) -> None:
    """WHEN a page leads to what LOGIN_URL says, with no word of where to come back to THEN it is a login page."""
    settings = shop.folder / "shop" / "settings.py"
    settings.write_text(settings.read_text().replace('LOGIN_URL = "/login/"', f"LOGIN_URL = {said}"))
    urls = shop.folder / "shop" / "urls.py"
    urls.write_text(urls.read_text().replace('Redirect("/page/")', f'Redirect("{location}")'))

    ran = replay(shop, "django", "GET:/moved/", "--calls=60")

    assert ran.result.failure is not None
    assert f"leads to a login page ({location})" in ran.result.failure.message


def test_a_look_at_all_urls_leaves_out_what_asks_to_log_in(shop: Leakcheck) -> None:
    ran = replay(shop, "django", "--all", "--user=ada", "--calls=60", "-k", "not expires")
    left_out = {one.request: one.reason for one in ran.document.skipped_requests}

    assert left_out == {"GET /staff/": "requires another user: pass a different --user, or --superuser"}
    assert ran["GET /moved/"].response_statuses[0].leads_to == "/page/"


def test_a_project_of_which_nothing_is_open_measures_nothing_and_says_why(shop: Leakcheck) -> None:
    urls = shop.folder / "shop" / "urls.py"
    kept = [line for line in urls.read_text().splitlines() if "path(" not in line or "account/" in line]
    urls.write_text("\n".join(kept))

    ran = replay(shop, "django", "--all")

    assert "all of its 1 URLs are skipped (1: requires a login: pass --user NAME or --superuser)" in ran.errors
    assert ran.code == ExitCode.NOTHING_MEASURED


def test_an_application_of_which_nothing_is_known_is_told_by_how_login_pages_are_spelled(leakcheck: Leakcheck) -> None:
    leakcheck.write("web.py", WSGI)
    requests = ("GET:/account", "GET:/moved", "GET:/forbidden", "GET:/page")

    ran = replay(leakcheck, "http", "web:app", *requests, "--calls=60")
    inside = replay(leakcheck, "http", "web:app", "GET:/account", "--header=Cookie: a=b", "--calls=60")
    elsewhere = replay(leakcheck, "http", "web:asgi", "GET:/", "--calls=60")

    for result in (ran["GET /account"], ran["GET /forbidden"], elsewhere.result):
        assert result.failure is not None
        assert "log in with --header 'Cookie: NAME=VALUE'" in result.failure.message
    assert ran["GET /moved"].response_statuses == (StatusCount(status=301, count=60, leads_to="/page"),)
    assert ran["GET /page"].response_statuses == (StatusCount(status=200, count=60),)
    assert inside.result.failure is None
    assert ran.code == ExitCode.SCENARIO_FAILED
