"""The doctor's checks for facts of other machines, and that its report contains no private names."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from leakcheck.doctor.checks import without_paths
from leakcheck.doctor.interpreter import check_interpreter, summary
from leakcheck.doctor.machine import check_machine, check_packages, check_project
from leakcheck.doctor.model import (
    Check,
    CheckState,
    DoctorReport,
    InterpreterFacts,
    MachineFacts,
    MeterReading,
    ProjectFacts,
    TracerStatus,
)
from leakcheck.doctor.report import markdown, overall_answer, render_report
from leakcheck.model.explanation import ResourceKind
from leakcheck.probe.meters import memory
from leakcheck.runner import machine
from leakcheck.runner.machine import ControlGroup

KEPT = 160_000
SEEN, BLIND = MeterReading(kept_bytes=KEPT, seen_bytes=KEPT - 48), MeterReading(kept_bytes=KEPT, seen_bytes=0)
COUNTED = ("blocks", *ResourceKind, "rss_bytes")
LINUX = InterpreterFacts(
    python="3.12.4",
    implementation="cpython",
    platform="linux-x86_64",
    allocator="pymalloc",
    libc="glibc 2.36",
    packages={"Django": "5.2", "pytest": "9.0", "pytest-leakcheck": "0.1.0"},
    bits=64,
    is_debug=False,
    has_gil=True,
    is_virtual=True,
    python_meter=SEEN,
    native_meter=SEEN,
    readings=COUNTED,
    has_maps=True,
    limiter="cgroup v2",
    memray=TracerStatus(version="1.20.0", sees_python=True, sees_native=True, names_native=True),
)
MUSL = replace(LINUX, libc="", native_meter=None)
MACOS = replace(
    MUSL,
    platform="darwin-arm64",
    readings=("blocks", "threads", "asyncio tasks", "uncollectable objects"),
    has_maps=False,
)
JEMALLOC = replace(LINUX, preloaded=("libjemalloc.so.2",), native_meter=None)
FREE_THREADED = replace(LINUX, python="3.13.1", has_gil=False, allocator="mimalloc", python_meter=None)
RAW = replace(LINUX, allocator="malloc", python_meter=BLIND)
PROJECT = ProjectFacts(
    python="3.12.4", packages={"matplotlib": "3.11"}, programs={"postgres": True}, git="git version 2.39.5"
)
GROUP = ControlGroup(version=2)
MACHINE = MachineFacts(
    system="Linux 6.1, x86_64", cores=2, all_cores=8, free_bytes=2.0**30, all_bytes=2.0**31, group=GROUP
)


def by_name(findings: "list[Check]") -> dict[str, Check]:
    checks = {check.name: check for check in findings}
    assert len(checks) == len(findings)
    return checks


def not_good(facts: InterpreterFacts) -> dict[str, Check]:
    """Return the checks that are not good, and assert that each has a remedy."""
    checks = {check.name: check for check in check_interpreter(facts) if check.state is not CheckState.GOOD}
    assert all(check.remedy for check in checks.values())
    return checks


def test_on_linux_with_glibc_everything_is_good() -> None:
    assert not_good(LINUX) == {}
    assert summary(LINUX) == "growth is exact, to the byte, Python's and native; the peak is traced by memray"


@pytest.mark.parametrize(
    ("facts", "names", "sentence"),
    [
        (MUSL, {"C library", "native live bytes"}, "exact for Python's heap, and estimated from resident pages"),
        (
            MACOS,
            {"C library", "native live bytes", "resident pages", "counted", "native frames"},
            "exact for Python's heap",
        ),
        (JEMALLOC, {"allocator", "native live bytes"}, "exact for Python's heap, and estimated"),
        (FREE_THREADED, {"Python", "allocator", "Python's live bytes"}, "exact for native memory, and estimated"),
        (RAW, {"allocator"}, "growth is exact, to the byte"),
        (replace(RAW, native_meter=None), {"allocator", "Python's live bytes", "native live bytes"}, "is estimated"),
        (replace(LINUX, implementation="pypy", python_meter=None), {"Python", "Python's live bytes"}, "native memory"),
        (replace(LINUX, python="3.99.0"), {"Python"}, "to the byte"),
        (replace(LINUX, is_debug=True), {"Python"}, "to the byte"),
        (replace(LINUX, memray=TracerStatus(error="no module named memray")), {"memray"}, "no peak can be measured"),
    ],
    ids=[
        "musl",
        "macOS",
        "jemalloc",
        "no GIL",
        "malloc",
        "malloc without meter",
        "PyPy",
        "later",
        "debug",
        "no memray",
    ],
)
def test_on_other_platforms_every_limitation_is_reported_with_a_remedy(
    facts: InterpreterFacts, names: set[str], sentence: str
) -> None:
    assert set(not_good(facts)) == names
    assert sentence in summary(facts)


def test_the_library_that_replaces_malloc_is_named() -> None:
    assert "LD_PRELOAD=libjemalloc.so.2" in not_good(JEMALLOC)["native live bytes"].remedy


def test_resources_that_cannot_be_counted_are_listed_separately() -> None:
    counted = not_good(MACOS)["counted"]
    assert counted.says == "threads, asyncio tasks and uncollectable objects; not open files and child processes"


def test_a_missing_optional_package_is_a_note_with_its_extra() -> None:
    parts = by_name(list(check_packages(PROJECT, LINUX)))
    assert (parts["Django"].state, parts["Django"].says) == (CheckState.GOOD, "5.2")
    assert parts["matplotlib"].state is CheckState.GOOD
    assert (parts["gunicorn"].state, parts["gunicorn"].remedy) == (
        CheckState.NOTE,
        'pip install "pytest-leakcheck[limit]"',
    )
    assert parts["pytest plugin"].says == "loaded by pytest 9.0"


@pytest.mark.parametrize(
    ("packages", "is_off", "remedy"),
    [
        ({}, False, 'pip install "pytest-leakcheck[pytest]"'),
        ({"pytest": "9"}, False, "pip install pytest-leakcheck there"),
        (LINUX.packages, True, "pytest -p leakcheck.pytest_plugin.plugin"),
    ],
)
def test_a_plugin_that_pytest_does_not_load_has_a_remedy(packages: dict[str, str], is_off: bool, remedy: str) -> None:
    project = replace(PROJECT, is_autoload_off=is_off)
    assert by_name(list(check_packages(project, replace(LINUX, packages=packages))))["pytest plugin"].remedy == remedy


def test_invalid_settings_are_broken_and_an_invalid_baseline_is_less() -> None:
    project = replace(
        PROJECT, settings_error="there is no option 'growht'", baseline_error="a merge left its marks in it"
    )
    checks = by_name(list(check_project(project)))
    assert (checks["settings"].state, checks["baseline"].state) == (CheckState.BROKEN, CheckState.LESS)
    assert "growht" in checks["settings"].says


@pytest.mark.parametrize(
    ("group", "says"),
    [
        (ControlGroup(version=0), "none"),
        (ControlGroup(version=1), "version 1"),
        (ControlGroup(version=2), "version 2, without limits"),
        (ControlGroup(version=2, cores=1.5, memory_bytes=2.0**29), "version 2, limited to 1.5 cores and 512 MiB"),
    ],
)
def test_limits_of_the_control_group_are_reported(group: ControlGroup, says: str) -> None:
    assert by_name(list(check_machine(replace(MACHINE, group=group), "")))["control group"].says == says


def test_control_groups_of_each_version_are_read(tmp_path: Path) -> None:
    membership = tmp_path / "membership"
    membership.write_text("4:memory:/job\n0::/job\n")
    assert machine.control_group(groups=tmp_path, membership=membership) == ControlGroup(version=1)
    membership.write_text("0::/job\n")
    assert machine.control_group(groups=tmp_path, membership=membership) == ControlGroup(version=0)
    (tmp_path / "cgroup.controllers").write_text("cpu memory\n")
    (tmp_path / "job").mkdir()
    (tmp_path / "job" / "memory.max").write_text("max\n")
    (tmp_path / "memory.max").write_text("4096\n")
    (tmp_path / "job" / "cpu.max").write_text("150000 100000\n")
    group = machine.control_group(groups=tmp_path, membership=membership)
    assert group == ControlGroup(version=2, cores=1.5, memory_bytes=4096)


@pytest.mark.parametrize(
    ("text", "public"),
    [
        ("/srv/acme corp/app/pyproject.toml: no", None),
        ("/nowhere/ann/shop/pyproject.toml: [tool.leakcheck]: no", "…/pyproject.toml: [tool.leakcheck]: no"),
        ("cannot open '/opt/acme/lib.so'", "cannot open '…/lib.so'"),
        ("from /proc/self/statm and /sys/fs", "from /proc/self/statm and /sys/fs"),
        ("growth and/or peak, 3 / 4", "growth and/or peak, 3 / 4"),
        ("LD_PRELOAD=/opt/acme/x.so", "LD_PRELOAD=…/x.so"),
    ],
)
def test_absolute_paths_are_shortened_to_their_last_name(
    text: str, public: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if public is None:
        monkeypatch.setattr(sys, "prefix", "/srv/acme corp/app")
        public = "…/pyproject.toml: no"
    assert without_paths(text) == public


def test_known_folders_are_replaced_even_if_their_names_contain_spaces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "ann smith"
    (home / "my work").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(home / "my work")
    assert without_paths(f"{home}/my work/pyproject.toml: no") == "./pyproject.toml: no"
    assert without_paths(f"{home}/other/x.toml: no") == "~/other/x.toml: no"


def test_a_meter_of_malloc_that_does_not_move_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    # GIVEN malloc's counters under another malloc: they read next to nothing
    monkeypatch.setattr(memory, "_LEAST_BYTES", 1 << 62)
    assert "native_bytes" not in memory.Meters(("python", "native")).names
    assert "python_bytes" in memory.Meters(("python", "native")).names
    # AND Python's own counter with pymalloc off: it reads 0
    monkeypatch.setattr(memory, "_python_bytes", lambda: lambda: 0)
    assert "python_bytes" not in memory.Meters(("python", "native")).names
    assert "python_bytes" in memory.Meters(("python",)).names


def report_of(*findings: Check) -> DoctorReport:
    return DoctorReport(leakcheck="0.1.0", summary="growth is exact; no peak", findings=findings)


def test_the_answer_is_one_or_two_sentences() -> None:
    good = Check(part="a", name="one", state=CheckState.GOOD, says="fine")
    bad = Check(part="a", name="two", state=CheckState.LESS, says="worse", remedy="mend")
    broken = Check(part="b", name="settings", state=CheckState.BROKEN, says="no", remedy="mend")
    assert overall_answer(report_of(good)) == "Here growth is exact; no peak."
    assert overall_answer(report_of(good, bad)) == "Here growth is exact; no peak. Less than could be: two."
    assert (
        overall_answer(report_of(good, bad, broken)) == "Nothing can be measured here before this is mended: settings."
    )


def test_text_from_outside_cannot_leave_the_block_or_contain_commands() -> None:
    hostile = "~~~~~~~~\n::error::x\x1b[31m </details> @ann #12"
    report = report_of(Check(part="p", name="n", state=CheckState.NOTE, says=hostile, remedy=hostile))
    ((name, data),) = markdown(report)
    lines = data.decode().splitlines()
    assert name == "doctor.md"
    assert [index for index, line in enumerate(lines) if line.lstrip().startswith("~~~~~~~~")] == [0, len(lines) - 1]
    assert not [line for line in lines if line.lstrip().startswith("::")]
    assert "\x1b" not in data.decode()
    console = Console(width=80, no_color=True)
    with console.capture() as captured:
        for part in render_report(report):
            console.print(part)
    assert "\x1b" not in captured.get()
