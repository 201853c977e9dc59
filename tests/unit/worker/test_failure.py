"""A failure is described with the frames of the user's code, and without ours or those that lead to it."""

import asyncio
import contextlib
from collections.abc import Iterator

from leakcheck.scenario import scenario
from leakcheck.worker import failure
from leakcheck.worker.failure import describe_failure


def failure_of(function: object) -> dict[str, object]:
    """Return the description of a function's failure, called as the measured process calls it."""
    code = compile("def call(function):\n    return function()\n", failure._OURS[0] + "/called.py", "exec")
    namespace: dict[str, object] = {}
    exec(code, namespace)
    try:
        namespace["call"](function)  # type: ignore[operator]
    except BaseException as error:
        # drop the frame of this test, which the worker would not have
        return describe_failure(error.with_traceback(error.__traceback__ and error.__traceback__.tb_next), "raised")
    raise AssertionError("it did not fail")


def fail() -> None:
    raise ValueError("broken")


def test_a_failure_has_the_frames_of_the_user_and_not_those_that_lead_to_them() -> None:
    @contextlib.contextmanager
    def manager() -> Iterator[None]:
        fail()
        yield

    async def call() -> None:
        fail()

    for function in (manager().__enter__, lambda: asyncio.run(call())):
        details = str(failure_of(function)["details"])
        assert "in fail" in details
        assert "raise ValueError" in details


def test_a_usage_error_of_our_own_context_manager_has_no_frames() -> None:
    source = (
        "import contextlib\n\nfrom leakcheck.model.errors import UsageError\n\n"
        "@contextlib.contextmanager\ndef manager():\n    raise UsageError('no')\n    yield\n"
    )
    namespace: dict[str, object] = {}
    exec(compile(source, failure._OURS[0] + "/opened.py", "exec"), namespace)

    failure_fields = failure_of(namespace["manager"]().__enter__)  # type: ignore[operator]
    assert (failure_fields["kind"], failure_fields["message"], failure_fields["details"]) == ("usage", "no", "")


def test_a_mistake_in_the_users_file_is_reported_with_its_line() -> None:
    def mark() -> None:
        scenario(growth="a lot")(fail)

    failure_fields = failure_of(mark)
    assert failure_fields["kind"] == "usage"
    assert "test_failure.py" in str(failure_fields["details"])
