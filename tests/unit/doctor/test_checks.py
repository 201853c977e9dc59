"""What the doctor makes of facts, of machines that are not here above all; and that nobody's name is in it."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from leakcheck.doctor.checks import without_paths
from leakcheck.doctor.interpreter import of_interpreter, summary
from leakcheck.doctor.machine import of_folder, of_machine, of_parts
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
from leakcheck.doctor.report import answer, markdown, render_examination
from leakcheck.probe.meters import memory
from leakcheck.runner import machine
from leakcheck.runner.machine import ControlGroup

KEPT = 160_000
SEEN, BLIND = MeterReading(kept_bytes=KEPT, seen_bytes=KEPT - 48), MeterReading(kept_bytes=KEPT, seen_bytes=0)
COUNTED = ("blocks", "open_files", "threads", "children", "tasks", "uncollectable", "rss_bytes")
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
MACOS = replace(MUSL, platform="darwin-arm64", readings=("blocks", "threads", "tasks", "uncollectable"), has_maps=False)
JEMALLOC = replace(LINUX, preloaded=("libjemalloc.so.2",), native_meter=None)
FREE_THREADED = replace(LINUX, python="3.13.1", has_gil=False, allocator="mimalloc", python_meter=None)
RAW = replace(LINUX, allocator="malloc", python_meter=BLIND)
HERE = ProjectFacts(
    python="3.12.4", packages={"matplotlib": "3.11"}, programs={"postgres": True}, git="git version 2.39.5"
)
GROUP = ControlGroup(version=2)
COMPUTER = MachineFacts(
    system="Linux 6.1, x86_64", cores=2, all_cores=8, free_bytes=2.0**30, all_bytes=2.0**31, group=GROUP
)


def named(findings: "list[Check]") -> dict[str, Check]:
    by_name = {one.name: one for one in findings}
    assert len(by_name) == len(findings)
    return by_name


def less(found: InterpreterFacts) -> dict[str, Check]:
    """Return what is less than it could be, and see that each has a remedy."""
    findings = {one.name: one for one in of_interpreter(found) if one.state is not CheckState.GOOD}
    assert all(one.remedy for one in findings.values())
    return findings


def test_on_linux_with_glibc_everything_is_good() -> None:
    assert less(LINUX) == {}
    assert summary(LINUX) == "growth is exact, to the byte, Python's and native; the peak is traced by memray"


@pytest.mark.parametrize(
    ("found", "names", "said"),
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
    ids=["musl", "macOS", "jemalloc", "no GIL", "malloc", "malloc of nobody", "PyPy", "later", "debug", "no memray"],
)
def test_what_is_less_elsewhere_is_named_with_its_remedy(found: InterpreterFacts, names: set[str], said: str) -> None:
    assert set(less(found)) == names
    assert said in summary(found)


def test_the_library_that_replaces_malloc_is_named() -> None:
    assert "LD_PRELOAD=libjemalloc.so.2" in less(JEMALLOC)["native live bytes"].remedy


def test_what_cannot_be_counted_is_told_apart_from_what_can() -> None:
    counted = less(MACOS)["counted"]
    assert counted.says == "threads, asyncio tasks and uncollectable objects; not open files and child processes"


def test_an_optional_part_that_is_not_there_is_a_note_with_its_extra() -> None:
    parts = named(list(of_parts(HERE, LINUX)))
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
def test_a_plugin_that_pytest_does_not_load_is_told(packages: dict[str, str], is_off: bool, remedy: str) -> None:
    here = replace(HERE, is_autoload_off=is_off)
    assert named(list(of_parts(here, replace(LINUX, packages=packages))))["pytest plugin"].remedy == remedy


def test_settings_that_cannot_be_used_are_broken_and_a_bad_baseline_is_less() -> None:
    here = replace(HERE, settings_error="there is no option 'growht'", baseline_error="a merge left its marks in it")
    found = named(list(of_folder(here)))
    assert (found["settings"].state, found["baseline"].state) == (CheckState.BROKEN, CheckState.LESS)
    assert "growht" in found["settings"].says


@pytest.mark.parametrize(
    ("group", "says"),
    [
        (ControlGroup(version=0), "none"),
        (ControlGroup(version=1), "version 1"),
        (ControlGroup(version=2), "version 2, without limits"),
        (ControlGroup(version=2, cores=1.5, memory_bytes=2.0**29), "version 2, limited to 1.5 cores and 512 MiB"),
    ],
)
def test_limits_of_the_control_group_are_told(group: ControlGroup, says: str) -> None:
    assert named(list(of_machine(replace(COMPUTER, group=group), "")))["control group"].says == says


def test_control_groups_are_read_whatever_their_version(tmp_path: Path) -> None:
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
    found = machine.control_group(groups=tmp_path, membership=membership)
    assert found == ControlGroup(version=2, cores=1.5, memory_bytes=4096)


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
def test_no_folder_of_anybodys_is_told(text: str, public: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if public is None:
        monkeypatch.setattr(sys, "prefix", "/srv/acme corp/app")
        public = "…/pyproject.toml: no"
    assert without_paths(text) == public


def test_folders_that_are_known_go_whatever_their_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "ann smith"
    (home / "my work").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(home / "my work")
    assert without_paths(f"{home}/my work/pyproject.toml: no") == "./pyproject.toml: no"
    assert without_paths(f"{home}/other/x.toml: no") == "~/other/x.toml: no"


def test_a_meter_of_malloc_that_stands_still_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    # GIVEN malloc's counters where another malloc has its place: they read next to nothing
    monkeypatch.setattr(memory, "_LEAST_BYTES", 1 << 62)
    assert "native_bytes" not in memory.Meters(("python", "native")).names
    assert "python_bytes" in memory.Meters(("python", "native")).names
    # AND Python's own with them, where pymalloc is off and says 0
    monkeypatch.setattr(memory, "_python_bytes", lambda: lambda: 0)
    assert "python_bytes" not in memory.Meters(("python", "native")).names
    assert "python_bytes" in memory.Meters(("python",)).names


def examined(*findings: Check) -> DoctorReport:
    return DoctorReport(leakcheck="0.1.0", summary="growth is exact; no peak", findings=findings)


def test_the_answer_is_a_sentence() -> None:
    good = Check(part="a", name="one", state=CheckState.GOOD, says="fine")
    bad = Check(part="a", name="two", state=CheckState.LESS, says="worse", remedy="mend")
    broken = Check(part="b", name="settings", state=CheckState.BROKEN, says="no", remedy="mend")
    assert answer(examined(good)) == "Here growth is exact; no peak."
    assert answer(examined(good, bad)) == "Here growth is exact; no peak. Less than could be: two."
    assert answer(examined(good, bad, broken)) == "Nothing can be measured here before this is mended: settings."


def test_text_of_others_stays_inside_the_block_and_commands_nobody() -> None:
    hostile = "~~~~~~~~\n::error::x\x1b[31m </details> @ann #12"
    found = examined(Check(part="p", name="n", state=CheckState.NOTE, says=hostile, remedy=hostile))
    ((name, data),) = markdown(found)
    lines = data.decode().splitlines()
    assert name == "doctor.md"
    assert [at for at, line in enumerate(lines) if line.lstrip().startswith("~~~~~~~~")] == [0, len(lines) - 1]
    assert not [line for line in lines if line.lstrip().startswith("::")]
    assert "\x1b" not in data.decode()
    console = Console(width=80, no_color=True)
    with console.capture() as captured:
        for part in render_examination(found):
            console.print(part)
    assert "\x1b" not in captured.get()
