"""How a failure is told: with the frames of the user's code, and neither ours nor what carries our calls out."""

import asyncio
import contextlib
from collections.abc import Iterator

from leakcheck.scenario import scenario
from leakcheck.worker import failure
from leakcheck.worker.failure import describe_failure


def trouble_of(function: object) -> dict[str, object]:
    """Return what is told of a function that fails, called as the measured process calls it."""
    code = compile("def call(function):\n    return function()\n", failure._OURS[0] + "/called.py", "exec")
    called: dict[str, object] = {}
    exec(code, called)
    try:
        called["call"](function)  # type: ignore[operator]
    except BaseException as error:
        # the frame of this test stands outside of what the worker would have
        return describe_failure(error.with_traceback(error.__traceback__ and error.__traceback__.tb_next), "raised")
    raise AssertionError("it did not fail")


def fail() -> None:
    raise ValueError("broken")


def test_the_frames_of_the_user_are_told_and_those_that_carry_our_call_out_are_not() -> None:
    @contextlib.contextmanager
    def manager() -> Iterator[None]:
        fail()
        yield

    async def call() -> None:
        fail()

    for function in (manager().__enter__, lambda: asyncio.run(call())):
        details = str(trouble_of(function)["details"])
        assert "in fail" in details
        assert "raise ValueError" in details


def test_a_context_of_ours_that_refuses_shows_no_frame_of_the_standard_library() -> None:
    source = (
        "import contextlib\n\nfrom leakcheck.model.errors import UsageError\n\n"
        "@contextlib.contextmanager\ndef manager():\n    raise UsageError('no')\n    yield\n"
    )
    made: dict[str, object] = {}
    exec(compile(source, failure._OURS[0] + "/opened.py", "exec"), made)

    found = trouble_of(made["manager"]().__enter__)  # type: ignore[operator]
    assert (found["kind"], found["message"], found["details"]) == ("usage", "no", "")


def test_a_mistake_in_the_users_file_is_told_with_its_line() -> None:
    def mark() -> None:
        scenario(growth="a lot")(fail)

    found = trouble_of(mark)
    assert found["kind"] == "usage"
    assert "test_failure.py" in str(found["details"])
