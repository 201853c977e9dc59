"""How long this session took to come to the body of a test: what a process of its own is held to."""

from collections.abc import Generator
from time import perf_counter

import pytest

from leakcheck.model.setup_stages import BODY, START, stage_of


class SetupTimes:
    """A plugin that times what is set up; where nothing is to be measured it is not registered."""

    def __init__(self) -> None:
        self._began = perf_counter()
        self._test_began = self._began
        self._seconds: dict[str, float] = {}

    def start_is_over(self) -> None:
        """Note that all tests are collected, and none of them has begun."""
        self._seconds[START] = perf_counter() - self._began

    def test_begins(self) -> None:
        """Note that the set-up of a test begins."""
        self._test_began = perf_counter()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_fixture_setup(
        self, fixturedef: pytest.FixtureDef[object], request: pytest.FixtureRequest
    ) -> Generator[None, object, object]:
        """Time a fixture; what it asks for while it is set up is counted in."""
        began = perf_counter()
        try:
            return (yield)
        finally:
            self._seconds[stage_of_fixture(fixturedef)] = perf_counter() - began

    def needed_by(self, item: pytest.Item) -> dict[str, float]:
        """Return what each stage took on the way to the body of a test, which is just to be measured."""
        asked_for_late = getattr(getattr(item, "_request", None), "_fixture_defs", ())
        names = {START, *getattr(item, "fixturenames", ()), *asked_for_late}
        seconds = {stage: took for stage, took in self._seconds.items() if stage.rpartition("|")[2] in names}
        return {**seconds, BODY: perf_counter() - self._test_began}


def stage_of_fixture(fixturedef: pytest.FixtureDef[object]) -> str:
    """Return the stage that is the set-up of a fixture, called the same in both processes."""
    return stage_of(str(fixturedef.scope), str(getattr(fixturedef, "baseid", "")), fixturedef.argname)
