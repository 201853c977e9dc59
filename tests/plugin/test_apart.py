"""What a session holds, a process of its own cannot have: that is noticed, and has one outcome."""

from leakcheck.model.verdict import Gate
from tests.plugin.project import LEAK, Project

HELD = """
import fcntl, os, socket, time, unittest, pytest
HERE = os.path.dirname(__file__)

def note(name):
    with open(os.path.join(HERE, name + ".txt"), "a") as file:
        file.write("1")

@pytest.fixture(scope="session")
def lock():
    note("lock")
    while True:
        try:
            os.close(os.open(os.path.join(HERE, "lock"), os.O_CREAT | os.O_EXCL))
            break
        except FileExistsError:
            time.sleep(0.01)
    yield
    os.unlink(os.path.join(HERE, "lock"))

@pytest.fixture(scope="session")
def port():
    note("port")
    with socket.socket() as server:
        try:
            with open(os.path.join(HERE, "number")) as file:
                number = int(file.read())
        except FileNotFoundError:
            number = 0
        server.bind(("127.0.0.1", number))
        server.listen()
        with open(os.path.join(HERE, "number"), "w") as file:
            file.write(str(server.getsockname()[1]))
        yield
"""


def test_what_cannot_be_set_up_a_second_time_is_not_replayable_here_whether_it_waits_or_fails(project: Project) -> None:
    # GIVEN fixtures that hold a lock and a port, for tests that do not stand still, and for one that does
    project.write(
        "test_shop.py",
        """
        def test_lock(lock):
            leak()

        def test_lock_again(lock):
            leak()

        @pytest.mark.leakcheck
        def test_port(port):
            leak()

        def test_port_again(port):
            leak()

        def test_stands_still(lock, port):
            pass

        class TestUnit(unittest.TestCase):
            def setUp(self):
                self.file = open(os.path.join(HERE, "flock"), "w")
                fcntl.flock(self.file, fcntl.LOCK_EX)

            def tearDown(self):
                self.file.close()

            def test_of_set_up(self):
                leak()

        def test_by_the_fixture(lock, leakcheck):
            assert leakcheck(leak).failure.kind == "unreached"
        """,
        before=LEAK + HELD,
    )
    # WHEN all are replayed
    run = project.run("--leakcheck")
    # THEN each that does not stand still has the one outcome, and is told what to do
    assert run.outcomes == {"failed": 6, "passed": 1}, run.text
    failures = {name.partition("::")[2]: result.failure for name, result in run.results.items() if result.failure}
    assert set(failures) == {
        *("test_lock", "test_lock_again", "test_port", "test_port_again"),
        *("TestUnit::test_of_set_up", "test_by_the_fixture"),
    }
    for failure in failures.values():
        assert failure.kind == "unreached"
        assert failure.message.startswith("not replayable here: in a second process")
        assert "derive its name from the fixture worker_id" in failure.message
    assert "the fixture lock (session) did not end within" in failures["test_lock"].message
    assert "the fixture port (session) raised OSError" in failures["test_port"].message
    assert "the set-up did not end within" in failures["TestUnit::test_of_set_up"].message
    assert {result.gate for result in run.results.values() if result.failure} == {Gate.ERROR}
    assert "leakcheck: 7 tests measured, 6 not replayable here" in run.text
    # AND after the session's own there was one attempt at each
    assert (project.folder / "lock.txt").read_text() == "11"
    assert (project.folder / "port.txt").read_text() == "11"
