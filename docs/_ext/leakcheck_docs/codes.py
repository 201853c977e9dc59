"""The exit codes."""

from leakcheck.model.errors import ExitCode
from leakcheck_docs.text import code, table


def markdown() -> str:
    """Return the table of exit codes."""
    return table(("exit code", "what it says"), [(code(str(int(one))), one.meaning) for one in ExitCode])
