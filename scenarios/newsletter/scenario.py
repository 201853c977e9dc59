"""The newsletter as leakcheck replays it: one call is one send to every subscriber.

Only the standard library and leakcheck are imported here, because this file is also loaded just to
list what there is. Django comes in when the replay is set up.
"""

import json
import os
from collections.abc import Callable, Iterator, Mapping

from leakcheck import scenario
from scenarios.newsletter.children import last_words, own_server, seeded_database, smtp_sink

VARIANTS = {
    "naive": "all() holds every row at the peak of a call and nothing after it: expensive, but no leak.",
    "iterator": "iterator() holds 2000 rows at a time: a flat peak, except on MariaDB, whose client holds them all.",
    "values": "values_list() with iterator() makes no model instances: the cheapest way, in memory and in time.",
    "keyset": "Pages of 1000 by primary key are flat on every database, even where iterator() is not.",
    "retained": "A module-level list keeps every queryset with its rows: each call leaks as much as it read.",
    "outbox": "The locmem mail backend keeps every mail in mail.outbox: a leak in a long test process.",
    "signal": "A receiver connected with weak=False at every call is never let go, and its closure holds the queryset.",
    "debug_queries": "Only a request clears DEBUG's query log: in a task worker it grows, but it ends at 9000.",
}


@scenario(
    variants=VARIANTS,
    growth="64 KiB / 1000 calls",
    peak="10 MiB",
    growth_options={"rows": 200},
    peak_options={"rows": 100_000},
)
def newsletter(
    variant: str, rows: int = 200, database: str = "sqlite", atomic: bool = False, server_side_cursors: bool = True
) -> Iterator[Callable[[], None]]:
    """Send the newsletter to `rows` subscribers, over a seeded database and real SMTP.

    `database` is sqlite, postgresql, mariadb, mariadb-pymysql or the URL of a server. `atomic` puts the request
    into a transaction; without `server_side_cursors` PostgreSQL is used as behind a pooling pgbouncer.
    """
    environment = seeded_database(rows, database)
    with smtp_sink() as port:
        os.environ.update(environment)
        _configure(port, variant, {"ATOMIC_REQUESTS": atomic, "DISABLE_SERVER_SIDE_CURSORS": not server_side_cursors})
        yield _send(variant, rows, own_server(database))


def _configure(port: int, variant: str, database: Mapping[str, bool]) -> None:
    os.environ["NEWSLETTER_DATABASE"] = json.dumps({**json.loads(os.environ["NEWSLETTER_DATABASE"]), **database})
    os.environ["NEWSLETTER_SMTP_PORT"] = str(port)
    backend = "locmem" if variant == "outbox" else "smtp"
    os.environ["NEWSLETTER_EMAIL_BACKEND"] = f"django.core.mail.backends.{backend}.EmailBackend"
    os.environ["NEWSLETTER_DEBUG"] = "1" if variant == "debug_queries" else "0"

    import django
    from django.conf import settings

    if settings.configured:
        raise RuntimeError("Django reads its settings once: replay each newsletter in a process of its own")
    django.setup()

    from django.core.mail import DNS_NAME

    # or the first mail looks up this machine's own name, which takes seconds where there is no DNS
    DNS_NAME._fqdn = "localhost"


def _send(variant: str, rows: int, server: str) -> Callable[[], None]:
    from django.core.handlers.wsgi import WSGIHandler
    from django.db import OperationalError

    from scenarios.newsletter.client import post
    from scenarios.newsletter.views import STRATEGIES

    application = WSGIHandler()
    fields = {"strategy": "iterator" if variant == "outbox" else variant}
    answer = b'{"sent": %d}' % rows

    def send() -> None:
        """One request, as a web server makes it."""
        try:
            body = post(application, "/newsletter/send", fields)
        except OperationalError as error:
            said = str(error).strip()
            raise OperationalError(f"{said}{last_words(server, said)}") from error
        if body != answer:
            raise RuntimeError(f"the newsletter should have gone to {rows} subscribers; the answer was {body!r}")

    def send_outside_requests() -> None:
        """One send of a task worker: no request starts, so nothing clears the query log."""
        sent = STRATEGIES["values"]()
        if sent != rows:
            raise RuntimeError(f"the newsletter should have gone to {rows} subscribers; it went to {sent}")

    return send_outside_requests if variant == "debug_queries" else send
