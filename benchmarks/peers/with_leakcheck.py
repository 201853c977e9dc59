"""leakcheck as `leakcheck run` runs, explanations of what grows included; no peak and no page, which no peer has."""

from collections.abc import Mapping, Sequence
from typing import Any

from peers.words import Body, Said, Verdict

NAME = "leakcheck"
SETTINGS = (
    "`leakcheck run --no-peak --no-report`, explanations of what grows included; peaks and the page are left out, as "
    "no peer measures or writes them"
)
RULE = "leak when its verdict is `leak` or a resource is over its budget; undecided when its verdict is `inconclusive`"


def arguments(body: Body) -> list[str]:
    """Return what follows `leakcheck run`."""
    python = ["--python", str(body.python)]
    if body.marked:
        return [*python, f"{body.file}::{body.name}"]
    module = body.file.stem
    return [*python, f"{module}:{body.name}", "--setup", f"{module}:{body.setup}"]


def read(results: Sequence[Mapping[str, Any]], complaint: str) -> Said:
    """Return what its document says of the one function."""
    if not results:
        return Said(verdict=Verdict.NONE, detail=complaint)
    result = results[0]
    if result.get("failure"):
        return Said(verdict=Verdict.NONE, detail=result["failure"]["message"])
    growth = result.get("growth") or {}
    rate = growth.get("bytes_per_1000_calls")
    rises = [resource["kind"] for resource in result.get("resources") or () if resource["gate"] == "over"]
    return Said(
        verdict=decide(result["verdict"], rises),
        calls=growth.get("calls"),
        bytes_per_call=None if rate is None else rate / 1000,
        shown=shown_first(result),
        detail=", ".join([result["verdict"], *rises]),
        facts={"worker_cpu_seconds": result.get("worker_cpu_seconds"), "stopped_by": result.get("stopped_by")},
    )


def decide(verdict: str, rises: Sequence[str]) -> Verdict:
    """Return what the verdict and the resources that are over come to."""
    if verdict == "leak" or rises:
        return Verdict.LEAK
    return Verdict.UNDECIDED if verdict == "inconclusive" else Verdict.CLEAN


def shown_first(result: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the first container, the first path that holds, and the source lines of the first site."""
    explanation = result.get("explanation") or {}
    parts = ("containers", "retention_paths", "allocation_sites")
    containers, paths, sites = (explanation.get(part) or [] for part in parts)
    names = [one["name"] for one in containers[:1]]
    names += ["".join(link["step"] for link in path["links"]) for path in paths[:1]]
    return (*names, *(frame["source"] for site in sites[:1] for frame in site["frames"]))
