"""What a project takes from us for its CI: the action, the hook and the recipes, which say what works."""

import os
import re
import shlex
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

import leakcheck as package
from tests.docs.history import CULPRIT, LAST, make_history
from tests.docs.pages import read_page
from tests.live.command import Leakcheck

PROJECT = Path(package.__file__).parents[1]
RECIPES = read_page("docs/ci.md", (PROJECT / "docs" / "ci.md").read_text(encoding="utf-8"))
ACTION: dict[str, Any] = yaml.safe_load((PROJECT / "action.yml").read_text(encoding="utf-8"))
STEPS: dict[str, dict[str, Any]] = {step["name"]: step for step in ACTION["runs"]["steps"]}
SECONDS = 120


def stub(path: Path, script: str) -> Path:
    """Write a command of our own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def our_command(path: Path) -> Path:
    """Write a `leakcheck` that is the one under test."""
    return stub(path, f'PYTHONPATH={shlex.quote(str(PROJECT))} exec {shlex.quote(sys.executable)} -m leakcheck "$@"')


# --- the action -----------------------------------------------------------------------------------


def perform(
    name: str, leakcheck: Leakcheck, inputs: dict[str, str], *, path: Path | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run a step's script as the runner does, with the expressions in its environment filled in."""
    temporary = leakcheck.folder / "temporary"
    temporary.mkdir(exist_ok=True)
    filled = {**{name: str(one.get("default", "")) for name, one in ACTION["inputs"].items()}, **inputs}

    def fill(text: str) -> str:
        def value(found: "re.Match[str]") -> str:
            return str(temporary) if found[1] == "runner.temp" else filled[found[1].removeprefix("inputs.")]

        return re.sub(r"\$\{\{ *([\w.-]+) *\}\}", value, text)

    step = STEPS[name]
    script = leakcheck.folder / "step.sh"
    script.write_text(step["run"])
    before = {key: value for key, value in os.environ.items() if not key.startswith(("GITHUB_", "LEAKCHECK_"))}
    environment = {
        **before,
        "GITHUB_OUTPUT": str(leakcheck.folder / "outputs.txt"),
        "GITHUB_ACTION_PATH": str(PROJECT),
        "PATH": f"{path}{os.pathsep}{os.environ['PATH']}" if path else os.environ["PATH"],
        **{key: fill(value) for key, value in step["env"].items()},
    }
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
        cwd=leakcheck.folder / fill(step["working-directory"]),
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def outputs(leakcheck: Leakcheck) -> dict[str, str]:
    lines = (leakcheck.folder / "outputs.txt").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines)


@pytest.fixture
def installed(leakcheck: Leakcheck) -> Leakcheck:
    """What the action's first step leaves behind: an environment with leakcheck in it."""
    binaries = leakcheck.folder / "temporary" / "leakcheck" / "venv" / "bin"
    our_command(binaries / "leakcheck")
    stub(binaries / "python", f'exec {shlex.quote(sys.executable)} "$@"')
    return leakcheck


def test_no_input_is_a_part_of_a_script() -> None:
    scripts = [step["run"] for step in STEPS.values() if "run" in step]
    assert len(scripts) == 2
    assert not [script for script in scripts if "${{" in script]
    assert all(step["shell"] == "bash" for step in STEPS.values() if "run" in step)


def test_every_input_is_described_and_used_and_no_other_is() -> None:
    used = set(re.findall(r"inputs\.([\w-]+)", str(ACTION["runs"])))
    assert used == set(ACTION["inputs"])
    assert all(one["description"] for one in [*ACTION["inputs"].values(), *ACTION["outputs"].values()])
    written = set(re.findall(r'echo "([\w-]+)=', STEPS["Measure"]["run"]))
    assert written == set(ACTION["outputs"])


def test_what_others_made_is_used_at_a_version() -> None:
    assert [step["uses"] for step in STEPS.values() if "uses" in step] == ["actions/upload-artifact@v6"]


LEAKY = """
from leakcheck import scenario

KEPT = []

@scenario
def quiet():
    pass

@scenario
def leak():
    KEPT.append(bytes(967))
"""


def test_the_action_measures_with_arguments_in_quotes_and_answers_with_the_exit_code(installed: Leakcheck) -> None:
    installed.write("a folder/leaky.py", LEAKY)
    inputs = {
        "verb": "run",
        "targets": "'a folder/leaky.py'",
        "arguments": '-k "quiet or leak" --no-peak --explain never --growth "16 KiB / 1000 calls"',
        "python": sys.executable,
    }
    done = perform("Measure", installed, inputs)
    assert done.returncode == 1, done.stderr
    assert "1 failed, 1 passed" in done.stdout
    said = outputs(installed)
    assert said["exit-code"] == "1"
    assert "leak" in Path(said["markdown"]).read_text()
    assert len([*Path(said["runs"]).glob("*/run.json")]) == 1
    # AND a variant that is within budget, in a folder of its own
    done = perform("Measure", installed, {**inputs, "working-directory": "a folder", "targets": "leaky.py::quiet"})
    assert done.returncode == 0, done.stderr
    assert outputs(installed)["exit-code"] == "0"


@pytest.mark.parametrize("field", ["targets", "arguments", "baseline", "verb", "python"])
def test_no_input_is_run_by_a_shell(installed: Leakcheck, field: str) -> None:
    installed.write("leaky.py", LEAKY)
    evil = "$(touch pwned)`touch pwned`; touch pwned; \"x\" '&& touch pwned'"
    inputs = {"verb": "run", "targets": "leaky.py", "python": sys.executable, field: evil}
    done = perform("Measure", installed, inputs)
    assert done.returncode != 0
    assert not list(installed.folder.rglob("pwned"))


def test_quotes_that_do_not_close_fail_before_anything_is_measured(installed: Leakcheck) -> None:
    installed.write("leaky.py", LEAKY)
    done = perform("Measure", installed, {"verb": "run", "targets": "leaky.py", "arguments": '-k "quiet'})
    assert done.returncode != 0
    assert "No closing quotation" in done.stderr
    assert "passed" not in done.stdout


@pytest.mark.parametrize(
    ("version", "installs"), [("", str(PROJECT)), ("0.3.1", "pytest-leakcheck==0.3.1"), ("1; touch x", None)]
)
def test_the_action_installs_into_an_environment_of_its_own(
    leakcheck: Leakcheck, version: str, installs: str | None
) -> None:
    # GIVEN a Python that writes down what it is asked, and makes environments of its own kind
    log = leakcheck.folder / "asked.txt"
    python = stub(
        leakcheck.folder / "bin" / "python",
        f'for word; do echo "$word" >> {shlex.quote(str(log))}; done\n'
        'if [ "$2" = venv ]; then mkdir -p "$3/bin"; cp "$0" "$3/bin/python"; fi',
    )
    # WHEN the action installs
    done = perform("Install leakcheck", leakcheck, {"version": version}, path=python.parent)
    # THEN that is what it asks for
    assert done.returncode == 0, done.stderr
    made, asked = str(leakcheck.folder / "temporary" / "leakcheck" / "venv"), log.read_text().splitlines()
    assert asked[:3] == ["-m", "venv", made]
    assert asked[-1] == (installs or f"pytest-leakcheck=={version}")
    assert not list(leakcheck.folder.rglob("x"))


# --- the hook -------------------------------------------------------------------------------------


def test_the_hook_is_one_that_pre_commit_takes() -> None:
    manifest = PROJECT / ".pre-commit-hooks.yaml"
    command = [sys.executable, "-m", "pre_commit", "validate-manifest", str(manifest)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert (done.returncode, done.stdout) == (0, "")
    [hook] = yaml.safe_load(manifest.read_text(encoding="utf-8"))
    assert (hook["id"], hook["entry"]) == ("leakcheck", "leakcheck check")
    assert hook["pass_filenames"] is False
    assert hook["stages"] == ["pre-push"]


# --- the recipes ----------------------------------------------------------------------------------


def test_the_recipes_give_the_action_what_it_takes() -> None:
    [text] = [block.text for block in RECIPES.blocks if "OWNER/leakcheck@" in block.text]
    [step] = [one for one in yaml.safe_load(text)["jobs"]["leakcheck"]["steps"] if "OWNER" in one.get("uses", "")]
    assert set(step["with"]) <= set(ACTION["inputs"])
    named = set(re.findall(r"`(verb|arguments|targets|baseline|artifact): ", RECIPES.text))
    assert named <= set(ACTION["inputs"])


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    command = ["git", *identity, *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=True)
    return done.stdout.strip()


def test_git_bisect_finds_the_commit_that_leaks_and_skips_what_cannot_be_measured(leakcheck: Leakcheck) -> None:
    # GIVEN a repository in which one commit leaks, some do not even import, and the first has no scenario
    repository = leakcheck.folder / "repository"
    repository.mkdir()
    make_history(repository, partial(git, repository))
    # WHEN the recipe is followed
    [recipe] = [block.text for block in RECIPES.blocks if "git bisect run" in block.text]
    our_command(leakcheck.folder / "bin" / "leakcheck")
    environment = {**os.environ, "PATH": f"{leakcheck.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-e", "-c", recipe],
        cwd=repository,
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    # THEN the culprit is named, and the repository is as it was
    assert done.returncode == 0, done.stderr
    found = rf"^[0-9a-f]{{40}} is the first bad commit\n(.*\n)*? +{CULPRIT}$"
    assert re.search(found, done.stdout, re.MULTILINE)
    assert git(repository, "log", "-1", "--format=%s") == LAST
