"""What Django keeps, and what it only seems to keep.

Each scenario configures Django for itself, within the generator: one process measures one scenario.
The model is that of `django.contrib.sites`, so that none has to be declared here.
"""

import io
import itertools
from collections.abc import Callable, Iterator
from typing import Any

from leakcheck.scenario import scenario

NUMBERS = itertools.count()
QUERYSETS: list[object] = []


def configure(**settings: object) -> None:
    """Set Django up with twenty sites in an in-memory SQLite database."""
    import django
    from django.conf import settings as django_settings

    memory = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
    apps = ["django.contrib.sites"]
    django_settings.configure(ALLOWED_HOSTS=["*"], DATABASES=memory, INSTALLED_APPS=apps, **settings)
    django.setup()
    from django.contrib.sites.models import Site
    from django.db import connection

    with connection.schema_editor() as editor:
        editor.create_model(Site)
    Site.objects.bulk_create([Site(domain=f"{n}.example.com", name=f"Site {n}") for n in range(20)])


def empty_page() -> type:
    """Return a URL configuration with one view, which answers with nothing."""
    from django.http import HttpRequest, HttpResponse
    from django.urls import path

    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse()

    return type("Urls", (), {"urlpatterns": [path("", view)]})


@scenario
def signal_receiver_strong() -> Iterator[Callable[[], object]]:
    """Connect a new receiver at each call, with weak=False so that it is not lost."""
    configure()
    from django.core.signals import setting_changed

    def call() -> None:
        document = bytes(2000)
        setting_changed.connect(lambda **_: len(document), weak=False)

    yield call


@scenario
def locmem_outbox() -> Iterator[Callable[[], object]]:
    """Send mail through the backend that tests use: it keeps every message in `mail.outbox`."""
    configure(EMAIL_BACKEND="django.core.mail.backends.locmem.EmailBackend")
    from django.core.mail import send_mail

    yield lambda: send_mail("News", "Dear reader, " * 100, "from@example.com", ["to@example.com"])


@scenario
def querysets_retained() -> Iterator[Callable[[], object]]:
    """Keep the queryset: once evaluated, it keeps all of its rows."""
    configure()
    from django.contrib.sites.models import Site

    def call() -> None:
        sites = Site.objects.all()
        len(sites)
        QUERYSETS.append(sites)

    yield call


@scenario
def queryset_dropped() -> Iterator[Callable[[], object]]:
    """Evaluate the same queryset and let it go."""
    configure()
    from django.contrib.sites.models import Site

    yield lambda: len(Site.objects.all())


@scenario
def locmem_cache_default() -> Iterator[Callable[[], object]]:
    """Cache under a key that is always new; LocMemCache keeps 300 unless told otherwise."""
    configure()
    from django.core.cache import cache

    yield lambda: cache.set(f"page-{next(NUMBERS)}", bytes(1000))


@scenario
def debug_query_log() -> Iterator[Callable[[], object]]:
    """Query under DEBUG, outside a request: a log of 9000 queries fills, and is full."""
    configure(DEBUG=True)
    from django.contrib.sites.models import Site

    yield Site.objects.exists


@scenario
def test_client() -> Iterator[Callable[[], object]]:
    """Request an empty page through the test client, which leaves finalizers behind every time."""
    configure(ROOT_URLCONF=empty_page())
    from django.test import Client

    client = Client()
    yield lambda: client.get("/")


@scenario
def wsgi_handler() -> Iterator[Callable[[], object]]:
    """Request the same page through the WSGI handler, which leaves nothing."""
    configure(ROOT_URLCONF=empty_page())
    from django.core.handlers.wsgi import WSGIHandler

    handler = WSGIHandler()
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "SERVER_NAME": "example.com", "SERVER_PORT": "80"}

    def start_response(status: str, headers: list[tuple[str, str]], failure: Any = None, /) -> Callable[[bytes], None]:
        return lambda chunk: None

    def call() -> None:
        handler({**environ, "wsgi.input": io.BytesIO()}, start_response).close()

    yield call
