"""Python's own functions as they were before any of the user's code ran, which may patch them.

Every module in the measured process takes its built-in functions from here (`BUILTINS` as its `__builtins__`, which is
where Python looks them up), and the standard modules that the meters use.
"""

import builtins
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import gc as gc
    import os as os
    import signal as signal
else:
    import gc
    import os
    import signal

    gc, os, signal = (SimpleNamespace(**vars(module)) for module in (gc, os, signal))

resource: Any
try:
    import resource
except ImportError:  # Windows has none
    resource = None

BUILTINS: Any = dict(vars(builtins))


def is_there(path: str) -> bool:
    """Return whether a file or folder exists. `os.path` would use the `os` module that the user may have patched."""
    try:
        os.stat(path)
    except OSError:
        return False
    return True
