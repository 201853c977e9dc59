"""What tests patch, and what they look at in the interpreter, is as it would be without us."""

import pytest

from leakcheck.model.verdict import Verdict
from tests.plugin.project import LEAK, LEAK_BYTES_PER_CALL, Project

PATCHED = {
    "processes": (
        "subprocess.Popen",
        "tempfile.mkdtemp",
        "shutil.rmtree",
        "signal.signal",
        "signal.setitimer",
        "os.kill",
    ),
    "sockets": ("socket.socket.connect", "socket.socket.recv", "socket.socket.sendall", "socket.socket"),
    "texts": ("json.dumps", "json.loads", "json.JSONEncoder.default", "sys.executable", "importlib.import_module"),
    "clocks": ("time.perf_counter", "time.perf_counter_ns", "time.monotonic", "time.time", "time.sleep"),
    "files": ("os.getpid", "os.getppid", "os.stat", "os.open", "os.read", "os.scandir", "os.fspath"),
    "collector": ("gc.collect", "gc.freeze", "gc.unfreeze", "gc.get_objects", "gc.get_freeze_count"),
    "builtins": tuple(f"builtins.{name}" for name in ("open", "range", "min", "sum", "sorted", "__import__")),
}


def test_what_a_fixture_replaces_in_the_standard_library_does_not_reach_us(project: Project) -> None:
    # GIVEN a fixture for each kind of names, which fails where anybody but the test calls one of them
    project.write(
        "test_shop.py",
        f"""
        import os, sys, pytest
        from unittest import mock
        PATCHED = {PATCHED!r}

        def stub(*words, **said):
            raise AssertionError("this is patched")

        @pytest.fixture(params=list(PATCHED))
        def patched(request, monkeypatch):
            for name in PATCHED[request.param]:
                monkeypatch.setattr(name, stub)

        def test_one(patched):
            assert 1 + 1 == 2

        @pytest.fixture
        def bare(monkeypatch):
            for name in (*PATCHED["clocks"], *PATCHED["sockets"], "os.getpid", "gc.collect", *PATCHED["texts"]):
                monkeypatch.setattr(name, stub)
            with mock.patch.dict(os.environ, {{}}, clear=True), mock.patch.dict(sys.modules, {{"json": None}}):
                yield

        def test_keeps(bare):
            leak()
        """,
        before=LEAK,
    )
    # WHEN all are replayed
    run = project.run("--leakcheck")
    # THEN the verdicts are those of the bodies
    verdicts = {name.partition("::test_")[2]: result.verdict for name, result in run.results.items()}
    assert verdicts == {
        **{f"one[{kind}]": Verdict.CLEAN for kind in PATCHED},
        "keeps": Verdict.LEAK,
    }, run.text
    assert run.outcomes == {"passed": len(PATCHED), "failed": 1}, run.text
    growth = run.results["test_shop.py::test_keeps"].growth
    assert growth is not None
    assert growth.bytes_per_1000_calls == pytest.approx(1000 * LEAK_BYTES_PER_CALL, rel=0.02)


def test_a_tool_that_replaces_names_in_every_module_does_not_reach_ours(project: Project) -> None:
    # GIVEN a tool for the whole session that stops clocks, files and sockets wherever they were imported
    project.write(
        "conftest.py",
        """
        import builtins, inspect, os, socket, sys, time, types, pytest

        def stub(*words, **said):
            raise AssertionError("this is patched")

        def is_to_be_replaced(value):
            if inspect.ismodule(value):
                return value.__name__ in ("os", "socket", "subprocess", "tempfile")
            return inspect.isbuiltin(value) and value.__module__ in ("posix", "time")

        @pytest.fixture(scope="session", autouse=True)
        def replaced():
            fake = types.ModuleType("fake")
            fake.__getattr__ = stub
            undo = []
            for name, module in list(sys.modules.items()):
                if name.startswith("leakcheck."):
                    for key, value in list(vars(module).items()):
                        if is_to_be_replaced(value):
                            undo.append((module, key, value))
                            setattr(module, key, fake if inspect.ismodule(value) else stub)
            yield
            for module, key, value in undo:
                setattr(module, key, value)
        """,
    )
    project.write(
        "test_shop.py",
        """
        def test_stands_still():
            pass

        def test_keeps():
            leak()
        """,
        before=LEAK,
    )
    run = project.run("--leakcheck")
    verdicts = {name.partition("::test_")[2]: result.verdict for name, result in run.results.items()}
    assert verdicts == {"stands_still": Verdict.CLEAN, "keeps": Verdict.LEAK}, run.text


def test_nothing_stays_frozen_and_what_the_project_froze_does(project: Project) -> None:
    # GIVEN tests that look whether an object is collected: in the body, of the test before, of what set-up made
    project.write(
        "test_shop.py",
        """
        import gc, weakref, pytest

        class Node:
            def __init__(self):
                self.me = self

        @pytest.fixture
        def box():
            return [Node()]

        def test_a_cycle_is_collected(box):
            if not box:
                return
            ref = weakref.ref(box[0])
            box.clear()
            gc.collect()
            assert ref() is None

        REF = None

        def test_something_uses(box):
            global REF
            REF = weakref.ref(box[0])

        def test_it_is_gone_in_the_next_one():
            gc.collect()
            assert REF() is None

        FROZEN = []

        def test_nothing_is_frozen():
            assert gc.get_freeze_count() <= 400  # what an interpreter begins with

        @pytest.fixture
        def frozen():
            gc.freeze()
            FROZEN.append(gc.get_freeze_count())
            yield [Node()]
            # what the project froze is as it was, and nothing beside it
            now = gc.get_freeze_count()
            gc.unfreeze()
            assert 0.9 * FROZEN[0] < now <= FROZEN[0]

        def test_of_a_project_that_freezes(frozen):
            ref = weakref.ref(frozen[0])
            assert ref() is not None

        def test_nothing_is_frozen_at_the_end():
            assert gc.get_freeze_count() <= 400
        """,
    )
    run = project.run("--leakcheck")
    assert run.outcomes == {"passed": 6}, run.text
    assert "cannot be replayed" not in run.text
