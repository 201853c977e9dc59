"""Why it grows, end to end: the line, the holder, the limit, and what happens when the search itself dies."""

import json
from pathlib import Path

import pytest

from leakcheck.model.errors import ExitCode
from leakcheck.model.explanation import TracerName
from leakcheck.model.verdict import Gate, Verdict
from tests.live.command import Leakcheck

LEAK = """
    from leakcheck import scenario

    KEPT = []

    def handle(request):
        KEPT.append(request)

    @scenario
    def leak():
        handle(bytes(1000))
    """


def test_a_leak_is_explained_by_its_line_and_its_holder(leakcheck: Leakcheck) -> None:
    # GIVEN a list that keeps each request
    leakcheck.write("shop.py", LEAK)
    # WHEN it is run as a user runs it
    ran = leakcheck.run("shop.py", "--explain=auto")
    # THEN the document says who allocates, what grows, and what holds it
    result = ran.result
    container, site = result.explanation.containers[0], result.explanation.allocation_sites[0]
    assert (container.name, container.kind, container.limit) == ("shop.KEPT", "list", None)
    assert container.length_per_call == pytest.approx(1.0, abs=0.01)
    assert container.share == pytest.approx(1.0, abs=0.05)
    assert "".join(link.step for link in result.explanation.retention_paths[0].links).startswith("shop.KEPT")
    assert (site.frame.file, site.frame.source) == ("shop.py", "handle(bytes(1000))")
    assert result.explanation.explained_fraction is not None
    assert 0.9 <= result.explanation.explained_fraction <= 1.1
    # AND so does the terminal
    assert "allocated at  shop.py:10" in ran.output
    assert "retained by   shop.KEPT" in ran.output
    assert "list, +1 item per call, unbounded" in ran.output
    assert ran.code == ExitCode.OVER_BUDGET


def test_explaining_can_be_left_out(leakcheck: Leakcheck) -> None:
    leakcheck.write("shop.py", LEAK)
    ran = leakcheck.run("shop.py", "--explain=never")
    assert ran.result.verdict is Verdict.LEAK
    assert (
        ran.result.explanation.containers,
        ran.result.explanation.allocation_sites,
        ran.result.explanation.explained_fraction,
    ) == ((), (), None)
    assert "retained by" not in ran.output


def test_of_what_stands_still_nobody_is_blamed(leakcheck: Leakcheck) -> None:
    leakcheck.write(
        "fine.py",
        """
        from leakcheck import scenario

        @scenario
        def fine():
            len([bytes(100) for _ in range(10)])
        """,
    )
    ran = leakcheck.run("fine.py", "--explain=always")
    assert (ran.result.verdict, ran.result.gate) == (Verdict.CLEAN, Gate.WITHIN)
    assert (
        ran.result.explanation.containers,
        ran.result.explanation.retention_paths,
        ran.result.explanation.allocation_sites,
    ) == ((), (), ())


def test_a_dict_that_stopped_growing_is_bounded_by_name(leakcheck: Leakcheck) -> None:
    # GIVEN a dict that meets 1500 customers, and a limit that is nowhere declared
    leakcheck.write(
        "shop.py",
        """
        import itertools
        from leakcheck import scenario

        NUMBERS, BY_CUSTOMER = itertools.count(), {}

        @scenario
        def visit():
            BY_CUSTOMER[next(NUMBERS) % 1500] = bytes(1000)
        """,
    )
    # WHEN it is run
    ran = leakcheck.run("shop.py", "--explain=auto")
    # THEN it is bounded, and by what
    assert ran.result.verdict is Verdict.BOUNDED
    assert ran.result.bounded_by is not None
    assert (ran.result.bounded_by.name, ran.result.bounded_by.limit) == ("shop.BY_CUSTOMER", 1500)
    assert "shop.BY_CUSTOMER (dict) holds at most 1,500 items" in ran.output


DIES_WHEN_RUN_AGAIN = """
    import os, pathlib
    from leakcheck import scenario

    KEPT = []
    MARK = pathlib.Path("was-here")

    @scenario
    def leak():
        if MARK.exists() and MARK.read_text() != str(os.getpid()):
            {fate}
        if not KEPT:
            MARK.write_text(str(os.getpid()))
        KEPT.append(bytes(1000))
    """


@pytest.mark.parametrize("fate", ["os.abort()", "os._exit(3)", "raise ValueError('again')"])
def test_an_explain_pass_that_fails_costs_no_verdict(leakcheck: Leakcheck, fate: str) -> None:
    # GIVEN a scenario that leaks in its first process and fails in every later one
    leakcheck.write("shop.py", DIES_WHEN_RUN_AGAIN.format(fate=fate))
    # WHEN it is run
    ran = leakcheck.run("shop.py", "--explain=auto")
    # THEN the verdict stands, and it is said what could not be found out
    assert (ran.result.verdict, ran.result.gate, ran.result.failure) == (Verdict.LEAK, Gate.OVER, None)
    assert ran.result.explanation.notes
    assert "the verdict stands" in ran.output
    assert ran.code == ExitCode.OVER_BUDGET


def test_a_known_leak_passes_until_its_entry_expires(leakcheck: Leakcheck) -> None:
    # GIVEN a leak that was found, and its fingerprint on the list
    leakcheck.write("shop.py", LEAK)
    found = leakcheck.run("shop.py", "--explain=auto").result.explanation.retention_paths[0].fingerprint
    entry = f'[[tool.leakcheck.known]]\nfingerprint = "{found}"\nreason = "ticket 12"\n'
    leakcheck.write("pyproject.toml", entry)
    # WHEN it is run again
    ran = leakcheck.run("shop.py", "--explain=auto")
    # THEN it is measured as before, and does not fail
    assert ran.result.verdict is Verdict.LEAK
    assert (ran.result.gate, ran.result.over_budget, ran.code) == (Gate.WITHIN, (), ExitCode.WITHIN)
    assert "ticket 12" in ran.output
    # AND once its day is past, it does
    leakcheck.write("pyproject.toml", f"{entry}expires = 2020-01-01\n")
    ran = leakcheck.run("shop.py", "--explain=auto")
    assert (ran.result.gate, ran.code) == (Gate.OVER, ExitCode.OVER_BUDGET)
    assert "expired on 2020-01-01" in ran.output
    # AND where it is gone, its entry can go
    leakcheck.write("shop.py", LEAK.replace("KEPT.append(request)", "pass"))
    leakcheck.write("pyproject.toml", entry)
    assert "its entry can be removed" in leakcheck.run("shop.py", "--explain=auto").output


NATIVE = """
    import ctypes

    from leakcheck import scenario

    TAKE = ctypes.pythonapi.Py_IncRef
    TAKE.argtypes, TAKE.restype = [ctypes.py_object], None

    @scenario
    def parse():
        TAKE([bytes(200)])

    @scenario
    def query():
        TAKE({"row": [bytes(200)]})
    """


def test_one_known_leak_of_native_code_does_not_forgive_another(leakcheck: Leakcheck) -> None:
    # GIVEN two leaks that native code holds, both explained in full
    leakcheck.write("shop.py", NATIVE)
    paths = [
        result.explanation.retention_paths[0] for result in leakcheck.run("shop.py", "--explain=auto").document.results
    ]
    assert all(path.held_by_native for path in paths)
    assert [path.first_objects_per_call for path in paths] == pytest.approx([1.0, 1.0], abs=0.05)
    # WHEN one of them is on the list
    entry = f'[[tool.leakcheck.known]]\nfingerprint = "{paths[0].fingerprint}"\nreason = "ticket 12"\n'
    leakcheck.write("pyproject.toml", entry)
    ran = leakcheck.run("shop.py", "--explain=auto")
    # THEN it alone is forgiven, in another process as in the first
    assert [result.gate for result in ran.document.results] == [Gate.WITHIN, Gate.OVER]
    assert ran.code == ExitCode.OVER_BUDGET
    assert "can be removed" not in ran.output


def test_a_pattern_that_names_two_leaks_is_a_configuration_error(leakcheck: Leakcheck) -> None:
    leakcheck.write("shop.py", NATIVE)
    leakcheck.write("pyproject.toml", '[[tool.leakcheck.known]]\nmatch = "native code*"\nreason = "ticket 12"\n')
    ran = leakcheck.run("shop.py", "--explain=auto")
    assert ran.code == ExitCode.USAGE
    assert "the known leak native code* names 2 different leaks in this run" in " ".join(ran.output.split())


def test_the_document_can_be_read_without_us(leakcheck: Leakcheck) -> None:
    leakcheck.write("shop.py", LEAK)
    document = Path(leakcheck.folder / "run-document.json")
    leakcheck.run("shop.py", "--explain=auto")
    result = json.loads(document.read_text(encoding="utf-8"))["results"][0]
    assert {"explanation", "resources"} <= set(result)
    explained = {"allocation_sites", "containers", "retention_paths", "explained_fraction"}
    assert explained <= set(result["explanation"])


def test_without_memray_tracemalloc_tells_the_lines(leakcheck: Leakcheck) -> None:
    leakcheck.write("shop.py", LEAK)
    leakcheck.write("broken/memray.py", "raise ImportError('no memray for this platform')")
    ran = leakcheck.run("shop.py", "--explain=auto", environment={"PYTHONPATH": str(leakcheck.folder / "broken")})
    assert ran.result.explanation.allocation_tracer is TracerName.TRACEMALLOC
    assert ran.result.explanation.allocation_sites[0].frame.source == "handle(bytes(1000))"
    assert ran.result.explanation.explained_fraction == pytest.approx(1.0, abs=0.1)
    assert "of the growth (tracemalloc)" in ran.output
