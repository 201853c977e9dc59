"""What is built and installed once for all tests of a process."""

import pytest

from tests.packaging.built import Built, Installed, build, install


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The sdist of this checkout, and the wheel that was built from that sdist."""
    folder = tmp_path_factory.mktemp("dist")
    build(folder)
    (wheel,) = folder.glob("*.whl")
    (sdist,) = folder.glob("*.tar.gz")
    return Built(wheel, sdist)


@pytest.fixture(scope="session")
def installed(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """An environment with the wheel and its dependencies, and no extra."""
    made = install(built.wheel, tmp_path_factory.mktemp("plain") / "venv")
    made.borrow()
    return made


@pytest.fixture(scope="session")
def installed_for_tests(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """An environment with the wheel, its dependencies, and what the extras `django` and `pytest` declare."""
    made = install(built.wheel, tmp_path_factory.mktemp("extras") / "venv")
    made.borrow("django", "pytest")
    return made
