"""Python as it was before any of the user's code ran: their tests patch its modules, and ours go on.

Each module of ours in the measured process takes its built-in functions from here (`BUILTINS` in the place of
`__builtins__`, which is where Python looks for them), and the modules of the standard library that it reads meters by.
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

BUILTINS: Any = dict(vars(builtins))


def is_there(path: str) -> bool:
    """Return whether a file or folder exists. `os.path` would ask the `os` that users patch."""
    try:
        os.stat(path)
    except OSError:
        return False
    return True
