"""The figures of a project's pages are accepted and compared, by whichever verb people look for it."""

import pytest

from leakcheck.model.errors import ExitCode
from leakcheck.model.verdict import Verdict
from tests.live.command import Leakcheck
from tests.live.sites import copy_of, replay

TARGET = ("django:shop.settings", "GET:/account/")
USER = ("--user", "ada")
QUICK = ("--calls=60", "--allow-inconclusive")


@pytest.fixture
def shop(leakcheck: Leakcheck) -> Leakcheck:
    """The command, in a copy of the shop."""
    copy_of("shop", leakcheck)
    return leakcheck


def test_pages_are_accepted_and_compared_with_the_user_who_sees_them(shop: Leakcheck) -> None:
    said = (*USER, *QUICK, "--no-peak")
    missing = replay(shop, "django", "GET:/account/", "--baseline=accepted.json", *said)
    update = "leakcheck baseline update 'django:shop.settings GET:/account/' --baseline=accepted.json --user ada"
    assert update in missing.errors
    assert missing.code == ExitCode.NO_BASELINE

    written = shop.baseline("update", *TARGET, *said, "--baseline=accepted.json")
    checked = shop.check(*TARGET, *said, "--baseline=accepted.json")
    asked = replay(shop, "django", "GET:/account/", "GET:/", "--baseline=accepted.json", *said)
    without = replay(shop, "django", "GET:/account/", *said)

    assert [ran.code for ran in (written, checked, asked, without)] == [ExitCode.WITHIN] * 4, checked.output
    assert [change.metric for change in checked.result.baseline_changes] == ["growth"]
    assert [change.metric for change in asked["GET /account/"].baseline_changes] == ["growth"]
    assert asked["GET /"].is_new
    assert without.document.baseline is None


def test_flags_of_requests_beside_none_are_refused(shop: Leakcheck) -> None:
    ran = shop.run("shop.views:home", "--user=ada", "--fixture=customers")

    assert "--user, --fixture: only for requests, and no target is one" in ran.errors
    assert ran.code == ExitCode.USAGE


def test_settings_without_a_request_say_how_one_is_written(shop: Leakcheck) -> None:
    ran = shop.run("django:shop.settings")

    assert "for URLs of a project write django:shop.settings GET:/path/" in ran.output


def test_a_quick_look_measures_growth_alone_and_names_the_command_that_looks_closer(shop: Leakcheck) -> None:
    said = ("GET:/visits/", "GET:/", "--quick", "--no-report", f"--output={shop.output}")
    ran = shop.finish(shop.start("django", *said))

    assert {result.id: result.peak_bytes for result in ran.document.results} == {"GET /visits/": None, "GET /": None}
    assert ran["GET /visits/"].explanation.containers == ()
    assert ran["GET /visits/"].verdict is Verdict.LEAK
    assert "Look closer: leakcheck django GET:/visits/" in ran.errors
