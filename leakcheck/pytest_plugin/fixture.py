"""The fixture `leakcheck`: measure a callable inside a test."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from leakcheck.model.errors import UsageError
from leakcheck.pytest_plugin.callables import TestCallable
from leakcheck.pytest_plugin.judge_client import JudgeFailed
from leakcheck.pytest_plugin.marker import MarkerArgs, parse_marker_args
from leakcheck.pytest_plugin.measurement import (
    ISOLATED_SESSION,
    JUDGE_CLIENT,
    MARKER_ARGS,
    LeakcheckFailed,
    failure_message,
    split_node_id,
    store_answer,
)

if TYPE_CHECKING:
    from leakcheck.model.result import Result


class Leakcheck:
    """Measures callables. `leakcheck(func)` returns a `Result`: its `growth` compares with budgets.

    With a budget the test fails where the callable is not within it; without one it is up to the test.
    """

    def __init__(self, item: pytest.Item) -> None:
        self._item = item
        self._answered: list[dict[str, Any]] = []

    def __call__(
        self,
        function: Callable[[], object],
        *,
        growth: str | None = None,
        peak: str | None = None,
        calls: int | None = None,
        time: float | None = None,
    ) -> "Result":
        """Replay a callable without arguments, `async def` or not, and return what was found.

        Replayed in this process first; what does not stand still here is measured in fresh processes, which
        run this test up to this call. `result.peak_bytes` is None unless a peak was asked for. Raises
        what the first call raises.
        """
        __tracebackhide__ = True
        try:
            said = parse_marker_args(growth=growth, peak=peak, calls=calls, time=time)
        except UsageError as error:
            raise pytest.UsageError(f"leakcheck(...): {error}") from None
        terms = said.overriding(self._item.stash.get(MARKER_ARGS, None) or MarkerArgs())
        body = TestCallable(function, self._item)
        desk, isolated = self._item.config.stash[JUDGE_CLIENT], self._item.config.stash[ISOLATED_SESSION]
        if isolated is not None:
            if len(self._answered) < len(isolated.earlier):
                # not measured again: what a test does next may depend on it
                self._answered.append(isolated.earlier[len(self._answered)])
                return desk.read_result(self._answered[-1])
            isolated.serve(self._item, body)
        answer = self._measure(terms, body)
        result = desk.read_result(answer["result"])
        is_held = replace(said, calls=None, time=None) != MarkerArgs()
        if answer["fails"] and (is_held or result.trouble is not None):
            raise LeakcheckFailed(failure_message(answer))
        return result

    def _measure(self, terms: MarkerArgs, body: TestCallable) -> dict[str, Any]:
        __tracebackhide__ = True
        desk = self._item.config.stash[JUDGE_CLIENT]
        name, variant = split_node_id(self._item)
        number = len(self._answered) + 1
        if number > 1:
            name, variant = f"{self._item.nodeid} #{number}", None
        try:
            answer, error = desk.measure(
                self._item,
                (name, variant),
                terms,
                None if desk.options.isolate else body,
                earlier=self._answered,
            )
        except JudgeFailed as failed:
            raise LeakcheckFailed(str(failed)) from None
        finally:
            body.close()
        if isinstance(error, UsageError):
            raise pytest.UsageError(f"leakcheck(...): {error}") from None
        if error is not None:
            raise error
        self._answered.append(answer["result"])
        store_answer(self._item, answer)
        return answer
