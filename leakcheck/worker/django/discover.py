"""Find the folder of a Django project, and the settings named in its manage.py, which is read and never run."""

import os
import re

_SETTINGS = re.compile(r"""DJANGO_SETTINGS_MODULE["']\s*[,\]]\s*(?:=\s*)?["']([\w.]+)["']""")


def project_folder(start: str) -> str | None:
    """Return the nearest folder with a manage.py, from `start` upwards; None if there is none."""
    folder = os.path.abspath(start)
    while not os.path.isfile(os.path.join(folder, "manage.py")):
        parent = os.path.dirname(folder)
        if parent == folder:
            return None
        folder = parent
    return folder


def settings_in_manage(folder: str) -> str | None:
    """Return the settings module that a folder's manage.py names first; None if it names none."""
    try:
        with open(os.path.join(folder, "manage.py"), encoding="utf-8", errors="replace") as file:
            match = _SETTINGS.search(file.read())
    except OSError:
        return None
    return match[1] if match else None
