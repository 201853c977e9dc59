"""The processes beside the measured one: their memory and their work stay out of what is measured."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from scenarios.newsletter.databases import (
    DEFAULT_TABLE,
    PROJECT,
    Address,
    Choice,
    cache_folder,
    database_path,
    parse_database,
    server_settings,
    sqlite_settings,
    table_of,
)
from scenarios.newsletter.server_binaries import PROGRAMS, Files
from scenarios.newsletter.server_supervisor import STATE
from scenarios.newsletter.server_users import identity_of, locked, note_user, run_of_this_process

_COMPLAINTS = ("No space left", "Disk is full", "out of memory", "PANIC", "terminated by signal", "got signal")
"""What a server says when it is in trouble itself, the causes first; of a client's mistakes the client hears."""


def seeded_database(rows: int, database: str = "sqlite") -> dict[str, str]:
    """Return the environment in which the newsletter's settings find a database with `rows` subscribers.

    What is not there yet is made, once, and a server of ours runs for as long as the run that this process
    is a part of. Made in the measured process, it would leave migrations and all its rows behind in that
    heap. Raises ValueError for a database that is none, and RuntimeError where there is none to be had.
    """
    choice = parse_database(database)
    if not choice.arm.server:
        path = database_path(rows)
        environment = _environment_of(sqlite_settings(path), DEFAULT_TABLE)
        if not path.exists():
            _seed(rows, environment, str(path))
        return environment
    if find_spec(choice.arm.module) is None:
        raise RuntimeError(f"database={choice.name}: there is no driver here; pip install {choice.arm.package}")
    address = choice.address or private_server(choice.arm.server, run_of_this_process())
    environment = _environment_of(server_settings(choice.name, address), table_of(rows), _shim_of(choice))
    _seed(rows, environment, f"{choice.arm.server} at {address.host}:{address.port}", own_server(database))
    return environment


def private_server(name: str, user_pid: int) -> Address:
    """Return where our own server answers; it is started where it is not running, and ends after its last user.

    Raises RuntimeError where it cannot be made or started.
    """
    folder = _folder_of(name)
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder) as lock:
        note_user(folder, user_pid)
        state = _running(folder / STATE)
        if state is None:
            supervisor = subprocess.run(
                _command("scenarios.newsletter.server_supervisor", name, str(folder), str(lock)),
                cwd=PROJECT,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
                # several passes share a server, and it ends with the last of its users
                env={**_environment(), "LEAKCHECK_LEAVE_RUNNING": "1"},
                pass_fds=(lock,),
            )
            if not supervisor.stdout:
                raise RuntimeError(f"{name} cannot be started here: {supervisor.stderr.strip()}")
            state = json.loads(supervisor.stdout)
    return Address(**state["address"])


def last_words(server: str, said: str) -> str:
    """Return what a server of ours complained of last, to be put behind `said`; nothing where that says it already."""
    if not server:
        return ""
    try:
        lines = Files(folder=_folder_of(server)).log.read_text(encoding="utf-8", errors="replace").splitlines()
    except (OSError, RuntimeError):
        return ""
    complaint = next((line for word in _COMPLAINTS for line in reversed(lines) if word in line), "").strip()
    is_news = complaint and complaint.rpartition(":  ")[2] not in said
    return f"\n{server} wrote: {complaint}" if is_news else ""


def _folder_of(server: str) -> Path:
    return cache_folder() / "servers" / f"{server}-{PROGRAMS[server].version()}"


def own_server(database: str) -> str:
    """Return which server of ours a database runs on; nothing where none does."""
    choice = parse_database(database)
    return "" if choice.address else choice.arm.server


def _running(state_file: Path) -> Any:
    """Return what the supervisor wrote about itself and its server; None unless both are alive."""
    try:
        state = json.loads(state_file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    alive = all(identity_of(int(pid)) == identity for pid, identity in state["processes"].items())
    return state if alive else None


def _seed(rows: int, environment: Mapping[str, str], where: str, server: str = "") -> None:
    # stdout may be the channel of whoever measures this process, so the child's is not let through
    seeding = subprocess.run(
        _command("scenarios.newsletter.manage", "seed_subscribers", "--rows", str(rows)),
        cwd=PROJECT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        env={**_environment(), **environment},
    )
    if seeding.returncode:
        said = seeding.stderr.strip()
        last_line = said.rpartition("\n")[2]
        # an error of the database's is reported in one line, after warnings perhaps; anything else by its traceback
        said = last_line if last_line.startswith("CommandError") else said
        raise RuntimeError(f"seeding {rows} subscribers into {where} failed:\n{said}{last_words(server, said)}")


@contextmanager
def smtp_sink() -> Iterator[int]:
    """Run the mail server and give its port; the server is gone when the block ends, or this process.

    Raises RuntimeError where it does not start.
    """
    server = subprocess.Popen(
        _command("scenarios.newsletter.smtp_sink"),
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=_environment(),
    )
    with server:  # leaving it closes the pipes, at which the server ends, and waits for that
        port = server.stdout.readline() if server.stdout else ""
        if not port:
            raise RuntimeError("the newsletter's mail server did not start; install aiosmtpd in this environment")
        try:
            yield int(port)
        finally:
            server.terminate()


def _environment_of(settings: Mapping[str, Any], table: str, shim: str = "") -> dict[str, str]:
    return {
        "DJANGO_SETTINGS_MODULE": "scenarios.newsletter.settings",
        "NEWSLETTER_DATABASE": json.dumps(settings),
        "NEWSLETTER_TABLE": table,
        "NEWSLETTER_MYSQL_DRIVER": shim,
    }


def _shim_of(choice: Choice) -> str:
    return "pymysql" if choice.arm.module == "pymysql" else ""


def _command(module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", module, *arguments]


def _environment() -> dict[str, str]:
    # the folder first: with PYTHONSAFEPATH set, `-m` does not look into the current one
    path = os.pathsep.join(filter(None, [str(PROJECT), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path, "DJANGO_SETTINGS_MODULE": "scenarios.newsletter.settings"}
