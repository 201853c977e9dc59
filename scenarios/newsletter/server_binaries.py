"""The database servers that can be started here: where their programs are, and how each is made and run."""

import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from scenarios.newsletter.databases import SERVER_DATABASE

USER = "newsletter"
"""The database user that a private server has, with a password of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """Where a private server keeps what it has; all but `data` are files."""

    folder: Path

    @property
    def data(self) -> Path:
        """The server's own folder."""
        return self.folder / "data"

    @property
    def log(self) -> Path:
        """What the server wrote since it was started."""
        return self.folder / "log"

    @property
    def password(self) -> Path:
        """The password of USER."""
        return self.folder / "password"

    @property
    def start_script(self) -> Path:
        """What MariaDB runs at each start."""
        return self.folder / "start.sql"


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A database server: which programs it needs, and how they are called."""

    name: str
    system_user: str
    """Whom it runs as where we are root, as which it refuses to run."""
    packages: str
    server: str
    maker: str
    """The program that makes an empty data folder."""
    folders: tuple[str, ...]
    """Where Debian and others put them, beside PATH; patterns, the newest last."""
    make: Callable[[Path, Files], Sequence[str]]
    run: Callable[[Path, Files, int], Sequence[str]]
    is_ready: Callable[[Files], bool]
    stop_signal: int
    """Ends it at once, with its data whole."""
    start_script: str = ""

    def find(self, program: str) -> Path:
        """Return a program's path. Raises RuntimeError where it is not installed."""
        for folder in self._folders():
            if found := shutil.which(program, path=folder):
                return Path(found).resolve()
        raise RuntimeError(
            f"{self.name} is not installed: there is no {program} here. Install it (apt-get install "
            f"{self.packages}), or name a server of yours: database={self.name}://user@host"
        )

    def version(self) -> str:
        """Return the version with which a data folder goes: `15` or `10.11`. Raises RuntimeError as `find` does."""
        said = subprocess.run(
            [str(self.find(self.server)), "--version"], capture_output=True, text=True, check=False, timeout=30
        )
        found = re.search(r"(\d+)\.(\d+)", said.stdout)
        if found is None:
            raise RuntimeError(f"{self.find(self.server)} --version says {said.stdout!r}, and no version")
        # PostgreSQL keeps its format within 15, MariaDB within 10.11
        return found[1] if self.name == "postgresql" else found[0]

    def _folders(self) -> list[str | None]:
        newest_first = [
            str(folder)
            for pattern in self.folders
            for folder in sorted(Path("/").glob(pattern.lstrip("/")), key=_version_in, reverse=True)
        ]
        return [None, *newest_first]


def _version_in(folder: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", str(folder))]


def _make_postgresql(program: Path, files: Files) -> Sequence[str]:
    # md5 and not scram: its thousands of rounds would be a part of every request that connects
    method = ("--auth=md5", f"--pwfile={files.password}")
    return [str(program), "-D", str(files.data), "-U", USER, *method, "--no-sync", "--encoding=UTF8", "--locale=C"]


def _run_postgresql(program: Path, files: Files, port: int) -> Sequence[str]:
    settings = {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "fsync": "off",
        "full_page_writes": "off",
        "synchronous_commit": "off",
        "lc_messages": "C",
        "max_wal_size": "4GB",
    }
    said = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    return [str(program), "-D", str(files.data), "-p", str(port), *said]


def _is_postgresql_ready(files: Files) -> bool:
    # what pg_ctl looks at: the eighth line
    try:
        lines = (files.data / "postmaster.pid").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    return len(lines) >= 8 and lines[7].strip() == "ready"


def _make_mariadb(program: Path, files: Files) -> Sequence[str]:
    # root by the socket alone: nobody on this machine gets in without a password
    root = "--auth-root-authentication-method=socket"
    return [str(program), "--no-defaults", f"--datadir={files.data}", root, "--skip-test-db", "--skip-name-resolve"]


def _run_mariadb(program: Path, files: Files, port: int) -> Sequence[str]:
    return [
        str(program),
        "--no-defaults",
        f"--datadir={files.data}",
        f"--port={port}",
        "--bind-address=127.0.0.1",
        # seen from the data folder: a socket's path may have 107 characters and no more
        "--socket=socket",
        f"--pid-file={files.data / 'pid'}",
        f"--init-file={files.start_script}",
        "--skip-name-resolve",
        "--skip-log-bin",
        "--innodb-flush-log-at-trx-commit=0",
        "--innodb-doublewrite=OFF",
        "--innodb-log-file-size=256M",
        "--character-set-server=utf8mb4",
    ]


def _is_mariadb_ready(files: Files) -> bool:
    try:
        return b"ready for connections" in files.log.read_bytes()
    except OSError:
        return False


PROGRAMS: Mapping[str, Program] = MappingProxyType(
    {
        "postgresql": Program(
            name="postgresql",
            system_user="postgres",
            packages="postgresql",
            server="postgres",
            maker="initdb",
            folders=("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql*/bin"),
            make=_make_postgresql,
            run=_run_postgresql,
            is_ready=_is_postgresql_ready,
            stop_signal=signal.SIGINT,  # SIGTERM would wait for its clients
        ),
        "mariadb": Program(
            name="mariadb",
            system_user="mysql",
            packages="mariadb-server",
            server="mariadbd",
            maker="mariadb-install-db",
            folders=("/usr/sbin", "/usr/local/sbin", "/usr/libexec", "/opt/homebrew/opt/mariadb*/bin"),
            make=_make_mariadb,
            run=_run_mariadb,
            is_ready=_is_mariadb_ready,
            stop_signal=signal.SIGTERM,
            start_script=(
                f"CREATE DATABASE IF NOT EXISTS {SERVER_DATABASE} CHARACTER SET utf8mb4;\n"
                f"CREATE USER IF NOT EXISTS {USER}@'127.0.0.1';\n"
                f"ALTER USER {USER}@'127.0.0.1' IDENTIFIED BY '{{password}}';\n"
                f"GRANT ALL ON *.* TO {USER}@'127.0.0.1';\n"
            ),
        ),
    }
)
