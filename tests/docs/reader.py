"""Somebody who follows a page from top to bottom, in a folder of their own, and stops where it does not hold."""

import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import threading
from dataclasses import dataclass, field
from pathlib import Path

from tests.docs.history import make_history
from tests.docs.pages import PROJECT, Block, Command, Page
from tests.live.command import MARK

LONGEST_SECONDS = 180
"""No command here takes a third of this."""

EMPTY = "empty"
CHECKOUT = "checkout"
HISTORY = "history"
FOLDERS = Path(__file__).parent
"""A page's folder is a copy of one that lies here, or of the project (`checkout`), or `empty`, or has a history."""

_SHORT = {"LEAKCHECK_TIME": "8", "LEAKCHECK_CALLS": "3000"}
"""Enough for a leak to be believed. A page is not about how long that takes, and never shows this."""

_NO_NETWORK = {
    **dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9"),
    "no_proxy": "127.0.0.1,localhost",
    "PIP_NO_INDEX": "1",
    "GIT_ALLOW_PROTOCOL": "file",
}
"""Whatever would leave this machine fails at once."""

_GIT = """
[user]
    name = A Reader
    email = reader@example.org
[init]
    defaultBranch = main
[commit]
    gpgsign = false
[core]
    excludesFile = ~/.gitignore
"""
_IGNORED = "__pycache__/\n"


class DoesNotHold(AssertionError):
    """A page says what is not so."""


@dataclass(kw_only=True)
class Reader:
    """Follows pages. `home` is an empty folder: all that a page makes lies below it."""

    home: Path
    folder: Path = field(init=False)
    """Where the page is."""
    followed: list[str] = field(default_factory=list)
    """The commands that were run."""
    _python: "subprocess.Popen[str] | None" = None

    def __post_init__(self) -> None:
        (self.home / "home").mkdir()
        (self.home / "home" / ".gitconfig").write_text(_GIT)
        (self.home / "home" / ".gitignore").write_text(_IGNORED)
        self.go_to(EMPTY)

    def follow(self, page: Page, *, slow: bool = False) -> None:
        """Run the page's blocks in order. Raises DoesNotHold at the first that fails."""
        for block in page.blocks:
            if block.folder is not None:
                self.go_to(block.folder)
            if block.not_run is not None or (block.slow and not slow):
                continue
            if block.file is not None:
                self._write(block, block.file)
            elif block.language == "python":
                self._execute(page, block)
            for command in block.commands:
                self._run(page, command)

    def go_to(self, name: str) -> None:
        """Go to a folder of this name; the first time, it is made, with what was there in its first commit."""
        self.folder = self.home / name
        if self.folder.exists():
            return
        self.folder.mkdir()
        if name == HISTORY:
            make_history(self.folder, self._git)
            return
        if name == CHECKOUT:
            _copy_project(self.folder)
        elif name != EMPTY:
            left_out = shutil.ignore_patterns("__pycache__")
            shutil.copytree(FOLDERS / name, self.folder, ignore=left_out, dirs_exist_ok=True)
        self._git("init", "--quiet")
        if name != EMPTY:
            self._git("add", "--all")
            self._git("commit", "--quiet", "--message", "as it was")

    def close(self) -> None:
        """End what is kept for the Python blocks."""
        if self._python is not None:
            self._python.communicate()

    def _write(self, block: Block, name: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        before = path.read_text("utf-8") if block.is_added and path.exists() else ""
        path.write_text(before + block.text, encoding="utf-8")

    def _run(self, page: Page, command: Command) -> None:
        process = subprocess.Popen(
            ["bash", "-o", "pipefail", "-c", command.text],
            cwd=self.folder,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self.followed.append(command.text)
        try:
            output, _ = process.communicate(timeout=LONGEST_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output, _ = process.communicate()
            output += f"\n(ended after {LONGEST_SECONDS} s)"
        if process.returncode != command.code:
            raise DoesNotHold(
                f"{page.name}:{command.line}: {command.text}\n"
                f"exit code {process.returncode}, and the page says {command.code}; in {self.folder}\n{output}"
            )

    def _execute(self, page: Page, block: Block) -> None:
        if self._python is None:
            self._python = subprocess.Popen(
                [sys.executable, str(FOLDERS / "namespace.py")],
                env=self.environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        assert self._python.stdin is not None
        assert self._python.stdout is not None
        said = {"page": page.name, "line": block.line, "text": block.text, "folder": str(self.folder)}
        alarm = threading.Timer(LONGEST_SECONDS, self._python.kill)
        alarm.start()
        print(json.dumps(said), file=self._python.stdin, flush=True)
        line = self._python.stdout.readline()
        alarm.cancel()
        answer = json.loads(line) if line else {"raised": True, "output": "the process ended"}
        if answer["raised"]:
            raise DoesNotHold(f"{page.name}:{block.line}: a block of Python\n{answer['output']}")

    def _git(self, *arguments: str) -> None:
        subprocess.run(["git", *arguments], cwd=self.folder, env=self.environment(), check=True, timeout=60)

    def environment(self) -> dict[str, str]:
        """Return all that a command of a page finds in its environment: nothing of whoever runs the tests."""
        # nobody needs to have activated anything
        ours = sysconfig.get_path("scripts")
        return {
            "PATH": os.pathsep.join([ours, os.environ.get("PATH", os.defpath)]),
            "HOME": str(self.home / "home"),
            "LANG": "C.UTF-8",
            "COLUMNS": "120",
            "NO_COLOR": "1",
            MARK: str(self.home),
            **_SHORT,
            **_NO_NETWORK,
        }


def _copy_project(folder: Path) -> None:
    """Copy what git has of this project, as it lies here now."""
    command = ["git", "ls-files", "-z"]
    done = subprocess.run(command, cwd=PROJECT, check=True, timeout=60, capture_output=True, text=True)
    for name in done.stdout.rstrip("\0").split("\0"):
        if (PROJECT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(PROJECT / name, folder / name)
