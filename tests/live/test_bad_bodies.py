"""Bodies that raise, exit, hang, die or misuse what they share with us: survived, and said clearly."""

import pytest

from leakcheck.model.errors import ExitCode
from leakcheck.model.explanation import ResourceKind
from leakcheck.model.verdict import Gate, Verdict
from tests.live.beside import assert_failed, run_beside_healthy
from tests.live.command import Leakcheck, is_alive

# --- bodies that raise, exit, hang or die ---------------------------------------------------------


def test_a_body_that_raises_on_its_first_call_is_said_to(leakcheck: Leakcheck) -> None:
    bad = """
    from leakcheck import scenario

    @scenario
    def bad():
        raise RuntimeError("the very first")
    """
    ran = run_beside_healthy(leakcheck, bad)
    assert_failed(ran, "bad: raised on call 1: RuntimeError: the very first")
    assert 'bad.py", line 5, in bad' in ran.output
    failure = ran["bad"].failure
    assert failure is not None
    assert (failure.kind, failure.call) == ("raised", 1)


def test_a_body_that_raises_on_call_700_is_said_to_and_its_readings_are_kept(leakcheck: Leakcheck) -> None:
    # GIVEN a body that leaks, so that it is followed far enough, and raises on call 700
    bad = """
    from leakcheck import scenario

    KEPT = []

    @scenario
    def bad():
        KEPT.append(object())
        if len(KEPT) == 700:
            raise RuntimeError("seven hundred")
    """
    # WHEN it is run
    ran = run_beside_healthy(leakcheck, bad)
    # THEN the call is named, and what was read before it is in the document
    assert_failed(ran, "bad: raised on call 700: RuntimeError: seven hundred")
    bad_result = ran["bad"]
    assert bad_result.failure is not None
    assert bad_result.failure.call == 700
    read_at = bad_result.readings.calls
    assert 100 < read_at[-1] < 700
    assert len(bad_result.readings.python_bytes) == len(read_at) > 20


def test_a_set_up_that_raises_is_no_call_that_raises(leakcheck: Leakcheck) -> None:
    bad = """
    from leakcheck import scenario

    @scenario
    def bad():
        raise ConnectionError("nobody listens")
        yield
    """
    ran = run_beside_healthy(leakcheck, bad)
    assert_failed(ran, "bad: its set-up failed: ConnectionError: nobody listens")


def test_a_tear_down_that_raises_costs_the_gate_and_not_the_measurement(leakcheck: Leakcheck) -> None:
    bad = """
    from leakcheck import scenario

    @scenario
    def bad():
        yield lambda: None
        raise ConnectionError("already closed")
    """
    ran = run_beside_healthy(leakcheck, bad)
    assert_failed(ran, "ConnectionError: already closed")
    assert ran["bad"].verdict is Verdict.CLEAN
    assert ran["bad"].gate is Gate.ERROR


def test_a_body_that_hangs_is_ended_and_where_it_hung_is_shown(leakcheck: Leakcheck) -> None:
    # GIVEN a body that waits for ever on its third call, deep down
    bad = """
    import itertools, threading
    from leakcheck import scenario

    COUNT = itertools.count(1)

    def wait_for_a_message_that_never_comes():
        threading.Event().wait()

    def descend(depth):
        descend(depth - 1) if depth else wait_for_a_message_that_never_comes()

    @scenario
    def bad():
        if next(COUNT) == 3:
            descend(80)
    """
    # WHEN it is run with a timeout
    ran = run_beside_healthy(leakcheck, bad, "--timeout", "2")
    # THEN the remedy is named, and the traceback of where it hung is shown
    assert_failed(ran, "ran past 2.0 s; raise --timeout, or make one call smaller")
    assert 'bad.py", line 7 in wait_for_a_message_that_never_comes' in ran.output


def test_a_body_that_hangs_without_listening_to_signals_is_ended_too(leakcheck: Leakcheck) -> None:
    bad = """
    import signal, time
    from leakcheck import scenario

    @scenario
    def bad():
        for number in (signal.SIGABRT, signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)
        time.sleep(3600)
    """
    ran = run_beside_healthy(leakcheck, bad, "--timeout", "1")
    assert_failed(ran, "bad: call 1 ran past 1.0 s; raise --timeout")


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("sys.exit('done here')", "bad: on call 30 called sys.exit('done here')"),
        ("os._exit(0)", "the process exited with status 0 and no output"),
        ("os._exit(9)", "the process exited with status 9 and no output"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "killed by SIGKILL"),
        ("ctypes.string_at(0)", "killed by SIGSEGV"),
    ],
)
def test_a_body_that_ends_its_process_fails_and_how_it_ended_is_said(
    leakcheck: Leakcheck, statement: str, message: str
) -> None:
    bad = f"""
    import ctypes, itertools, os, signal, sys
    from leakcheck import scenario

    COUNT = itertools.count(1)

    @scenario
    def bad():
        if next(COUNT) == 30:
            {statement}
    """
    ran = run_beside_healthy(leakcheck, bad)
    assert_failed(ran, message)
    assert ran["bad"].readings.calls, "what was read before it died is lost"


def test_a_segmentation_fault_shows_the_line_it_happened_in(leakcheck: Leakcheck) -> None:
    bad = """
    import ctypes
    from leakcheck import scenario

    def read_address_zero():
        ctypes.string_at(0)

    @scenario
    def bad():
        read_address_zero()
    """
    ran = run_beside_healthy(leakcheck, bad)
    assert_failed(ran, "bad: during call 1, the process was killed by SIGSEGV")
    assert 'bad.py", line 5 in read_address_zero' in ran.output


def test_an_exception_that_holds_terminal_codes_or_cannot_be_printed_is_shown_harmless(leakcheck: Leakcheck) -> None:
    bad = r"""
    from leakcheck import scenario

    class Unprintable(Exception):
        def __str__(self):
            raise ValueError

    @scenario
    def bad():
        raise ValueError("\x1b[2J\u202e[bold]gone[/bold]")

    @scenario
    def worse():
        raise Unprintable
    """
    ran = run_beside_healthy(leakcheck, bad)
    assert_failed(ran, r"bad: raised on call 1: ValueError: \x1b[2J\u202e[bold]gone[/bold]")
    assert "worse: raised on call 1: Unprintable: (its message cannot be read)" in ran.output


# --- bodies that misuse what they share with us ---------------------------------------------------


def test_a_body_that_writes_megabytes_is_measured_and_what_it_writes_is_not_shown(leakcheck: Leakcheck) -> None:
    # GIVEN a body that fills both pipes again and again
    bad = """
    import sys
    from leakcheck import scenario

    LINES = ("gibberish " * 100 + "\\n") * 100

    @scenario
    def bad():
        sys.stdout.write(LINES)
        sys.stdout.flush()
        sys.stderr.write(LINES)
    """
    # WHEN it is run
    ran = run_beside_healthy(leakcheck, bad)
    # THEN it is measured like any other
    assert (ran["bad"].verdict, ran["bad"].gate) == (Verdict.CLEAN, Gate.WITHIN)
    assert ran.code == ExitCode.WITHIN
    assert "gibberish" not in ran.output + ran.errors


def test_of_the_megabytes_that_a_dying_body_wrote_only_the_end_is_shown(leakcheck: Leakcheck) -> None:
    bad = """
    import os, sys
    from leakcheck import scenario

    @scenario
    def bad():
        for number in range(100_000):
            print("line", number, file=sys.stderr)
        os._exit(1)
    """
    ran = run_beside_healthy(leakcheck, bad)
    assert_failed(ran, "bad: during call 1, the process exited with status 1")
    assert "line 99999" in ran.output
    assert ran["bad"].failure is not None
    assert len(ran["bad"].failure.details) <= 4000
    assert len(ran.output.splitlines()) < 40


@pytest.mark.parametrize("first", [0, 3], ids=["all of them", "all but the standard ones"])
def test_a_body_that_closes_file_descriptors_is_measured_all_the_same(leakcheck: Leakcheck, first: int) -> None:
    bad = f"""
    import os
    from leakcheck import scenario

    KEPT = []

    @scenario
    def bad():
        os.closerange({first}, 256)
        KEPT.append(object())
    """
    ran = run_beside_healthy(leakcheck, bad)
    assert ran["bad"].failure is None
    assert ran["bad"].verdict is Verdict.LEAK
    assert ran.code == ExitCode.OVER_BUDGET


def test_a_file_that_closes_file_descriptors_when_it_is_imported_is_measured(leakcheck: Leakcheck) -> None:
    bad = """
    import os
    from leakcheck import scenario

    os.closerange(3, 256)

    @scenario
    def bad():
        pass
    """
    ran = run_beside_healthy(leakcheck, bad)
    assert ran["bad"].verdict is Verdict.CLEAN
    assert ran.code == ExitCode.WITHIN


def test_a_body_that_opens_a_file_where_ours_was_keeps_it(leakcheck: Leakcheck) -> None:
    # GIVEN a body that closes every descriptor and opens its own, which takes the number of ours
    bad = """
    import os
    from leakcheck import scenario

    MINE = []

    @scenario
    def bad():
        if not MINE:
            os.closerange(3, 256)
            MINE.extend(os.open("mine.txt", os.O_WRONLY | os.O_CREAT) for _ in range(20))
        for descriptor in MINE:
            os.pwrite(descriptor, b"still mine", 0)
    """
    # WHEN it is run
    ran = run_beside_healthy(leakcheck, bad)
    # THEN nobody closed it, and nobody else wrote into it
    assert ran["bad"].failure is None
    assert (leakcheck.folder / "mine.txt").read_text() == "still mine"


def test_a_body_that_starts_a_thread_that_never_ends_is_measured_and_the_run_ends(leakcheck: Leakcheck) -> None:
    bad = """
    import threading
    from leakcheck import scenario

    STARTED = []

    @scenario
    def bad():
        if not STARTED:
            STARTED.append(threading.Thread(target=threading.Event().wait))
            STARTED[0].start()
    """
    ran = run_beside_healthy(leakcheck, bad)
    assert (ran["bad"].verdict, ran["bad"].gate) == (Verdict.CLEAN, Gate.WITHIN)
    assert ran["bad"].readings.counts[ResourceKind.THREADS][-1] == 2
    assert ran.code == ExitCode.WITHIN


FORKS = """
import itertools, os, pathlib, time
from leakcheck import scenario

COUNT = itertools.count(1)

def fork_on(call, child):
    if next(COUNT) == call and os.fork() == 0:
        pathlib.Path("child.txt").write_text(str(os.getpid()))
        child()
"""


@pytest.mark.parametrize("call", [1, 50], ids=["the first call", "call 50"])
def test_a_forked_child_that_returns_into_our_loop_is_not_measured(leakcheck: Leakcheck, call: int) -> None:
    # GIVEN a body whose forked child comes back from it, and so into the loop that replays it
    bad = f"""
@scenario
def bad():
    fork_on({call}, child=lambda: None)
"""
    # WHEN it is run
    ran = run_beside_healthy(leakcheck, FORKS + bad)
    # THEN the child ended in silence, and the parent was measured
    assert (ran["bad"].verdict, ran["bad"].failure) == (Verdict.CLEAN, None)
    assert not is_alive(int((leakcheck.folder / "child.txt").read_text()))


def test_a_forked_child_that_sleeps_does_not_outlive_the_measurement(leakcheck: Leakcheck) -> None:
    bad = """
@scenario
def bad():
    fork_on(50, child=lambda: time.sleep(3600))
"""
    ran = run_beside_healthy(leakcheck, FORKS + bad)
    assert (ran["bad"].verdict, ran["bad"].failure) == (Verdict.CLEAN, None)
    assert not is_alive(int((leakcheck.folder / "child.txt").read_text()))


def test_a_body_that_forks_and_waits_at_every_call_is_clean(leakcheck: Leakcheck) -> None:
    bad = """
    import os
    from leakcheck import scenario

    @scenario
    def bad():
        child = os.fork()
        if child == 0:
            os._exit(0)
        os.waitpid(child, 0)
    """
    ran = run_beside_healthy(leakcheck, bad)
    assert ran["bad"].verdict is Verdict.CLEAN
    assert ran.code == ExitCode.WITHIN


def test_a_body_that_allocates_without_end_is_ended_at_the_limit(leakcheck: Leakcheck) -> None:
    bad = """
    from leakcheck import scenario

    KEPT = []

    @scenario
    def bad():
        while True:
            KEPT.append(b"x" * (1 << 20))
    """
    ran = run_beside_healthy(leakcheck, bad, "--max-memory", "300 MiB")
    assert_failed(ran, "bad: call 1 used more than 300 MiB of memory and was killed; raise --max-memory")
    assert ran["bad"].failure is not None
    assert ran["bad"].failure.kind == "memory"
