"""What is run, what is true about it, and whether a verdict was right.

An arm is one case in one environment: a scenario of the gallery, or the leaky, fixed or clean arm
of a case of a corpus. Its truth was measured without any tool, and lies beside the case.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any


class Mark(StrEnum):
    """How a verdict stands to the truth."""

    RIGHT = "right"
    MISSED = "missed"
    FALSE_ALARM = "false alarm"
    INCONCLUSIVE = "inconclusive"
    FAILED = "failed"
    """There was no verdict: the run broke."""
    LEFT_OUT = "left out"
    """Never run: its packages could not be installed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One case in one environment, and its truth."""

    case: str
    name: str
    truth: str
    """leak, clean or bounded; only the first may be called leak."""
    low_bytes_per_call: float | None = None
    """The known growth lies from here to `high_bytes_per_call`: a container's table comes in steps."""
    high_bytes_per_call: float | None = None
    holder: str = ""
    """What the name or the path of the first holder shown must contain; "" where nothing in Python holds it."""
    lines: tuple[str, ...] = ()
    """Texts of which the first site's stack must show one, where nothing in Python holds it."""
    resource: str | None = None
    """The one kind of thing beside memory that rises; "" where nothing does, None where that is not known."""
    folder: Path
    file: str
    packages: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What leakcheck said of an arm, beside what is true."""

    arm: Arm
    mark: Mark
    verdict: str | None = None
    meter: str | None = None
    growth_bytes_per_call: float | None = None
    error_percent: float | None = None
    """How far the growth lies outside what is known; None for what does not leak or was not found."""
    calls: int | None = None
    seconds: float | None = None
    named: bool | None = None
    """The first holder shown, or the first site where nothing holds it, is the culprit; None where none is known."""
    explained_fraction: float | None = None
    blamed: int = 0
    """Culprits that were shown at all."""
    remark: str = ""


def gallery_arms(folder: Path, packages: tuple[str, ...] = ()) -> list[Arm]:
    """Return an arm for each scenario in the gallery's `truth.json`; `packages` where not this interpreter runs it."""
    truths = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    arms = []
    for name, truth in truths.items():
        known = truth.get("bytes_per_call", {})
        arms.append(
            Arm(
                case=name,
                name="gallery",
                truth=truth["type"],
                low_bytes_per_call=known.get("low"),
                high_bytes_per_call=known.get("high"),
                holder=truth.get("holder", ""),
                lines=(truth["culprit"],) if "culprit" in truth else (),
                resource=truth.get("resource", ""),
                folder=folder,
                file=truth["file"],
                packages=packages,
            )
        )
    return arms


def corpus_arms(folder: Path) -> list[Arm]:
    """Return the arms of every case in the corpus's `cases.json`, two for a leak and one for a clean case."""
    arms = []
    for case in json.loads((folder / "cases.json").read_text(encoding="utf-8")):
        if case["type"] == "leak":
            arms += [
                _corpus_arm(folder, case, "leaky", case["leaky"]),
                _corpus_arm(folder, case, "fixed", case["fixed"]),
            ]
        else:
            arms.append(_corpus_arm(folder, case, "clean", case["requires"]))
    return arms


def _corpus_arm(folder: Path, case: Mapping[str, Any], name: str, packages: Sequence[str]) -> Arm:
    leaks = name == "leaky"
    exact = case["exact"][name] if leaks else {}
    known = exact.get("heap_bytes_per_call")
    low, high = exact.get("heap_bytes_per_call_range", (known, known))
    culprit = case.get("culprit", {}) if leaks else {}
    return Arm(
        case=case["name"],
        name=name,
        truth="leak" if leaks else "clean",
        low_bytes_per_call=low,
        high_bytes_per_call=high,
        holder=culprit.get("holder", ""),
        lines=tuple(culprit.get("line", ())),
        folder=folder,
        file=case["file"],
        packages=tuple(packages),
        environment=(case.get("fixed_env") or {}) if name == "fixed" else {},
    )


def picked(arms: Sequence[Arm], expression: str | None) -> list[Arm]:
    """Return the arms that an expression picks, as `leakcheck run -k` does; an arm is named `case-arm`.

    Raises leakcheck's UsageError for a broken expression.
    """
    if expression is None:
        return list(arms)
    from leakcheck.config.expressions import parse_expression  # only now: it may have to be installed first

    matches = parse_expression(expression)
    return [arm for arm in arms if matches(f"{arm.case}-{arm.name}")]


def judged(arm: Arm, result: Mapping[str, Any]) -> Outcome:
    """Return how a result of the run document stands to the arm's truth."""
    growth = result.get("growth") or {}
    verdict = result.get("verdict")
    failure = result.get("failure")
    mark = Mark.FAILED if failure else _mark(arm.truth, str(verdict))
    rises = [resource["kind"] for resource in result.get("resources") or () if resource["gate"] == "over"]
    if mark is Mark.RIGHT:
        mark = _mark_of_resources(arm.resource, rises)
    explanation = result.get("explanation") or {}
    per_1000 = growth.get("bytes_per_1000_calls")
    rate = None if per_1000 is None else per_1000 / 1000
    return Outcome(
        arm=arm,
        mark=mark,
        verdict=verdict,
        meter=growth.get("meter"),
        growth_bytes_per_call=rate,
        error_percent=_error_percent(arm, rate) if mark is Mark.RIGHT else None,
        calls=growth.get("calls"),
        seconds=result.get("duration_seconds"),
        named=_is_named(arm, result),
        explained_fraction=explanation.get("explained_fraction"),
        blamed=len(explanation.get("retention_paths") or ()) + len(explanation.get("allocation_sites") or ()),
        remark=str(failure["message"]) if failure else _bound(result.get("bounded_by")) or ", ".join(rises),
    )


def _is_named(arm: Arm, result: Mapping[str, Any]) -> bool | None:
    """Tell whether the first that is shown is the culprit."""
    if arm.truth != "leak" or not (arm.holder or arm.lines):
        return None
    explanation = result.get("explanation") or {}
    parts = ("containers", "retention_paths", "allocation_sites")
    containers, paths, sites = (explanation.get(name) or [] for name in parts)
    path = "".join(link["step"] for link in paths[0]["links"]) if paths else ""
    names = [*(one["name"] for one in containers[:1]), path]
    sources = [frame["source"] for frame in sites[0]["frames"]] if sites else []
    if arm.holder:
        return any(arm.holder in name for name in names)
    return any(line in source for line in arm.lines for source in sources)


def _mark(truth: str, verdict: str) -> Mark:
    if verdict == "inconclusive":
        return Mark.INCONCLUSIVE
    if truth == "leak":
        return Mark.RIGHT if verdict == "leak" else Mark.MISSED
    return Mark.FALSE_ALARM if verdict == "leak" else Mark.RIGHT


def _mark_of_resources(known: str | None, rises: Sequence[str]) -> Mark:
    if known is not None and set(rises) - {known}:
        return Mark.FALSE_ALARM
    return Mark.MISSED if known and known not in rises else Mark.RIGHT


def _error_percent(arm: Arm, rate: float | None) -> float | None:
    if rate is None or arm.low_bytes_per_call is None or arm.high_bytes_per_call is None:
        return None
    nearest = min(max(rate, arm.low_bytes_per_call), arm.high_bytes_per_call)
    return 100 * (rate - nearest) / nearest


def _bound(bounded_by: Mapping[str, Any] | None) -> str:
    return f"{bounded_by.get('name')}, at most {bounded_by.get('limit')}" if bounded_by else ""
