"""malloc's thread caches are off in a measured process, and nothing else in its environment changes."""

import os

import pytest

from leakcheck.probe.process_environment import restore_environment, without_thread_caches

OFF = "glibc.malloc.tcache_count=0"


@pytest.mark.parametrize(
    ("users_value", "expected"),
    [(None, OFF), ("", OFF), ("glibc.malloc.perturb=1", f"glibc.malloc.perturb=1:{OFF}")],
)
def test_the_added_variables_are_removed_again(
    monkeypatch: pytest.MonkeyPatch, users_value: str | None, expected: str
) -> None:
    environment = {"HOME": "/home/somebody", **({} if users_value is None else {"GLIBC_TUNABLES": users_value})}
    changed = without_thread_caches(environment)
    assert changed["GLIBC_TUNABLES"] == expected
    for name in changed.keys() - {"HOME"}:
        monkeypatch.setenv(name, changed[name])
    restore_environment()
    assert not [name for name in os.environ if name.startswith("LEAKCHECK_GLIBC")]
    assert os.environ.get("GLIBC_TUNABLES") == (users_value or None)


@pytest.mark.parametrize(
    "users_value",
    [
        "glibc.malloc.tcache_count=7",
        OFF,
        f"glibc.malloc.perturb=1:{OFF}",
        "glibc.malloc.perturb=1:glibc.malloc.tcache_max=64",
    ],
)
def test_a_tunable_set_by_the_user_is_kept(monkeypatch: pytest.MonkeyPatch, users_value: str) -> None:
    assert without_thread_caches({"GLIBC_TUNABLES": users_value}) == {"GLIBC_TUNABLES": users_value}
    monkeypatch.setenv("GLIBC_TUNABLES", users_value)
    restore_environment()
    assert os.environ["GLIBC_TUNABLES"] == users_value
