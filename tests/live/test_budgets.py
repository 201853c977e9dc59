"""Budgets and what cannot be said, by the real command, on leaks of known size."""

import pytest

from leakcheck.model.errors import ExitCode
from leakcheck.model.verdict import Gate, Verdict
from tests.live.command import Leakcheck

# --- budgets --------------------------------------------------------------------------------------


@pytest.fixture
def hundred_and_twelve(leakcheck: Leakcheck) -> Leakcheck:
    """A leak of exactly 112 bytes a call."""
    leakcheck.write(
        "leak.py",
        """
        import ctypes
        from leakcheck import scenario

        LIBC = ctypes.CDLL(None)

        @scenario(growth="100 GiB / 1000 calls", variants=("a", "b"))
        def leak(variant):
            LIBC.malloc(100)
        """,
    )
    return leakcheck


@pytest.mark.parametrize(
    ("growth", "gate"),
    [("111 B / call", Gate.OVER), ("112 B / call", Gate.INCONCLUSIVE), ("113 B / call", Gate.WITHIN)],
)
def test_the_gate_flips_at_the_leaks_own_size_and_says_neither_at_it(
    hundred_and_twelve: Leakcheck, growth: str, gate: Gate
) -> None:
    ran = hundred_and_twelve.run("leak.py::leak[a]", "--calls", "4000", "--growth", growth)
    assert (ran.result.verdict, ran.result.gate) == (Verdict.LEAK, gate)
    assert (
        ran.code
        == {
            Gate.OVER: ExitCode.OVER_BUDGET,
            Gate.INCONCLUSIVE: ExitCode.INCONCLUSIVE,
            Gate.WITHIN: ExitCode.WITHIN,
        }[gate]
    )


def test_a_budget_is_the_marks_then_the_patterns_then_the_flags(hundred_and_twelve: Leakcheck) -> None:
    # GIVEN a mark that allows everything, and an override that forbids a leak to one variant
    (hundred_and_twelve.folder / "pyproject.toml").write_text(
        "[tool.leakcheck]\ncalls = 2000\ngrowth = '1 B / call'\n\n"
        "[[tool.leakcheck.overrides]]\nmatch = '*[b]'\ngrowth = '100 B / call'\n"
    )
    # WHEN it is run, THEN the mark holds for one and the override for the other
    ran = hundred_and_twelve.run("leak.py")
    assert [(result.gate, result.over_budget) for result in ran.document.results] == [
        (Gate.WITHIN, ()),
        (Gate.OVER, ("growth",)),
    ]
    assert ran["leak[b]"].budget.growth_bytes_per_1000_calls == 100_000
    assert ran.code == ExitCode.OVER_BUDGET
    # WHEN a flag is given, THEN it holds for both
    ran = hundred_and_twelve.run("leak.py", "--growth", "200 B / call")
    assert [result.gate for result in ran.document.results] == [Gate.WITHIN, Gate.WITHIN]
    assert ran.code == ExitCode.WITHIN


def test_a_peak_over_its_budget_fails_a_clean_scenario(leakcheck: Leakcheck) -> None:
    leakcheck.write(
        "dear.py",
        """
        from leakcheck import scenario

        @scenario(peak="10 MiB")
        def dear():
            bytearray(20 << 20)

        @scenario(peak="30 MiB")
        def allowed():
            bytearray(20 << 20)
        """,
    )
    ran = leakcheck.run("dear.py", "--peak-pass", "--calls", "200")
    assert (ran["dear"].verdict, ran["dear"].gate, ran["dear"].over_budget) == (Verdict.CLEAN, Gate.OVER, ("peak",))
    assert (ran["allowed"].verdict, ran["allowed"].gate) == (Verdict.CLEAN, Gate.WITHIN)
    assert ran["dear"].peak_bytes == pytest.approx(20 << 20, rel=0.001)
    assert "dear: one call peaks at 20.0 MiB; the budget is 10.0 MiB." in ran.output
    assert ran.code == ExitCode.OVER_BUDGET


# --- what cannot be said --------------------------------------------------------------------------

CLIMBS_AND_RESTS = """
import itertools
from leakcheck import scenario

KEPT, COUNT = [], itertools.count()

@scenario
def climbs():
    call = next(COUNT)
    if call < 60 or 100 <= call < 140:
        KEPT.append(bytes(10_000))
"""


def test_what_cannot_be_said_is_inconclusive_and_green_only_where_that_was_asked_for(leakcheck: Leakcheck) -> None:
    # GIVEN a memory that climbs, rests and climbs, looked at for too short a time
    leakcheck.write("climbs.py", CLIMBS_AND_RESTS)
    # WHEN it is run
    ran = leakcheck.run("climbs.py", "--calls", "150")
    # THEN nothing is claimed, the remedy is named, and it is no success
    assert (ran.result.verdict, ran.result.gate) == (Verdict.INCONCLUSIVE, Gate.INCONCLUSIVE)
    assert "raise --calls" in ran.output
    assert ran.code == ExitCode.INCONCLUSIVE
    # AND it is one where somebody said so
    assert leakcheck.run("climbs.py", "--calls", "150", "--allow-inconclusive").code == ExitCode.WITHIN
