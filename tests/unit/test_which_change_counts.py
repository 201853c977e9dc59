"""One question, asked of `check`, `compare`, `compare --fail-on-worse` and `history` by their commands: one answer."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from leakcheck.cli.main import command_line
from leakcheck.model.baseline import SCHEMA, Baseline, BaselineEntry
from leakcheck.model.errors import ExitCode
from leakcheck.model.failure import Failure, FailureKind
from leakcheck.model.result import Budget, Result
from leakcheck.model.tolerance import ChangeVerdict
from leakcheck.model.verdict import Gate, Verdict
from leakcheck.storage import baseline_file, run_file
from tests.unit.runs import CLEAN, ENVIRONMENT, KIB, MIB, growth, run_of

WORSE, INCONCLUSIVE, SAME, NOT_WORSE, BETTER = ChangeVerdict
CHECK_CODE: Mapping[ChangeVerdict, int] = {WORSE: ExitCode.OVER_BUDGET, INCONCLUSIVE: ExitCode.INCONCLUSIVE}
STEP: Mapping[ChangeVerdict, str] = {WORSE: "rose", BETTER: "fell"}
DIED = Failure(kind=FailureKind.DIED, message="the process ended")
ROWS = {"growth": "growth / 1000 calls", "peak": "peak memory"}


def grown(before: float, low: float, high: float) -> tuple[str, Result, Result]:
    return "growth", growing(before, before), growing(low, high)


def growing(low: float, high: float) -> Result:
    estimate = replace(growth((low + high) / 2), low=low, high=high)
    return replace(CLEAN, growth=estimate, verdict=Verdict.LEAK if high else Verdict.CLEAN)


def peaked(before: float, after: float) -> tuple[str, Result, Result]:
    return "peak", replace(CLEAN, peak_bytes=int(before)), replace(CLEAN, peak_bytes=int(after))


def ask_all(metric: str, before: Result, after: Result, *options: str) -> tuple[int, str | None, int, str]:
    """Return the exit code of `check`, the verdict of `compare`, the code of `--fail-on-worse`, and the step."""
    free = Budget(growth_bytes_per_1000_calls=1e15)
    for name, result in (("2026-11-24T10-00-00", before), ("2026-11-24T11-00-00", after)):
        Path("reports", name).mkdir(parents=True)
        run = run_of(replace(result, budget=free))
        run_file.save(replace(run, started=f"{name[:13]}:00:00+00:00"), Path("reports", name, "run.json"))
    assert before.growth is not None
    assert before.peak_bytes is not None
    entry = BaselineEntry(
        verdict=before.verdict,
        growth_bytes_per_1000_calls=int(before.growth.low if before.verdict is Verdict.LEAK else 0),
        peak_bytes=before.peak_bytes,
    )
    baseline = Baseline(schema=SCHEMA, environments={ENVIRONMENT.key: {before.id: entry}})
    baseline_file.save_baseline(baseline, Path("leakcheck-baseline.json"))
    old, new = sorted(map(str, Path("reports").iterdir()))
    check, _ = command("baseline", "diff", new, *options)
    fail_on_worse, _ = command("compare", old, new, "--fail-on-worse", "--json", "compare.json", *options)
    (scenario,) = json.loads(Path("compare.json").read_text())["scenarios"]
    verdicts = {row["metric"]: row["verdict"] for row in scenario["rows"]}
    _, history = command("history", *options)
    (step,) = [word for word in ("rose", "fell", "No step") if word in history]
    return check, verdicts[ROWS[metric]], fail_on_worse, step


def command(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(command_line(arguments[:1]), arguments)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.output


def answers(verdict: ChangeVerdict) -> tuple[int, str | None, int, str]:
    return CHECK_CODE.get(verdict, 0), verdict.value, 1 if verdict is WORSE else 0, STEP.get(verdict, "No step")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with an empty pyproject.toml is the current one, and no variable is set."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LEAKCHECK_CHANGE", raising=False)
    (tmp_path / "pyproject.toml").touch()
    return tmp_path


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        (peaked(10 * MIB, 10.2 * MIB), SAME),
        (peaked(10 * MIB, 10.6 * MIB), WORSE),
        (peaked(10 * MIB, 9.6 * MIB), SAME),
        (peaked(10 * MIB, 9.4 * MIB), BETTER),
        (peaked(100, 10 * KIB), SAME),
        (peaked(100, 17 * KIB), WORSE),
        (grown(0, 5 * KIB, 5 * KIB), SAME),
        (grown(0, 17 * KIB, 18 * KIB), WORSE),
        (grown(0, 15 * KIB, 17 * KIB), INCONCLUSIVE),
        (grown(100, 10 * KIB, 10 * KIB), SAME),
        (grown(100 * KIB, 110 * KIB, 120 * KIB), INCONCLUSIVE),
        (grown(100 * KIB, 0, 200 * KIB), INCONCLUSIVE),
        (grown(100 * KIB, 80 * KIB, 90 * KIB), NOT_WORSE),
        (grown(100 * KIB, 70 * KIB, 80 * KIB), BETTER),
        (grown(144 * MIB, 140 * MIB, 150 * MIB), SAME),
        (grown(144 * MIB, 0, 0), BETTER),
    ],
)
def test_all_commands_give_one_answer(change: tuple[str, Result, Result], verdict: ChangeVerdict) -> None:
    assert ask_all(*change) == answers(verdict)


@pytest.mark.parametrize("where", ["flag", "environment", "file"])
def test_the_tolerance_is_that_of_the_settings_for_all_commands(
    where: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    strict, loose = "+1 % and +1 KiB", "+50 % and +1 MiB"
    options = ("--change", strict) if where == "flag" else ()
    if where != "file":
        monkeypatch.setenv("LEAKCHECK_CHANGE", strict if where == "environment" else loose)
    (folder / "pyproject.toml").write_text(f'[tool.leakcheck]\nchange = "{strict if where == "file" else loose}"\n')
    assert ask_all(*peaked(10 * MIB, 10.2 * MIB), *options) == answers(WORSE)


def test_growth_that_has_a_limit_is_none_for_all_commands() -> None:
    filling = replace(growing(MIB, MIB), verdict=Verdict.BOUNDED)
    assert ask_all("growth", CLEAN, filling) == answers(SAME)


@pytest.mark.parametrize(
    ("lost", "code"),
    [
        ({"growth": None, "failure": DIED, "gate": Gate.ERROR}, ExitCode.SCENARIO_FAILED),
        ({"peak_bytes": None, "peak_failure": DIED}, ExitCode.SCENARIO_FAILED),
    ],
)
def test_a_scenario_that_failed_is_green_for_no_command(lost: dict[str, Any], code: ExitCode) -> None:
    check, _, fail_on_worse, _ = ask_all("peak", CLEAN, replace(CLEAN, **lost))
    assert (check, fail_on_worse) == (code, code)
    _, output = command("compare", *sorted(map(str, Path("reports").iterdir())))
    assert "died: the process ended" in " ".join(output.split())


def test_two_equal_variants_are_refused_with_the_remedy() -> None:
    done = CliRunner().invoke(command_line(["compare"]), ["compare", "scenarios.py", "--variants", "A", "A"])
    assert str(done.exception) == "--variants A A: name two different variants of a scenario"
