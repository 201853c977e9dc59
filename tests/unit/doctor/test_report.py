"""The doctor's report: every row of the tables is in it, and it contains no private names."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console, RenderableType

from leakcheck.doctor import interpreter
from leakcheck.doctor.checks import Check, Problem, check
from leakcheck.doctor.model import CheckState, DoctorReport, Finding, InterpreterFacts
from leakcheck.doctor.report import encode, make_report, markdown, overall_answer, render_report, without_paths
from leakcheck.model.failure import Failure, FailureKind
from tests.unit.doctor.facts import LINUX, MACHINE, MACOS, PROJECT


def on_console(parts: Iterator[RenderableType]) -> str:
    console = Console(width=80, no_color=True)
    with console.capture() as captured:
        for part in parts:
            console.print(part)
    return captured.get()


def test_a_check_is_added_by_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    # GIVEN one more row in the table of the meters, and nothing else
    row: Check[InterpreterFacts] = check(
        "file size",
        lambda python: f"{python.bits} bits",
        Problem(lambda python: not python.has_maps, "mount /proc", "not readable"),
    )
    monkeypatch.setitem(interpreter.INTERPRETER_GROUPS, "Meters", (*interpreter.METERS, row))
    # THEN it is reported in every format, below its heading
    report = make_report(LINUX, MACHINE, PROJECT)
    expected = Finding(group="Meters", name="file size", state=CheckState.OK, message="64 bits")
    assert expected in report.findings
    for text in (on_console(render_report(report)), encode(report).decode(), *map(str, markdown(report))):
        assert "file size" in text
    # AND with its remedy, and in the answer, where its problem is met
    limited = make_report(MACOS, MACHINE, PROJECT)
    assert replace(expected, state=CheckState.LIMITED, message="not readable", remedy="mount /proc") in limited.findings
    assert "file size" in overall_answer(limited)


def test_an_interpreter_that_cannot_be_started_is_broken_and_the_rest_is_checked() -> None:
    failure = Failure(kind=FailureKind.DIED, message="it ended", details="Traceback\nSyntaxError: /srv/acme/x.py")
    report = make_report(failure, MACHINE, PROJECT)
    assert report.names(CheckState.BROKEN) == "Python"
    assert report.findings[0].message == "it ended SyntaxError: …/x.py"
    assert "cores" in {finding.name for finding in report.findings}


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


def report_of(*found: Finding) -> DoctorReport:
    return DoctorReport(leakcheck="0.1.0", summary="Growth is exact.", findings=tuple(found))


def test_the_answer_is_one_or_two_sentences() -> None:
    good = Finding(group="a", name="one", state=CheckState.OK, message="fine")
    bad = Finding(group="a", name="two", state=CheckState.LIMITED, message="worse", remedy="mend")
    broken = Finding(group="b", name="settings", state=CheckState.BROKEN, message="no", remedy="mend")
    assert overall_answer(report_of(good)) == "Growth is exact."
    assert overall_answer(report_of(good, bad)) == "Growth is exact. Limited: two."
    assert overall_answer(report_of(good, bad, broken)) == "Nothing can be measured until this is fixed: settings."


def test_text_from_outside_cannot_leave_the_block_or_contain_commands() -> None:
    hostile = "~~~~~~~~\n::error::x\x1b[31m </details> @ann #12"
    report = report_of(Finding(group="p", name="n", state=CheckState.NOTE, message=hostile, remedy=hostile))
    ((name, data),) = markdown(report)
    lines = data.decode().splitlines()
    assert name == "doctor.md"
    assert [index for index, line in enumerate(lines) if line.lstrip().startswith("~~~~~~~~")] == [0, len(lines) - 1]
    assert not [line for line in lines if line.lstrip().startswith("::")]
    assert "\x1b" not in data.decode()
    assert "\x1b" not in on_console(render_report(report))
