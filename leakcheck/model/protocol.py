"""What the engine asks of a measured process.

It stands apart from the model because the measured process loads this and not the model: what it
loads is time and memory that are not the user's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from leakcheck.model.plain_text import plain

OptionValue = bool | int | float | str
"""What an option of a scenario may be."""


class Pass(StrEnum):
    """A way of running a scenario, each in a fresh interpreter; one that has described may do the growth pass."""

    DESCRIBE = "describe"
    EXAMINE = "examine"
    """What can be measured in this interpreter; nothing of the user's is loaded."""
    GROWTH = "growth"
    PEAK = "peak"
    HOLD = "hold"
    """Which containers grow, and what holds them: nothing is traced."""
    SITES = "sites"
    """Which lines allocate what grows: a tracer is on."""
    LIMIT = "limit"
    """A real server under a memory limit, driven over HTTP."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PassRequest:
    """All that a fresh interpreter needs to know to do one pass."""

    work: Pass
    target: str
    """`FILE.py::NAME`, `FILE.py` (describe only), `package.module:callable`, or one with requests behind it."""
    variant: str | None = None
    options: Mapping[str, OptionValue] = field(default_factory=dict)
    setup: str | None = None
    """A `package.module:callable` that runs once before the target is set up."""
    capture_path: str | None = None
    """Where the peak pass leaves memray's capture."""
    tracer: str = ""
    """What tells the sites: a `SiteMeter`'s value."""
    lent_packages: str | None = None
    """A folder from which memray may be imported where the measured Python has none of its own."""
    shared_folder: str | None = None
    """Where the processes of one run leave each other what is dear to make, like a migrated database."""
    meters: tuple[str, ...] = ("python", "native", "rss")
    """The meters that may be used, `blocks` always; fewer where one is to be left alone."""
    serving: Mapping[str, Any] | None = None
    """The fields of a `served.Serving`, for the limit pass."""


def scenario_id(name: str, variant: str | None) -> str:
    """Return the one spelling of a scenario and its variant: `newsletter[naive]`. It is plain, whatever they hold."""
    return plain(spelled(name, variant))


def spelled(name: str, variant: str | None) -> str:
    """Return the same as it is written in a target, whatever it holds."""
    return name if variant is None else f"{name}[{variant}]"
