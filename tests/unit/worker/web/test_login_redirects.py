"""Redirects to a login page are recognized."""

import pytest

from leakcheck.worker.web.login_redirects import LoginPage, generic_login_page
from leakcheck.worker.web.options import RequestSettings
from leakcheck.worker.web.request import Request, Response, build_request

LOGIN = LoginPage(remedy="log in with --user NAME")


def request_for(path: str = "/account/", *, expect: int = 0) -> Request:
    return build_request(f"GET:{path}", RequestSettings(expect=expect))


def redirect(location: str, status: int = 302) -> Response:
    return Response(status=status, headers=[("Location", location)])


@pytest.mark.parametrize(
    "location",
    [
        "/login/",
        "/accounts/login/?next=/account/",
        "/admin/login/?next=/admin/",
        "login",
        "http://localhost/login",
        "//sso.example.com/login",
        "/user/sign-in",
        "/users/sign_in?locale=en",
        "/Account/LogOn?ReturnUrl=%2Faccount%2F",
        "/user_login.php",
        "/login.html;jsessionid=12",
        "/signin#top",
        "/#/login",
        "/#!/login?next=/account/",
        "/login/form?next=/a",
        "https://sso.example.com/auth?return_to=https://shop.example.com/",
        "https://example.com/oauth2/v2/authorize?client_id=7&redirect_uri=https%3A%2F%2Fshop%2Fdone",
        "/oidc/authenticate/?next=/a",
        "/saml2/start?RelayState=%2Fa",
        "/cas/?service=x",
        "/session/new?return_to=/a",
        "/enter/?next=/account/",
        "/enter/?weiter=/account/",
        "/?next=%2Faccount%2F",
        "/enter?to=https://localhost/account/",
    ],
)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_a_login_page_is_recognized(location: str, status: int) -> None:
    assert LOGIN.is_target_of(request_for(), redirect(location, status))


@pytest.mark.parametrize(
    "location",
    [
        "/",
        "/account",
        "/account/17/",
        "/blog/login-tips/",
        "/plugin/",
        "/design-in/",
        "/authors/?page=2",
        "/auth/done/",
        "/sso/",
        "/welcome/?from=/account/",
        "/search/?q=login&next_page_size=3",
        "/signup/",
        "https://www.example.com/account/",
        "/logout/",
        "",
    ],
)
def test_another_redirect_is_not_taken_for_one_to_a_login_page(location: str) -> None:
    assert not LOGIN.is_target_of(request_for(), redirect(location))


@pytest.mark.parametrize("response", [Response(status=200, headers=[("Location", "/login/")]), Response(status=302)])
def test_a_response_without_a_redirect_target_is_no_redirect_to_a_login_page(response: Response) -> None:
    assert not LOGIN.is_target_of(request_for(), response)


@pytest.mark.parametrize(("path", "location"), [("/login", "/login/"), ("/login/", "/en/login/?next=/login/")])
def test_a_request_for_a_login_page_may_be_redirected_to_a_login_page(path: str, location: str) -> None:
    assert not LOGIN.is_target_of(request_for(path), redirect(location))


@pytest.mark.parametrize(
    ("login_url", "location", "is_login"),
    [
        ("/enter/", "/enter/", True),
        ("/enter/", "/enter?why=not", True),
        ("/enter/", "http://localhost/enter/", True),
        ("/enter/", "http://elsewhere.example.com/enter/", False),
        ("https://id.example.com/", "https://id.example.com/?next=/a", True),
        ("https://id.example.com/in", "https://ID.example.com/in?x=1", True),
        ("/", "/", False),
        ("/", "/?next=/somewhere/", True),
        ("/enter/", "/other/", False),
    ],
)
def test_a_redirect_to_the_login_page_that_the_site_names_is_recognized(
    login_url: str, location: str, is_login: bool
) -> None:
    login = LoginPage(remedy="", page_for=lambda path: login_url)

    assert login.is_target_of(request_for(), redirect(location)) is is_login


def test_a_header_that_is_already_sent_is_not_advised() -> None:
    assert "log in with --header" in generic_login_page(RequestSettings()).remedy
    assert "is not logged in" in generic_login_page(RequestSettings(header="X-A: b\ncookie: a=b")).remedy
