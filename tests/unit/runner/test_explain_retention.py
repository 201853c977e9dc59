"""The request of the retention pass, and what is taken from its answer."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from leakcheck.model.result import Meter
from leakcheck.model.stacks import FrameKind
from leakcheck.runner import explain
from leakcheck.runner.explain_request import ExplainRequest

KEPT_FRAME = {
    "function": "on_save",
    "file": str(Path.cwd() / "shop" / "signals.py"),
    "line": 7,
    "kind": "own",
    "source": "def on_save(**kw):",
}
CANDIDATE = {
    "links": [{"step": "shop.HOOKS", "type": "list"}],
    "anchor": 1,
    "container": None,
    "bytes_per_call": 10.0,
    "kept_function": KEPT_FRAME,
    "set_at": None,
}


class ScriptedWorker:
    """A worker that answers as the test wants and records its requests."""

    requests: list[dict[str, Any]]
    searched: dict[str, Any]

    def __init__(self, *_: object) -> None:
        pass

    def __enter__(self) -> "ScriptedWorker":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def start(self) -> None:
        pass

    def finish(self) -> None:
        pass

    def ask(self, request: dict[str, Any], **_: object) -> dict[str, Any]:
        self.requests.append(request)
        return {"kind": "found", "holders": [CANDIDATE], "searched": self.searched, "last": True}


def explained(monkeypatch: pytest.MonkeyPatch, meter: Meter, **searched: Any) -> Any:
    monkeypatch.setattr(ScriptedWorker, "requests", [], raising=False)
    monkeypatch.setattr(ScriptedWorker, "searched", {"stopped_by": "", **searched}, raising=False)
    monkeypatch.setattr(explain, "WorkerProcess", ScriptedWorker)
    task: Any = SimpleNamespace(pass_request=lambda *_, **__: None, worker_limits=None)
    request = ExplainRequest(bytes_per_1000_calls=10_000, meter=meter, seconds_per_call=0.001, is_bounded=True)
    return explain.explain(task, request, lambda _: None)


@pytest.mark.parametrize(("meter", "mapped"), [(Meter.RSS, True), (Meter.HEAP, False)])
def test_candidates_are_measured_in_pages_where_pages_grow(
    monkeypatch: pytest.MonkeyPatch, meter: Meter, mapped: bool
) -> None:
    explained(monkeypatch, meter)
    assert ScriptedWorker.requests[0]["mapped"] is mapped


def test_that_nothing_in_python_retains_it_is_taken_from_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    assert explained(monkeypatch, Meter.HEAP, nothing_in_python=True).nothing_in_python is True
    assert explained(monkeypatch, Meter.HEAP, nothing_in_python="yes").nothing_in_python is False
    assert explained(monkeypatch, Meter.HEAP).nothing_in_python is False


def test_the_file_of_the_users_line_is_relative_to_the_working_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    (path,) = explained(monkeypatch, Meter.HEAP).retention_paths
    assert (path.kept_function.file, path.kept_function.line, path.kept_function.kind) == (
        "shop/signals.py",
        7,
        FrameKind.OWN,
    )
