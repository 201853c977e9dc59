"""Where the measured process puts its own files: in the engine's folder, which goes even if this process is killed."""

from leakcheck.probe.originals import BUILTINS, os

__builtins__ = BUILTINS


_VARIABLE = "LEAKCHECK_PROCESS"


def own_folder() -> str | None:
    """Return the folder that the engine made for this process; None, which is the system's own, where there is none."""
    folder = os.environ.get(_VARIABLE, "")
    return folder if os.path.isdir(folder) else None
