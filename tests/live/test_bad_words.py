"""What cannot be imported, understood or found: said clearly, and the rest is measured."""

import pytest

from leakcheck.model.errors import ExitCode
from leakcheck.model.verdict import Gate
from tests.live.beside import HEALTHY, assert_failed, assert_healthy_was_measured, run_beside_healthy
from tests.live.command import Leakcheck

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
        ("os._exit(7)", "bad.py: during import, the process exited with status 7 and no output"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "bad.py: during import, the process was killed by SIGKILL"),
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
        (["-o", "rows=1"], "-o rows: there is no such option; no scenario here takes any"),
        (["-o", "peek.rows=1"], "-o peek.rows: there is no pass 'peek'; write growth.rows, peak.rows or limit.rows"),
        (["-k", "healthy and"], "-k 'healthy and' breaks off at its end; write words joined by and, or, not"),
        (["-k", "(healthy"], "-k '(healthy' breaks off at its end"),
        (["-k", "healthy)"], "-k 'healthy)' breaks off near ')'"),
        (
            ["--python", "/no/such/python"],
            "/no/such/python: cannot be started (No such file or directory); pass --python the path of a Python",
        ),
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
        ("several.py::thrid", "several.py::thrid: there is no scenario 'thrid'; available: first, second"),
        ("several.py::first[c]", "several.py::first[c]: there is no variant 'c'; available: a, b"),
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
        (["healthy.py", "-k", "nobody"], "-k matches no scenario; available: healthy"),
        (
            ["empty"],
            "empty: no function is decorated with @scenario; decorate one, or name any callable as "
            "package.module:callable",
        ),
        (["nothing.py"], "nothing.py: no function is decorated with @scenario"),
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
    assert f"{target}: no function is decorated with @scenario" in ran.output
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
        ("shop:PRIZE", "has no 'PRIZE'; did you mean PRICE?", ExitCode.USAGE),
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
