"""malloc's thread caches are off in a measured process, and nothing else of its environment is different."""

import os

import pytest

from leakcheck.probe.meters.thread_caches import restore_environment, without_thread_caches

OFF = "glibc.malloc.tcache_count=0"


@pytest.mark.parametrize(
    ("said", "given"),
    [(None, OFF), ("", OFF), ("glibc.malloc.perturb=1", f"glibc.malloc.perturb=1:{OFF}")],
)
def test_what_is_added_is_taken_back(monkeypatch: pytest.MonkeyPatch, said: str | None, given: str) -> None:
    environment = {"HOME": "/home/somebody", **({} if said is None else {"GLIBC_TUNABLES": said})}
    changed = without_thread_caches(environment)
    assert changed["GLIBC_TUNABLES"] == given
    for name in changed.keys() - {"HOME"}:
        monkeypatch.setenv(name, changed[name])
    restore_environment()
    assert not [name for name in os.environ if name.startswith("LEAKCHECK_GLIBC")]
    assert os.environ.get("GLIBC_TUNABLES") == (said or None)


@pytest.mark.parametrize(
    "said",
    [
        "glibc.malloc.tcache_count=7",
        OFF,
        f"glibc.malloc.perturb=1:{OFF}",
        "glibc.malloc.perturb=1:glibc.malloc.tcache_max=64",
    ],
)
def test_what_somebody_says_of_the_caches_stands(monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    assert without_thread_caches({"GLIBC_TUNABLES": said}) == {"GLIBC_TUNABLES": said}
    monkeypatch.setenv("GLIBC_TUNABLES", said)
    restore_environment()
    assert os.environ["GLIBC_TUNABLES"] == said
