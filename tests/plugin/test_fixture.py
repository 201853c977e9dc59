"""The fixture `leakcheck`."""

from leakcheck.model.verdict import Verdict
from tests.plugin.project import LEAK, Project


def test_a_callable_is_measured_inside_a_test_and_its_growth_compares(project: Project) -> None:
    project.write(
        "test_shop.py",
        """
        import asyncio
        from leakcheck.model.result import Result

        def test_measures(leakcheck):
            clean = leakcheck(lambda: sum([1, 2]))
            assert isinstance(clean, Result)
            assert clean.growth <= "1 KiB / 1000 calls"
            assert clean.verdict == "clean"
            kept = leakcheck(leak)
            assert kept.growth > "1 MiB / 1000 calls"
            assert not kept.growth <= "1 MiB / 1000 calls"
            assert 1.1e6 < float(kept.growth) < 1.3e6
            assert kept.over_budget == ("growth",)

            async def waits():
                await asyncio.sleep(0)

            assert leakcheck(waits, calls=200).growth <= "4 KiB"
        """,
        before=LEAK,
    )
    run = project.run()
    # without a budget of the call it is up to the test
    assert run.outcomes == {"passed": 1}
    name = "test_shop.py::test_measures"
    assert {key: result.verdict for key, result in run.results.items()} == {
        name: Verdict.CLEAN,
        f"{name} #2": Verdict.LEAK,
        f"{name} #3": Verdict.CLEAN,
    }


def test_a_budget_of_the_call_fails_the_test_with_the_explanation(project: Project) -> None:
    project.write(
        "test_shop.py",
        """
        KEPT = []

        def test_measures(leakcheck):
            leakcheck(lambda: KEPT.append(bytearray(1000)), growth="64 KiB / 1000 calls")
        """,
    )
    run = project.run(explain=True)
    assert run.outcomes == {"failed": 1}
    assert "over the budget of 64.0 KiB" in run.text
    assert "test_shop.KEPT" in run.text
    assert ">       leakcheck(" not in run.text


def test_a_peak_is_measured_where_it_is_asked_for(project: Project) -> None:
    project.write(
        "test_shop.py",
        """
        def test_measures(leakcheck):
            assert leakcheck(lambda: bytearray(3_000_000), peak="4 MiB", calls=50).peak_bytes >= 3_000_000
            leakcheck(lambda: bytearray(5_000_000), peak="4 MiB", calls=50)
        """,
    )
    run = project.run()
    assert run.outcomes == {"failed": 1}
    assert "one call peaks at 4.77 MiB; the budget is 4.00 MiB." in run.text


def test_what_the_callable_raises_is_raised_and_a_second_loop_is_refused(project: Project) -> None:
    project.write(
        "test_shop.py",
        """
        import asyncio, pytest

        def test_raises(leakcheck):
            with pytest.raises(ValueError, match="invalid literal"):
                leakcheck(lambda: int("x"))

        def test_async_in_async(leakcheck):
            async def waits():
                await asyncio.sleep(0)

            async def test():
                leakcheck(waits)

            asyncio.run(test())

        def test_wrong_budget(leakcheck):
            leakcheck(lambda: None, growth="64 KB")
        """,
    )
    run = project.run()
    assert run.outcomes == {"passed": 1, "failed": 2}
    assert "measure it in a plain `def` test" in run.text
    assert "leakcheck(...): '64 KB': there is no unit 'KB'" in run.text


def test_a_test_with_the_fixture_is_not_replayed_itself(project: Project) -> None:
    project.write(
        "test_shop.py",
        """
        def test_measures(leakcheck, tmp_path):
            (tmp_path / "once").mkdir()
            leakcheck(lambda: None)
        """,
    )
    assert project.run("--leakcheck").outcomes == {"passed": 1}
