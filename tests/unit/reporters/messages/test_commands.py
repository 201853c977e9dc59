"""A remedy is a command with the options of the user's own, and a target may be several words."""

import shlex
from dataclasses import replace

import pytest

from leakcheck.model.errors import UsageError
from leakcheck.model.result import Result
from leakcheck.reporters.messages.commands import closer_look_command, update_command
from leakcheck.reporters.messages.run import run_sentences
from leakcheck.scenario import Target, parse_targets
from tests.unit.runs import BROKEN, CLEAN, LEAK, UNSURE, run_of


@pytest.mark.parametrize(
    ("command", "options"),
    [
        (["check", "x", "-o", "user=bob", "--time", "8"], ["-o", "user=bob"]),
        (["check", "-ouser=bob", '--data={"a": 1}'], ["-ouser=bob", '--data={"a": 1}']),
        (["django", "--user", "bob o'hara", "--superuser"], ["--user", "bob o'hara", "--superuser"]),
        (["run", "--setup", "a:b", "--database=x", "--no-peak", "-k", "a"], ["--setup", "a:b", "--database=x"]),
        (["run", "--output", "x", "-o"], []),
        ([], []),
    ],
)
def test_a_remedy_keeps_the_options_of_the_replay(command: list[str], options: list[str]) -> None:
    words = shlex.split(update_command(["shop.views:home", "shop.views:home"], ["leakcheck", *command]))

    assert words == ["leakcheck", "baseline", "update", "shop.views:home", *options]


def test_a_new_scenario_is_accepted_with_the_options_that_it_was_measured_with() -> None:
    result = replace(CLEAN, target="django:shop.settings GET:/", variant=None, is_new=True)
    run = replace(run_of(result), baseline="b.json", command=("leakcheck", "check", "x", "-o", "user=bob"))

    [sentence] = run_sentences(run)
    assert sentence.endswith("leakcheck baseline update 'django:shop.settings GET:/' -o user=bob")


def test_a_foreign_command_is_escaped() -> None:
    assert "\x1b" not in update_command(["a"], ["-o", "x=\x1b[31m"])


def test_requests_after_an_application_belong_to_its_target() -> None:
    site = Target(module="django", name="shop.settings", requests=("GET:/", "POST:/order/"))

    assert parse_targets(["django:shop.settings GET:/ POST:/order/"]) == [site]
    assert parse_targets(["django:shop.settings", "get:/", "POST:/order/"]) == [site]
    assert parse_targets(["django:shop.settings", "GET:/", "POST:/order/", "shop.views:home"])[0] == site


@pytest.mark.parametrize("texts", [["GET:/"], ["django:shop.settings", "GET:nowhere"]])
def test_a_request_without_an_application_is_refused(texts: list[str]) -> None:
    with pytest.raises(UsageError):
        parse_targets(texts)


def test_a_first_look_ends_with_the_command_that_looks_closer() -> None:
    def with_request(result: Result, request: str) -> Result:
        return replace(result, target=f"django:shop.settings {request}")

    user_command = [
        "leakcheck",
        "django",
        "--all",
        "--quick",
        "--settings",
        "shop.settings",
        "--user=bob",
        "--time",
        "5",
    ]
    results = [
        with_request(LEAK, "GET:/a/?b=1&c=2"),
        with_request(CLEAN, "GET:/fine/"),
        with_request(BROKEN, "GET:/broken/"),
        with_request(UNSURE, "GET:/d/"),
    ]

    command = "Look closer: leakcheck django 'GET:/a/?b=1&c=2' GET:/d/ --settings shop.settings --user=bob"
    assert closer_look_command(results, user_command) == command
    assert closer_look_command([with_request(CLEAN, "GET:/")], user_command) is None
    many = closer_look_command([with_request(LEAK, f"GET:/{number}/") for number in range(12)], [])
    assert many is not None
    assert many.startswith("Look closer (2 more are not within budget): leakcheck django GET:/0/ ")
    assert "GET:/10/" not in many
