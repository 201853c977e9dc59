"""What can be made of saved runs, through the real commands: pictures, exports, and the history."""

import csv
import io
import json
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest

from leakcheck.model.verdict import Verdict
from tests.live.command import Leakcheck, Ran

LEAKY = """
    from leakcheck import scenario

    KEPT = []

    @scenario(variants=("kept", "dropped"), growth="64 KiB / 1000 calls", peak="64 KiB")
    def pages(variant):
        def call():
            page = bytearray({size})
            if variant == "kept":
                KEPT.append(page)

        yield call
    """


def use(leakcheck: Leakcheck, *arguments: str) -> Ran:
    return leakcheck.finish(leakcheck.start(*arguments))


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with a peak and an explanation, measured once."""
    command = Leakcheck(tmp_path_factory.mktemp("measured"))
    command.write("pages.py", LEAKY.format(size=4000))
    ran = command.run("pages.py", "--peak-pass", "--explain=auto")
    assert ran["pages[kept]"].verdict is Verdict.LEAK
    (folder,) = command.output.iterdir()
    return folder


@pytest.fixture
def run(leakcheck: Leakcheck, measured: Path) -> Path:
    """The measured run, in a folder that may be written to."""
    leakcheck.write("pages.py", LEAKY.format(size=4000))
    return Path(shutil.copytree(measured, leakcheck.output / measured.name))


def test_a_run_is_drawn_twice_alike_beside_its_document(leakcheck: Leakcheck, run: Path) -> None:
    first = use(leakcheck, "plot", str(run))
    assert first.code == 0, first.errors
    made = sorted((run / "plots").iterdir())
    assert [path.name for path in made] == ["growth.png", "growth.svg", "peak.png", "peak.svg"]
    assert first.output.split() == [
        str(run / "plots" / f"{name}") for name in ("growth.svg", "growth.png", "peak.svg", "peak.png")
    ]
    before = [path.read_bytes() for path in made]
    assert use(leakcheck, "plot", str(run / "run.json")).code == 0
    assert [path.read_bytes() for path in made] == before
    assert "kept" in "".join(ElementTree.fromstring((run / "plots" / "growth.svg").read_bytes()).itertext())
    assert before[0].startswith(b"\x89PNG")


def test_two_variants_are_drawn_before_and_after(leakcheck: Leakcheck, run: Path) -> None:
    pair = ("--before", "kept", "--after", "pages[dropped]")
    drawn = use(leakcheck, "plot", str(run), *pair, "--format", "svg", "--output", "bars")
    assert drawn.code == 0, drawn.errors
    text = "".join(ElementTree.fromstring((leakcheck.folder / "bars" / "before-after.svg").read_bytes()).itertext())
    assert "growth: −100 %" in text


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--before", "kept"), 2, "--before and --after belong together"),
        (
            ("--before", "kept", "--after", "mended"),
            2,
            "there is no variant 'mended' in the run; available: pages[kept]",
        ),
        (("--format", "gif"), 2, "--format 'gif': write svg, png or svg,png"),
        (("-k", "nothing"), 5, "-k 'nothing' matched none of 2 scenarios (pages[kept], pages[dropped])"),
        (("--output", "pages.py"), 2, "pages.py: cannot be made"),
    ],
)
def test_what_cannot_be_drawn_is_said_with_the_remedy(
    leakcheck: Leakcheck, run: Path, arguments: tuple[str, ...], code: int, words: str
) -> None:
    drawn = use(leakcheck, "plot", str(run), *arguments)
    assert words in drawn.errors
    assert drawn.code == code


def test_a_run_is_exported_for_each_tool(leakcheck: Leakcheck, run: Path) -> None:
    document = json.loads((run / "run.json").read_text())
    kept = next(result for result in document["results"] if result["variant"] == "kept")

    speedscope = json.loads(use(leakcheck, "export", str(run), "--format", "speedscope").output)
    growth = next(
        profile for profile in speedscope["profiles"] if profile["name"].startswith("pages[kept], bytes gained")
    )
    assert growth["endValue"] == pytest.approx(kept["growth"]["bytes_per_1000_calls"], rel=0.05)

    collapsed = use(leakcheck, "export", str(run), "--format", "collapsed", "--stacks", "growth", "-k", "kept").output
    sizes = [int(line.rpartition(" ")[2]) for line in collapsed.splitlines()]
    assert sum(sizes) == growth["endValue"]
    assert "call (pages.py:8)" in collapsed

    rows = list(csv.DictReader(io.StringIO(use(leakcheck, "export", str(run), "--format", "csv").output)))
    assert [row["variant"] for row in rows] == ["kept", "dropped"]
    assert float(rows[0]["growth (bytes / 1000 calls)"]) == kept["growth"]["bytes_per_1000_calls"]

    copied = use(leakcheck, "export", str(run), "--format", "memray", "-k", "kept", "--output", "captures")
    assert copied.output.strip() == "captures/pages[kept].bin"
    assert (leakcheck.folder / "captures" / "pages[kept].bin").read_bytes() == (run / kept["capture"]).read_bytes()


@pytest.mark.parametrize(
    "capture", ["../../pages.py", "/etc/passwd", "captures/link.bin", "captures", "nowhere.bin", "\x00"]
)
def test_no_capture_is_copied_from_outside_the_runs_folder(leakcheck: Leakcheck, run: Path, capture: str) -> None:
    document = json.loads((run / "run.json").read_text())
    document["results"][0]["capture"] = capture
    (run / "run.json").write_text(json.dumps(document))
    (run / "captures" / "link.bin").symlink_to(leakcheck.folder / "pages.py")
    copied = use(leakcheck, "export", str(run), "--format", "memray", "--output", "captures")
    assert copied.code == 2
    assert "capture" in copied.errors
    assert "Traceback" not in copied.errors
    assert not (leakcheck.folder / "captures").exists()


def commit(leakcheck: Leakcheck, size: int) -> str:
    """Write the scenario with so many bytes a page, and return the commit that it is in."""
    leakcheck.write("pages.py", LEAKY.format(size=size))

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments],
            cwd=leakcheck.folder,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()

    git("init", "-q")
    git("add", "pages.py")
    git("commit", "-q", "--allow-empty", "-m", f"pages of {size} bytes")
    return git("rev-parse", "HEAD")


def test_the_run_that_leaks_more_is_found_and_the_index_can_be_lost_or_broken(leakcheck: Leakcheck) -> None:
    """GIVEN four commits, each measured, whose third keeps three times as much."""
    commits = []
    for size in (1000, 1000, 3000, 3000):
        commits.append(commit(leakcheck, size))
        assert leakcheck.run("pages.py", "-k", "kept").code == 1
    broken = leakcheck.output / "broken" / "run.json"
    broken.parent.mkdir()
    broken.write_text("{")

    told = use(leakcheck, "history", "pages[kept]", "--runs", str(leakcheck.output), "--plot", "trend.svg")
    assert told.code == 0, told.errors
    third = sorted(path.name for path in leakcheck.output.iterdir())[2]
    assert f"growth rose in {third}: from " in told.output
    assert told.output.count("rose in") == 1
    assert f"git log {commits[1][:12]}..{commits[2][:12]}" in told.output
    assert "broken/run.json: is not a run document" in told.errors
    assert "rose to" in "".join(ElementTree.fromstring((leakcheck.folder / "trend.svg").read_bytes()).itertext())


def test_without_any_run_the_history_says_how_to_begin_one(leakcheck: Leakcheck) -> None:
    told = use(leakcheck, "history")
    assert told.code == 5
    assert "contains no runs; measure with leakcheck run" in told.errors
