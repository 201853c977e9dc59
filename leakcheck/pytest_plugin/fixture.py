"""The fixture `leakcheck`, which measures a callable inside a test."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from leakcheck.model.errors import UsageError
from leakcheck.model.fixture import LeakcheckFixture
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


class Leakcheck(LeakcheckFixture):
    """The fixture of one test."""

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
        """Measure a callable; see `LeakcheckFixture`."""
        __tracebackhide__ = True
        try:
            own_args = parse_marker_args(growth=growth, peak=peak, calls=calls, time=time)
        except UsageError as error:
            raise pytest.UsageError(f"leakcheck(...): {error}") from None
        marker_args = own_args.overriding(self._item.stash.get(MARKER_ARGS, None) or MarkerArgs())
        test_callable = TestCallable(function, self._item)
        judge_client, isolated = self._item.config.stash[JUDGE_CLIENT], self._item.config.stash[ISOLATED_SESSION]
        if isolated is not None:
            if len(self._answered) < len(isolated.earlier):
                # return the earlier result, on which the test's next steps may depend, without measuring again
                self._answered.append(isolated.earlier[len(self._answered)])
                return judge_client.read_result(self._answered[-1])
            isolated.serve(self._item, test_callable)
        answer = self._measure(marker_args, test_callable)
        result = judge_client.read_result(answer["result"])
        has_budget = replace(own_args, calls=None, time=None) != MarkerArgs()
        if answer["fails"] and (has_budget or result.failure is not None):
            raise LeakcheckFailed(failure_message(answer))
        return result

    def _measure(self, marker_args: MarkerArgs, test_callable: TestCallable) -> dict[str, Any]:
        __tracebackhide__ = True
        judge_client = self._item.config.stash[JUDGE_CLIENT]
        name, variant = split_node_id(self._item)
        number = len(self._answered) + 1
        if number > 1:
            name, variant = f"{self._item.nodeid} #{number}", None
        try:
            replayed = None if judge_client.options.isolate else test_callable
            answer, error = judge_client.measure(
                self._item, (name, variant), marker_args, replayed, earlier=self._answered
            )
        except JudgeFailed as failed:
            raise LeakcheckFailed(str(failed)) from None
        finally:
            test_callable.close()
        if isinstance(error, UsageError):
            raise pytest.UsageError(f"leakcheck(...): {error}") from None
        if error is not None:
            raise error
        self._answered.append(answer["result"])
        store_answer(self._item, answer)
        return answer
