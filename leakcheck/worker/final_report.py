"""What this process can tell when all is measured: what requests were answered with, what the user's Django says."""

import sys
from typing import Any

from leakcheck.probe.originals import BUILTINS

__builtins__ = BUILTINS


def facts_about_django() -> dict[str, Any] | None:
    """Return the fields of a `traps.DjangoFacts`; None where no Django was set up, or it does not tell."""
    # never imported here: a process that did not need it would be measured with it
    conf, db = sys.modules.get("django.conf"), sys.modules.get("django.db")
    try:
        if conf is None or not conf.settings.configured:
            return None
        return {
            "version": sys.modules["django"].get_version(),
            "debug": bool(conf.settings.DEBUG),
            "fast_passwords": _passwords_were_hashed_fast(),
            "databases": [] if db is None else [_database(db.connections[alias]) for alias in db.connections],
        }
    except Exception:  # settings are the user's code
        return None


def _passwords_were_hashed_fast() -> bool:
    opening = sys.modules.get("leakcheck.worker.django.setup")
    return opening is not None and opening.passwords_were_hashed_fast()


def answered() -> list[dict[str, object]]:
    """Return the fields of a `model.Answered` for each status; none where no requests are replayed."""
    tally = sys.modules.get("leakcheck.worker.web.answer_counts")
    return [] if tally is None else tally.told()


def _database(connection: Any) -> dict[str, Any]:
    disabled = connection.settings_dict.get("DISABLE_SERVER_SIDE_CURSORS", False)
    return {
        "alias": connection.alias,
        "vendor": connection.vendor,
        "server_side_cursors": connection.vendor == "postgresql" and not disabled,
    }
