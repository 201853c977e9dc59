"""Every kind of test is replayed as its own framework would call it."""

import pytest

from leakcheck.model.verdict import Verdict
from tests.plugin.project import LEAK, Project


def test_methods_of_a_class_are_replayed_on_one_instance(project: Project) -> None:
    project.write(
        "test_shop.py",
        """
        import pytest

        @pytest.mark.leakcheck
        class TestShop:
            def setup_method(self):
                self.calls = 0

            def test_counts(self):
                self.calls += 1

            def test_keeps(self):
                leak()

            def teardown_method(self):
                assert self.calls == 0 or self.calls > 100
        """,
        before=LEAK,
    )
    run = project.run()
    assert run.outcomes == {"passed": 1, "failed": 1}
    assert run.results["test_shop.py::TestShop::test_counts"].verdict is Verdict.CLEAN
    assert run.results["test_shop.py::TestShop::test_keeps"].verdict is Verdict.LEAK


ASYNC = """
import asyncio, pytest

@pytest.mark.leakcheck
{mark}
async def test_waits():
    await asyncio.sleep(0)

@pytest.mark.leakcheck
{mark}
async def test_keeps():
    await asyncio.sleep(0)
    leak()
"""


def test_async_tests_run_without_any_plugin_where_they_are_marked(project: Project) -> None:
    project.write("test_shop.py", LEAK + ASYNC.format(mark=""))
    run = project.run("-p", "no:asyncio")
    assert run.outcomes == {"passed": 1, "failed": 1}
    assert run.results["test_shop.py::test_waits"].verdict is Verdict.CLEAN
    assert run.results["test_shop.py::test_keeps"].verdict is Verdict.LEAK


def test_async_tests_run_in_the_loop_of_their_plugin(project: Project) -> None:
    pytest.importorskip("pytest_asyncio")
    # GIVEN an async fixture, and a body that only works in the fixture's loop
    project.write(
        "test_shop.py",
        """
        import asyncio, pytest, pytest_asyncio

        @pytest_asyncio.fixture
        async def loop():
            yield asyncio.get_running_loop()

        @pytest.mark.leakcheck
        @pytest.mark.asyncio
        async def test_waits(loop):
            assert asyncio.get_running_loop() is loop

        @pytest.mark.leakcheck
        @pytest.mark.asyncio
        async def test_keeps(loop):
            assert asyncio.get_running_loop() is loop
            leak()
        """,
        before=LEAK,
    )
    run = project.run()
    assert run.outcomes == {"passed": 1, "failed": 1}
    assert run.results["test_shop.py::test_waits"].verdict is Verdict.CLEAN
    assert run.results["test_shop.py::test_keeps"].verdict is Verdict.LEAK


def test_methods_of_a_test_case_are_replayed_between_its_set_up_and_its_tear_down(project: Project) -> None:
    project.write(
        "test_shop.py",
        """
        import asyncio, unittest, pytest
        ENDED = []

        @pytest.mark.leakcheck
        class ShopTests(unittest.TestCase):
            def setUp(self):
                self.rows = []

            def test_cleans_up(self):
                self.addCleanup(self.rows.clear)
                self.rows.append(1)
                with self.subTest(rows=1):
                    self.assertEqual(self.rows, [1])

            def test_keeps(self):
                leak()

            def test_fails(self):
                self.fail("as always")

            def test_fails_in_a_part(self):
                with self.subTest(part=1):
                    self.fail("in a part")

            def test_skips(self):
                self.skipTest("not here")

            def tearDown(self):
                ENDED.append(1)

        @pytest.mark.leakcheck
        class AsyncShopTests(unittest.IsolatedAsyncioTestCase):
            async def asyncSetUp(self):
                self.loop = asyncio.get_running_loop()

            async def test_waits(self):
                self.assertIs(asyncio.get_running_loop(), self.loop)

            async def test_keeps(self):
                leak()

        def test_each_ended_once():
            assert len(ENDED) == 5
        """,
        before=LEAK,
    )
    run = project.run()
    assert "as always" in run.text
    assert "in a part" in run.text
    assert run.outcomes["skipped"] == 1
    verdicts = {name.removeprefix("test_shop.py::"): result.verdict for name, result in run.results.items()}
    assert verdicts == {
        "ShopTests::test_cleans_up": Verdict.CLEAN,
        "ShopTests::test_keeps": Verdict.LEAK,
        "AsyncShopTests::test_waits": Verdict.CLEAN,
        "AsyncShopTests::test_keeps": Verdict.LEAK,
    }
    assert "FAILED test_shop.py::test_each_ended_once" not in run.text


def test_what_the_tools_of_a_test_keep_is_nobodys_leak(project: Project) -> None:
    pytest.importorskip("pytest_mock")
    project.write(
        "test_shop.py",
        """
        import logging, os, sys, warnings, pytest
        pytestmark = pytest.mark.leakcheck

        @pytest.fixture
        def patched(monkeypatch):
            monkeypatch.setenv("SHOP", "fixture")

        def test_monkeypatch(patched, monkeypatch):
            assert os.environ["SHOP"] == "fixture"
            monkeypatch.setenv("SHOP", "body")
            monkeypatch.setattr(os, "getcwd", lambda: "here")
            monkeypatch.syspath_prepend("shop")

        def test_mocker(mocker):
            mocker.patch("os.getcwd", return_value="there")
            assert os.getcwd() == "there"

        def test_caplog(caplog):
            logging.warning("sold")
            assert len(caplog.records) == 1

        def test_capsys(capsys):
            print("sold")
            assert capsys.readouterr().out == "sold" + chr(10)
            print("again")

        def test_recwarn(recwarn):
            warnings.warn("old")
            assert len(recwarn) == 1

        def test_warnings_and_prints():
            warnings.warn("old")
            print("sold")
            sys.stderr.write("sold")

        def test_properties(record_property):
            record_property("sold", 1)

        def test_subtests(subtests):
            with subtests.test("sold"):
                pass
        """,
    )
    for arguments in ((), ("--capture=sys",), ("-s",)):
        run = project.run(*arguments)
        verdicts = {name.partition("::")[2]: result.verdict.value for name, result in run.results.items()}
        assert set(verdicts.values()) == {"clean"}, (verdicts, run.text)
        assert len(verdicts) == 8
        assert run.code == 0
        # what thousands of replays have written is not shown
        assert run.text.count("sold") < 10


def test_warnings_that_are_errors_stay_so_and_none_of_ours_is_one(project: Project) -> None:
    project.write(
        "test_shop.py",
        """
        import warnings, pytest

        @pytest.mark.leakcheck
        def test_warns():
            with pytest.raises(DeprecationWarning):
                warnings.warn("old", DeprecationWarning)

        @pytest.mark.leakcheck
        def test_keeps():
            leak()
        """,
        before=LEAK,
    )
    run = project.run("-W", "error")
    assert run.outcomes == {"passed": 1, "failed": 1}
    assert run.results["test_shop.py::test_keeps"].verdict is Verdict.LEAK
    assert "Warning:" not in run.text


def test_djangos_test_cases_are_replayed_within_their_transactions(project: Project) -> None:
    pytest.importorskip("pytest_django")
    # GIVEN a site with a database in a file, whose tests write rows and mails, and count queries
    project.write(
        "settings.py",
        """
        from pathlib import Path
        HERE = Path(__file__).parent
        SECRET_KEY = "for tests"
        INSTALLED_APPS = ["shop"]
        DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": HERE / "shop.db",
                                 "TEST": {"NAME": HERE / "shop-test.db"}}}
        """,
    )
    project.write("shop/__init__.py", "")
    project.write(
        "shop/models.py",
        """
        from django.db import models

        class Order(models.Model):
            id = models.AutoField(primary_key=True)
            name = models.CharField(max_length=100, unique=True)
        """,
    )
    project.ini("DJANGO_SETTINGS_MODULE = settings", "pythonpath = .")
    project.write(
        "test_shop.py",
        """
        import pytest
        from django.core import mail
        from django.db import transaction
        from django.test import TestCase
        from shop.models import Order

        @pytest.mark.leakcheck
        class OrderTests(TestCase):
            @classmethod
            def setUpTestData(cls):
                Order.objects.create(name="first")

            def test_creates(self):
                with self.assertNumQueries(1):
                    assert Order.objects.count() == 1
                with transaction.atomic(durable=True):
                    Order.objects.create(name="second")
                mail.send_mail("sold", "it", "a@example.org", ["b@example.org"])
                assert len(mail.outbox) == 1

            async def test_reads(self):
                assert await Order.objects.acount() == 1

            def test_keeps(self):
                Order.objects.create(name="second")
                leak()

        @pytest.mark.leakcheck
        def test_with_the_fixture(db, django_assert_num_queries):
            with django_assert_num_queries(1):
                Order.objects.create(name="second")
        """,
        before=LEAK,
    )
    # WHEN it is run
    run = project.run()
    # THEN rows that are rolled back are no leak, and what is kept is; beside the test database was another one
    verdicts = {name.removeprefix("test_shop.py::"): result.verdict for name, result in run.results.items()}
    # an async test interns new strings, whose table the interpreter enlarges once in 44,000: a step that is bounded
    assert verdicts.pop("OrderTests::test_reads") in (Verdict.CLEAN, Verdict.BOUNDED), run.text
    assert verdicts == {
        "OrderTests::test_creates": Verdict.CLEAN,
        "OrderTests::test_keeps": Verdict.LEAK,
        "test_with_the_fixture": Verdict.CLEAN,
    }, run.text
    assert run.outcomes == {"passed": 3, "failed": 1}
    # AND no database is left behind
    assert sorted(path.name for path in project.folder.glob("*.db*")) == []
