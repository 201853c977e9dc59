"""Which settings a Django project is replayed with: as they are said, or as the project says itself."""

import os
from pathlib import Path

from leakcheck.config import project_settings
from leakcheck.errors import UsageError
from leakcheck.scenario import DJANGO, parse_target
from leakcheck.worker.project.folder import project_folder, settings_in_manage

_ENVIRONMENT = "DJANGO_SETTINGS_MODULE"


def settings_module(said: str | None) -> str:
    """Return the settings' module: said here, in the environment, in pyproject.toml, or else in manage.py.

    Raises UsageError where nobody says it.
    """
    folder = project_folder(str(Path.cwd()))
    name = (
        said
        or os.environ.get(_ENVIRONMENT)
        or project_settings()
        or (None if folder is None else settings_in_manage(folder))
    )
    if name is None:
        where = "there is no manage.py here" if folder is None else f"{folder}/manage.py names none"
        raise UsageError(
            f'no settings: {where}; say --settings mysite.settings, or write settings = "mysite.settings" '
            "under [tool.leakcheck.django] in pyproject.toml"
        )
    try:
        parse_target(f"{DJANGO}:{name}")
    except UsageError:
        raise UsageError(f"--settings {name!r}: is no module; write mysite.settings") from None
    return name
