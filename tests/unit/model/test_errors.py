"""The hierarchy of exceptions: one base for all of ours, and LeakcheckError for what a user can fix."""

import ast
from pathlib import Path

import pytest

import leakcheck
from leakcheck.model.errors import LeakcheckError, LeakcheckException, UsageError
from leakcheck.model.failure import MeasurementStopped, WorkerFailed

PACKAGE = Path(leakcheck.__file__).parent


def test_only_the_common_base_derives_from_exception_directly() -> None:
    classes = [
        node.name
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef) and "Exception" in [getattr(base, "id", "") for base in node.bases]
    ]
    assert classes == ["LeakcheckException"]


@pytest.mark.parametrize("kind", [MeasurementStopped, WorkerFailed])
def test_a_measurement_that_ends_early_is_no_error_of_the_user(kind: type[Exception]) -> None:
    assert issubclass(kind, LeakcheckException)
    assert not issubclass(kind, LeakcheckError)


def test_a_usage_error_is_both() -> None:
    assert issubclass(UsageError, LeakcheckError)
    assert issubclass(LeakcheckError, LeakcheckException)
