"""Whether two runs were measured under the same circumstances, and what differs where they were not."""

from collections.abc import Iterator, Mapping

from leakcheck.model.run import Environment, Run

_MOST_PACKAGES = 5


def differences(one: Run, other: Run) -> Iterator[str]:
    """Yield what differs between the circumstances of two runs, `what: here, there`; nothing where they are alike.

    Alike are: the implementation, the version but for its last number, platform, allocator, libc, leakcheck's own
    version, the commit, the packages and the baseline. Where the interpreter lies does not matter.
    """
    if one.environment is None or other.environment is None:
        if one.environment is not other.environment:
            yield "of one it is not known where it was measured"
    else:
        yield from between_environments(one.environment, other.environment)
    yield from _between({"baseline": one.baseline or "none"}, {"baseline": other.baseline or "none"})


def between_environments(one: Environment, other: Environment) -> Iterator[str]:
    """Yield what differs between two environments, as `differences` does."""
    yield from _between(_facts(one), _facts(other))
    packages = list(_between(_packages(one), _packages(other)))
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


def _between(one: Mapping[str, str], other: Mapping[str, str]) -> Iterator[str]:
    for name in dict.fromkeys((*one, *other)):
        here, there = one.get(name, "none"), other.get(name, "none")
        if here != there:
            yield f"{name}: {here}, {there}"
