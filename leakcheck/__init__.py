"""leakcheck: replay a piece of code and find out whether memory grows with every call.

The public API is what `__all__` names; every other module is private.

The measured process imports this package, so it imports nothing outside of the standard library. Whatever is slow to
import is loaded on first use.

PYTEST_DONT_REWRITE: pytest would otherwise rewrite the assertions of every package that has a plugin.
"""

import _signal  # type: ignore[import-not-found] # `signal` is slower to load
import os
import sys


def _is_the_command() -> bool:
    """Return whether this process is the `leakcheck` command, or `python -m leakcheck`."""
    program = getattr(sys, "argv", [""])[:1]
    if program == ["-m"]:
        program = sys.orig_argv[sys.orig_argv.index("-m") + 1 :][:1] if "-m" in sys.orig_argv else []
    return [os.path.basename(name) for name in program] == ["leakcheck"]  # noqa: PTH119 - pathlib is slow to import


if _is_the_command() and _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
    # the imports below take a moment, and Ctrl-C in the middle of one would print a traceback
    _signal.signal(_signal.SIGINT, lambda number, frame: os._exit(130))

from leakcheck._version import __version__  # noqa: E402
from leakcheck.scenario import limited, scenario  # noqa: E402

__all__ = ["__version__", "limited", "scenario"]
