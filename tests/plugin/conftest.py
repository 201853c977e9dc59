"""What the plugin's tests begin with."""

import pytest

from tests.plugin.project import Project


@pytest.fixture
def project(pytester: pytest.Pytester) -> Project:
    """A project with tests, in an empty folder."""
    return Project(pytester)
