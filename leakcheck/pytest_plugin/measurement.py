"""One measurement of one test: asked for before its body runs, held against it once that has passed."""

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
"""What is asked of a test; a test without is not measured."""

IS_MARKED = pytest.StashKey[bool]()
ANSWERS = pytest.StashKey[list[dict[str, Any]]]()
"""What the judge has answered for a test, in order."""

_NO_METHOD = "its class runs its methods in a way of its own, so they cannot be replayed; use the fixture's callable"


class LeakcheckFailed(Failed):
    """A test's memory is not within its budget, or nothing can be said about it."""

    __module__ = "builtins"  # so that it is told by its name alone, as pytest's own is

    def __init__(self, message: str) -> None:
        super().__init__(message, pytrace=False)


@dataclass(slots=True)
class Measurement:
    """The measurement of a test's whole body."""

    item: pytest.Item
    terms: MarkerArgs
    answer: Mapping[str, Any] | None = None
    was_asked: bool = False

    def before(self, body: TestCallable) -> bool:
        """Have the body replayed, right before it runs; tell whether it is to run now.

        It is not, where it ran once and cannot run twice: then that was its run. Raises LeakcheckFailed
        where there is a mark that wants it replayed all the same.
        """
        self.was_asked = True
        isolated = self.item.config.stash[ISOLATED_SESSION]
        if isolated is not None:
            if not isolated.is_for_fixture:
                isolated.serve(self.item, body)
            return True
        desk = self.item.config.stash[JUDGE_CLIENT]
        if not desk.options.isolate:
            self._ask(desk, body)
        if self.answer is None or not cannot_be_replayed(self.answer):
            return True
        if self.answer["result"]["trouble"]["call"] == 1:
            return True  # as it would without us
        body.count_as_run()
        if self.item.stash[IS_MARKED]:
            self.after()
        return False

    def after(self) -> None:
        """Hold the measurement against a test whose body has passed. Raises LeakcheckFailed."""
        desk = self.item.config.stash[JUDGE_CLIENT]
        if self.item.config.stash[ISOLATED_SESSION] is not None:
            return
        if not self.was_asked:
            raise LeakcheckFailed(f"{self.item.nodeid}: {_NO_METHOD}")
        if desk.options.isolate:
            self._ask(desk, None)
        assert self.answer is not None
        store_answer(self.item, self.answer)
        if self.answer["fails"] and (self.item.stash[IS_MARKED] or not cannot_be_replayed(self.answer)):
            raise LeakcheckFailed(failure_message(self.answer))

    def _ask(self, desk: JudgeClient, body: TestCallable | None) -> None:
        try:
            self.answer, _ = desk.measure(self.item, split_node_id(self.item), self.terms, body)
        except JudgeFailed as error:
            raise LeakcheckFailed(str(error)) from None
        finally:
            if body is not None:
                body.close()


def measurement_of(item: pytest.Item) -> Measurement | None:
    """Return the measurement that a test is to have; None for one that is not to be measured as a whole."""
    terms = item.stash.get(MARKER_ARGS, None)
    if terms is None or uses_fixture(item) or item.config.stash.get(JUDGE_CLIENT, None) is None:
        return None
    return Measurement(item, terms)


def uses_fixture(item: pytest.Item) -> bool:
    """Tell whether a test measures by itself what it wants measured, with the fixture of ours."""
    found = getattr(getattr(item, "_fixtureinfo", None), "name2fixturedefs", {}).get("leakcheck", ())
    return any(one.func.__module__.startswith(__package__ or "leakcheck") for one in found[-1:])


def is_measured(item: pytest.Item) -> bool:
    """Tell whether something of a test is to be measured, as far as can be told before it runs."""
    return MARKER_ARGS in item.stash or uses_fixture(item)


def split_node_id(item: pytest.Item) -> tuple[str, str | None]:
    """Return a test's node id, without its parameters, and these."""
    parameters = getattr(getattr(item, "callspec", None), "id", None)
    if parameters and item.nodeid.endswith(f"[{parameters}]"):
        return item.nodeid[: -len(parameters) - 2], parameters
    return item.nodeid, None


def failure_message(answer: Mapping[str, Any]) -> str:
    """Return what a failing test says; its name stands above it already."""
    return "\n".join(sentence.removeprefix(f"{answer['row'][0]}: ") for sentence in answer["sentences"])


def find_isolated_session(config: pytest.Config) -> "IsolatedSession | None":
    """Return the plugin that serves a body, in the process that is there for it; nothing is loaded to look for it."""
    module = sys.modules.get(f"{__package__}.isolated_session")
    plugins = config.pluginmanager.get_plugins() if module is not None else ()
    return next((plugin for plugin in plugins if isinstance(plugin, module.IsolatedSession)), None)  # type: ignore[union-attr]


def store_answer(item: pytest.Item, answer: Mapping[str, Any]) -> None:
    """Keep an answer for the report of its test."""
    item.stash.setdefault(ANSWERS, []).append(dict(answer))


def cannot_be_replayed(answer: Mapping[str, Any]) -> bool:
    """Tell whether there is no verdict because the body failed where it was replayed."""
    trouble = answer["result"]["trouble"] or {}
    return trouble.get("kind") in ("raised", "exited", "hung")


def is_unreached(answer: Mapping[str, Any]) -> bool:
    """Tell whether a process of its own did not come to the body. Such a test fails: here it does not stand still."""
    trouble = answer["result"]["trouble"] or {}
    return bool(trouble.get("kind") == UNREACHED)
