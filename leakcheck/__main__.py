"""`python -m leakcheck`, and the `leakcheck` command."""

import gc
import os
import signal
import sys
from types import FrameType

_OBJECTS_PER_COLLECTION = 100_000
"""With Python's default of 700, loading the modules of a command triggers about a hundred useless collections."""


def main() -> None:
    """Run the command line and exit; `--version` is answered without slow imports."""
    from leakcheck.cli.standard_streams import robust_streams

    with robust_streams() as status:
        code = _run()
    if status.failure:
        from leakcheck.model.errors import ExitCode, worst

        remedy = "free some room, or send it elsewhere"
        print(f"leakcheck: standard output: cannot be written ({status.failure}); {remedy}", file=sys.stderr)
        code = worst([ExitCode(code), ExitCode.USAGE])
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, _leave)  # output is complete: Ctrl-C from here on must not print a traceback
    gc.freeze()  # Python collects garbage several times at exit, a tenth of a short run: there is nothing left to find
    sys.exit(code)


def _run() -> int:
    if sys.argv[1:] in (["--version"], ["-V"]):
        from leakcheck._version import __version__

        print(f"leakcheck {__version__}")
        return 0
    gc.set_threshold(_OBJECTS_PER_COLLECTION)
    try:
        from leakcheck.cli.main import main as run_cli
    except Exception as error:  # a missing or broken dependency
        from leakcheck.model.errors import ExitCode
        from leakcheck.model.failure import internal_error

        print(f"leakcheck: {internal_error(error)}", file=sys.stderr)
        return ExitCode.INTERNAL
    return run_cli()


def _leave(number: int, frame: FrameType | None) -> None:
    os._exit(130)


if __name__ == "__main__":
    main()
