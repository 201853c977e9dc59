"""The measured process is the user's: nothing heavy is loaded into it, and watching it allocates nothing."""

import json

from leakcheck.model.errors import ExitCode
from leakcheck.model.explanation import ResourceKind
from leakcheck.model.verdict import Verdict
from tests.live.command import Leakcheck, after

HEAVY = {
    "asyncio",
    "concurrent",
    "django",
    "http",
    "importlib.metadata",
    "jinja2",
    "logging",
    "matplotlib",
    "memray",
    "msgspec",
    "multiprocessing",
    "numpy",
    "psutil",
    "pydantic",
    "rich",
    "scipy",
    "subprocess",
    "tracemalloc",
    "typer",
    "unittest",
}

WRITES_MODULES = """
import json, sys
from leakcheck import scenario

@scenario
def quiet():
    with open("modules.json", "w") as file:
        json.dump(sorted(sys.modules), file)
"""


def test_the_growth_pass_loads_nothing_heavy_into_the_measured_process(leakcheck: Leakcheck) -> None:
    # GIVEN a scenario that writes down what is loaded
    leakcheck.write("quiet.py", WRITES_MODULES)
    # WHEN it is measured
    ran = leakcheck.run("quiet.py", "--calls", "50")
    # THEN nothing is there but the user's own, the worker and light parts of the standard library
    loaded = set(json.loads((leakcheck.folder / "modules.json").read_text()))
    assert ran.result.failure is None
    assert "leakcheck.worker.growth" in loaded
    assert loaded & HEAVY == set()


def test_of_ours_only_the_worker_and_the_words_are_loaded(leakcheck: Leakcheck) -> None:
    leakcheck.write("quiet.py", WRITES_MODULES)
    leakcheck.run("quiet.py", "--calls", "50")
    loaded = json.loads((leakcheck.folder / "modules.json").read_text())
    ours = {name.removeprefix("leakcheck.") for name in loaded if name.startswith("leakcheck.")}
    words = {
        "_version",
        "scenario",
        "model",
        *(f"model.{name}" for name in ("errors", "plain_text", "protocol", "units")),
    }
    assert {name for name in ours if name.split(".")[0] not in ("probe", "worker")} <= words


def test_the_users_imports_find_what_they_find_without_us(leakcheck: Leakcheck) -> None:
    # GIVEN modules of the user's that are called as some of ours
    for name in ("engine", "session", "settle", "load", "serve"):
        leakcheck.write(f"{name}.py", "WHOSE = 'the user'")
    leakcheck.write(
        "mine.py",
        """
        from leakcheck import scenario
        import engine, load, serve, session, settle

        @scenario
        def mine():
            assert {one.WHOSE for one in (engine, load, serve, session, settle)} == {"the user"}
        """,
    )
    ran = leakcheck.run("mine.py", "--calls", "50")
    assert ran.result.failure is None


def test_watching_a_body_that_does_nothing_allocates_nothing(leakcheck: Leakcheck) -> None:
    # GIVEN a body that does nothing
    leakcheck.write(
        "nothing.py",
        """
        from leakcheck import scenario

        @scenario
        def nothing():
            pass
        """,
    )
    # WHEN it is measured
    ran = leakcheck.run("nothing.py")
    # THEN every reading past the warm-up is the same number
    assert ran.result.verdict is Verdict.CLEAN
    settled = after(ran.result.readings, 100)
    assert len(settled.calls) >= 12
    assert settled.calls[-1] - settled.calls[0] >= 300
    assert len(set(settled.python_bytes)) == 1
    assert len(set(settled.native_bytes)) == 1
    assert len(set(settled.blocks)) == 1
    assert set(settled.counts[ResourceKind.THREADS]) == {1}
    assert len(set(settled.counts[ResourceKind.OPEN_FILES])) == 1
    assert ran.code == ExitCode.WITHIN


def test_every_reading_is_kept_in_order_with_a_value_of_each_meter(leakcheck: Leakcheck) -> None:
    leakcheck.write("quiet.py", WRITES_MODULES)
    readings = leakcheck.run("quiet.py", "--calls", "500").result.readings
    assert list(readings.calls) == sorted(set(readings.calls))
    assert readings.calls[0] >= 1
    assert readings.calls[-1] <= 500
    # where native memory can be read, nobody asks how large a page is
    lengths = {name: len(column) for name, column in readings.columns.items() if name != "page_bytes"}
    assert set(ResourceKind) <= set(lengths)
    assert set(lengths.values()) == {len(readings.calls)}, lengths
    assert min(readings.rss_bytes) > 1_000_000


def test_open_files_and_threads_are_counted(leakcheck: Leakcheck) -> None:
    leakcheck.write(
        "opens.py",
        """
        import os, threading
        from leakcheck import scenario

        BEFORE = len(os.listdir("/proc/self/fd"))

        @scenario
        def opens():
            os.dup(0)
            if len(os.listdir("/proc/self/fd")) == BEFORE + 60:
                threading.Thread(target=threading.Event().wait, daemon=True).start()
        """,
    )
    readings = leakcheck.run("opens.py", "--calls", "121").result.readings
    files = readings.counts[ResourceKind.OPEN_FILES]
    opened = files[-1] - files[0]
    assert opened == readings.calls[-1] - readings.calls[0]
    threads = readings.counts[ResourceKind.THREADS]
    assert (threads[0], threads[-1]) == (1, 2)


def test_counting_open_files_that_pile_up_allocates_nothing(leakcheck: Leakcheck) -> None:
    # GIVEN a body that opens a file with every call, and keeps no memory
    leakcheck.write(
        "opens.py",
        """
        import os
        from leakcheck import scenario

        @scenario
        def opens():
            os.dup(0)
        """,
    )
    # WHEN it is measured
    readings = after(leakcheck.run("opens.py", "--calls", "900").result.readings, 100)
    # THEN the files are seen, and counting them left no trace in the heap
    files = readings.counts[ResourceKind.OPEN_FILES]
    assert files[-1] - files[0] == readings.calls[-1] - readings.calls[0] > 500
    assert len(set(readings.heap_bytes)) == 1
