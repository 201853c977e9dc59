"""Reports through the real command: made with the run, made again later, and with memray's own pages."""

import re
from pathlib import Path

import pytest

from leakcheck.cli.report import RunOutputs
from leakcheck.model.errors import ExitCode
from leakcheck.storage import run_file
from tests.live.command import Leakcheck
from tests.unit.runs import CLEAN, run_of

LEAKING = """
    from leakcheck import scenario

    KEPT = []

    @scenario(variants=("kept", "dropped"), growth="1 KiB / 1000 calls")
    def pages(variant):
        page = bytes(2000)
        if variant == "kept":
            KEPT.append(page)
"""


@pytest.fixture
def folder(leakcheck: Leakcheck) -> Path:
    """The folder of a run that was measured with all passes, and with a report."""
    leakcheck.write("pages.py", LEAKING)
    ran = leakcheck.run("pages.py", "--peak-pass", "--explain=auto", "--report", "--calls=2000")
    assert ran.code == ExitCode.OVER_BUDGET
    [folder] = leakcheck.output.iterdir()
    # the last line says where the report is
    assert ran.output.splitlines()[-1].endswith(f"{folder / 'report.html'}")
    return folder


def test_a_run_leaves_a_report_and_a_report_is_made_again_of_what_is_saved(leakcheck: Leakcheck, folder: Path) -> None:
    # GIVEN the report that the run left
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "1 failed, 1 passed" in page
    # AND its document, whose stacks are those of the peak and of the growth, and add up
    run = run_file.load(leakcheck.folder / "run-document.json")
    kept, dropped = run.results
    assert kept.peak_bytes is not None
    assert kept.peak_stacks.total_bytes == pytest.approx(kept.peak_bytes, abs=1)
    assert kept.growth is not None
    assert kept.growth.from_call is not None
    assert 0.9 < kept.explanation.growth_stacks.total_bytes / kept.growth.bytes_per_1000_calls < 1.1
    assert "page = bytes(2000)" in {frame.source for frame in kept.explanation.growth_stacks.frames}
    assert dropped.explanation.growth_stacks.total_bytes == 0
    # WHEN the report is made again elsewhere, with memray's own pages
    made = leakcheck.finish(leakcheck.start("report", str(folder), "--output", "public/here", "--memray-pages"))
    assert (made.code, made.errors) == (0, "")
    assert made.output == "public/here/report.html\n"
    again = (leakcheck.folder / made.output.strip()).read_text(encoding="utf-8")
    # THEN it is the same page but for the links to those
    links = re.findall(r'href="(memray/[^"]+)"', again)
    assert links == ["memray/pages%5Bkept%5D.html", "memray/pages%5Bdropped%5D.html"]
    without_links = re.sub(r'<p><a href="memray/[^<]*</a></p>', "", again)
    assert without_links.split() == page.split()
    # AND memray's page is whole, and loads nothing from anywhere
    own = (leakcheck.folder / "public/here/memray/pages[kept].html").read_text(encoding="utf-8")
    assert "pages.py" in own
    assert re.findall(r'<(?:script|link)[^>]+(?:src|href)="(?!data:)[^"]*"', own) == []


def test_a_capture_that_is_not_there_is_named(leakcheck: Leakcheck, folder: Path) -> None:
    for capture in (folder / "captures").iterdir():
        capture.unlink()
    made = leakcheck.finish(leakcheck.start("report", str(folder), "--memray-pages"))
    assert made.code == ExitCode.USAGE
    assert "pages[kept].bin: no such file; a capture must lie in the folder of the run document" in made.errors


def test_a_run_leaves_no_report_where_none_is_wanted(leakcheck: Leakcheck) -> None:
    leakcheck.write("pages.py", LEAKING)
    ran = leakcheck.run("pages.py", "--no-report", "--calls=300")
    [folder] = leakcheck.output.iterdir()
    assert [path.name for path in folder.iterdir()] == ["run.json"]
    assert ran.output.splitlines()[-1].endswith("run.json")


def test_what_is_no_run_is_named_and_no_page_is_left(leakcheck: Leakcheck) -> None:
    leakcheck.write("run.json", "{}")
    made = leakcheck.finish(leakcheck.start("report", "run.json"))
    assert made.code == ExitCode.USAGE
    assert "run.json: not a run document" in made.errors
    assert not (leakcheck.folder / "report.html").exists()


def test_a_report_that_cannot_be_written_costs_the_run_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert RunOutputs().write_report(run_of(CLEAN), tmp_path / "nowhere") is None
    said = capsys.readouterr().err
    assert said.startswith("leakcheck: the run is saved, but its report could not be written: ")
    assert "nowhere" in said
