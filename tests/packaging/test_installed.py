"""The wheel at work, in an environment that has nothing but it and what it declares, in an empty folder."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from leakcheck import __version__
from tests.packaging.built import Built, Installed, ran

pytest.importorskip("build")
pytest.importorskip("hatchling")
pytest.importorskip("hatch_fancy_pypi_readme")

SCENARIOS = """
from leakcheck import scenario

KEPT = []

@scenario
def leaking():
    KEPT.append(bytes(1000))

@scenario
def clean():
    bytes(1000)
"""
TEST = """
import pytest

KEPT = []

@pytest.mark.leakcheck
def test_it_keeps_a_page():
    KEPT.append(bytes(5000))

@pytest.mark.leakcheck
def test_it_keeps_nothing():
    bytes(5000)
"""


def test_the_command_and_the_module_say_the_version(installed: Installed, tmp_path: Path) -> None:
    assert ran([installed.leakcheck, "--version"], tmp_path) == f"leakcheck {__version__}\n"
    assert ran([installed.python, "-m", "leakcheck", "--version"], tmp_path) == f"leakcheck {__version__}\n"
    where = "import leakcheck; print(leakcheck.__file__)"
    assert str(installed.packages) in ran([installed.python, "-c", where], tmp_path)


def test_no_library_of_a_hundred_megabytes_comes_along(installed: Installed) -> None:
    assert not {path.name for path in installed.packages.iterdir()} & {"numpy", "scipy", "pandas", "matplotlib"}


def test_a_first_file_is_measured_and_reported(installed: Installed, tmp_path: Path) -> None:
    (tmp_path / "scenarios.py").write_text(SCENARIOS)
    told = ran([installed.leakcheck, "run", "scenarios.py"], tmp_path, code=1)
    assert "leaking: memory grows by" in told
    assert "KEPT.append(bytes(1000))" in told
    assert "1 failed, 1 passed" in told
    (report,) = tmp_path.glob("reports/*/report.html")
    assert "<svg" in report.read_text(encoding="utf-8")


def test_every_verb_says_what_it_is_for(installed: Installed, tmp_path: Path) -> None:
    told = ran([installed.leakcheck, "--help"], tmp_path)
    assert [verb for verb in ("run", "check", "compare", "limit", "demo", "doctor") if f" {verb} " not in told] == []
    assert "newsletter" in ran([installed.leakcheck, "demo", "--help"], tmp_path)


def test_the_doctor_says_that_all_is_exact_and_which_extra_is_not_there(installed: Installed, tmp_path: Path) -> None:
    found = json.loads(ran([installed.leakcheck, "doctor", "--json"], tmp_path))
    by_name = {one["name"]: one for one in found["findings"]}
    assert by_name["Python's live bytes"]["state"] == "ok"
    assert by_name["memray"]["state"] == "ok"
    assert by_name["Django"]["remedy"] == 'pip install "pytest-leakcheck[django]"'
    assert by_name["matplotlib"]["remedy"] == 'pip install "pytest-leakcheck[plots]"'


def test_the_demo_names_the_extra_that_it_needs(installed: Installed, tmp_path: Path) -> None:
    told = ran([installed.leakcheck, "demo"], tmp_path, code=2)
    assert told.count("\n") == 1
    assert "requires django and aiosmtpd" in told
    assert 'pip install "pytest-leakcheck[django]"' in told


def test_a_verb_that_needs_an_extra_names_it(installed: Installed, tmp_path: Path) -> None:
    (tmp_path / "scenarios.py").write_text(SCENARIOS)
    told = ran([installed.leakcheck, "limit", "scenarios.py", "--memory", "256MiB"], tmp_path, code=2)
    assert 'pip install "pytest-leakcheck[limit]"' in told
    run = tmp_path / "run.json"
    ran([installed.leakcheck, "run", "scenarios.py::clean", "--no-report", "--json", run], tmp_path)
    told = ran([installed.leakcheck, "plot", run, "--output", "."], tmp_path, code=2)
    assert "pytest-leakcheck[plots]" in told


def test_the_demo_runs_without_a_checkout_and_writes_where_you_are(
    installed_for_tests: Installed, tmp_path: Path
) -> None:
    before = installed_for_tests.files()
    told = ran([installed_for_tests.leakcheck, "demo", "--quick", "-k", "keyset"], tmp_path, LEAKCHECK_TIME="5")
    assert "Four variants fail on purpose" in told
    assert "newsletter[keyset]" in told
    assert "All as expected: 1 passed" in told
    assert [path.name for path in tmp_path.iterdir()] == ["reports"]
    assert len(list(tmp_path.glob("reports/*/report.html"))) == 1
    # where it is installed nothing may be written
    assert installed_for_tests.files() == before


def test_pytest_has_the_mark(installed_for_tests: Installed, tmp_path: Path) -> None:
    (tmp_path / "test_pages.py").write_text(TEST)
    told = ran([installed_for_tests.python, "-m", "pytest", "-q", "--strict-markers"], tmp_path, code=1)
    assert "1 failed, 1 passed" in told
    assert "test_it_keeps_a_page" in told
    assert "memory grows by" in told


@pytest.mark.slow
def test_it_is_installed_from_an_index_with_all_that_it_declares(built: Built, tmp_path: Path) -> None:
    made = Installed(tmp_path / "venv")
    subprocess.run([sys.executable, "-m", "venv", made.folder], check=True, timeout=120)
    extras = "django,limit,plots,pytest"
    pip = (made.python, "-m", "pip", "--disable-pip-version-check")
    ran([*pip, "install", "--quiet", f"pytest-leakcheck[{extras}] @ {built.wheel.as_uri()}"], tmp_path, seconds=900)
    assert "No broken requirements found." in ran([*pip, "check"], tmp_path)
    folder = tmp_path / "empty"
    folder.mkdir()
    told = ran([made.leakcheck, "demo", "--quick", "-k", "iterator or outbox"], folder, seconds=600)
    assert "All as expected: 1 failed, 1 passed" in told
    found = json.loads(ran([made.leakcheck, "doctor", "--json"], folder))
    assert not [one for one in found["findings"] if one["state"] in ("limited", "broken")]


@pytest.mark.slow
def test_the_names_of_every_extra_are_those_of_packages(built: Built, tmp_path: Path) -> None:
    extras = ",".join(built.metadata().get_all("Provides-Extra") or ())
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--dry-run"]
    # mysqlclient has no wheel: its sources would be built, which takes a compiler and MariaDB's headers
    without_servers = ",".join(extra for extra in extras.split(",") if extra != "databases")
    wanted = f"pytest-leakcheck[{without_servers}] @ {built.wheel.as_uri()}"
    ran([*pip, "--ignore-installed", wanted], tmp_path, seconds=900)
    ran([*pip, "--no-deps", "psycopg[binary]>=3.2", "PyMySQL>=1.1"], tmp_path, seconds=300)
