"""The folder for the measured process's own files; the runner removes it even if the process is killed."""

from leakcheck.probe.originals import BUILTINS, os

__builtins__ = BUILTINS


_VARIABLE = "LEAKCHECK_PROCESS"


def own_folder() -> str | None:
    """Return the folder that the runner created for this process; None, which means the system's, if there is none."""
    folder = os.environ.get(_VARIABLE, "")
    return folder if os.path.isdir(folder) else None
