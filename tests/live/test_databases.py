"""The newsletter on real PostgreSQL and MariaDB servers, which the tests start as the project does."""

import json
import os
import signal
import tempfile
import time
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from leakcheck.model.errors import ExitCode
from leakcheck.model.verdict import Gate, Verdict
from scenarios.newsletter.children import private_server
from scenarios.newsletter.databases import ARMS, PROJECT, SERVER_DATABASE, Address
from scenarios.newsletter.server_binaries import PROGRAMS
from scenarios.newsletter.server_supervisor import STATE
from tests.live.command import Leakcheck, is_alive

pytest.importorskip("django")
pytest.importorskip("aiosmtpd")

NEWSLETTER = PROJECT / "scenarios" / "newsletter"
FEW = ("-o", "rows=20", "--calls=30", "--time=10", "--allow-inconclusive")
SERVERS = tuple(PROGRAMS)

DYING = """
    import json, os, signal
    from collections.abc import Iterator
    from pathlib import Path
    from leakcheck import scenario
    from scenarios.newsletter.scenario import newsletter as sent

    def server():
        (told,) = Path(os.environ["NEWSLETTER_CACHE"]).glob("servers/*/server.json")
        return list(map(int, json.loads(told.read_text())["processes"]))[1]

    @scenario(variants=("dies", "lives"))
    def send(variant, database=""):
        calls = []
        for call in sent("iterator", rows=20, database=database):
            def send():
                calls.append(None)
                if variant == "dies" and len(calls) == 40:
                    os.kill(server(), signal.SIGKILL)
                call()
            yield send
"""


@pytest.fixture
def cache() -> Iterator[Path]:
    """A folder that a server's own user can get at, which pytest's are not."""
    with tempfile.TemporaryDirectory(prefix="leakcheck-newsletter-", dir="/tmp", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.fixture(scope="module")
def shared_cache() -> Iterator[Path]:
    """The same for several tests, with the servers that they share."""
    with tempfile.TemporaryDirectory(prefix="leakcheck-newsletter-", dir="/tmp", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.fixture
def environment(shared_cache: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.setenv("NEWSLETTER_CACHE", str(shared_cache))
    return environment_of(shared_cache)


def environment_of(cache: Path) -> dict[str, str]:
    return {"NEWSLETTER_CACHE": str(cache), "PYTHONPATH": str(PROJECT)}


def need(name: str) -> None:
    """Skip, and say why, where a database or its driver is not installed."""
    arm = ARMS[name]
    if find_spec(arm.module) is None:
        pytest.skip(f"{name} is not tested: there is no driver here; pip install {arm.package}")
    if arm.server:
        try:
            PROGRAMS[arm.server].version()
            PROGRAMS[arm.server].find(PROGRAMS[arm.server].maker)
        except RuntimeError as error:
            pytest.skip(f"{name} is not tested: {error}")


def driver_of(server: str) -> str:
    """Return the arm whose driver is surely a wheel."""
    return {"mariadb": "mariadb-pymysql"}.get(server, server)


def state_of(cache: Path) -> Any:
    """Return what the supervisor tells of the one server in a cache; None before it does."""
    told = list(cache.glob(f"servers/*/{STATE}"))
    return json.loads(told[0].read_text(encoding="utf-8")) if told else None


@pytest.mark.slow
@pytest.mark.parametrize("database", list(ARMS))
def test_who_holds_all_rows_depends_on_the_database_and_keyset_pages_never_do(
    leakcheck: Leakcheck, environment: Mapping[str, str], database: str
) -> None:
    need(database)
    if ARMS[database].server:
        private_server(ARMS[database].server, os.getpid())  # so that the arms of one server share it
    # GIVEN 20 000 rows, of which naive code holds every one
    wanted = ("-k", "naive or iterator or keyset", "--database", database, "-o", "peak.rows=20000")
    ran = leakcheck.run(str(NEWSLETTER), "--peak-pass", "--jobs=2", *FEW, *wanted, environment=environment)
    peaks = {result.variant: result.peak_bytes or 0 for result in ran.document.results}
    assert peaks["naive"] > 15e6, ran.output + ran.errors
    # THEN iterator() is a cure where the client fetches in batches, and none where it holds the whole result
    if ARMS[database].server == "mariadb":
        assert peaks["iterator"] > peaks["naive"] / 2, peaks
    else:
        assert peaks["iterator"] < peaks["naive"] / 3, peaks
    # AND pages are one everywhere
    assert peaks["keyset"] < peaks["naive"] / 3, peaks
    assert ran.document.results[0].peak_options["database"] == database


@pytest.mark.parametrize("server", SERVERS)
def test_no_server_outlives_a_run_that_is_killed(leakcheck: Leakcheck, cache: Path, server: str) -> None:
    need(driver_of(server))
    # GIVEN a run whose passes, two at a time, share one server
    process = leakcheck.start(
        "run",
        str(NEWSLETTER),
        "-k",
        "naive or iterator",
        "--jobs=2",
        f"--database={driver_of(server)}",
        f"--output={leakcheck.output}",
        environment=environment_of(cache),
    )
    end = time.monotonic() + 60
    while (state := state_of(cache)) is None and process.poll() is None and time.monotonic() < end:
        time.sleep(0.05)
    assert state is not None, process.communicate()
    time.sleep(1)
    assert state_of(cache) == state
    assert all(is_alive(int(pid)) for pid in state["processes"])
    # WHEN it is killed in the middle
    process.send_signal(signal.SIGKILL)
    # THEN the server and its supervisor are gone, although the killed process was not even waited for
    while any(is_alive(int(pid)) for pid in state["processes"]) and time.monotonic() < end:
        time.sleep(0.05)
    assert not any(is_alive(int(pid)) for pid in state["processes"])
    assert state_of(cache) is None


def test_a_server_does_not_outlive_its_keeper(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need("postgresql")
    monkeypatch.setenv("NEWSLETTER_CACHE", str(cache))
    private_server("postgresql", os.getpid())
    supervisor, server = map(int, state_of(cache)["processes"])
    os.kill(supervisor, signal.SIGKILL)
    end = time.monotonic() + 20
    while is_alive(server) and time.monotonic() < end:
        time.sleep(0.05)
    assert not is_alive(server)


@pytest.mark.parametrize("server", SERVERS)
def test_a_server_that_dies_in_the_middle_costs_neither_what_was_measured_nor_what_follows(
    leakcheck: Leakcheck, cache: Path, server: str
) -> None:
    need(driver_of(server))
    leakcheck.write("dying.py", DYING)
    options = ("--calls=100", "--time=10", "--allow-inconclusive", f"--database={driver_of(server)}")
    ran = leakcheck.run("dying.py", *options, environment=environment_of(cache))
    # THEN the call that found no server is named, with what the driver says of it
    died = ran["send[dies]"]
    assert died.failure is not None, ran.output
    assert (died.failure.kind, died.failure.call) == ("raised", 40)
    assert "OperationalError" in died.failure.message
    assert died.gate is Gate.ERROR
    assert ran.code == ExitCode.SCENARIO_FAILED
    # AND what was read before is kept
    assert died.readings.calls
    assert died.readings.calls[-1] > 1
    # AND the next one is measured, on a server that was started anew
    lives = ran["send[lives]"]
    assert lives.failure is None, lives.failure
    assert lives.readings.calls[-1] > 40


@pytest.mark.parametrize("scheme", ["postgresql", "mariadb-pymysql"])
def test_a_server_that_refuses_is_said_to_and_its_password_is_not(leakcheck: Leakcheck, scheme: str) -> None:
    if find_spec(ARMS[scheme].module) is None:
        pytest.skip(f"{scheme}: there is no driver here; pip install {ARMS[scheme].package}")
    url = f"{scheme}://news:tulip@127.0.0.1:1/"
    ran = leakcheck.run(str(NEWSLETTER), "-k", "iterator", *FEW, "--database", url)
    failure = ran.result.failure
    assert failure is not None
    assert failure.kind == "setup"
    assert "seeding 20 subscribers into" in failure.message
    assert "refused" in failure.message
    assert "127.0.0.1" in failure.message
    assert len(failure.message.splitlines()) <= 2, "no traceback of ours"
    assert ran.code == ExitCode.SCENARIO_FAILED
    document = next(leakcheck.output.glob("*/run.json")).read_text(encoding="utf-8")
    assert "tulip" not in ran.output + ran.errors + document
    assert "news:***@127.0.0.1" in document


def test_of_a_server_of_yours_nothing_but_its_own_database_is_touched(
    leakcheck: Leakcheck, environment: Mapping[str, str]
) -> None:
    need("postgresql")
    # GIVEN a server with somebody's database on it
    address = private_server("postgresql", os.getpid())
    theirs = Psql(address)
    if SERVER_DATABASE in theirs.databases():
        theirs.does("postgres", f"DROP DATABASE {SERVER_DATABASE} WITH (FORCE)")
    theirs.does("postgres", "CREATE DATABASE shop")
    theirs.does("shop", "CREATE TABLE subscribers_20_v1 AS SELECT generate_series(1, 7) AS id")
    before = (theirs.databases(), theirs.contents("shop"), theirs.contents("postgres"))
    # WHEN the newsletter is sent from there
    url = f"postgresql://{address.user}:{address.password}@{address.host}:{address.port}"
    ran = leakcheck.run(str(NEWSLETTER), "-k", "iterator", *FEW, "--database", url, environment=environment)
    # THEN it was measured, in a database of its own
    assert ran.result.failure is None, ran.result.failure
    assert ran.result.verdict is not Verdict.LEAK
    assert ran.result.readings.calls
    assert theirs.contents(SERVER_DATABASE) == {"subscribers_20_v1": 20}
    # AND nothing else changed, and the server goes on
    assert (theirs.databases() - {SERVER_DATABASE}, theirs.contents("shop"), theirs.contents("postgres")) == before
    assert address.password not in ran.output + ran.errors


class Psql:
    """What somebody else sees on a server."""

    def __init__(self, address: Address) -> None:
        self._address = address

    def does(self, database: str, statement: str) -> list[tuple[Any, ...]]:
        import psycopg

        where = self._address
        with psycopg.connect(
            host=where.host,
            port=where.port,
            user=where.user,
            password=where.password,
            dbname=database,
            autocommit=True,
        ) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def databases(self) -> set[str]:
        return {name for (name,) in self.does("postgres", "SELECT datname FROM pg_database")}

    def contents(self, database: str) -> dict[str, int]:
        """Return the number of rows of each table."""
        tables = self.does(database, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        return {name: self.does(database, f"SELECT count(*) FROM {name}")[0][0] for (name,) in tables}
