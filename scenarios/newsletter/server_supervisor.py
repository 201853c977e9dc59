"""Starts a private database server, stays beside it, and stops it when nobody uses it any more.

`python -m scenarios.newsletter.server_supervisor NAME FOLDER LOCK` prints where the server answers, as JSON, and then
goes on by itself: whoever asked for the server may end, or be killed, in whatever way. LOCK is the
descriptor of the folder's lock, which is held until the server is up.
"""

import ctypes
import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from scenarios.newsletter.databases import Address
from scenarios.newsletter.server_binaries import PROGRAMS, USER, Files, Program
from scenarios.newsletter.server_users import has_users, identity_of, locked

STATE = "server.json"
_POLL_SECONDS = 0.1
_LONGEST_START_SECONDS = 40.0
_LONGEST_STOP_SECONDS = 20.0
_LOG_CHARACTERS = 1500


class Unusable(Exception):
    """The server cannot be made or started; the message says why."""


def keep(program: Program, files: Files, lock: int) -> None:
    """Start the server, tell where it answers, let go of the lock, and stop the server after its last user."""
    user = _unprivileged_user(program)
    _make(program, files, user)
    port = _free_port()
    server = _start(program, program.run(program.find(program.server), files, port), files, user)
    try:
        _wait_until_ready(program, files, server)
        address = Address(host="127.0.0.1", port=port, user=USER, password=files.password.read_text().strip())
        processes = {pid: identity_of(pid) for pid in (os.getpid(), server.pid)}
        state = json.dumps({"address": asdict(address), "processes": processes})
        _write_privately(files.folder / STATE, state)
        print(state, flush=True)
        _let_go_of_the_caller(lock)
        while not _is_over(program, files, server, state):
            time.sleep(_POLL_SECONDS)
    finally:
        _stop(program, server)


def _is_over(program: Program, files: Files, server: "subprocess.Popen[bytes]", state: str) -> bool:
    """Tell whether the server has died, or is not needed any more and was stopped."""
    if server.poll() is None and has_users(files.folder):
        return False
    with locked(files.folder):  # a run that comes now waits until this server is down, and starts the next
        if server.poll() is None and has_users(files.folder):
            return False
        state_file = files.folder / STATE
        # where it died, the next pass may have started another already
        if state_file.exists() and state_file.read_text(encoding="utf-8") == state:
            state_file.unlink()
        _stop(program, server)
    return True


def _unprivileged_user(program: Program) -> str | None:
    """Return whom to run as: database servers refuse to be root. None is whoever we are."""
    if os.geteuid() != 0:
        return None
    try:
        pwd.getpwnam(program.system_user)
    except KeyError:
        raise Unusable(
            f"{program.name} does not run as root, and there is no user {program.system_user} here; "
            f"add one (useradd --system {program.system_user}), or run as another user than root"
        ) from None
    return program.system_user


def _make(program: Program, files: Files, user: str | None) -> None:
    """Make the data folder, once; one that was not finished is begun anew."""
    if user is not None:
        _check_that_it_is_open(files.folder)
    if not files.password.exists():
        _write_privately(files.password, secrets.token_hex(16))
    _write_privately(files.start_script, program.start_script.format(password=files.password.read_text().strip()))
    done = files.folder / "made"
    if not done.exists():
        shutil.rmtree(files.data, ignore_errors=True)
        files.data.mkdir(mode=0o700)
        for path in (files.data, files.password, files.start_script):
            _give(path, user)
        made = subprocess.run(
            program.make(program.find(program.maker), files),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=files.folder,
            check=False,
            **_as_user(user),
        )
        if made.returncode:
            raise Unusable(f"{program.maker} failed:\n{made.stdout.decode(errors='replace')[-_LOG_CHARACTERS:]}")
        done.touch()
    _give(files.start_script, user)


def _check_that_it_is_open(folder: Path) -> None:
    for above in folder.resolve().parents:
        if not above.stat().st_mode & 0o001:
            raise Unusable(
                f"{above} is closed to other users, and a database server does not run as root; "
                "name a folder that is open to all with NEWSLETTER_CACHE, for example /var/tmp/newsletter"
            )


def _start(program: Program, command: Sequence[str], files: Files, user: str | None) -> "subprocess.Popen[bytes]":
    with files.log.open("wb") as log:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=files.folder,
            start_new_session=True,
            # a supervisor that is killed stops nothing any more
            preexec_fn=lambda: _end_with_parent(program.stop_signal),
            **_as_user(user),
        )


def _wait_until_ready(program: Program, files: Files, server: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + _LONGEST_START_SECONDS
    while not program.is_ready(files):
        if server.poll() is not None or time.monotonic() > end:
            how = "did not start in time" if server.returncode is None else "ended at once"
            log = files.log.read_text(errors="replace")[-_LOG_CHARACTERS:]
            raise Unusable(f"{program.name} {how}; it wrote:\n{log.strip()}")
        time.sleep(_POLL_SECONDS / 2)


def _stop(program: Program, server: "subprocess.Popen[bytes]") -> None:
    if server.poll() is None:
        server.send_signal(program.stop_signal)
        try:
            server.wait(_LONGEST_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _end_with_parent(number: int) -> None:
    if sys.platform == "linux":
        set_parent_death_signal = 1
        ctypes.CDLL(None).prctl(set_parent_death_signal, number)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _write_privately(path: Path, text: str) -> None:
    unfinished = path.with_name(f"{path.name}.part")
    unfinished.unlink(missing_ok=True)
    with open(unfinished, "w", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(text)
    unfinished.replace(path)


def _give(path: Path, user: str | None) -> None:
    if user is not None:
        account = pwd.getpwnam(user)
        os.chown(path, account.pw_uid, account.pw_gid)


def _as_user(user: str | None) -> dict[str, Any]:
    if user is None:
        return {}
    return {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}


def _let_go_of_the_caller(lock: int) -> None:
    """Close what leads to whoever asked, who waits for that, and let others at the folder."""
    os.close(lock)
    with Path(os.devnull).open("r+b") as nowhere:
        for descriptor in (0, 1, 2):
            os.dup2(nowhere.fileno(), descriptor)


def main(arguments: Sequence[str]) -> int:
    """Keep the server that is named; return 1, with the reason on standard error, where there is none."""
    if os.fork():
        os._exit(0)  # the caller is not to be our parent: a child that is never waited for would be counted as lost
    os.setsid()
    # Ctrl-C reaches every process of the terminal; this one ends with its last user
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    name, folder, lock = arguments
    try:
        keep(PROGRAMS[name], Files(folder=Path(folder)), int(lock))
    except (Unusable, RuntimeError, OSError) as error:
        print(error, file=sys.stderr, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
