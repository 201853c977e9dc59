"""Exceptions, and the exit code that each ends the process with."""

from collections.abc import Iterable
from enum import IntEnum
from typing import Self

from leakcheck.model.plain_text import escape_control


class ExitCode(IntEnum):
    """Exit codes of the command. The numbers are stable; `worst` says which one wins."""

    meaning: str
    """What --help and the guide print."""

    WITHIN = 0, "within budget"
    OVER_BUDGET = 1, "over budget, or worse than the baseline"
    USAGE = 2, "invalid usage or configuration"
    SCENARIO_FAILED = 3, "a scenario failed or its process died"
    NO_BASELINE = 4, "no baseline for this environment"
    NOTHING_MEASURED = 5, "nothing was measured"
    INCONCLUSIVE = 6, "inconclusive"
    INTERNAL = 70, "internal error in leakcheck"
    INTERRUPTED = 130, "interrupted"

    def __new__(cls, number: int, meaning: str = "") -> Self:
        """Return the code, whose value is its number alone."""
        code = int.__new__(cls, number)
        code._value_, code.meaning = number, meaning
        return code


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
