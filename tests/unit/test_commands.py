"""A remedy is a command that replays as the user's own did, and a target may be written in several words."""

import shlex
from dataclasses import replace

import pytest

from leakcheck.errors import UsageError
from leakcheck.reporters.changes import run_sentences
from leakcheck.reporters.commands import update_command
from leakcheck.scenario import Target, parse_targets
from tests.unit.runs import CLEAN, run_of


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        (["check", "x", "-o", "user=bob", "--time", "8"], ["-o", "user=bob"]),
        (["check", "-ouser=bob", '--data={"a": 1}'], ["-ouser=bob", '--data={"a": 1}']),
        (["django", "--user", "bob o'hara", "--superuser"], ["--user", "bob o'hara", "--superuser"]),
        (["run", "--setup", "a:b", "--database=x", "--no-peak", "-k", "a"], ["--setup", "a:b", "--database=x"]),
        (["run", "--output", "x", "-o"], []),
        ([], []),
    ],
)
def test_a_remedy_keeps_what_was_said_of_the_replay(said: list[str], kept: list[str]) -> None:
    words = shlex.split(update_command(["shop.views:home", "shop.views:home"], ["leakcheck", *said]))

    assert words == ["leakcheck", "baseline", "update", "shop.views:home", *kept]


def test_a_new_scenario_is_accepted_with_the_options_that_it_was_measured_with() -> None:
    result = replace(CLEAN, target="django:shop.settings GET:/", variant=None, is_new=True)
    run = replace(run_of(result), baseline="b.json", command=("leakcheck", "check", "x", "-o", "user=bob"))

    [sentence] = run_sentences(run)
    assert sentence.endswith("leakcheck baseline update 'django:shop.settings GET:/' -o user=bob")


def test_a_command_of_others_brings_no_control_characters() -> None:
    assert "\x1b" not in update_command(["a"], ["-o", "x=\x1b[31m"])


def test_requests_behind_an_application_are_of_its_target() -> None:
    site = Target(module="django", name="shop.settings", requests=("GET:/", "POST:/order/"))

    assert parse_targets(["django:shop.settings GET:/ POST:/order/"]) == [site]
    assert parse_targets(["django:shop.settings", "get:/", "POST:/order/"]) == [site]
    assert parse_targets(["django:shop.settings", "GET:/", "POST:/order/", "shop.views:home"])[0] == site


@pytest.mark.parametrize("texts", [["GET:/"], ["django:shop.settings", "GET:nowhere"]])
def test_a_request_of_nothing_is_refused(texts: list[str]) -> None:
    with pytest.raises(UsageError):
        parse_targets(texts)
