"""Facts sent at the end of a measured process: the statuses of responses and the state of the user's Django."""

import sys
from typing import Any

from leakcheck.probe.originals import BUILTINS

__builtins__ = BUILTINS


def django_facts() -> dict[str, Any] | None:
    """Return the fields of a `DjangoFacts`; None if Django is not set up or its settings cannot be read."""
    # not imported: a process that does not use Django would be measured with it
    conf, db, setup = map(sys.modules.get, ("django.conf", "django.db", "leakcheck.worker.django.setup"))
    try:
        if conf is None or not conf.settings.configured:
            return None
        return {
            "version": sys.modules["django"].get_version(),
            "debug": bool(conf.settings.DEBUG),
            "fast_passwords": setup is not None and setup.passwords_were_hashed_fast(),
            "databases": [] if db is None else [_database(db.connections[alias]) for alias in db.connections],
        }
    except Exception:  # settings are the user's code
        return None


def answers_by_status() -> list[dict[str, object]]:
    """Return the status, count and redirect target of the responses so far; empty if no requests are replayed."""
    client = sys.modules.get("leakcheck.worker.web.client")
    return [] if client is None else client.counts_by_status()


def _database(connection: Any) -> dict[str, Any]:
    disabled = connection.settings_dict.get("DISABLE_SERVER_SIDE_CURSORS", False)
    return {
        "alias": connection.alias,
        "vendor": connection.vendor,
        "server_side_cursors": connection.vendor == "postgresql" and not disabled,
    }
