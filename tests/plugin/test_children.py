"""Child processes of a test process: what a test's pool keeps is the test's leak."""

from leakcheck.model.result import Meter
from leakcheck.model.verdict import Verdict
from tests.plugin.project import Project


def test_what_a_pool_keeps_with_each_call_fails_the_test(project: Project) -> None:
    # GIVEN two tests that ask a pool, whose worker keeps what one of them asks
    project.write(
        "test_pool.py",
        """
        import multiprocessing, pytest

        KEPT = []

        def keep():
            KEPT.append(b"x" * 50_000)

        def drop():
            return len(b"x" * 50_000)

        @pytest.fixture
        def pool():
            with multiprocessing.get_context("fork").Pool(1) as pool:
                yield pool

        @pytest.mark.leakcheck
        def test_keeps(pool):
            pool.apply(keep)

        @pytest.mark.leakcheck
        def test_drops(pool):
            pool.apply(drop)
        """,
    )
    # WHEN they are run
    run = project.run()
    # THEN that one fails, and the judge, a child of the test process as well, is nobody's
    assert run.outcomes == {"passed": 1, "failed": 1}
    leak, clean = run.results["test_pool.py::test_keeps"], run.results["test_pool.py::test_drops"]
    assert (leak.verdict, clean.verdict) == (Verdict.LEAK, Verdict.CLEAN)
    assert leak.growth is not None
    assert leak.growth.meter is Meter.CHILDREN
    assert 49e6 < leak.growth.bytes_per_1000_calls < 52e6
    assert clean.child_processes is not None
    assert clean.child_processes.processes == 1
