"""Differences between the environments of two runs that make their figures incomparable."""

from collections.abc import Iterator, Mapping

from leakcheck.model.run import Environment, Run

_MOST_PACKAGES = 5


def run_differences(before: Run, after: Run) -> Iterator[str]:
    """Yield one line per difference between the environments of two runs, as `what: before, after`.

    Compared are the implementation, the minor version of Python, the platform, the allocator, the libc, the version
    of leakcheck, the commit, the packages and the baseline. The path of the interpreter does not matter.
    """
    if before.environment is None or after.environment is None:
        if before.environment is not after.environment:
            yield "the environment of one of them is unknown"
    else:
        yield from environment_differences(before.environment, after.environment)
    yield from _between({"baseline": before.baseline or "none"}, {"baseline": after.baseline or "none"})


def environment_differences(before: Environment, after: Environment) -> Iterator[str]:
    """Yield one line per difference between two environments, as `run_differences` does."""
    yield from _between(_facts(before), _facts(after))
    packages = list(_between(_packages(before), _packages(after)))
    yield from packages[:_MOST_PACKAGES]
    if len(packages) > _MOST_PACKAGES:
        yield f"and {len(packages) - _MOST_PACKAGES:,} more packages"


def _facts(environment: Environment) -> dict[str, str]:
    return {
        "implementation": environment.implementation,
        "Python": ".".join(environment.python.split(".")[:2]),
        "platform": environment.platform,
        "allocator": environment.allocator,
        "libc": environment.libc,
        "leakcheck": environment.leakcheck,
        "commit": environment.git_commit or "none",
    }


def _packages(environment: Environment) -> dict[str, str]:
    return {f"package {name}": version for name, version in environment.packages.items()}


def _between(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[str]:
    for name in dict.fromkeys((*before, *after)):
        old, new = before.get(name, "none"), after.get(name, "none")
        if old != new:
            yield f"{name}: {old}, {new}"
