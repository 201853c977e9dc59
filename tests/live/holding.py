"""The retention pass, asked as the runner asks it, in a process of its own."""

import os
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leakcheck.model.protocol import OptionValue, Pass, PassRequest
from leakcheck.runner.worker_process import WorkerLimits, WorkerProcess

PROJECT = Path(__file__).parents[2]
GALLERY = PROJECT / "scenarios" / "gallery"


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What the pass answered in the end, and everything that it said on the way."""

    answers: Sequence[Mapping[str, Any]]

    @property
    def holders(self) -> list[dict[str, Any]]:
        """Return the holders of the last answer."""
        return list(self.answers[-1]["holders"])

    @property
    def searched(self) -> dict[str, Any]:
        """Return what the last answer says of the search."""
        return dict(self.answers[-1]["searched"])

    @property
    def first(self) -> dict[str, Any]:
        """Return the first holder."""
        assert self.holders, f"nothing was found: {self.searched}"
        return self.holders[0]

    @property
    def container(self) -> dict[str, Any]:
        """Return the first holder's container."""
        found = self.first["container"]
        assert found is not None, f"no container: {self.first}"
        return dict(found)


def name_of(holder: Mapping[str, Any]) -> str:
    """Return a holder's identity as it reads."""
    return "".join(link["step"] for link in holder["links"][: holder["anchor"]])


def path_of(holder: Mapping[str, Any]) -> str:
    """Return all of a holder's links as they read."""
    return "".join(link["step"] for link in holder["links"])


def hold(
    target: str,
    *,
    grows: float,
    calls: int = 400,
    warm_up: int = 50,
    seconds: float = 20.0,
    variant: str | None = None,
    options: Mapping[str, OptionValue] | None = None,
    mapped: bool = False,
) -> Held:
    """Run the pass over a target that grows by so many bytes a call, of resident pages where it is `mapped`."""
    plan = PassRequest(kind=Pass.RETENTION, target=target, variant=variant, options=options or {})
    with _in_project(), WorkerProcess(plan, WorkerLimits(python=sys.executable)) as worker:
        worker.start()
        request = {
            "kind": "hold",
            "warm_up": warm_up,
            "calls": calls,
            "bytes_per_call": grows,
            "seconds": seconds,
            "mapped": mapped,
        }
        answers = [worker.ask(request, during="the search", extra_seconds=60)]
        while not answers[-1]["last"]:
            answers.append(worker.listen(during="the search", extra_seconds=60))
        worker.finish()
    return Held(answers=answers)


def write(folder: Path, source: str) -> str:
    """Write a file with one scenario, `scene`, and return its target. Its NUMBERS count the calls."""
    path = folder / "held.py"
    head = "import itertools\nfrom leakcheck import scenario\n\nNUMBERS = itertools.count()\n"
    path.write_text(head + textwrap.dedent(source), encoding="utf-8")
    return f"{path}::scene"


@contextmanager
def _in_project() -> Iterator[None]:
    """Measure from the project's folder: the newsletter is imported from there."""
    before = Path.cwd()
    os.chdir(PROJECT)
    try:
        yield
    finally:
        os.chdir(before)
