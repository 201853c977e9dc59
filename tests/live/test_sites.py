"""Which line allocates what grows: real leaks under each tracer, in processes of their own."""

import json
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from leakcheck.analysis.explain.allocation_sites import allocation_sites, explained_fraction, next_window, peak_sites
from leakcheck.model.answers import PeakReading
from leakcheck.model.explanation import AllocationSite, TracerName, Window
from leakcheck.model.failure import WorkerFailed
from leakcheck.model.protocol import Pass, PassRequest
from leakcheck.model.stacks import FrameKind
from leakcheck.runner.task import packages_to_lend
from leakcheck.runner.worker_process import WorkerLimits, WorkerProcess

PROJECT = Path(__file__).parents[2]
GALLERY = PROJECT / "scenarios" / "gallery"
TRUTH: dict[str, dict[str, Any]] = json.loads((GALLERY / "truth.json").read_text(encoding="utf-8"))
CORPUS = PROJECT / "benchmarks" / "corpus"
ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENTS = Path(os.environ.get("LEAKCHECK_CORPUS_ENVIRONMENTS", ROOT / ".leakcheck" / "envs"))
SECONDS = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a tracer told."""

    windows: tuple[Window, ...]
    sites: tuple[AllocationSite, ...]
    explained: float


@contextmanager
def tracing(
    target: str, meter: TracerName, *, python: str = sys.executable, setup: str | None = None, lent: str | None = None
) -> Iterator[WorkerProcess]:
    """A process that has set up its scenario and waits for windows."""
    plan = PassRequest(kind=Pass.ALLOCATION, target=target, setup=setup, tracer=meter.value, memray_fallback=lent)
    with WorkerProcess(plan, WorkerLimits(python=python)) as worker:
        assert worker.start()["kind"] == "ready"
        yield worker


def warm_up(worker: WorkerProcess, calls: int = 20) -> float:
    """Warm up and return what a traced call took."""
    answer = worker.ask({"kind": "warm_up", "calls": calls}, during="the warm-up")
    assert answer["kind"] == "warm"
    return float(answer["seconds"]) / calls


def window(worker: WorkerProcess, calls: int, *, mapped: bool = False) -> Window:
    answer = worker.ask({"kind": "window", "calls": calls, "mapped": mapped}, during="a window", extra_seconds=60)
    assert answer["kind"] == "window"
    return msgspec.convert(answer, Window)


FRESH = (TracerName.MEMRAY, TracerName.MEMRAY_NATIVE)
"""What sees no frees of what was there before a window: a dict's table would count whole in each window of one
process. So each window is the first of its process, and all begin at the same call."""


def told(target: str, bytes_per_call: float, meter: TracerName, *, mapped: bool = False, **where: Any) -> Told:
    """Ask for windows until they explain the growth."""
    rate, began, cost = 1000 * bytes_per_call, time.monotonic(), 0.0
    windows: list[Window] = []
    wanted: int | None = 0
    while wanted is not None:
        with tracing(target, meter, **where) as worker:
            warm = warm_up(worker)
            cost = cost or warm
            while (wanted := next_window(windows, rate, cost, began + SECONDS - time.monotonic())) is not None:
                windows.append(window(worker, wanted, mapped=mapped))
                cost = windows[-1].seconds / wanted
                if meter in FRESH:
                    break
            worker.finish()
    return Told(
        windows=tuple(windows), sites=allocation_sites(windows, rate), explained=explained_fraction(windows, rate)
    )


def write(folder: Path, source: str) -> str:
    """Write a scenario called `leak` and return its target."""
    path = folder / "shop.py"
    path.write_text(f"from leakcheck import scenario\n{textwrap.dedent(source)}", encoding="utf-8")
    return f"{path}::leak"


# --- the gallery ----------------------------------------------------------------------------------

SUITABLE = {
    "malloc_without_free": TracerName.LINES,
    "mapped_memory": TracerName.LINES,
}
"""What neither memray nor tracemalloc sees; memray tells all others."""

ALLOCATED_AT = {
    "class_registry": 'Plugin("short-lived")',
    "own_cache_that_ignores_maxsize": "yield lambda: pages.add(next(NUMBERS), bytes(400))",
    "signal_receiver_strong": "document = bytes(2000)",
    "task_kept": "return bytes(4000)",
    "querysets_retained": "len(sites)",
}
"""The truth's culprit is the line that keeps, or lets in, what is allocated here: no allocation leads through it."""

IN_STEPS = {"task_never_ends", "thread_waits_for_ever"}
"""The table of what is kept grows fourfold at a time, or what is mapped is not touched: no share to hold it to."""

LEAKS = [name for name, truth in TRUTH.items() if truth["type"] == "leak" and ("culprit" in truth or name in IN_STEPS)]


@pytest.mark.slow  # benchmarks/accuracy.py asks the same of the command
@pytest.mark.parametrize("name", LEAKS)
def test_the_line_that_allocates_is_the_first_site_of_every_leak_of_the_gallery(name: str) -> None:
    # GIVEN a leak whose line and size are known
    truth = TRUTH[name]
    meter = SUITABLE.get(name, TracerName.MEMRAY)
    # WHEN it is traced by what sees it
    found = told(
        f"{GALLERY / truth['file']}::{name}",
        truth["bytes_per_call"]["measured"],
        meter,
        mapped=truth["meter"] == "rss",
    )
    if name == "test_client" and not found.sites:
        pytest.skip("this version of Django no longer leaks here")
    # THEN the first site's stack leads through that line, and the sites make up the growth
    if "culprit" in truth:
        culprit = ALLOCATED_AT.get(name, truth["culprit"])
        assert any(culprit in frame.source for frame in found.sites[0].frames), found.sites
    # the truth's rates are those of 3.11: objects and tables have other sizes elsewhere
    if name not in IN_STEPS and sys.version_info[:2] == (3, 11):
        assert 0.9 <= found.explained <= 1.1
    assert found.sites[0].frame.kind is not FrameKind.LIBRARY


@pytest.mark.parametrize("meter", [TracerName.MEMRAY_NATIVE, TracerName.TRACEMALLOC])
@pytest.mark.parametrize(
    "name", ["object_per_call", "growing_string", "exception_with_traceback", "reference_forgotten"]
)
def test_the_other_tracers_say_the_same_of_pythons_memory(name: str, meter: TracerName) -> None:
    truth = TRUTH[name]
    found = told(f"{GALLERY / truth['file']}::{name}", truth["bytes_per_call"]["measured"], meter)
    assert any(truth["culprit"] in frame.source for frame in found.sites[0].frames)
    assert found.explained == pytest.approx(1.0, abs=0.1)


# --- what is no leak ------------------------------------------------------------------------------


@pytest.mark.parametrize("meter", [TracerName.MEMRAY, TracerName.MEMRAY_NATIVE, TracerName.TRACEMALLOC])
def test_garbage_and_what_calls_give_back_is_not_told(tmp_path: Path, meter: TracerName) -> None:
    target = write(
        tmp_path,
        """
        @scenario
        def leak():
            cycle = [bytes(1000)]
            cycle.append(cycle)
        """,
    )
    with tracing(target, meter) as worker:
        warm_up(worker)
        seen = window(worker, 200)
        worker.finish()
    assert sum(abs(stack.bytes) for stack in seen.stacks) < 1000


def test_a_leak_beside_a_cache_that_replaces_its_entries_is_told_alone(tmp_path: Path) -> None:
    # GIVEN a full cache, and a leak beside it
    target = write(
        tmp_path,
        """
        import itertools
        NUMBERS, CACHE, KEPT = itertools.count(), {}, []
        for number in range(250):
            CACHE[number] = bytes(1000)

        @scenario
        def leak():
            CACHE[next(NUMBERS) % 250] = bytes(1000)
            KEPT.append(bytes(67))
        """,
    )
    # WHEN windows are traced that are longer than the cache is large
    with tracing(target, TracerName.MEMRAY) as worker:
        warm_up(worker)
        windows = [window(worker, calls) for calls in (300, 600, 900)]
        worker.finish()
    # THEN each holds all of the cache, which so is no growth, and the leak alone is told
    assert all(any(250_000 < stack.bytes < 275_000 for stack in one.stacks) for one in windows)
    assert [site.frame.source for site in allocation_sites(windows, 120_000)] == ["KEPT.append(bytes(67))"]
    assert explained_fraction(windows, 120_000) == pytest.approx(1.0, abs=0.1)


def test_frames_of_ours_are_in_no_stack(tmp_path: Path) -> None:
    target = write(
        tmp_path,
        """
        import json
        KEPT = []

        @scenario(variants=("a",))
        def leak(variant):
            KEPT.append(json.loads("[1.5]"))
        """,
    )
    for meter in (TracerName.MEMRAY, TracerName.TRACEMALLOC):
        plan = PassRequest(kind=Pass.ALLOCATION, target=target, variant="a", tracer=meter.value)
        with WorkerProcess(plan, WorkerLimits()) as worker:
            worker.start()
            warm_up(worker)
            seen = window(worker, 100)
            worker.finish()
        frames = [frame for stack in seen.stacks for frame in stack.frames]
        assert {Path(frame.file).name for frame in frames if frame.kind is FrameKind.OWN} == {"shop.py"}
        assert {Path(frame.file).parent.name for frame in frames if frame.kind is FrameKind.LIBRARY} == {"json"}
        assert "leak" in {frame.function for frame in frames}


# --- line by line ---------------------------------------------------------------------------------


def test_locals_that_a_function_gives_back_at_its_end_are_not_charged_to_their_lines(tmp_path: Path) -> None:
    # GIVEN big locals that come and go around a small loss
    target = write(
        tmp_path,
        """
        import ctypes
        LIBC = ctypes.CDLL(None)

        def work():
            first = bytes(10_000)
            second = bytes(20_000)
            LIBC.malloc(100)
            return len(first) + len(second)

        @scenario
        def leak():
            work()
            third = bytes(3000)
        """,
    )
    # WHEN malloc is read line by line
    found = told(target, 112, TracerName.LINES)
    # THEN the loss alone is told, with the way that led there
    assert [site.frame.source for site in found.sites] == ["LIBC.malloc(100)"]
    assert [frame.function for frame in found.sites[0].frames] == ["work", "leak"]
    assert found.explained == pytest.approx(1.0, abs=0.01)
    assert found.sites[0].native


# --- native code, and a Python without memray -----------------------------------------------------

EXTENSIONS = {
    "multidict_pop": ("multidict-6.6.3", 1440.0, "_multidict."),
    "protobuf_bytesize": ("protobuf-4.23.4", 400.0, "_message."),
    "ujson_default_str": ("ujson-5.12.0", 224.0, "ujson."),
    "pillow_font": ("Pillow-10.1.0", 32.0, "_imagingft."),
    "numpy_flat": ("numpy-2.4.0", 5568.6, "_multiarray_umath."),
}


@pytest.mark.parametrize("name", EXTENSIONS)
def test_the_extension_is_named_that_loses_memory(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # GIVEN an extension with a known leak, in an environment without memray
    environment, bytes_per_call, extension = EXTENSIONS[name]
    python = ENVIRONMENTS / environment / "bin" / "python"
    if not python.exists():
        pytest.skip(f"{python} is not there; benchmarks/accuracy.py makes such environments")
    if sys.version_info[:2] != (3, 11):
        pytest.skip("the environments are of 3.11, and memray is lent to the same Python only")
    monkeypatch.chdir(CORPUS)
    # WHEN ours is lent to it
    found = told(
        f"{name}:call",
        bytes_per_call,
        TracerName.MEMRAY_NATIVE,
        python=str(python),
        setup=f"{name}:setup",
        lent=packages_to_lend(),
    )
    # THEN the extension is in the first site's stack, and the growth is explained
    libraries = [frame.file for frame in found.sites[0].frames if frame.kind is FrameKind.NATIVE]
    assert any(library.startswith(extension) for library in libraries), found.sites[0].frames
    assert not any(library.startswith(("libpython", "libc.", "_memray")) for library in libraries)
    assert found.explained == pytest.approx(1.0, abs=0.1)


LOOKS_AROUND = """
    import importlib.util, sys
    THERE = [name for name in ("rich", "msgspec", "numpy", "typing_extensions") if importlib.util.find_spec(name)]
    assert THERE == [], THERE
    assert not {"rich", "typing_extensions"} & set(sys.modules)
    KEPT = []

    @scenario(peak="1 GiB")
    def leak():
        KEPT.append(bytes(967))
    """


def test_memray_is_lent_and_nothing_else_becomes_importable(tmp_path: Path, bare_python: Path) -> None:
    target = write(tmp_path, LOOKS_AROUND)
    for meter in (TracerName.MEMRAY, TracerName.MEMRAY_NATIVE):
        found = told(target, 1008, meter, python=str(bare_python), lent=packages_to_lend())
        assert found.sites[0].frame.source == "KEPT.append(bytes(967))"
        assert found.explained == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("lent", [None, "/nowhere#", "{folder}#cpython-27-vax"])
def test_what_is_not_lent_or_is_of_another_abi_is_missing(tmp_path: Path, bare_python: Path, lent: str | None) -> None:
    folder = (packages_to_lend() or "").rpartition("#")[0]
    plan = PassRequest(
        kind=Pass.ALLOCATION,
        target=write(tmp_path, LOOKS_AROUND),
        tracer=TracerName.MEMRAY.value,
        memray_fallback=lent and lent.format(folder=folder),
    )
    with WorkerProcess(plan, WorkerLimits(python=str(bare_python))) as worker, pytest.raises(WorkerFailed) as failed:
        worker.start()
    assert failed.value.failure.kind == "missing"


def test_what_is_lent_is_what_this_interpreter_has() -> None:
    folder, _, abi = (packages_to_lend() or "").rpartition("#")
    assert (Path(folder) / "memray" / "__init__.py").exists()
    named = subprocess.run(
        [sys.executable, "-c", "import sysconfig; print(sysconfig.get_config_var('SOABI'))"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert abi == named.stdout.strip()


# --- what fails -----------------------------------------------------------------------------------


@pytest.mark.parametrize("meter", list(TracerName))
def test_a_call_that_raises_is_named_by_its_number(tmp_path: Path, meter: TracerName) -> None:
    target = write(
        tmp_path,
        """
        import itertools
        NUMBERS = itertools.count(1)

        @scenario
        def leak():
            if next(NUMBERS) == 30:
                raise ValueError("the thirtieth")
        """,
    )
    with tracing(target, meter) as worker:
        warm_up(worker)
        with pytest.raises(WorkerFailed) as failed:
            window(worker, 100)
    failure = failed.value.failure
    assert (failure.kind, failure.call, failure.message) == ("raised", 30, "ValueError: the thirtieth")
    assert "shop.py" in failure.details
    assert "sites" not in failure.details


def test_a_set_up_that_raises_and_a_tear_down_that_raises_are_told(tmp_path: Path) -> None:
    target = write(
        tmp_path,
        """
        @scenario
        def leak():
            yield lambda: None
            raise ValueError("too late")
        """,
    )
    with tracing(target, TracerName.MEMRAY) as worker:
        warm_up(worker)
        with pytest.raises(WorkerFailed) as failed:
            worker.finish()
    assert (failed.value.failure.kind, failed.value.failure.message) == ("teardown", "ValueError: too late")
    plan = PassRequest(kind=Pass.ALLOCATION, target="nowhere.py::leak", tracer=TracerName.MEMRAY.value)
    with WorkerProcess(plan, WorkerLimits()) as worker, pytest.raises(WorkerFailed) as failed:
        worker.start()
    assert failed.value.failure.kind in ("setup", "usage")


# --- the peak -------------------------------------------------------------------------------------


def test_the_peak_is_told_by_the_lines_that_hold_it(tmp_path: Path, bare_python: Path) -> None:
    # GIVEN a call that holds 30 MiB at most, by two lines, in a Python without memray
    target = write(
        tmp_path,
        """
        @scenario
        def leak():
            big = bytearray(20 << 20)
            small = bytearray(10 << 20)
            del big, small
            bytearray(25 << 20)
        """,
    )
    plan = PassRequest(
        kind=Pass.PEAK, target=target, capture_path=str(tmp_path / "capture"), memray_fallback=packages_to_lend()
    )
    # WHEN one is traced
    with WorkerProcess(plan, WorkerLimits(python=str(bare_python))) as worker:
        worker.start()
        peak = msgspec.convert(worker.listen(during="the peak"), PeakReading)
    # THEN both are named with their share of the high-water mark
    sites = peak_sites(peak.stacks, peak.peak_bytes)
    assert [site.frame.source for site in sites] == ["big = bytearray(20 << 20)", "small = bytearray(10 << 20)"]
    assert [round(site.share, 2) for site in sites] == [0.67, 0.33]
    assert sites[0].bytes == pytest.approx(20 << 20, abs=100)
