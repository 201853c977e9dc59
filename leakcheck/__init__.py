"""leakcheck: replay a piece of code and find out whether memory grows with every call.

`__all__` names the public API. Everything else, all submodules included, is private and may change in any release.

The measured process imports this package, so it imports the standard library alone, and the result's types on demand.

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

from typing import TYPE_CHECKING  # noqa: E402

from leakcheck._version import __version__  # noqa: E402
from leakcheck.model.errors import LeakcheckException, UsageError  # noqa: E402
from leakcheck.scenario import limited, scenario  # noqa: E402

if TYPE_CHECKING:
    from leakcheck.model.fixture import LeakcheckFixture
    from leakcheck.model.result import Budget, Growth, Latency, Meter, Result
    from leakcheck.model.verdict import Gate, Verdict

__all__ = [
    "Budget",
    "Gate",
    "Growth",
    "Latency",
    "LeakcheckException",
    "LeakcheckFixture",
    "Meter",
    "Result",
    "UsageError",
    "Verdict",
    "__version__",
    "limited",
    "scenario",
]


def __getattr__(name: str) -> object:
    if name in __all__:
        from importlib import import_module

        for module in ("leakcheck.model.fixture", "leakcheck.model.result"):
            if name in (names := vars(import_module(module))):
                return names[name]
    raise AttributeError(f"module 'leakcheck' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
