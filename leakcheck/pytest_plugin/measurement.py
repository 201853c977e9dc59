"""The measurement of a test: requested before its body runs, and checked once the test has passed."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from _pytest.outcomes import Failed

from leakcheck.model.setup_stages import UNREACHED
from leakcheck.pytest_plugin.callables import TestCallable
from leakcheck.pytest_plugin.judge_client import JudgeClient, JudgeFailed
from leakcheck.pytest_plugin.marker import MarkerArgs

if TYPE_CHECKING:
    from leakcheck.pytest_plugin.isolated_session import IsolatedSession

JUDGE_CLIENT = pytest.StashKey[JudgeClient]()
ISOLATED_SESSION = pytest.StashKey["IsolatedSession | None"]()
MARKER_ARGS = pytest.StashKey[MarkerArgs]()
"""The arguments of a test's measurement; a test without them is not measured."""

IS_MARKED = pytest.StashKey[bool]()
ANSWERS = pytest.StashKey[list[dict[str, Any]]]()

_NO_METHOD = (
    "its class does not call it as unittest does, so it cannot be replayed; measure a callable with the fixture"
)


class LeakcheckFailed(Failed):
    """A test's memory exceeds its budget, or the measurement is inconclusive."""

    __module__ = "builtins"  # so that pytest prints its name without a module, as for its own `Failed`

    def __init__(self, message: str) -> None:
        super().__init__(message, pytrace=False)


@dataclass(slots=True)
class Measurement:
    """The measurement of a test's whole body."""

    item: pytest.Item
    marker_args: MarkerArgs
    answer: Mapping[str, Any] | None = None
    was_reached: bool = False

    def before(self, test_callable: TestCallable) -> bool:
        """Replay the body right before it runs; return whether it is still to run.

        It is not if it ran once and cannot run twice: then the first replay was its run. Raises LeakcheckFailed in that
        case if the test has a marker, and if the judge fails.
        """
        self.was_reached = True
        isolated = self.item.config.stash[ISOLATED_SESSION]
        if isolated is not None:
            if not isolated.is_for_fixture:
                isolated.serve(self.item, test_callable)
            return True
        judge_client = self.item.config.stash[JUDGE_CLIENT]
        if not judge_client.options.isolate:
            self._ask(judge_client, test_callable)
        if self.answer is None or not cannot_be_replayed(self.answer):
            return True
        if self.answer["result"]["failure"]["call"] == 1:
            return True  # it fails as it would without leakcheck
        test_callable.count_as_run()
        if self.item.stash[IS_MARKED]:
            self.after()
        return False

    def after(self) -> None:
        """Check the measurement of a test whose body has passed. Raises LeakcheckFailed if the test is to fail."""
        judge_client = self.item.config.stash[JUDGE_CLIENT]
        if self.item.config.stash[ISOLATED_SESSION] is not None:
            return
        if not self.was_reached:
            raise LeakcheckFailed(f"{self.item.nodeid}: {_NO_METHOD}")
        if judge_client.options.isolate:
            self._ask(judge_client, None)
        assert self.answer is not None
        store_answer(self.item, self.answer)
        if self.answer["fails"] and (self.item.stash[IS_MARKED] or not cannot_be_replayed(self.answer)):
            raise LeakcheckFailed(failure_message(self.answer))

    def _ask(self, judge_client: JudgeClient, test_callable: TestCallable | None) -> None:
        try:
            self.answer, _ = judge_client.measure(self.item, split_node_id(self.item), self.marker_args, test_callable)
        except JudgeFailed as error:
            raise LeakcheckFailed(str(error)) from None
        finally:
            if test_callable is not None:
                test_callable.close()


def measurement_of(item: pytest.Item) -> Measurement | None:
    """Return the measurement of a test's body; None if the body is not to be measured."""
    marker_args = item.stash.get(MARKER_ARGS, None)
    if marker_args is None or uses_fixture(item) or item.config.stash.get(JUDGE_CLIENT, None) is None:
        return None
    return Measurement(item, marker_args)


def uses_fixture(item: pytest.Item) -> bool:
    """Return whether a test uses our fixture `leakcheck`, and so chooses itself what to measure."""
    definitions = getattr(getattr(item, "_fixtureinfo", None), "name2fixturedefs", {}).get("leakcheck", ())
    return any(definition.func.__module__.startswith(__package__ or "leakcheck") for definition in definitions[-1:])


def is_measured(item: pytest.Item) -> bool:
    """Return whether a test, or something in it, is to be measured, as far as is known before it runs."""
    return MARKER_ARGS in item.stash or uses_fixture(item)


def split_node_id(item: pytest.Item) -> tuple[str, str | None]:
    """Return a test's node id without its parameters, and the parameters, if any."""
    parameters = getattr(getattr(item, "callspec", None), "id", None)
    if parameters and item.nodeid.endswith(f"[{parameters}]"):
        return item.nodeid[: -len(parameters) - 2], parameters
    return item.nodeid, None


def failure_message(answer: Mapping[str, Any]) -> str:
    """Return the message of a failing test, without its name, which pytest prints above it."""
    return "\n".join(sentence.removeprefix(f"{answer['row'][0]}: ") for sentence in answer["sentences"])


def find_isolated_session(config: pytest.Config) -> "IsolatedSession | None":
    """Return the plugin of an isolated process, or None in any other; does not import its module to find out."""
    module = sys.modules.get(f"{__package__}.isolated_session")
    plugins = config.pluginmanager.get_plugins() if module is not None else ()
    return next((plugin for plugin in plugins if isinstance(plugin, module.IsolatedSession)), None)  # type: ignore[union-attr]


def store_answer(item: pytest.Item, answer: Mapping[str, Any]) -> None:
    """Store an answer for the report of its test."""
    item.stash.setdefault(ANSWERS, []).append(dict(answer))


def cannot_be_replayed(answer: Mapping[str, Any]) -> bool:
    """Return whether there is no verdict because the body failed when it was replayed."""
    failure = answer["result"]["failure"] or {}
    return failure.get("kind") in ("raised", "exited", "hung")


def is_unreached(answer: Mapping[str, Any]) -> bool:
    """Return whether an isolated process did not reach the body. Such a test fails: its memory seems to grow."""
    failure = answer["result"]["failure"] or {}
    return bool(failure.get("kind") == UNREACHED)
