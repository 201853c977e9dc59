"""Open files, threads, children and tasks that rise with the calls: found, named, and held to a budget."""

import json
from pathlib import Path

import pytest

from leakcheck.model.errors import ExitCode
from leakcheck.model.explanation import Resource, ResourceKind
from leakcheck.model.verdict import Gate, Verdict
from tests.live.command import Leakcheck, after

GALLERY = Path(__file__).parents[2] / "scenarios" / "gallery"
TRUTH = json.loads((GALLERY / "truth.json").read_text(encoding="utf-8"))


@pytest.mark.slow
def test_every_resource_of_the_gallery_is_found_and_every_look_alike_left_in_peace(leakcheck: Leakcheck) -> None:
    ran = leakcheck.run(str(GALLERY / "resources.py"), "--explain", "never")
    truths = {name: truth for name, truth in TRUTH.items() if truth["file"] == "resources.py"}
    assert {result.scenario for result in ran.document.results} == set(truths)
    for result in ran.document.results:
        truth = truths[result.scenario]
        assert (result.verdict.value, result.failure) == (truth["type"], None), result.scenario
        found = [(resource.kind.value, resource.gate) for resource in result.resources]
        assert found == ([(truth["resource"], Gate.OVER)] if "resource" in truth else []), result.scenario
        for resource in result.resources:
            assert resource.low <= truth["per_1000_calls"] <= resource.high
            assert sum(named.count for named in resource.named) > 100
            assert resource.kind.value in result.over_budget
    assert ran.code == ExitCode.OVER_BUDGET


def resource_of(leakcheck: Leakcheck, body: str, *flags: str) -> Resource:
    leakcheck.write("rises.py", body)
    (resource,) = leakcheck.run("rises.py", "--explain", "never", *flags).result.resources
    return resource


def test_what_rises_is_named(leakcheck: Leakcheck) -> None:
    body = """
    import threading
    from leakcheck import scenario

    EVENT = threading.Event()

    def waits():
        EVENT.wait()

    @scenario
    def rises():
        threading.Thread(target=waits, daemon=True).start()
    """
    resource = resource_of(leakcheck, body, "--calls", "200")
    (named,) = resource.named
    assert named.what == "Thread-[*] (waits), runs rises.waits, stands at rises.py:7 waits"
    assert named.count == 200


def test_a_leak_of_files_does_not_end_as_an_error_where_few_are_allowed(leakcheck: Leakcheck) -> None:
    # GIVEN a soft limit of 200 open files
    body = """
    import os
    from leakcheck import scenario

    @scenario
    def rises():
        os.open("/dev/null", os.O_RDONLY)
    """
    leakcheck.write("rises.py", body)
    ran = leakcheck.finish(
        leakcheck.start("run", "--no-peak", f"--output={leakcheck.output}", "rises.py", before=few_files)
    )
    # THEN the limit is raised as far as it may be, and the leak is measured
    assert (ran.result.failure, ran.result.verdict, ran.result.over_budget) == (None, Verdict.CLEAN, ("open files",))


def few_files() -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_NOFILE, (200, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))


@pytest.mark.parametrize(
    ("budget", "gate", "code"),
    [
        ("open_files = 990", Gate.OVER, ExitCode.OVER_BUDGET),
        ("open_files = 1000", Gate.INCONCLUSIVE, ExitCode.INCONCLUSIVE),
        ("open_files = 1010", Gate.WITHIN, ExitCode.WITHIN),
        ('open_files = "off"', Gate.WITHIN, ExitCode.WITHIN),
    ],
)
def test_what_may_stay_is_said_in_the_settings(leakcheck: Leakcheck, budget: str, gate: Gate, code: ExitCode) -> None:
    leakcheck.write("pyproject.toml", f"[tool.leakcheck.resources]\n{budget}\n")
    leakcheck.write(
        "rises.py",
        """
        import os
        from leakcheck import scenario

        @scenario
        def rises():
            os.dup(0)
        """,
    )
    ran = leakcheck.run("rises.py", "--calls", "2000")
    assert (ran.result.gate, ran.code) == (gate, code)
    assert len(ran.result.resources) == (0 if "off" in budget else 1)


def test_a_loop_for_each_call_that_is_never_closed_leaks_files(leakcheck: Leakcheck) -> None:
    body = """
    import asyncio
    from leakcheck import scenario

    KEPT = []

    @scenario
    def rises():
        loop = asyncio.new_event_loop()
        loop.run_until_complete(asyncio.sleep(0))
        KEPT.append(loop)
    """
    resource = resource_of(leakcheck, body, "--calls", "300")
    assert resource.per_1000_calls == pytest.approx(3000, rel=0.01)
    assert {named.what for named in resource.named} == {"epoll", "Unix socket, unnamed"}


def test_counting_what_piles_up_allocates_nothing(leakcheck: Leakcheck) -> None:
    # GIVEN a body that leaves a zombie and a file, and keeps no memory
    leakcheck.write(
        "rises.py",
        """
        import os
        from leakcheck import scenario

        @scenario
        def rises():
            os.dup(0)
            os.posix_spawn("/bin/true", ["true"], {})
        """,
    )
    # WHEN it is measured
    result = leakcheck.run("rises.py", "--calls", "900").result
    # THEN they are seen, and counting them left no trace in the heap
    readings = after(result.readings, 100)
    for kind in (ResourceKind.OPEN_FILES, ResourceKind.CHILD_PROCESSES):
        column = readings.counts[kind]
        assert column[-1] - column[0] == readings.calls[-1] - readings.calls[0] > 500
    assert len(set(readings.heap_bytes)) == 1
    assert result.over_budget == ("open files", "child processes")
