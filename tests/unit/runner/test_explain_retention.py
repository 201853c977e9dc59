"""What the search for holders is asked, and what is taken from its answer."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from leakcheck.model.result import Meter
from leakcheck.model.stacks import FrameKind
from leakcheck.runner import explain
from leakcheck.runner.explain_request import ExplainRequest

KEPT = {
    "function": "on_save",
    "file": str(Path.cwd() / "shop" / "signals.py"),
    "line": 7,
    "kind": "own",
    "source": "def on_save(**kw):",
}
HOLDER = {
    "links": [{"step": "shop.HOOKS", "type": "list"}],
    "anchor": 1,
    "container": None,
    "bytes_per_call": 10.0,
    "kept": KEPT,
    "set_at": None,
}


class Scripted:
    """A worker that answers with what the test says and notes what it was asked."""

    asked: list[dict[str, Any]]
    searched: dict[str, Any]

    def __init__(self, *_: object) -> None:
        pass

    def __enter__(self) -> "Scripted":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def start(self) -> None:
        pass

    def finish(self) -> None:
        pass

    def ask(self, request: dict[str, Any], **_: object) -> dict[str, Any]:
        self.asked.append(request)
        return {"kind": "found", "holders": [HOLDER], "searched": self.searched, "last": True}


def explained(monkeypatch: pytest.MonkeyPatch, meter: Meter, **searched: Any) -> Any:
    monkeypatch.setattr(Scripted, "asked", [], raising=False)
    monkeypatch.setattr(Scripted, "searched", {"stopped_by": "", **searched}, raising=False)
    monkeypatch.setattr(explain, "WorkerProcess", Scripted)
    task: Any = SimpleNamespace(plan=lambda *_, **__: None, surroundings=None)
    case = ExplainRequest(bytes_per_1000_calls=10_000, meter=meter, seconds_per_call=0.001, is_bounded=True)
    return explain.explain(task, case, lambda _: None)


@pytest.mark.parametrize(("meter", "mapped"), [(Meter.RSS, True), (Meter.HEAP, False)])
def test_holders_are_weighed_in_pages_where_those_are_what_grows(
    monkeypatch: pytest.MonkeyPatch, meter: Meter, mapped: bool
) -> None:
    explained(monkeypatch, meter)
    assert Scripted.asked[0]["mapped"] is mapped


def test_that_nothing_in_python_holds_it_is_taken_from_an_answer_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    assert explained(monkeypatch, Meter.HEAP, nothing_in_python=True).nothing_in_python is True
    assert explained(monkeypatch, Meter.HEAP, nothing_in_python="yes").nothing_in_python is False
    assert explained(monkeypatch, Meter.HEAP).nothing_in_python is False


def test_the_users_line_is_told_from_the_folder_that_the_user_works_in(monkeypatch: pytest.MonkeyPatch) -> None:
    (path,) = explained(monkeypatch, Meter.HEAP).retention_paths
    assert (path.kept.file, path.kept.line, path.kept.kind) == ("shop/signals.py", 7, FrameKind.OWN)
