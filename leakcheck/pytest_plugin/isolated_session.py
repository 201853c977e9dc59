"""A pytest process of its own for one body of one test: set up once, replayed as the engine asks, torn down.

The same arguments, ini file, conftests and plugins as in the process that runs the tests, but nothing that
reports, traces, distributes or remembers: this is not a test run, and nobody reads its output.
"""

import faulthandler
import os
import sys
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from _pytest.outcomes import Skipped

from leakcheck.model.protocol import PassRequest
from leakcheck.model.setup_stages import BODY, START, UNREACHED, not_replayable_here, stage_words
from leakcheck.probe.meters.thread_caches import restore_environment
from leakcheck.pytest_plugin.cleanup import no_timeout, silenced
from leakcheck.pytest_plugin.setup_times import stage_of_fixture
from leakcheck.pytest_plugin.unpatched import keep_originals
from leakcheck.worker.channel import Channel
from leakcheck.worker.failure import one_line
from leakcheck.worker.load import Replayable
from leakcheck.worker.main import die_with_parent, end_process, find_pass, receive_request, run_pass

_MOST_CHARACTERS = 4000
_OPTIONS: Mapping[str, Any] = {
    # xdist
    **{"numprocesses": None, "maxprocesses": None, "dist": "no", "distload": False, "tx": [], "looponfail": False},
    # pytest's own
    **{"usepdb": False, "trace": False, "maxfail": 0, "xmlpath": None, "collectonly": False, "pastebin": None},
    **{"lf": False, "failedfirst": False, "newfirst": False, "cacheclear": False, "stepwise": False},
    **{"stepwise_skip": False, "stepwise_reset": False, "durations": None},
    # what others write
    **{"htmlpath": None, "report_log": None, "json_report": False, "json_report_file": "none", "memray": False},
    **{"allure_report_dir": None, "reruns": 0, "no_cov": True},
}
"""What an option is here, whatever was said; only those that the plugins which are there have."""


class BodyServed(Skipped):
    """The body was replayed, and is not run once more."""


def main(said: Mapping[str, Any], socket_path: str) -> None:
    """Run pytest up to the body that is named, serve there, and end the process."""
    die_with_parent()
    restore_environment()
    faulthandler.enable()
    # as if by xdist: settings that are named by a worker's id are then this process's own
    os.environ["PYTEST_XDIST_WORKER"] = said["worker"]
    keep_originals()
    channel = Channel(socket_path)
    plan = receive_request(channel)
    if plan is None:
        return
    sys.argv[:] = ["pytest", *said["arguments"]]
    isolated = IsolatedSession(said, plan, channel, find_pass(plan))
    keep_originals()  # to what that has loaded
    pytest.main([*said["arguments"], *said["without"]], plugins=[isolated])
    isolated.end()  # only where it never came to the test


class IsolatedSession:
    """A plugin beside the other ones that makes a pytest serve one body."""

    def __init__(self, said: Mapping[str, Any], plan: PassRequest, channel: Channel, do: Callable[..., None]) -> None:
        self._said = said
        self._plan = plan
        self._channel = channel
        self._do = do
        self._is_served = False
        self._why = "the test was not reached"
        self._reports: list[str] = []
        self._stages = [START]
        self._failed_stage = ""

    @property
    def earlier(self) -> list[Any]:
        """What the fixture has answered to the calls before the one that is measured."""
        found: list[Any] = self._said.get("earlier", [])
        return found

    @property
    def is_for_fixture(self) -> bool:
        """Whether a call of the fixture is to be served, and not the test's whole body."""
        return "earlier" in self._said

    def serve(self, item: pytest.Item, body: Replayable) -> None:
        """Let the engine have the body replayed. Raises Served afterwards."""
        self._is_served = True
        with no_timeout(item), silenced(item):
            run_pass(self._plan, self._channel, lambda plan: body, self._do)
        raise BodyServed("measured by leakcheck")

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_cmdline_main(self, config: pytest.Config) -> Generator[None, object, object]:
        """Turn off what this process is not for, before any plugin configures itself."""
        for name, value in _OPTIONS.items():
            if hasattr(config.option, name):
                setattr(config.option, name, value)
        config.option.basetemp = self._said["basetemp"]
        config.args = [self._said["collect"]]
        return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> Generator[None]:
        """Keep the one test, whatever else would be picked or left out."""
        wanted = [item for item in items if item.nodeid == self._said["nodeid"]][:1]
        yield
        items[:] = wanted
        if not hasattr(config, "workerinput"):
            # late: who asks while it configures itself would expect more of a worker than a name
            words = {"workerid": self._said["worker"], "workercount": 1, "testrunuid": self._said["worker"]}
            config.workerinput = {**words, "randomly_seed": self._said["seed"]}  # type: ignore[attr-defined]

    @contextmanager
    def _stage(self, stage: str) -> Iterator[None]:
        """Say what is begun, and on the way back what goes on: whoever waits knows how long that should take."""
        self._stages.append(stage)
        self._say_stage()
        try:
            yield
        finally:
            self._stages.pop()
            self._say_stage()

    def _say_stage(self) -> None:
        if not self._is_served:
            self._channel.send("stage", stage=self._stages[-1])

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef[object]) -> Generator[None, object, object]:
        """Say which fixture is set up, and remember the one that fails."""
        stage = stage_of_fixture(fixturedef)
        try:
            with self._stage(stage):
                return (yield)
        except BaseException as error:
            if not self._failed_stage:
                self._failed_stage = stage
                self._why = f"{stage_words(stage)} raised {one_line(error)}"
            raise

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """End the process after the one test and all tear-downs: no summary, and no report."""
        with self._stage(BODY):
            yield
        with suppress(BaseException):  # nobody's verdict any more
            item.config._ensure_unconfigure()  # plugins put away what they made, temporary folders above all
        self.end()
        return True

    def end(self) -> None:
        """End the process; say why nothing was replayed, where that is so."""
        if not self._is_served:
            details = "\n".join(self._reports)[-_MOST_CHARACTERS:]
            trouble = {"kind": UNREACHED, "message": not_replayable_here(self._why), "details": details}
            self._channel.send("stage", stage=self._failed_stage or self._stages[-1])
            self._channel.send("trouble", trouble=trouble)
        end_process(self._channel)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember why it did not come to the body."""
        if report.longrepr and not self._is_served:
            self._reports.append(report.longreprtext)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Remember why it could not be collected."""
        if report.failed:
            self._reports.append(report.longreprtext)
