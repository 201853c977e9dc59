"""What the engine's Python lends to a measured one that has no memray: see `worker/lent.py`."""

import importlib.util
import sysconfig
from pathlib import Path


def lent_packages() -> str | None:
    """Return `FOLDER#ABI` for `Plan.lent_packages`; None where the engine has no memray itself.

    The measured process refuses what is of another ABI than its own, so this may be said to any.
    """
    found = importlib.util.find_spec("memray")
    abi = sysconfig.get_config_var("SOABI")
    if found is None or found.origin is None or not abi:
        return None
    return f"{Path(found.origin).parent.parent}#{abi}"
