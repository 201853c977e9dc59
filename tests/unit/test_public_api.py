"""The names that users import: all are there, described and typed, and importing the package stays cheap."""

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import leakcheck

NAMES = [name for name in leakcheck.__all__ if name != "__version__"]

USERS_FILE = """
from leakcheck import Growth, LeakcheckFixture, LeakcheckException, UsageError, limited, scenario


@scenario(growth="64 KiB / 1000 calls")
def buy(count: int = 1) -> int:
    return count


def test_a_sale(leakcheck: LeakcheckFixture) -> None:
    result = leakcheck(lambda: buy(2), peak="1 MiB")
    growth: Growth | None = result.growth
    reveal_type(buy)
    reveal_type(result.verdict)
    reveal_type(result.gate)
    reveal_type(result.peak_bytes)
    reveal_type(result.latency_seconds)
    if growth is not None:
        reveal_type(growth <= "4 KiB / 1000 calls")
        reveal_type(growth.meter)


limited(dict, entries="items", limit=10)
failure: type[LeakcheckException] = UsageError
wrong: str = 1
"""


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_is_there_and_described(name: str) -> None:
    described = inspect.getdoc(getattr(leakcheck, name)) or ""
    assert len(described.split()) > 5
    assert name in dir(leakcheck)


@pytest.mark.parametrize("name", ["Run", "Target", "ExitCode", "nonsense"])
def test_no_other_name_can_be_imported(name: str) -> None:
    with pytest.raises(AttributeError, match=f"has no attribute '{name}'"):
        getattr(leakcheck, name)


def test_the_result_of_a_measurement_is_loaded_only_when_somebody_asks_for_it() -> None:
    program = (
        "import sys, leakcheck; before = set(sys.modules); leakcheck.Result; "
        "print(sorted(name for name in before if name.startswith('leakcheck'))); "
        "print('leakcheck.model.result' in set(sys.modules) - before)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]
    )
    loaded, is_loaded_later = done.stdout.splitlines()
    assert loaded == str(
        [
            *("leakcheck", "leakcheck._version", "leakcheck.model", "leakcheck.model.errors"),
            *("leakcheck.model.plain_text", "leakcheck.model.protocol", "leakcheck.model.units", "leakcheck.scenario"),
        ]
    )
    assert is_loaded_later == "True"


def test_a_type_checker_knows_the_types_in_a_users_file(tmp_path: Path) -> None:
    (tmp_path / "test_sale.py").write_text(USERS_FILE)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--cache-dir", str(tmp_path / "cache")),
            *("--config-file", "", str(tmp_path / "test_sale.py")),
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    lines = [line.partition(": ")[2] for line in done.stdout.splitlines()]
    assert lines == [
        'note: Revealed type is "def (count: int =) -> int"',
        'note: Revealed type is "leakcheck.model.verdict.Verdict"',
        'note: Revealed type is "leakcheck.model.verdict.Gate"',
        'note: Revealed type is "int | None"',
        'note: Revealed type is "leakcheck.model.result.Latency | None"',
        'note: Revealed type is "bool"',
        'note: Revealed type is "leakcheck.model.result.Meter"',
        'error: Incompatible types in assignment (expression has type "int", variable has type "str")  [assignment]',
    ], done.stdout + done.stderr
