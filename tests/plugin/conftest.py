"""What the plugin's tests begin with."""

import os

import pytest

from tests.plugin.project import Project

_OURS = ("PYTEST_XDIST_", "DJANGO_", "LEAKCHECK_")


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project with tests, in an empty folder, that knows nothing of how this project's own tests run."""
    for name in [name for name in os.environ if name.startswith(_OURS)]:
        monkeypatch.delenv(name)
    return Project(pytester)
