"""Work that is shared out among shards and joined again, by the real command as CI would call it."""

import json
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from leakcheck.model.errors import ExitCode
from leakcheck.model.verdict import Verdict
from leakcheck.storage import run_file
from tests.live.command import Leakcheck, Ran

GALLERY = """
from leakcheck import scenario

KEPT = []

@scenario(variants=["keeps", "drops"])
def varied(variant):
    if variant == "keeps":
        KEPT.append(bytes(967))

@scenario
def quiet():
    pass

@scenario
def sums():
    sum(range(100))

@scenario
def sorts():
    sorted(range(100))
"""
IDS = ["varied[keeps]", "varied[drops]", "quiet", "sums", "sorts"]
QUICK = ("--calls", "300", "--explain=never")


def run_shard(leakcheck: Leakcheck, part: str, *arguments: str, folder: str = "shards") -> Ran:
    """Run one shard into a folder that all shards share, as CI does that collects their artifacts."""
    ran = leakcheck.finish(
        leakcheck.start("run", ".", "--no-peak", *QUICK, f"--shard={part}", f"--output={folder}", *arguments)
    )
    assert "Traceback" not in ran.errors
    return ran


def merge(leakcheck: Leakcheck, *arguments: str) -> Ran:
    if leakcheck.output.exists():
        shutil.rmtree(leakcheck.output)
    ran = leakcheck.finish(leakcheck.start("merge", *(arguments or ("shards",)), f"--output={leakcheck.output}"))
    assert "Traceback" not in ran.errors
    return ran


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three shards of one gallery, measured once for all the tests that spoil a copy of them."""
    leakcheck = Leakcheck(tmp_path_factory.mktemp("measured"))
    leakcheck.write("gallery.py", GALLERY)
    for part in ("1/3", "2/3", "3/3"):
        run_shard(leakcheck, part, "--peak-pass")
    return leakcheck.folder / "shards"


@pytest.fixture
def shards(measured: Path, leakcheck: Leakcheck) -> list[Path]:
    """The folders of the three shards, in their order, in the folder of this test."""
    shutil.copytree(measured, leakcheck.folder / "shards")
    folders = (path.parent for path in (leakcheck.folder / "shards").glob("*/run.json"))
    return sorted(folders, key=lambda folder: json.loads((folder / "run.json").read_text())["shard"]["number"])


def edit(folder: Path, change: Callable[[Any], None]) -> None:
    """Change a document as a stranger might."""
    document = json.loads((folder / "run.json").read_text())
    change(document)
    (folder / "run.json").write_text(json.dumps(document))


# --- shards that belong together ------------------------------------------------------------------


def test_three_shards_measure_each_scenario_once_and_are_joined_to_the_whole(
    leakcheck: Leakcheck, shards: list[Path]
) -> None:
    # GIVEN three shards of a gallery in which one scenario leaks
    runs = [run_file.load(folder) for folder in shards]
    measured = Counter(result.id for run in runs for result in run.results)
    assert measured == Counter(IDS)
    assert all(run.shard is not None and run.shard.whole == tuple(IDS) for run in runs)
    # WHEN they are joined
    ran = merge(leakcheck)
    # THEN it is as if one run had measured them all
    assert [result.id for result in ran.document.results] == IDS
    assert ran.document.shard is None
    assert ran.document.finished
    assert "1 failed, 4 passed" in ran.output
    assert "varied[keeps]: memory grows by" in ran.output
    assert ran["varied[keeps]"].verdict is Verdict.LEAK
    assert ran.code == ExitCode.OVER_BUDGET
    # AND its captures are its own
    (folder,) = leakcheck.output.iterdir()
    captures = [result.capture for result in ran.document.results]
    assert len({*captures}) == len(IDS)
    for result, capture in zip(ran.document.results, captures, strict=True):
        (source,) = [place / capture for place in shards if (place / str(capture)).exists() and capture]
        assert (folder / str(capture)).read_bytes() == source.read_bytes(), result.id
    # AND it can be shown like any other
    shown = leakcheck.finish(leakcheck.start("show", str(folder)))
    assert "1 failed, 4 passed" in shown.output


def test_the_joined_run_ends_well_where_all_is_within_budget(leakcheck: Leakcheck) -> None:
    leakcheck.write("gallery.py", GALLERY)
    for part in ("1/2", "2/2"):
        assert run_shard(leakcheck, part, "-k", "quiet or sums").code == ExitCode.WITHIN
    assert merge(leakcheck).code == ExitCode.WITHIN


def test_a_shard_says_which_it_is_and_how_to_join_it(leakcheck: Leakcheck) -> None:
    leakcheck.write("gallery.py", GALLERY)
    ran = run_shard(leakcheck, "2/3", "-k", "quiet or sums or sorts")
    assert "This is shard 2 of 3, with 1 of 3 scenarios. Merge the shards with: leakcheck merge DIR" in ran.output
    assert ran.code == ExitCode.WITHIN


@pytest.mark.slow
def test_a_shard_with_nothing_in_it_is_no_failure_but_a_whole_with_nothing_is(leakcheck: Leakcheck) -> None:
    leakcheck.write("gallery.py", GALLERY)
    # GIVEN more shards than scenarios
    codes = [run_shard(leakcheck, f"{number}/3", "-k", "quiet").code for number in (1, 2)]
    ran = run_shard(leakcheck, "3/3", "-k", "quiet")
    assert [*codes, ran.code] == [ExitCode.WITHIN] * 3
    assert "There is nothing to measure for shard 3 of 3, because there are 1 scenarios in all." in ran.output
    # THEN they are joined all the same
    assert [result.id for result in merge(leakcheck).document.results] == ["quiet"]
    # BUT an expression that matches nothing measures nothing in any shard
    assert run_shard(leakcheck, "1/3", "-k", "nobody").code == ExitCode.NOTHING_MEASURED
    assert run_shard(leakcheck, "3/3", "-k", "nobody").code == ExitCode.NOTHING_MEASURED


def test_a_file_that_does_not_import_is_told_once_and_is_not_lost(leakcheck: Leakcheck) -> None:
    leakcheck.write("gallery.py", GALLERY)
    leakcheck.write("bad.py", "from leakcheck import scenario\nraise OSError('no shop')\n@scenario\ndef bad(): ...\n")
    codes = [run_shard(leakcheck, f"{number}/2", "-k", "quiet or sums").code for number in (1, 2)]
    assert codes == [ExitCode.SCENARIO_FAILED, ExitCode.WITHIN]
    ran = merge(leakcheck)
    assert [result.id for result in ran.document.results] == ["bad.py", "quiet", "sums"]
    assert ran.output.count("does not import: OSError: no shop") == 1
    assert ran.code == ExitCode.SCENARIO_FAILED


def test_the_variable_of_a_ci_job_says_the_shard_and_the_flag_wins(leakcheck: Leakcheck) -> None:
    leakcheck.write("gallery.py", GALLERY)
    by_variable = leakcheck.run("gallery.py", *QUICK, environment={"LEAKCHECK_SHARD": "2/5"})
    by_flag = leakcheck.run("gallery.py", *QUICK, "--shard", "2/5", environment={"LEAKCHECK_SHARD": "9/9"})
    assert by_variable.result.id == by_flag.result.id
    assert by_variable.document.shard == by_flag.document.shard


@pytest.mark.parametrize("part", ["0/3", "4/3", "3", "many"])
def test_a_part_that_there_is_not_is_a_usage_error(leakcheck: Leakcheck, part: str) -> None:
    leakcheck.write("gallery.py", GALLERY)
    ran = run_shard(leakcheck, part)
    assert f"leakcheck: --shard: '{part}': " in ran.errors
    assert ran.code == ExitCode.USAGE


# --- durations ------------------------------------------------------------------------------------


def test_the_next_shards_are_split_by_what_the_last_ones_took(leakcheck: Leakcheck, shards: list[Path]) -> None:
    # GIVEN shards that were joined, and what they took written down beside the project
    leakcheck.write("gallery.py", GALLERY)
    leakcheck.write("pyproject.toml", "")
    merge(leakcheck, "shards", "--durations", "leakcheck-durations.json")
    file = leakcheck.folder / "leakcheck-durations.json"
    document = json.loads(file.read_text())
    assert sorted(document["seconds"]) == sorted(IDS)
    assert all(took > 0 for took in document["seconds"].values())
    # WHEN one of them takes longer than all the others
    file.write_text(json.dumps({**document, "seconds": {**document["seconds"], "sums": 1000}}))
    # THEN it has a shard of its own
    assert leakcheck.run("gallery.py", *QUICK, "--shard=1/2").result.id == "sums"
    # AND a file that is named is taken instead, also where it is a run
    file.write_text("broken")
    ran = leakcheck.run("gallery.py", *QUICK, "--shard=1/2", f"--durations={shards[0]}")
    assert ran.document.shard is not None


def test_a_file_of_durations_that_is_none_is_a_usage_error(leakcheck: Leakcheck) -> None:
    leakcheck.write("gallery.py", GALLERY)
    leakcheck.write("times.json", '{"schema": "leakcheck.durations/1", "seconds": {"sums": -1}}')
    ran = run_shard(leakcheck, "1/2", "--durations", "times.json")
    assert "leakcheck: times.json: 'sums' has a duration of -1.0 s; write it again: leakcheck merge" in ran.errors
    assert ran.code == ExitCode.USAGE


# --- shards that do not belong together -----------------------------------------------------------


def assert_not_joined(ran: Ran, *reasons: str) -> None:
    for reason in reasons:
        assert reason in ran.errors
    assert ran.errors.count("\n") == 1
    assert ran.output == ""
    assert ran.documents == ()
    assert ran.code == ExitCode.USAGE


def test_a_shard_that_is_missing_is_not_green(leakcheck: Leakcheck, shards: list[Path]) -> None:
    shutil.rmtree(shards[1])
    assert_not_joined(merge(leakcheck), "shard 2 of 3 is missing")


def test_a_shard_that_is_there_twice_is_told_with_both_places(leakcheck: Leakcheck, shards: list[Path]) -> None:
    shutil.copytree(shards[0], leakcheck.folder / "shards" / "again")
    ran = merge(leakcheck)
    assert_not_joined(ran, "shard 1 of 3 occurs 2 times: shards/", "again", "was measured in shards/")


def test_shards_of_another_python_are_not_comparable(leakcheck: Leakcheck, shards: list[Path]) -> None:
    edit(shards[2], lambda document: document["environment"].update(python="3.13.0", libc="musl"))
    ran = merge(leakcheck)
    assert_not_joined(ran, "differ: Python: ", ", 3.13; ", "differ: libc: ", ", musl")


def test_a_shard_that_was_not_finished_is_to_be_measured_again(leakcheck: Leakcheck, shards: list[Path]) -> None:
    edit(shards[2], lambda document: document.update(finished=False))
    assert_not_joined(merge(leakcheck), "was not finished: measure it again")


def test_shards_of_different_wholes_are_told_by_what_differs(leakcheck: Leakcheck, shards: list[Path]) -> None:
    edit(shards[2], lambda document: document["shard"].update(whole=["quiet", "newcomer"]))
    assert_not_joined(merge(leakcheck), "are shards of different runs: only one has ", "only one has newcomer")


def test_a_scenario_that_no_shard_measured_is_named(leakcheck: Leakcheck, shards: list[Path]) -> None:
    edit(shards[2], lambda document: document["results"].clear())
    assert_not_joined(merge(leakcheck), "no shard measured ", "were all shards split by the same durations file?")


def test_every_reason_is_said_in_one_error(leakcheck: Leakcheck, shards: list[Path]) -> None:
    edit(shards[1], lambda document: document.update(finished=False))
    edit(shards[1], lambda document: document["environment"].update(allocator="malloc"))
    (shards[2] / "run.json").write_text("no document")
    ran = merge(leakcheck)
    assert_not_joined(ran, "not a run document", "was not finished", "allocator: pymalloc, malloc", "3 is missing")


@pytest.mark.parametrize("capture", ["../../secret.txt", "/etc/hostname"])
def test_a_strangers_document_gets_no_file_from_outside_its_folder(
    leakcheck: Leakcheck, shards: list[Path], capture: str
) -> None:
    leakcheck.write("secret.txt", "secret")
    edit(shards[0], lambda document: document["results"][0].update(capture=capture))
    assert_not_joined(merge(leakcheck), "the capture ", "is not in the run's folder")
    assert not leakcheck.output.exists()


def test_a_link_in_a_strangers_folder_is_not_followed(leakcheck: Leakcheck, shards: list[Path]) -> None:
    secret = leakcheck.write("secret.txt", "secret")
    capture = next((shards[0] / "captures").iterdir())
    capture.unlink()
    capture.symlink_to(secret)
    assert_not_joined(merge(leakcheck), "leads through a link")


def test_what_a_stranger_wrote_into_the_names_does_not_reach_the_terminal(
    leakcheck: Leakcheck, shards: list[Path]
) -> None:
    edit(shards[0], lambda document: document["shard"].update(whole=["\x1b[31mred\n::error::"]))
    ran = merge(leakcheck)
    assert_not_joined(ran, "are shards of different runs")
    assert "\x1b" not in ran.errors
    assert "\n::error" not in ran.errors


# --- runs that were no shards ---------------------------------------------------------------------


def test_runs_of_different_scenarios_are_joined_without_being_shards(leakcheck: Leakcheck) -> None:
    leakcheck.write("gallery.py", GALLERY)
    for name in ("sums", "quiet"):
        arguments = ("run", f"gallery.py::{name}", "--no-peak", *QUICK, "--output=shards")
        leakcheck.finish(leakcheck.start(*arguments))
    ran = merge(leakcheck)
    assert sorted(result.id for result in ran.document.results) == ["quiet", "sums"]
    assert ran.code == ExitCode.WITHIN


@pytest.mark.parametrize("place", ["nowhere", "empty"])
def test_a_place_without_a_run_is_named(leakcheck: Leakcheck, place: str) -> None:
    (leakcheck.folder / "empty").mkdir()
    assert_not_joined(merge(leakcheck, place), place)
