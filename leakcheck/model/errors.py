"""What can go wrong, and the exit code that each kind of trouble ends with."""

from collections.abc import Iterable
from enum import IntEnum

from leakcheck.model.plain_text import plain


class ExitCode(IntEnum):
    """The process's answer to CI. The numbers are a promise; see `worst` for their order."""

    WITHIN = 0
    OVER_BUDGET = 1
    USAGE = 2
    SCENARIO_FAILED = 3
    NO_BASELINE = 4
    NOTHING_MEASURED = 5
    INCONCLUSIVE = 6
    INTERNAL = 70
    INTERRUPTED = 130

    @property
    def meaning(self) -> str:
        """Return what it says, in the words that --help and the guide use."""
        return _MEANINGS[self]


_MEANINGS = {
    ExitCode.WITHIN: "within budget",
    ExitCode.OVER_BUDGET: "over budget, or worse than the baseline",
    ExitCode.USAGE: "usage or configuration",
    ExitCode.SCENARIO_FAILED: "a scenario failed or its process died",
    ExitCode.NO_BASELINE: "no baseline, or none of this environment",
    ExitCode.NOTHING_MEASURED: "nothing was measured",
    ExitCode.INCONCLUSIVE: "inconclusive",
    ExitCode.INTERNAL: "internal error in leakcheck",
    ExitCode.INTERRUPTED: "interrupted",
}

_WORST_FIRST = (
    ExitCode.INTERNAL,
    ExitCode.INTERRUPTED,
    ExitCode.USAGE,
    ExitCode.SCENARIO_FAILED,
    ExitCode.NOTHING_MEASURED,
    ExitCode.NO_BASELINE,
    ExitCode.OVER_BUDGET,
    ExitCode.INCONCLUSIVE,
    ExitCode.WITHIN,
)


def worst(codes: Iterable[ExitCode]) -> ExitCode:
    """Return the code that wins when several things happened; WITHIN only when nothing did."""
    return min(codes, key=_WORST_FIRST.index, default=ExitCode.WITHIN)


class LeakcheckException(Exception):
    """Base class of every exception that leakcheck defines."""


class LeakcheckError(LeakcheckException):
    """An error that the user can fix. The message says where, what and the remedy."""

    exit_code = ExitCode.USAGE

    def __str__(self) -> str:
        """Return the message, plain: it names files and quotes documents, which may hold anything."""
        return plain(super().__str__(), keep_lines=True)


class UsageError(LeakcheckError):
    """A flag, a target or a unit that cannot be understood."""


class ConfigError(UsageError):
    """A setting in a file or in the environment that cannot be used."""


class StoreError(LeakcheckError):
    """A document could not be written, or what was read is not one of ours."""


class BaselineMissing(LeakcheckError):
    """There is nothing to compare with, or only what was measured elsewhere."""

    exit_code = ExitCode.NO_BASELINE


class NothingMeasured(LeakcheckError):
    """Nothing matched, so there is nothing to be green about."""

    exit_code = ExitCode.NOTHING_MEASURED


class ExecutorLost(LeakcheckError):
    """Who measured cannot be reached any more. What was measured until then is kept."""

    exit_code = ExitCode.SCENARIO_FAILED


class ScenarioFailed(LeakcheckError):
    """The user's code raised, exited, hung or died while it was loaded or replayed."""

    exit_code = ExitCode.SCENARIO_FAILED


class WrongAnswer(ScenarioFailed):
    """A request was answered with another status than the one that is expected, or leads to a login page."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status
