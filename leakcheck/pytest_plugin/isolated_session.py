"""An isolated pytest process for the body of one test: set it up, replay it as the runner asks, tear it down.

It has the arguments, ini file, conftests and plugins of the process that runs the tests, but nothing that reports,
traces, distributes or caches: it is not a test run, and nobody reads its output.
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
from leakcheck.model.setup_stages import BODY, START, UNREACHED, describe_stage, not_replayable_message
from leakcheck.probe.process_environment import restore_environment
from leakcheck.pytest_plugin.cleanup import no_timeout, silenced
from leakcheck.pytest_plugin.isolated_command import stage_of_fixture
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
"""Options that are overridden here, as far as the installed plugins have them."""


class BodyServed(Skipped):
    """The body was replayed and is not to run again."""


def main(details: Mapping[str, Any], socket_path: str) -> None:
    """Run pytest up to the body that `details` names, replay it, and end the process."""
    die_with_parent()
    restore_environment()
    faulthandler.enable()
    # as under xdist, so that what a project names after the worker id is this process's own
    os.environ["PYTEST_XDIST_WORKER"] = details["worker"]
    keep_originals()
    channel = Channel(socket_path)
    pass_request = receive_request(channel)
    if pass_request is None:
        return
    sys.argv[:] = ["pytest", *details["arguments"]]
    isolated = IsolatedSession(details, pass_request, channel, find_pass(pass_request))
    keep_originals()  # of the pass's modules too
    pytest.main([*details["arguments"], *details["without"]], plugins=[isolated])
    isolated.end()  # reached only if the test was not


class IsolatedSession:
    """A plugin that makes a pytest process replay the body of one test."""

    def __init__(
        self, details: Mapping[str, Any], pass_request: PassRequest, channel: Channel, run: Callable[..., None]
    ) -> None:
        self._details = details
        self._pass_request = pass_request
        self._channel = channel
        self._run = run
        self._is_served = False
        self._reason = "the test was not reached"
        self._reports: list[str] = []
        self._stages = [START]
        self._failed_stage = ""
        self.is_for_fixture = "earlier" in details
        """Whether a call of the fixture is to be measured, not the test's whole body."""
        self.earlier: list[Any] = details.get("earlier", [])
        """The results of the fixture's calls before the one to measure."""

    def serve(self, item: pytest.Item, body: Replayable) -> None:
        """Replay the body as the runner asks. Always raises BodyServed afterwards."""
        self._is_served = True
        with no_timeout(item), silenced(item):
            run_pass(self._pass_request, self._channel, lambda pass_request: body, self._run)
        raise BodyServed("measured by leakcheck")

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_cmdline_main(self, config: pytest.Config) -> Generator[None, object, object]:
        """Turn off what this process does not need, before any plugin configures itself."""
        for name, value in _OPTIONS.items():
            if hasattr(config.option, name):
                setattr(config.option, name, value)
        config.option.basetemp = self._details["basetemp"]
        config.args = [self._details["collect"]]
        return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> Generator[None]:
        """Keep the one test, whatever other plugins select or deselect."""
        selected = [item for item in items if item.nodeid == self._details["nodeid"]][:1]
        yield
        items[:] = selected
        if not hasattr(config, "workerinput"):
            # only now: a plugin that sees it while configuring itself would expect a full xdist worker
            worker = self._details["worker"]
            worker_input = {"workerid": worker, "workercount": 1, "testrunuid": worker}
            config.workerinput = {**worker_input, "randomly_seed": self._details["seed"]}  # type: ignore[attr-defined]

    @contextmanager
    def _stage(self, stage: str) -> Iterator[None]:
        """Report the stage that begins, and at its end the one that continues: the runner has a time limit for each."""
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
        """Report which fixture is set up, and remember the one that fails."""
        stage = stage_of_fixture(fixturedef)
        try:
            with self._stage(stage):
                return (yield)
        except BaseException as error:
            if not self._failed_stage:
                self._failed_stage = stage
                self._reason = f"{describe_stage(stage)} raised {one_line(error)}"
            raise

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """End the process after the test and all tear-downs, without a summary or report."""
        with self._stage(BODY):
            yield
        with suppress(BaseException):  # what fails now cannot change a verdict
            item.config._ensure_unconfigure()  # plugins remove what they made, above all temporary folders
        self.end()
        return True

    def end(self) -> None:
        """End the process; report why the body was not replayed, if it was not."""
        if not self._is_served:
            details = "\n".join(self._reports)[-_MOST_CHARACTERS:]
            failure = {"kind": UNREACHED, "message": not_replayable_message(self._reason), "details": details}
            self._channel.send("stage", stage=self._failed_stage or self._stages[-1])
            self._channel.send("failure", failure=failure)
        end_process(self._channel)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember why the body was not reached."""
        if report.longrepr and not self._is_served:
            self._reports.append(report.longreprtext)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Remember why the test could not be collected."""
        if report.failed:
            self._reports.append(report.longreprtext)
