"""Checks of the machine, of optional packages, and of the project."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from leakcheck.doctor.checks import findings
from leakcheck.doctor.machine import MACHINE_GROUPS, PROJECT_GROUPS
from leakcheck.doctor.model import CheckState, Finding, MachineFacts, ProjectFacts
from leakcheck.runner.machine import ControlGroup
from tests.unit.doctor.facts import MACHINE, PROJECT


def of_machine(facts: MachineFacts) -> dict[str, Finding]:
    return {item.name: item for item in findings(MACHINE_GROUPS, facts)}


def of_project(facts: ProjectFacts) -> dict[str, Finding]:
    return {item.name: item for item in findings(PROJECT_GROUPS, facts)}


def test_names_are_unique_and_every_optional_package_that_is_missing_has_a_remedy() -> None:
    missing = replace(PROJECT, packages={}, measured_packages={}, programs=dict.fromkeys(PROJECT.programs, False))
    found = list(findings(PROJECT_GROUPS, missing))
    assert len({item.name for item in found}) == len(found)
    optional = [item for item in found if item.group == "Optional"]
    assert {item.state for item in optional} == {CheckState.NOTE}
    assert all(item.remedy for item in optional)


def test_a_missing_optional_package_is_a_note_with_its_extra() -> None:
    parts = of_project(PROJECT)
    assert (parts["Django"].state, parts["Django"].message) == (CheckState.OK, "5.2")
    assert parts["matplotlib"].state is CheckState.OK
    assert (parts["gunicorn"].state, parts["gunicorn"].remedy) == (
        CheckState.NOTE,
        'pip install "pytest-leakcheck[limit]"',
    )
    assert parts["pytest plugin"].message == "loaded by pytest 9.0"


@pytest.mark.parametrize(
    ("packages", "is_off", "remedy"),
    [
        ({}, False, 'pip install "pytest-leakcheck[pytest]"'),
        ({"pytest": "9"}, False, "pip install pytest-leakcheck in the measured environment"),
        (PROJECT.measured_packages, True, "pytest -p leakcheck.pytest_plugin.plugin"),
    ],
)
def test_a_plugin_that_pytest_does_not_load_has_a_remedy(
    packages: Mapping[str, str], is_off: bool, remedy: str
) -> None:
    project = replace(PROJECT, measured_packages=packages, is_autoload_off=is_off)
    assert of_project(project)["pytest plugin"].remedy == remedy


def test_invalid_settings_are_broken_and_an_invalid_baseline_is_limited() -> None:
    project = replace(
        PROJECT, settings_error="there is no option 'growht'", baseline_error="a merge left its marks in it"
    )
    checks = of_project(project)
    assert (checks["settings"].state, checks["baseline"].state) == (CheckState.BROKEN, CheckState.LIMITED)
    assert "growht" in checks["settings"].message


@pytest.mark.parametrize(
    ("group", "message"),
    [
        (ControlGroup(version=0), "none"),
        (ControlGroup(version=1), "v1"),
        (ControlGroup(version=2), "v2, no limits"),
        (ControlGroup(version=2, cores=1.5, memory_bytes=2.0**29), "v2, limited to 1.5 cores and 512 MiB"),
    ],
)
def test_limits_of_the_control_group_are_reported(group: ControlGroup, message: str) -> None:
    assert of_machine(replace(MACHINE, group=group))["control group"].message == message


def test_the_memory_limit_is_reported_if_the_interpreter_could_be_asked() -> None:
    assert "memory limit" not in of_machine(MACHINE)
    assert of_machine(replace(MACHINE, limiter="cgroup v2"))["memory limit"].message.endswith("cgroup v2")
