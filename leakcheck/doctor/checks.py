"""What a check is: a row of the tables in `interpreter` and `machine`, which says what to report for the facts."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from leakcheck.doctor.model import CheckState, Finding

Facts = TypeVar("Facts")
Message = str | Callable[[Facts], str]
"""A text, or a function that composes it from the facts."""


@dataclass(frozen=True, slots=True)
class Problem(Generic[Facts]):
    """A condition under which a check is not ok."""

    is_met: Callable[[Facts], object]
    remedy: Message[Facts]
    message: Message[Facts] | None = None
    """None if it is the check's own message."""
    state: CheckState = CheckState.LIMITED


@dataclass(frozen=True, slots=True)
class Check(Generic[Facts]):
    """A row of a table; see `check`."""

    name: str
    message: Message[Facts]
    problems: tuple[Problem[Facts], ...]
    applies: Callable[[Facts], object]

    def finding(self, group: str, facts: Facts) -> Finding:
        """Return the first problem whose condition is met, or else that all is well."""
        for problem in self.problems:
            if problem.is_met(facts):
                message = _text(self.message if problem.message is None else problem.message, facts)
                remedy = _text(problem.remedy, facts)
                return Finding(group=group, name=self.name, state=problem.state, message=message, remedy=remedy)
        return Finding(group=group, name=self.name, state=CheckState.OK, message=_text(self.message, facts))


Checks = tuple[Check[Facts], ...]
"""The table of a group."""


def check(
    name: str, message: Message[Facts], *problems: Problem[Facts], applies: Callable[[Facts], object] = lambda _: True
) -> Check[Facts]:
    """Return a row: `message` says what was found, unless a problem replaces it. Left out if it does not apply."""
    return Check(name, message, problems, applies)


def note(
    is_met: Callable[[Facts], object], remedy: Message[Facts], message: Message[Facts] | None = None
) -> Problem[Facts]:
    """Return a problem that limits no measurement."""
    return Problem(is_met, remedy, message, CheckState.NOTE)


def findings(groups: Mapping[str, Checks[Facts]], facts: Facts) -> Iterator[Finding]:
    """Yield the finding of each check that applies; `groups` has the tables by their headings."""
    for heading, checks in groups.items():
        yield from (check.finding(heading, facts) for check in checks if check.applies(facts))


def _text(message: Message[Facts], facts: Facts) -> str:
    return message if isinstance(message, str) else message(facts)
