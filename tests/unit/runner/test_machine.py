"""Cores and memory within the limits of a control group, whatever its files contain."""

import os
from pathlib import Path

import psutil
import pytest

from leakcheck.runner import machine

CORES = len(os.sched_getaffinity(0))
KIB = 1024


class ControlGroups:
    """A fake tree of control groups, and the membership of this process."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "cgroup"
        self.inside = self.root / "system.slice" / "job.scope"
        self.inside.mkdir(parents=True)
        self.membership = folder / "membership"
        self.membership.write_text("12:pids:/else/where\n0::/system.slice/job.scope\n")

    def cores(self) -> int:
        return machine.cores(groups=self.root, membership=self.membership)

    def free_bytes(self) -> float:
        return machine.free_bytes(groups=self.root, membership=self.membership)


@pytest.fixture
def groups(tmp_path: Path) -> ControlGroups:
    return ControlGroups(tmp_path)


def limit_memory(folder: Path, limit: str, used: int, cached: int = 0) -> None:
    (folder / "memory.max").write_text(f"{limit}\n")
    (folder / "memory.current").write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"anon 5\ninactive_file {cached}\nactive_file {cached}\nshmem 7\n")


def test_without_limits_the_machine_counts(groups: ControlGroups) -> None:
    assert groups.cores() == CORES
    assert groups.free_bytes() == pytest.approx(psutil.virtual_memory().available, rel=0.5)


@pytest.mark.parametrize(
    ("quota", "expected"),
    [
        ("max 100000", CORES),
        ("100000 100000", 1),
        ("50000 100000", 1),
        ("1000 100000", 1),
        ("150000 100000", min(2, CORES)),
        ("99900000 100000", CORES),
        # an invalid file is ignored
        ("", CORES),
        ("much", CORES),
        ("100000 0", CORES),
    ],
)
def test_a_cpu_quota_limits_the_cores(groups: ControlGroups, quota: str, expected: int) -> None:
    (groups.inside / "cpu.max").write_text(f"{quota}\n")
    assert groups.cores() == expected


def test_the_lowest_limit_of_all_parent_groups_counts(groups: ControlGroups) -> None:
    (groups.inside / "cpu.max").write_text("max 100000\n")
    (groups.root / "cpu.max").write_text("100000 100000\n")
    assert groups.cores() == 1
    limit_memory(groups.inside, str(900 * KIB), 100 * KIB)
    limit_memory(groups.inside.parent, str(500 * KIB), 200 * KIB)
    assert groups.free_bytes() == 300 * KIB


def test_cached_files_count_as_free_because_they_can_be_reclaimed(groups: ControlGroups) -> None:
    limit_memory(groups.inside, str(900 * KIB), 700 * KIB, cached=250 * KIB)
    assert groups.free_bytes() == 700 * KIB


def test_a_group_that_is_over_its_limit_has_nothing_free(groups: ControlGroups) -> None:
    limit_memory(groups.inside, str(900 * KIB), 1000 * KIB)
    assert groups.free_bytes() == 0


@pytest.mark.parametrize("limit", ["max", "", "nan and more"])
def test_without_a_memory_limit_the_memory_of_the_machine_counts(groups: ControlGroups, limit: str) -> None:
    limit_memory(groups.inside, limit, 100 * KIB)
    assert groups.free_bytes() > 900 * KIB


def test_without_a_membership_file_the_machine_counts(tmp_path: Path) -> None:
    missing = tmp_path / "nowhere"
    assert machine.cores(groups=tmp_path, membership=missing) == CORES
    assert machine.free_bytes(groups=tmp_path, membership=missing) > 0


def test_this_machine_has_a_core_and_free_memory() -> None:
    assert 1 <= machine.cores() <= CORES
    assert machine.free_bytes() > 0


def test_control_groups_of_each_version_are_read(tmp_path: Path) -> None:
    membership = tmp_path / "membership"
    membership.write_text("4:memory:/job\n0::/job\n")
    assert machine.control_group(groups=tmp_path, membership=membership) == machine.ControlGroup(version=1)
    membership.write_text("0::/job\n")
    assert machine.control_group(groups=tmp_path, membership=membership) == machine.ControlGroup(version=0)
    (tmp_path / "cgroup.controllers").write_text("cpu memory\n")
    (tmp_path / "job").mkdir()
    (tmp_path / "job" / "memory.max").write_text("max\n")
    (tmp_path / "memory.max").write_text("4096\n")
    (tmp_path / "job" / "cpu.max").write_text("150000 100000\n")
    group = machine.control_group(groups=tmp_path, membership=membership)
    assert group == machine.ControlGroup(version=2, cores=1.5, memory_bytes=4096)
