"""What test doubles note of their calls is told apart from what the code under test keeps."""

import pytest

from leakcheck.model.verdict import Verdict
from tests.plugin.project import LEAK, LEAK_BYTES_PER_CALL, Project

SERVICE = """
class Service:
    def __init__(self, transport):
        self.transport = transport

    def ping(self):
        return self.transport.send("ping", n=1)

    def send(self, what):
        return object()
"""


def test_the_records_of_doubles_are_nobodys_leak_whatever_made_them(project: Project) -> None:
    # GIVEN doubles of fixtures, of set-up, of decorators and of modules, and tests that count their calls
    project.write(
        "test_shop.py",
        """
        import asyncio, os, sys, types, unittest, pytest
        from unittest import mock

        shop = types.ModuleType("shop")
        shop.Service, shop.area = Service, lambda width, height: width * height
        sys.modules["shop"] = shop
        GLOBAL = mock.Mock()

        @pytest.fixture(params=[mock.Mock, mock.MagicMock, mock.NonCallableMagicMock])
        def transport(request):
            return request.param()

        def test_mock(transport):
            Service(transport).ping()
            transport.send.assert_called_once_with("ping", n=1)
            assert transport.mock_calls == [mock.call.send("ping", n=1)]

        def test_answers(transport):
            transport.open.return_value.read.return_value = "it"
            with mock.patch.object(transport, "close"):
                assert transport.open("file").read() == "it"
            transport.open("file").write("it")
            assert transport.open.call_count == 2

        def test_of_a_module():
            GLOBAL.sub.method(bytearray(100))
            GLOBAL.sub.method.assert_called_once()

        def test_reset():
            GLOBAL(1)
            GLOBAL.reset_mock()
            GLOBAL(2)
            assert GLOBAL.call_args_list == [mock.call(2)]

        def test_magic(magic=mock.MagicMock()):
            magic["key"] = len(magic)
            assert magic.__setitem__.call_count == 1

        @pytest.fixture
        def spied(mocker):
            return mocker.spy(Service, "send"), mocker.spy(shop, "area")

        def test_spy(spied):
            Service(None).send("it")
            assert shop.area(2, 3) == 6
            for spy in spied:
                assert spy.call_count == 1
                assert len(spy.spy_return_list) == 1

        @pytest.fixture
        def specified():
            return mock.create_autospec(Service), mock.create_autospec(shop.area), mock.create_autospec(Service(None))

        def test_autospec(specified):
            cls, function, instance = specified
            cls(None).send("it")
            function(1, height=2)
            instance.send("it")
            cls.assert_called_once_with(None)
            function.assert_called_once_with(1, height=2)
            instance.send.assert_called_once_with("it")

        @pytest.fixture
        def patched(mocker):
            return mocker.patch("os.getpid", return_value=1)

        def test_mocker_in_a_fixture(patched):
            assert os.getpid() == 1
            patched.assert_called_once()

        @mock.patch("os.getpid")
        def test_decorated(getpid):
            os.getpid()
            assert getpid.call_count == 1

        @pytest.fixture
        def awaited():
            return mock.AsyncMock()

        def test_async(awaited):
            asyncio.run(awaited.send("it"))
            awaited.send.assert_awaited_once_with("it")

        def test_later_ones(calls=[]):
            # what is first asked for in later replays
            calls.append(1) if len(calls) < 20 else None
            getattr(GLOBAL, f"late{len(calls)}")(1).answer(2)

        class TestUnit(unittest.TestCase):
            @classmethod
            def setUpClass(cls):
                cls.patcher = mock.patch("os.getppid")
                cls.getppid = cls.patcher.start()
                cls.addClassCleanup(cls.patcher.stop)

            def setUp(self):
                self.transport = mock.MagicMock()

            def test_set_up(self):
                Service(self.transport).ping()
                os.getppid()
                self.transport.send.assert_called_once_with("ping", n=1)
                self.getppid.assert_called_once_with()
        """,
        before=SERVICE,
    )
    run = project.run("--leakcheck")
    # THEN all can be replayed, none of them grows, and each passes
    verdicts = {name.partition("::")[2]: result.verdict.value for name, result in run.results.items()}
    assert set(verdicts.values()) == {"clean"}, (verdicts, run.text)
    assert set(run.outcomes) <= {"passed"}, run.text
    assert "cannot be replayed" not in run.text


def test_what_leaks_beside_a_double_is_found_at_its_size(project: Project) -> None:
    # GIVEN code that keeps something while it talks to a double, and a double that hands on what it gets
    project.write(
        "test_shop.py",
        """
        import pytest
        from unittest import mock
        KEPT = []

        @pytest.fixture
        def transport():
            return mock.Mock()

        def test_keeps(transport):
            Service(transport).ping()
            leak()

        @pytest.fixture
        def hands_on():
            return mock.Mock(side_effect=KEPT.append)

        def test_hands_on(hands_on):
            hands_on(bytearray(1000))
        """,
        before=LEAK + SERVICE,
    )
    run = project.run("--leakcheck")
    assert run.outcomes == {"failed": 2}
    for name in ("keeps", "hands_on"):
        result = run.results[f"test_shop.py::test_{name}"]
        assert result.verdict is Verdict.LEAK
        assert result.growth is not None
        assert result.growth.bytes_per_1000_calls == pytest.approx(1000 * LEAK_BYTES_PER_CALL, rel=0.1)


def test_what_runs_once_leaves_its_calls_with_the_double(project: Project) -> None:
    # GIVEN a fixture that looks at its double afterwards, a test that runs only once, and one that always fails
    project.write(
        "test_shop.py",
        """
        import pytest
        from unittest import mock

        @pytest.fixture
        def transport():
            double = mock.Mock()
            yield double
            double.send.assert_called_once_with("it")

        def test_once(transport, tmp_path):
            (tmp_path / "it").mkdir()
            transport.send("it")

        def test_often(transport):
            transport.send("it")

        def test_fails(transport):
            transport.send("it")
            assert transport.send.call_count == 2, f"counted {transport.send.call_count}"
        """,
    )
    run = project.run("--leakcheck")
    assert run.outcomes == {"passed": 2, "failed": 1}, run.text
    assert "counted 1" in run.text
    assert "1 cannot be replayed" in run.text
