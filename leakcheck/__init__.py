"""leakcheck: replay a piece of code and learn whether memory grows with every call.

This package is imported inside the process that is measured, so importing it brings in the
standard library alone. Everything dearer is loaded when it is first asked for.

To pytest, which would rewrite the assertions of whatever has a plugin of its: PYTEST_DONT_REWRITE
"""

from leakcheck._version import __version__
from leakcheck.limited import limited
from leakcheck.scenario import scenario

__all__ = ["__version__", "limited", "scenario"]
