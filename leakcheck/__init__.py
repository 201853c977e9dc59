"""leakcheck: replay a piece of code and learn whether memory grows with every call.

This package is imported inside the process that is measured, so importing it brings in the
standard library alone. Everything dearer is loaded when it is first asked for.

To pytest, which would rewrite the assertions of whatever has a plugin of its: PYTEST_DONT_REWRITE
"""

import _signal  # type: ignore[import-not-found] # `signal` is slower to load
import os
import sys


def _is_the_command() -> bool:
    """Tell whether this process is the `leakcheck` command, or `python -m leakcheck`."""
    called = getattr(sys, "argv", [""])[:1]
    if called == ["-m"]:
        called = sys.orig_argv[sys.orig_argv.index("-m") + 1 :][:1] if "-m" in sys.orig_argv else []
    return [os.path.basename(name) for name in called] == ["leakcheck"]  # noqa: PTH119 - pathlib is dear


if _is_the_command() and _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
    # what follows takes a moment, and a Ctrl-C in the middle of an import would be a traceback
    _signal.signal(_signal.SIGINT, lambda number, frame: os._exit(130))

from leakcheck._version import __version__  # noqa: E402
from leakcheck.scenario import limited, scenario  # noqa: E402

__all__ = ["__version__", "limited", "scenario"]
