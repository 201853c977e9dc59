"""What goes wrong around the measured code: said clearly, with the right exit code, and survived.

Each test does it for real. Wherever it can be, a healthy scenario stands beside the bad one and
has to be measured all the same.
"""

import resource
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from leakcheck import store
from leakcheck.errors import ExitCode
from leakcheck.model import Gate, Verdict
from tests.live.command import Leakcheck, Ran, is_alive

HEALTHY = """
from leakcheck import scenario

@scenario
def healthy():
    sum(range(100))
"""

SLOW = """
import os, pathlib, time
from leakcheck import scenario

@scenario
def slow():
    pathlib.Path("slow-process.txt").write_text(str(os.getpid()))
    time.sleep(3600)
"""


def run_beside_healthy(leakcheck: Leakcheck, bad: str, *flags: str) -> Ran:
    """Run `bad.py`, and after it in the same run a scenario that is fine, which must be measured."""
    leakcheck.write("bad.py", bad)
    leakcheck.write("healthy.py", HEALTHY)
    ran = leakcheck.run(".", *flags)
    assert_healthy_was_measured(ran)
    return ran


def assert_healthy_was_measured(ran: Ran) -> None:
    assert (ran["healthy"].verdict, ran["healthy"].gate) == (Verdict.CLEAN, Gate.WITHIN)
    assert ran.document.finished


def assert_failed(ran: Ran, message: str) -> None:
    """The bad scenario's sentence was printed, once, and the run ends with "a scenario failed"."""
    assert ran.output.count(message) == 1, ran.output
    assert "Traceback" not in ran.errors
    assert ran.code == ExitCode.SCENARIO_FAILED


# --- files that cannot be imported ----------------------------------------------------------------


def test_a_file_that_raises_when_it_is_imported_is_named_and_the_others_are_measured(leakcheck: Leakcheck) -> None:
    # GIVEN a file whose import fails
    bad = """
    from leakcheck import scenario

    raise LookupError("no such database")

    @scenario
    def never_defined(): ...
    """
    # WHEN the folder is run
    ran = run_beside_healthy(leakcheck, bad)
    # THEN the error is said with its file and its line
    assert_failed(ran, "bad.py: does not import: LookupError: no such database")
    assert 'bad.py", line 3, in <module>' in ran.output
    assert ran["bad.py"].gate is Gate.ERROR


def test_a_file_that_does_not_parse_is_named_with_the_line(leakcheck: Leakcheck) -> None:
    bad = "from leakcheck import scenario\n\n@scenario\ndef broken(:\n    pass\n"
    ran = run_beside_healthy(leakcheck, bad)
    assert_failed(ran, "bad.py: does not import: SyntaxError: invalid syntax (bad.py, line 4)")


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("sys.exit(7)", "bad.py: called sys.exit(7)"),
        ("os._exit(7)", "bad.py: the process ended during import: exit status 7, without a word to us"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "bad.py: the process ended during import: killed by SIGKILL"),
    ],
)
def test_a_file_that_ends_the_process_when_it_is_imported_is_named(
    leakcheck: Leakcheck, statement: str, message: str
) -> None:
    bad = f"""
    import os, signal, sys
    from leakcheck import scenario

    {statement}

    @scenario
    def never_defined(): ...
    """
    ran = run_beside_healthy(leakcheck, bad)
    assert_failed(ran, message)


def test_a_file_whose_import_hangs_is_ended(leakcheck: Leakcheck) -> None:
    bad = """
    import time
    from leakcheck import scenario

    def wait_for_the_broker():
        time.sleep(3600)

    wait_for_the_broker()

    @scenario
    def never_defined(): ...
    """
    ran = run_beside_healthy(leakcheck, bad, "--timeout", "2")
    assert_failed(ran, "bad.py: import ran past 2.0 s; raise --timeout")
    assert "in wait_for_the_broker" in ran.output


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
    trouble = ran["bad"].trouble
    assert trouble is not None
    assert (trouble.kind, trouble.call) == ("raised", 1)


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
    assert bad_result.trouble is not None
    assert bad_result.trouble.call == 700
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
        ("os._exit(0)", "exit status 0, without a word to us"),
        ("os._exit(9)", "exit status 9, without a word to us"),
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
    assert_failed(ran, "bad: the process ended during call 1: killed by SIGSEGV")
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
    assert_failed(ran, "bad: the process ended during call 1: exit status 1")
    assert "line 99999" in ran.output
    assert ran["bad"].trouble is not None
    assert len(ran["bad"].trouble.details) <= 4000
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
    assert ran["bad"].trouble is None
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
    assert ran["bad"].trouble is None
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
    assert ran["bad"].readings.threads[-1] == 2
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
    assert (ran["bad"].verdict, ran["bad"].trouble) == (Verdict.CLEAN, None)
    assert not is_alive(int((leakcheck.folder / "child.txt").read_text()))


def test_a_forked_child_that_sleeps_does_not_outlive_the_measurement(leakcheck: Leakcheck) -> None:
    bad = """
@scenario
def bad():
    fork_on(50, child=lambda: time.sleep(3600))
"""
    ran = run_beside_healthy(leakcheck, FORKS + bad)
    assert (ran["bad"].verdict, ran["bad"].trouble) == (Verdict.CLEAN, None)
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
    assert_failed(ran, "bad: call 1 took more than 300 MiB of memory and was ended; raise --max-memory")
    assert ran["bad"].trouble is not None
    assert ran["bad"].trouble.kind == "memory"


# --- words that cannot be understood --------------------------------------------------------------


def test_a_wrong_unit_in_a_mark_is_a_usage_error_and_the_others_are_measured(leakcheck: Leakcheck) -> None:
    bad = """
    from leakcheck import scenario

    @scenario(growth="64 KIB / 1000 calls")
    def bad(): ...
    """
    ran = run_beside_healthy(leakcheck, bad)
    assert "there is no unit 'KIB'; the units are B, kB, KiB, MB, MiB, GB, GiB; did you mean KiB?" in ran.output
    assert 'bad.py", line 3' in ran.output
    assert ran.code == ExitCode.USAGE


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--growth", "64 furlongs"], "'64 furlongs': there is no unit 'furlongs'; the units are B, kB"),
        (["--peak", "10"], "'10' is not a size; write NUMBER (B|kB|KiB|MB|MiB|GB|GiB)"),
        (["--peak", "10 MiB / 100 calls"], "is a growth; a size is for one call, as in '10 MiB'"),
        (["--max-memory", "lots"], "'lots' is not a size"),
        (["--calls", "0"], "--calls must be 1 or more"),
        (["--time", "0"], "--time and --timeout are seconds, more than 0"),
        (["-o", "rows"], "-o 'rows': write NAME=VALUE, for example -o rows=500000"),
        (["-o", "rows=1"], "-o rows: there is no such option; nothing here takes an option"),
        (["-o", "peek.rows=1"], "-o peek.rows: there is no pass 'peek'; write growth.rows or peak.rows"),
        (["-k", "healthy and"], "-k 'healthy and' breaks off at its end; write words joined by and, or, not"),
        (["-k", "(healthy"], "-k '(healthy' breaks off at its end"),
        (["-k", "healthy)"], "-k 'healthy)' breaks off near ')'"),
        (["--python", "/no/such/python"], "/no/such/python: cannot be started as a Python (No such file or directory)"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_flag_that_cannot_be_used_is_refused_with_the_remedy(
    leakcheck: Leakcheck, flags: list[str], message: str
) -> None:
    leakcheck.write("healthy.py", HEALTHY)
    ran = leakcheck.run("healthy.py", *flags)
    assert message in ran.errors
    assert len(ran.errors.splitlines()) == 1
    assert ran.code == ExitCode.USAGE


def test_an_option_of_another_scenario_is_no_mistake_and_one_that_nobody_takes_is(leakcheck: Leakcheck) -> None:
    leakcheck.write("healthy.py", HEALTHY)
    leakcheck.write(
        "sized.py",
        """
        from leakcheck import scenario

        @scenario
        def sized(rows=1, columns=1): ...
        """,
    )
    assert leakcheck.run(".", "-o", "rows=7").code == ExitCode.WITHIN
    ran = leakcheck.run(".", "-o", "row=7")
    assert "leakcheck: -o row: there is no such option; " in ran.errors
    assert "rows" in ran.errors
    assert ran.code == ExitCode.USAGE


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("growht = '4 KiB'", "[tool.leakcheck]: there is no option 'growht'; did you mean growth?"),
        ("zzz = 1", "[tool.leakcheck]: there is no option 'zzz'; the options are growth, peak, calls"),
        ("growth = '4 KIB'", "there is no unit 'KIB'; the units are B, kB, KiB, MB, MiB, GB, GiB; did you mean KiB?"),
        ("calls = 'many'", "[tool.leakcheck]: Expected `int"),
        ("[[tool.leakcheck.overrides]]\nmatch = 'a'\npeek = '1 MiB'", "overrides: there is no option 'peek'"),
        ("[[tool.leakcheck.overrides]]\nmatch = 'a'\npeak = '1 mb'", "there is no unit 'mb'"),
        ("growth = ", "pyproject.toml: Invalid value"),
    ],
    ids=["a typing mistake", "no option", "a wrong unit", "a wrong type", "an override", "its unit", "no TOML"],
)
def test_a_configuration_that_cannot_be_used_is_refused_with_its_place(
    leakcheck: Leakcheck, table: str, message: str
) -> None:
    leakcheck.write("healthy.py", HEALTHY)
    (leakcheck.folder / "pyproject.toml").write_text(f"[tool.leakcheck]\n{table}\n")
    ran = leakcheck.run("healthy.py")
    assert message in ran.errors
    assert "pyproject.toml" in ran.errors
    assert len(ran.errors.splitlines()) == 1
    assert ran.code == ExitCode.USAGE


def test_a_wrong_setting_in_the_environment_is_refused_with_its_name(leakcheck: Leakcheck) -> None:
    leakcheck.write("healthy.py", HEALTHY)
    ran = leakcheck.run("healthy.py", environment={"LEAKCHECK_CALLS": "many"})
    assert "leakcheck: environment: LEAKCHECK_" in ran.errors
    assert ran.code == ExitCode.USAGE


# --- names that match nothing ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("several.py::thrid", "several.py::thrid: there is no scenario 'thrid'; the file holds first, second"),
        ("several.py::first[c]", "several.py::first[c]: there is no variant 'c'; it has a, b"),
    ],
    ids=["a scenario", "a variant"],
)
def test_a_name_that_matches_nothing_is_said_with_what_is_there_and_the_others_are_measured(
    leakcheck: Leakcheck, target: str, message: str
) -> None:
    leakcheck.write("healthy.py", HEALTHY)
    leakcheck.write(
        "several.py",
        """
        from leakcheck import scenario

        @scenario(variants=("a", "b"))
        def first(variant): ...

        @scenario
        def second(): ...
        """,
    )
    ran = leakcheck.run(target, "healthy.py")
    assert ran.output.count(message) == 1
    assert ran.code == ExitCode.NOTHING_MEASURED
    assert_healthy_was_measured(ran)
    # AND alone it is an error before anything is measured
    alone = leakcheck.finish(leakcheck.start("run", target))
    assert alone.errors == f"leakcheck: {message}\n"
    assert alone.code == ExitCode.NOTHING_MEASURED


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["healthy.py", "-k", "nobody"], "-k picks none of healthy"),
        (["empty"], "empty: no function under @scenario; mark one, or name any callable as package.module:callable"),
        (["nothing.py"], "nothing.py: no function under @scenario"),
    ],
    ids=["-k", "a folder", "a file"],
)
def test_where_nothing_is_there_to_measure_that_is_no_success(
    leakcheck: Leakcheck, arguments: list[str], message: str
) -> None:
    leakcheck.write("healthy.py", HEALTHY)
    leakcheck.write("nothing.py", "def plain(): ...")
    leakcheck.write("empty/readme.txt", "no Python here")
    ran = leakcheck.run(*arguments)
    assert message in ran.errors
    assert ran.code == ExitCode.NOTHING_MEASURED


@pytest.mark.parametrize("target", ["empty", "nothing.py"])
def test_a_target_that_holds_nothing_is_said_beside_others_that_do(leakcheck: Leakcheck, target: str) -> None:
    leakcheck.write("healthy.py", HEALTHY)
    leakcheck.write("nothing.py", "def plain(): ...")
    leakcheck.write("empty/readme.txt", "no Python here")
    ran = leakcheck.run(target, "healthy.py")
    assert f"{target}: no function under @scenario" in ran.output
    assert ran.code == ExitCode.NOTHING_MEASURED
    assert_healthy_was_measured(ran)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("gone.py", "gone.py: there is no such file"),
        ("gone", "'gone': there is no such folder, and it is no target; write FOLDER, FILE.py, FILE.py::NAME"),
    ],
)
def test_a_file_or_folder_that_is_not_there_is_a_usage_error(leakcheck: Leakcheck, target: str, message: str) -> None:
    ran = leakcheck.run(target)
    assert message in ran.errors
    assert ran.code == ExitCode.USAGE


@pytest.mark.parametrize(
    ("target", "message", "code"),
    [
        (
            "no_such_module:f",
            "no_such_module:f: does not import: ModuleNotFoundError: No module named 'no_such_module'",
            ExitCode.SCENARIO_FAILED,
        ),
        ("shop:gone", "has no 'gone'", ExitCode.USAGE),
        ("shop:PRICE", "shop:PRICE is 7, which cannot be called", ExitCode.USAGE),
    ],
)
def test_a_callable_that_is_not_there_fails_and_the_others_are_measured(
    leakcheck: Leakcheck, target: str, message: str, code: ExitCode
) -> None:
    leakcheck.write("shop.py", "PRICE = 7")
    leakcheck.write("healthy.py", HEALTHY)
    ran = leakcheck.run(target, "healthy.py")
    assert message in ran.output
    assert_healthy_was_measured(ran)
    assert ran.code == code


@pytest.mark.parametrize(
    ("setup", "message", "code"),
    [
        ("shop", "'shop': there is no such folder", ExitCode.USAGE),
        ("shop.py", "--setup shop.py: write package.module:callable", ExitCode.USAGE),
        ("shop:gone", "has no 'gone'", ExitCode.USAGE),
        ("shop:fail", "healthy: its set-up failed: RuntimeError: no shop today", ExitCode.SCENARIO_FAILED),
    ],
)
def test_a_setup_that_cannot_be_run_fails_with_its_own_error(
    leakcheck: Leakcheck, setup: str, message: str, code: ExitCode
) -> None:
    leakcheck.write("shop.py", "def fail():\n    raise RuntimeError('no shop today')\n")
    leakcheck.write("healthy.py", HEALTHY)
    ran = leakcheck.run("healthy.py", "--setup", setup)
    assert message in ran.output
    assert ran.code == code


# --- runs that are ended from outside -------------------------------------------------------------


def test_side_by_side_a_dying_scenario_takes_no_other_with_it(leakcheck: Leakcheck) -> None:
    leakcheck.write("bad.py", "import os\nfrom leakcheck import scenario\n\n@scenario\ndef bad():\n    os.abort()\n")
    leakcheck.write("healthy.py", HEALTHY)
    ran = leakcheck.run("bad.py", "healthy.py", "--jobs", "2")
    assert_healthy_was_measured(ran)
    assert_failed(ran, "bad: the process ended during call 1: killed by SIGABRT")
    assert [result.id for result in ran.document.results] == ["bad", "healthy"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_an_interrupted_run_keeps_what_was_measured_and_leaves_no_process(
    leakcheck: Leakcheck, number: signal.Signals
) -> None:
    # GIVEN a run in the middle of its second scenario
    process = start_with_slow_second(leakcheck)
    worker = process_of_slow(leakcheck)
    # WHEN it is interrupted
    process.send_signal(number)
    ran = leakcheck.finish(process)
    # THEN the first result is printed and saved, and nothing is left running
    assert ran.code == ExitCode.INTERRUPTED
    assert "Traceback" not in ran.errors
    assert "healthy" in ran.output
    assert "not finished" in ran.output
    assert not ran.document.finished
    assert [result.id for result in ran.document.results] == ["healthy"]
    assert not is_alive(worker)


def test_an_interrupt_while_scenarios_are_looked_for_ends_the_run_without_a_traceback(leakcheck: Leakcheck) -> None:
    leakcheck.write(
        "slow.py",
        """
        import os, pathlib, time
        from leakcheck import scenario

        pathlib.Path("slow-process.txt").write_text(str(os.getpid()))
        time.sleep(3600)

        @scenario
        def never_defined(): ...
        """,
    )
    process = leakcheck.start("run", ".", f"--output={leakcheck.output}")
    worker = process_of_slow(leakcheck)
    process.send_signal(signal.SIGINT)
    ran = leakcheck.finish(process)
    assert ran.code == ExitCode.INTERRUPTED
    assert "Traceback" not in ran.errors
    assert not is_alive(worker)


def test_a_run_that_is_killed_leaves_no_process_and_a_document_that_can_be_read(leakcheck: Leakcheck) -> None:
    # GIVEN a run in the middle of its second scenario
    process = start_with_slow_second(leakcheck)
    worker = process_of_slow(leakcheck)
    # WHEN it is killed, and cannot clean up
    process.kill()
    ran = leakcheck.finish(process)
    # THEN the kernel ended the measured process, and the first result is saved
    wait_until(lambda: not is_alive(worker))
    assert [result.id for result in ran.document.results] == ["healthy"]
    assert not ran.document.finished
    # AND it can be shown
    shown = leakcheck.finish(leakcheck.start("show", str(next(leakcheck.output.iterdir()))))
    assert "not finished" in shown.output
    assert shown.code == ExitCode.WITHIN


def start_with_slow_second(leakcheck: Leakcheck) -> "subprocess.Popen[str]":
    """Start a run of a scenario that is soon done, and of one whose first call never ends."""
    leakcheck.write("healthy.py", HEALTHY)
    leakcheck.write("slow.py", SLOW)
    return leakcheck.start("run", "healthy.py", "slow.py", "--no-peak", f"--output={leakcheck.output}")


def process_of_slow(leakcheck: Leakcheck) -> int:
    """Return the id of the process that is replaying `slow`."""
    written = leakcheck.folder / "slow-process.txt"
    # what was read is kept: the file may be empty again, between being opened and being written
    read = [""]

    def is_written() -> bool:
        if written.exists():
            read.append(written.read_text())
        return read[-1] != ""

    wait_until(is_written)
    return int(read[-1])


def wait_until(true: Callable[[], bool], *, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)


# --- disks ----------------------------------------------------------------------------------------


def test_on_a_full_disk_the_results_are_printed_and_the_run_does_not_end_well(leakcheck: Leakcheck) -> None:
    # GIVEN a disk on which no file can have more than 100 bytes
    leakcheck.write("healthy.py", HEALTHY)
    process = leakcheck.start(
        "run",
        "healthy.py",
        "--peak-pass",
        f"--output={leakcheck.output}",
        before=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100)),
    )
    # WHEN a scenario is run
    ran = leakcheck.finish(process)
    # THEN its result is printed, and why it was not saved
    assert "1 of 1 within budget" in ran.output
    assert "run.json: cannot be written (File too large); free some room, or choose another place" in ran.errors
    assert "Traceback" not in ran.errors
    assert ran.code == ExitCode.USAGE
    # AND no half a document is left
    (folder,) = leakcheck.output.iterdir()
    assert [path.name for path in folder.iterdir()] == ["captures"]


def test_a_run_folder_that_goes_away_costs_neither_the_results_nor_their_truth(leakcheck: Leakcheck) -> None:
    # GIVEN a body that takes the run's folder away
    leakcheck.write(
        "tidy.py",
        """
        import shutil
        from leakcheck import scenario

        @scenario
        def tidy():
            shutil.rmtree("out", ignore_errors=True)
        """,
    )
    # WHEN it is run with both passes
    ran = leakcheck.run("tidy.py", "--peak-pass")
    # THEN it is said why there is no peak and no document, and it is not for want of memray
    assert "tidy: the peak pass failed, and the growth verdict stands: " in ran.output
    assert "captures: cannot be made (No such file or directory)" in ran.output
    assert "memray" not in ran.output
    assert "run.json: cannot be written (No such file or directory)" in ran.errors
    assert ran["tidy"].verdict is Verdict.CLEAN
    assert ran.code == ExitCode.USAGE


def test_an_output_folder_that_is_a_file_is_a_usage_error(leakcheck: Leakcheck) -> None:
    leakcheck.write("healthy.py", HEALTHY)
    leakcheck.write("out", "a file stands here")
    ran = leakcheck.run("healthy.py")
    assert "cannot be made (Not a directory); choose another with --output" in ran.errors
    assert ran.code == ExitCode.USAGE


@pytest.mark.parametrize("output", ["file/below", "/proc/leakcheck"], ids=["below a file", "where nobody can write"])
def test_an_output_folder_that_cannot_be_made_is_a_usage_error(leakcheck: Leakcheck, output: str) -> None:
    leakcheck.write("healthy.py", HEALTHY)
    leakcheck.write("file", "a file stands here")
    ran = leakcheck.run("healthy.py", "--output", output)
    assert f"leakcheck: {output}" in ran.errors
    assert "; choose another with --output" in ran.errors
    assert "Traceback" not in ran.errors
    assert ran.code == ExitCode.USAGE


def test_a_json_file_that_cannot_be_written_costs_neither_the_results_nor_the_run(leakcheck: Leakcheck) -> None:
    leakcheck.write("healthy.py", HEALTHY)
    ran = leakcheck.run("healthy.py", "--json", "no/such/folder/run.json")
    assert "1 of 1 within budget" in ran.output
    assert "leakcheck: no/such/folder/run.json: cannot be written (No such file or directory)" in ran.errors
    assert_healthy_was_measured(ran)
    assert ran.code == ExitCode.USAGE


def test_two_runs_at_once_in_one_folder_leave_two_whole_documents(leakcheck: Leakcheck) -> None:
    # GIVEN one folder
    leakcheck.write("healthy.py", HEALTHY)
    arguments = ("run", "healthy.py", "--peak-pass", f"--output={leakcheck.output}")
    # WHEN three runs begin in it at the same time
    processes = [leakcheck.start(*arguments) for _ in range(3)]
    codes = [leakcheck.finish(process).code for process in processes]
    # THEN each has a document of its own, whole, and a capture of its own
    assert codes == [ExitCode.WITHIN] * 3
    folders = sorted(leakcheck.output.iterdir())
    assert len(folders) == 3
    for folder in folders:
        document = store.load(folder)
        assert document.finished
        assert [result.verdict for result in document.results] == [Verdict.CLEAN]
        assert document.results[0].capture is not None
        assert (folder / document.results[0].capture).stat().st_size > 0


# --- the peak pass --------------------------------------------------------------------------------


def test_a_peak_pass_that_dies_leaves_the_growth_verdict_standing(leakcheck: Leakcheck) -> None:
    # GIVEN a body that dies under memray, and nowhere else
    bad = """
    import os, sys
    from leakcheck import scenario

    @scenario
    def bad():
        if "memray" in sys.modules:
            os._exit(11)
    """
    # WHEN it is run with both passes
    ran = run_beside_healthy(leakcheck, bad, "--peak-pass")
    # THEN growth is judged, and the other scenario has both
    assert (ran["bad"].verdict, ran["bad"].gate) == (Verdict.CLEAN, Gate.WITHIN)
    assert ran["bad"].peak_bytes is None
    assert "bad: the peak pass failed, and the growth verdict stands: the process ended during" in ran.output
    assert "exit status 11" in ran.output
    assert ran["healthy"].peak_bytes is not None
    assert ran.code == ExitCode.WITHIN


def test_a_peak_pass_that_dies_is_no_peak_within_budget(leakcheck: Leakcheck) -> None:
    bad = """
    import os, sys
    from leakcheck import scenario

    @scenario(peak="10 MiB")
    def bad():
        if "memray" in sys.modules:
            os._exit(11)
    """
    ran = run_beside_healthy(leakcheck, bad, "--peak-pass")
    assert (ran["bad"].verdict, ran["bad"].gate) == (Verdict.CLEAN, Gate.ERROR)
    assert ran.code == ExitCode.SCENARIO_FAILED


def test_without_memray_growth_is_measured_and_the_remedy_for_the_peak_is_said(
    leakcheck: Leakcheck, bare_python: Path
) -> None:
    leakcheck.write("healthy.py", HEALTHY)
    ran = leakcheck.run("healthy.py", "--peak-pass", "--python", str(bare_python))
    assert_healthy_was_measured(ran)
    assert ran["healthy"].peak_bytes is None
    assert "The peaks were left out: there is no memray in the measured Python." in ran.output
    assert "pip install memray" in ran.output
    assert ran.code == ExitCode.WITHIN


def test_without_memray_a_peak_budget_is_not_taken_for_kept(leakcheck: Leakcheck, bare_python: Path) -> None:
    leakcheck.write("healthy.py", HEALTHY)
    ran = leakcheck.run("healthy.py", "--peak-pass", "--python", str(bare_python), "--peak", "10 MiB")
    assert (ran["healthy"].verdict, ran["healthy"].gate) == (Verdict.CLEAN, Gate.INCONCLUSIVE)
    assert ran.code == ExitCode.INCONCLUSIVE
