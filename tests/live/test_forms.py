"""The forms that a scenario has, its variants and its options, by the real command."""

from pathlib import Path

import pytest

from leakcheck.model.verdict import Verdict
from tests.live.command import Leakcheck
from tests.live.sizes import MALLOC_OF_100, assert_leaks

FORMS = """
import asyncio
from leakcheck import scenario

KEPT, TORN_DOWN = [], []

@scenario
async def coroutine():
    await asyncio.sleep(0)
    KEPT.append(bytes(967))

@scenario
def generator():
    kept = []
    yield lambda: kept.append(bytes(967))
    print(TORN_DOWN)
    open("generator-torn-down.txt", "w").close()

@scenario
async def async_generator():
    kept = []
    async def call():
        await asyncio.sleep(0)
        kept.append(bytes(967))
    yield call
    await asyncio.sleep(0)
    open("async-generator-torn-down.txt", "w").close()

@scenario
async def quiet_coroutine():
    await asyncio.sleep(0)

@scenario(variants={"keeps": "A list keeps what each call made.", "drops": ""})
def varied(variant, size=67):
    if variant == "keeps":
        KEPT.append(bytes(size))
"""


def test_each_form_of_a_scenario_leaks_at_its_size_and_is_torn_down(leakcheck: Leakcheck) -> None:
    leakcheck.write("forms.py", FORMS)
    ran = leakcheck.run("forms.py", "-k", "coroutine or generator", "--calls", "2000")
    for name in ("coroutine", "generator", "async_generator"):
        assert_leaks(ran[name], 1008)
    assert ran["quiet_coroutine"].verdict is Verdict.CLEAN
    assert (leakcheck.folder / "generator-torn-down.txt").exists()
    assert (leakcheck.folder / "async-generator-torn-down.txt").exists()


def test_each_variant_is_measured_for_itself(leakcheck: Leakcheck) -> None:
    leakcheck.write("forms.py", FORMS)
    ran = leakcheck.run("forms.py::varied", "--calls", "2000")
    assert [result.id for result in ran.document.results] == ["varied[keeps]", "varied[drops]"]
    assert_leaks(ran["varied[keeps]"], 112 + 8)
    assert ran["varied[keeps]"].description == "A list keeps what each call made."
    assert ran["varied[drops]"].verdict is Verdict.CLEAN
    assert "1 failed, 1 passed" in ran.output


def test_one_variant_alone_is_measured_with_the_options_given(leakcheck: Leakcheck) -> None:
    leakcheck.write("forms.py", FORMS)
    ran = leakcheck.run("forms.py::varied[keeps]", "--calls", "2000", "-o", "size=9967")
    assert ran.result.id == "varied[keeps]"
    assert ran.result.growth_options == {"size": 9967}
    assert_leaks(ran.result, 10_000 + 8)


def test_an_option_of_one_pass_leaves_the_other_alone(leakcheck: Leakcheck) -> None:
    # GIVEN a scenario that allocates as much as it is told to, and says so
    leakcheck.write(
        "sized.py",
        """
        from leakcheck import scenario

        @scenario(growth_options={"size": 1}, peak_options={"size": 1000})
        def sized(size):
            bytearray(size)
        """,
    )
    # WHEN the peak's size is given
    ran = leakcheck.run("sized.py", "--peak-pass", "-o", "peak.size=30_000_000", "-o", "peak.size=20000000")
    # THEN the last word holds, and in the peak pass alone
    assert (ran.result.growth_options, ran.result.peak_options) == ({"size": 1}, {"size": 20_000_000})
    assert ran.result.peak_bytes == pytest.approx(20_000_000, rel=0.01)


def test_two_hundred_calls_are_enough_to_see_a_leak_and_are_not_exceeded(leakcheck: Leakcheck) -> None:
    leakcheck.write(
        "few.py",
        """
        import ctypes
        from leakcheck import scenario

        LIBC = ctypes.CDLL(None)

        @scenario
        def leak():
            LIBC.malloc(100)

        @scenario
        def quiet():
            pass
        """,
    )
    ran = leakcheck.run("few.py", "--calls", "200")
    for result in ran.document.results:
        assert result.growth is not None
        assert result.growth.calls == 200
    assert_leaks(ran["leak"], MALLOC_OF_100)
    assert ran["quiet"].verdict is Verdict.CLEAN


SHOP = """
PREPARED, KEPT = [], []

def prepare():
    PREPARED.append(True)

class Cart:
    @staticmethod
    def checkout():
        if not PREPARED:
            raise RuntimeError("nobody prepared the shop")
        KEPT.append(bytes(967))
"""


def test_a_callable_of_the_current_folder_needs_no_mark_and_may_need_a_setup(leakcheck: Leakcheck) -> None:
    # GIVEN a package that knows nothing of leakcheck
    leakcheck.write("store/__init__.py", "")
    leakcheck.write("store/shop.py", SHOP)
    # WHEN it is run without what it needs, THEN it fails
    ran = leakcheck.run("store.shop:Cart.checkout")
    assert "store.shop:Cart.checkout: raised on call 1: RuntimeError: nobody prepared the shop" in ran.output
    # WHEN it is prepared, THEN it is measured
    ran = leakcheck.run("store.shop:Cart.checkout", "--setup", "store.shop:prepare", "--calls", "2000")
    assert ran.result.id == "store.shop:Cart.checkout"
    assert_leaks(ran.result, 1008)


def test_another_interpreter_is_measured_with_nothing_of_ours_installed(
    leakcheck: Leakcheck, bare_python: Path
) -> None:
    leakcheck.write("forms.py", FORMS)
    leakcheck.write("where.py", "import sys\n\ndef is_bare():\n    assert sys.prefix.endswith('venv'), sys.prefix\n")
    ran = leakcheck.run("forms.py::varied", "where:is_bare", "--python", str(bare_python), "--calls", "2000")
    assert_leaks(ran["varied[keeps]"], 112 + 8)
    assert ran["varied[drops]"].verdict is Verdict.CLEAN
    assert ran["where:is_bare"].verdict is Verdict.CLEAN
    assert ran.document.environment is not None
    assert ran.document.environment.executable == str(bare_python)
    assert ran.document.environment.packages == {}
