"""Time the set-up of tests in this session, by which the set-up in an isolated process is limited."""

from collections.abc import Generator
from time import perf_counter

import pytest

from leakcheck.model.setup_stages import BODY, START, fixture_stage


class SetupTimes:
    """A plugin that times the set-up of fixtures; it is registered only if a test is to be measured."""

    def __init__(self) -> None:
        self._began = perf_counter()
        self._test_began = self._began
        self._seconds: dict[str, float] = {}

    def start_is_over(self) -> None:
        """Note that all tests are collected."""
        self._seconds[START] = perf_counter() - self._began

    def test_begins(self) -> None:
        """Note that the set-up of a test begins."""
        self._test_began = perf_counter()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[object], request: pytest.FixtureRequest
    ) -> Generator[None, object, object]:
        """Time a fixture, including the fixtures that it requests during its set-up."""
        began = perf_counter()
        try:
            return (yield)
        finally:
            self._seconds[stage_of_fixture(fixturedef)] = perf_counter() - began

    def needed_by(self, item: pytest.Item) -> dict[str, float]:
        """Return the seconds of each stage on the way to the body of a test; to be called right before that runs."""
        dynamic = getattr(getattr(item, "_request", None), "_fixture_defs", ())
        names = {START, *getattr(item, "fixturenames", ()), *dynamic}
        seconds = {stage: duration for stage, duration in self._seconds.items() if stage.rpartition("|")[2] in names}
        return {**seconds, BODY: perf_counter() - self._test_began}


def stage_of_fixture(fixturedef: pytest.FixtureDef[object]) -> str:
    """Return the name of the stage that sets a fixture up; it is the same in both processes."""
    return fixture_stage(str(fixturedef.scope), str(getattr(fixturedef, "baseid", "")), fixturedef.argname)
