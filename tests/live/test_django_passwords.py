"""A login that is replayed hashes its passwords as tests do, says so, and leaves the project's own hasher alone."""

import pytest

from tests.live.command import Leakcheck
from tests.live.sites import copy_of, replay

URLS = """
    from django.contrib.auth.hashers import identify_hasher, make_password
    from django.http import HttpResponse
    from django.urls import path

    def register(request, algorithm):
        hasher = identify_hasher(make_password("tea"))
        return HttpResponse(status=200 if hasher.algorithm == algorithm else 418)

    urlpatterns = [path("<slug:algorithm>/", register), path("", lambda request: HttpResponse("page"))]
"""
OWN = """
from django.contrib.auth.hashers import PBKDF2PasswordHasher

class Own(PBKDF2PasswordHasher):
    algorithm = "own"
    iterations = 1
"""


@pytest.fixture
def shop(leakcheck: Leakcheck) -> Leakcheck:
    """The command, in a copy of the shop whose pages hash a password."""
    copy_of("shop", leakcheck)
    leakcheck.write("shop/urls.py", URLS)
    return leakcheck


def test_passwords_are_hashed_fast_and_that_is_said_where_one_was(shop: Leakcheck) -> None:
    fast = replay(shop, "django", "GET:/md5/", "GET:/", "--calls=3", "--allow-inconclusive")
    as_it_is = replay(shop, "django", "GET:/pbkdf2_sha256/", "--hashers", "--calls=3", "--allow-inconclusive")

    assert [result.failure for result in (*fast.document.results, as_it_is.result)] == [None, None, None]
    assert [fast[name].django.fast_passwords for name in ("GET /md5/", "GET /")] == [True, False]  # type: ignore[union-attr]
    assert "GET /md5/: passwords were hashed by Django's MD5PasswordHasher" in fast.output
    assert "MD5PasswordHasher" not in as_it_is.output


def test_a_hasher_of_the_projects_own_stays_the_first(shop: Leakcheck) -> None:
    shop.write("shop/hashers.py", OWN)
    settings = shop.folder / "shop" / "settings.py"
    settings.write_text(f'{settings.read_text()}\nPASSWORD_HASHERS = ["shop.hashers.Own"]\n')

    ran = replay(shop, "django", "GET:/own/", "--calls=3", "--allow-inconclusive")

    assert ran.result.failure is None
    assert "MD5PasswordHasher" not in ran.output
