"""Exceptions, and the exit code that each ends the process with."""

from collections.abc import Iterable
from enum import IntEnum

from leakcheck.model.plain_text import escape_control


class ExitCode(IntEnum):
    """Exit codes of the command. The numbers are stable; `worst` says which one wins."""

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
        """The description that --help and the guide print."""
        return _MEANINGS[self]


_MEANINGS = {
    ExitCode.WITHIN: "within budget",
    ExitCode.OVER_BUDGET: "over budget, or worse than the baseline",
    ExitCode.USAGE: "invalid usage or configuration",
    ExitCode.SCENARIO_FAILED: "a scenario failed or its process died",
    ExitCode.NO_BASELINE: "no baseline for this environment",
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
    """Return the most severe of several codes; WITHIN only if there is none, or no other."""
    return min(codes, key=_WORST_FIRST.index, default=ExitCode.WITHIN)


class LeakcheckException(Exception):
    """Base class of every exception that leakcheck defines."""


class LeakcheckError(LeakcheckException):
    """An error that the user can fix. The message says where, what and the remedy."""

    exit_code = ExitCode.USAGE

    def __str__(self) -> str:
        """Return the message with control characters escaped: it quotes file names and documents."""
        return escape_control(super().__str__(), keep_lines=True)


class UsageError(LeakcheckError):
    """A flag, a target or a unit that cannot be parsed."""


class ConfigError(UsageError):
    """An invalid setting in a file or in the environment."""


class StoreError(LeakcheckError):
    """A document that cannot be read or written, or that is not a document of leakcheck."""


class BaselineMissing(LeakcheckError):
    """There is no baseline for this environment."""

    exit_code = ExitCode.NO_BASELINE


class NothingMeasured(LeakcheckError):
    """No scenario matched, so nothing was measured; that must not pass in CI."""

    exit_code = ExitCode.NOTHING_MEASURED


class ExecutorLost(LeakcheckError):
    """The executor cannot be reached any more. Results measured until then are kept."""

    exit_code = ExitCode.SCENARIO_FAILED


class ScenarioFailed(LeakcheckError):
    """The user's code raised, exited, hung or crashed while it was loaded or replayed."""

    exit_code = ExitCode.SCENARIO_FAILED


class WrongAnswer(ScenarioFailed):
    """A response with another status than the expected one, or a redirect to a login page."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status
