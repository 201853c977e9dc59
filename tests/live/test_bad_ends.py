"""Runs that are ended from outside, disks that fail, and a peak pass that dies: nothing measured is lost."""

import resource
import signal
import subprocess
from pathlib import Path
from unittest.mock import Mock

import pytest

from leakcheck.config.settings import resolve
from leakcheck.config.sources import SettingsLayer
from leakcheck.model.errors import ExitCode
from leakcheck.model.explanation import Explain
from leakcheck.model.run import Run
from leakcheck.model.verdict import Gate, Verdict
from leakcheck.runner import session
from leakcheck.scenario import parse_target
from leakcheck.storage import run_file
from tests.live.beside import HEALTHY, assert_failed, assert_healthy_was_measured, run_beside_healthy, wait_until
from tests.live.command import Leakcheck, is_alive

SLOW = """
import os, pathlib, time
from leakcheck import scenario

@scenario
def slow():
    pathlib.Path("slow-process.txt").write_text(str(os.getpid()))
    time.sleep(3600)
"""

# --- runs that are ended from outside -------------------------------------------------------------


def test_side_by_side_a_dying_scenario_takes_no_other_with_it(leakcheck: Leakcheck) -> None:
    leakcheck.write("bad.py", "import os\nfrom leakcheck import scenario\n\n@scenario\ndef bad():\n    os.abort()\n")
    leakcheck.write("healthy.py", HEALTHY)
    ran = leakcheck.run("bad.py", "healthy.py", "--jobs", "2")
    assert_healthy_was_measured(ran)
    assert_failed(ran, "bad: during call 1, the process was killed by SIGABRT")
    assert [result.id for result in ran.document.results] == ["bad", "healthy"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_an_interrupted_run_keeps_what_was_measured_and_leaves_no_process(
    leakcheck: Leakcheck, number: signal.Signals
) -> None:
    # GIVEN a run in the middle of its second scenario
    process = start_with_slow_second(leakcheck)
    worker = process_of_slow(leakcheck)
    # WHEN it is interrupted
    process.send_signal(number)
    ran = leakcheck.finish(process)
    # THEN the first result is printed and saved, and nothing is left running
    assert ran.code == ExitCode.INTERRUPTED
    assert "Traceback" not in ran.errors
    assert "healthy" in ran.output
    assert "not finished" in ran.output
    assert not ran.document.finished
    assert [result.id for result in ran.document.results] == ["healthy"]
    assert not is_alive(worker)


def test_an_interrupt_right_after_a_result_was_saved_does_not_take_it_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # GIVEN somebody who presses Ctrl-C when a result has just reached the disk
    saved: list[int] = []

    class InterruptedFile(run_file.RunFile):
        def save(self, run: Run) -> None:
            super().save(run)
            saved.append(len(run.results))
            if saved == [0, 1]:
                raise KeyboardInterrupt

    monkeypatch.setattr(run_file, "RunFile", InterruptedFile)
    (tmp_path / "healthy.py").write_text(HEALTHY)
    said = SettingsLayer(output=str(tmp_path / "out"), calls=50, explain=Explain.NEVER)
    # WHEN the run is over
    outcome = session.run(
        session.RunRequest(
            targets=[parse_target(str(tmp_path / "healthy.py"))],
            settings=resolve(said, environment={}, folder=tmp_path),
            measure_peak=False,
        ),
        Mock(),
    )
    # THEN the result is still in the outcome, and on the disk
    assert outcome.interrupted
    assert saved == [0, 1, 1]
    assert [result.id for result in run_file.load(outcome.folder).results] == ["healthy"]


def test_an_interrupt_while_scenarios_are_looked_for_ends_the_run_without_a_traceback(leakcheck: Leakcheck) -> None:
    leakcheck.write(
        "slow.py",
        """
        import os, pathlib, time
        from leakcheck import scenario

        pathlib.Path("slow-process.txt").write_text(str(os.getpid()))
        time.sleep(3600)

        @scenario
        def never_defined(): ...
        """,
    )
    process = leakcheck.start("run", ".", f"--output={leakcheck.output}")
    worker = process_of_slow(leakcheck)
    process.send_signal(signal.SIGINT)
    ran = leakcheck.finish(process)
    assert ran.code == ExitCode.INTERRUPTED
    assert "Traceback" not in ran.errors
    assert not is_alive(worker)


def test_a_run_that_is_killed_leaves_no_process_and_a_document_that_can_be_read(leakcheck: Leakcheck) -> None:
    # GIVEN a run in the middle of its second scenario
    process = start_with_slow_second(leakcheck)
    worker = process_of_slow(leakcheck)
    # WHEN it is killed, and cannot clean up
    process.kill()
    ran = leakcheck.finish(process)
    # THEN the kernel ended the measured process, and the first result is saved
    wait_until(lambda: not is_alive(worker))
    assert [result.id for result in ran.document.results] == ["healthy"]
    assert not ran.document.finished
    # AND it can be shown
    shown = leakcheck.finish(leakcheck.start("show", str(next(leakcheck.output.iterdir()))))
    assert "not finished" in shown.output
    assert shown.code == ExitCode.WITHIN


def start_with_slow_second(leakcheck: Leakcheck) -> "subprocess.Popen[str]":
    """Start a run of a scenario that is soon done, and of one whose first call never ends."""
    leakcheck.write("healthy.py", HEALTHY)
    leakcheck.write("slow.py", SLOW)
    return leakcheck.start("run", "healthy.py", "slow.py", "--no-peak", f"--output={leakcheck.output}")


def process_of_slow(leakcheck: Leakcheck) -> int:
    """Return the id of the process that is replaying `slow`."""
    written = leakcheck.folder / "slow-process.txt"
    # what was read is kept: the file may be empty again, between being opened and being written
    read = [""]

    def is_written() -> bool:
        if written.exists():
            read.append(written.read_text())
        return read[-1] != ""

    wait_until(is_written)
    return int(read[-1])


# --- disks ----------------------------------------------------------------------------------------


def test_on_a_full_disk_the_results_are_printed_and_the_run_does_not_end_well(leakcheck: Leakcheck) -> None:
    # GIVEN a disk on which no file can have more than 100 bytes
    leakcheck.write("healthy.py", HEALTHY)
    process = leakcheck.start(
        "run",
        "healthy.py",
        "--peak-pass",
        f"--output={leakcheck.output}",
        before=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100)),
    )
    # WHEN a scenario is run
    ran = leakcheck.finish(process)
    # THEN its result is printed, and why it was not saved
    assert "1 passed" in ran.output
    assert "run.json: cannot be written (File too large); free some disk space" in ran.errors
    assert "Traceback" not in ran.errors
    assert ran.code == ExitCode.USAGE
    # AND no half a document is left
    (folder,) = leakcheck.output.iterdir()
    assert [path.name for path in folder.iterdir()] == ["captures"]


def test_a_run_folder_that_goes_away_costs_neither_the_results_nor_their_truth(leakcheck: Leakcheck) -> None:
    # GIVEN a body that takes the run's folder away
    leakcheck.write(
        "tidy.py",
        """
        import shutil
        from leakcheck import scenario

        @scenario
        def tidy():
            shutil.rmtree("out", ignore_errors=True)
        """,
    )
    # WHEN it is run with both passes
    ran = leakcheck.run("tidy.py", "--peak-pass")
    # THEN it is said why there is no peak and no document, and it is not for want of memray
    assert "tidy: the peak pass failed, but the growth verdict stands: " in ran.output
    assert "captures: cannot be created (No such file or directory)" in ran.output
    assert "memray" not in ran.output
    assert "run.json: cannot be written (No such file or directory)" in ran.errors
    assert ran["tidy"].verdict is Verdict.CLEAN
    assert ran.code == ExitCode.USAGE


def test_an_output_folder_that_is_a_file_is_a_usage_error(leakcheck: Leakcheck) -> None:
    leakcheck.write("healthy.py", HEALTHY)
    leakcheck.write("out", "a file stands here")
    ran = leakcheck.run("healthy.py")
    assert "cannot be created (Not a directory); pass another --output" in ran.errors
    assert ran.code == ExitCode.USAGE


@pytest.mark.parametrize("output", ["file/below", "/proc/leakcheck"], ids=["below a file", "where nobody can write"])
def test_an_output_folder_that_cannot_be_made_is_a_usage_error(leakcheck: Leakcheck, output: str) -> None:
    leakcheck.write("healthy.py", HEALTHY)
    leakcheck.write("file", "a file stands here")
    ran = leakcheck.run("healthy.py", "--output", output)
    assert f"leakcheck: {output}" in ran.errors
    assert "; pass another --output" in ran.errors
    assert "Traceback" not in ran.errors
    assert ran.code == ExitCode.USAGE


def test_a_json_file_that_cannot_be_written_costs_neither_the_results_nor_the_run(leakcheck: Leakcheck) -> None:
    leakcheck.write("healthy.py", HEALTHY)
    ran = leakcheck.run("healthy.py", "--json", "no/such/folder/run.json")
    assert "1 passed" in ran.output
    assert "leakcheck: no/such/folder/run.json: cannot be written (No such file or directory)" in ran.errors
    assert_healthy_was_measured(ran)
    assert ran.code == ExitCode.USAGE


def test_two_runs_at_once_in_one_folder_leave_two_whole_documents(leakcheck: Leakcheck) -> None:
    # GIVEN one folder
    leakcheck.write("healthy.py", HEALTHY)
    arguments = ("run", "healthy.py", "--peak-pass", f"--output={leakcheck.output}")
    # WHEN three runs begin in it at the same time
    processes = [leakcheck.start(*arguments) for _ in range(3)]
    codes = [leakcheck.finish(process).code for process in processes]
    # THEN each has a document of its own, whole, and a capture of its own
    assert codes == [ExitCode.WITHIN] * 3
    folders = sorted(leakcheck.output.iterdir())
    assert len(folders) == 3
    for folder in folders:
        document = run_file.load(folder)
        assert document.finished
        assert [result.verdict for result in document.results] == [Verdict.CLEAN]
        assert document.results[0].capture is not None
        assert (folder / document.results[0].capture).stat().st_size > 0


# --- the peak pass --------------------------------------------------------------------------------


def test_a_peak_pass_that_dies_leaves_the_growth_verdict_standing(leakcheck: Leakcheck) -> None:
    # GIVEN a body that dies under memray, and nowhere else
    bad = """
    import os, sys
    from leakcheck import scenario

    @scenario
    def bad():
        if "memray" in sys.modules:
            os._exit(11)
    """
    # WHEN it is run with both passes
    ran = run_beside_healthy(leakcheck, bad, "--peak-pass")
    # THEN growth is judged, and the other scenario has both
    assert (ran["bad"].verdict, ran["bad"].gate) == (Verdict.CLEAN, Gate.WITHIN)
    assert ran["bad"].peak_bytes is None
    assert "bad: the peak pass failed, but the growth verdict stands: during" in ran.output
    assert "the process exited with status 11" in ran.output
    assert ran["healthy"].peak_bytes is not None
    assert ran.code == ExitCode.WITHIN


def test_a_peak_pass_that_dies_is_no_peak_within_budget(leakcheck: Leakcheck) -> None:
    bad = """
    import os, sys
    from leakcheck import scenario

    @scenario(peak="10 MiB")
    def bad():
        if "memray" in sys.modules:
            os._exit(11)
    """
    ran = run_beside_healthy(leakcheck, bad, "--peak-pass")
    assert (ran["bad"].verdict, ran["bad"].gate) == (Verdict.CLEAN, Gate.ERROR)
    assert ran.code == ExitCode.SCENARIO_FAILED


def test_a_python_without_memray_is_lent_ours(leakcheck: Leakcheck, bare_python: Path) -> None:
    leakcheck.write("healthy.py", HEALTHY)
    ran = leakcheck.run("healthy.py", "--peak-pass", "--python", str(bare_python))
    assert_healthy_was_measured(ran)
    assert ran["healthy"].peak_bytes is not None
    assert ran.code == ExitCode.WITHIN


@pytest.fixture
def without_memray(leakcheck: Leakcheck) -> dict[str, str]:
    """The environment of a platform for which there is no memray: what is found under its name cannot be loaded."""
    leakcheck.write("broken/memray.py", "raise ImportError('no memray for this platform')")
    return {"PYTHONPATH": str(leakcheck.folder / "broken")}


def test_without_memray_growth_is_measured_and_the_remedy_for_the_peak_is_said(
    leakcheck: Leakcheck, without_memray: dict[str, str]
) -> None:
    leakcheck.write("healthy.py", HEALTHY)
    ran = leakcheck.run("healthy.py", "--peak-pass", environment=without_memray)
    assert_healthy_was_measured(ran)
    assert ran["healthy"].peak_bytes is None
    assert "Peaks were not measured: there is no memray in the measured Python;" in ran.output
    assert "pip install memray" in ran.output
    assert ran.code == ExitCode.WITHIN


def test_without_memray_a_peak_budget_is_not_taken_for_kept(
    leakcheck: Leakcheck, without_memray: dict[str, str]
) -> None:
    leakcheck.write("healthy.py", HEALTHY)
    ran = leakcheck.run("healthy.py", "--peak-pass", "--peak", "10 MiB", environment=without_memray)
    assert (ran["healthy"].verdict, ran["healthy"].gate) == (Verdict.CLEAN, Gate.INCONCLUSIVE)
    assert ran.code == ExitCode.INCONCLUSIVE
