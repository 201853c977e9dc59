"""Make a scenario from a request to a Django project."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager

from leakcheck.model.protocol import PassRequest
from leakcheck.worker.django.login import login_page, session_cookie
from leakcheck.worker.django.setup import django_project, make_handler, site_scheme
from leakcheck.worker.web.client import make_call
from leakcheck.worker.web.options import ASGI, DjangoRequestSettings, read_request_settings
from leakcheck.worker.web.request import build_request

Replay = Callable[[], Iterator[Callable[[], object]]]


def make_project_replay(settings_module: str, request_text: str, pass_request: PassRequest) -> Replay:
    """Return a generator function that sets the project up and yields what makes the request once."""
    settings: DjangoRequestSettings = read_request_settings(pass_request.options, DjangoRequestSettings)

    def replay() -> Iterator[Callable[[], object]]:
        # no event loop runs while Django is set up, not even for ASGI: it would refuse to make databases
        with django_project(settings_module, settings, pass_request.shared_folder):
            request = build_request(request_text, settings, cookies=session_cookie(settings), scheme=site_scheme())
            login = login_page(settings)
            application = make_handler(settings.protocol)
            call = make_call(application, settings.protocol, request, login, follow=settings.follow)
            rolled_back = _rolled_back_async if settings.protocol == ASGI else _rolled_back
            yield rolled_back(call) if settings.atomic else call

    return replay


def _rolled_back(call: Callable[[], object]) -> Callable[[], object]:
    aliases = _keep_connections_open()

    def call_and_roll_back() -> object:
        with _transactions(aliases):
            return call()

    return call_and_roll_back


def _rolled_back_async(call: Callable[[], Awaitable[object]]) -> Callable[[], Awaitable[object]]:
    from asgiref.sync import ThreadSensitiveContext, sync_to_async
    from django.db import close_old_connections

    aliases = _keep_connections_open()

    def roll_back(transactions: AbstractContextManager[None]) -> None:
        transactions.__exit__(None, None, None)
        close_old_connections()  # the thread ends with the request

    async def call_and_roll_back() -> object:
        # the handler's own context joins this one, so that the transactions are opened and ended in the
        # thread that handles the request
        async with ThreadSensitiveContext():
            transactions = _transactions(aliases)
            await sync_to_async(transactions.__enter__)()
            try:
                return await call()
            finally:
                await sync_to_async(roll_back)(transactions)

    return call_and_roll_back


def _keep_connections_open() -> list[str]:
    """Keep requests from closing connections, which would end their transactions; return the databases' aliases."""
    from django.core.signals import request_finished, request_started
    from django.db import close_old_connections, connections

    for moment in (request_started, request_finished):
        moment.disconnect(close_old_connections)
    return [alias for alias in connections if connections[alias].vendor != "unknown"]


@contextmanager
def _transactions(aliases: Sequence[str]) -> Iterator[None]:
    """Open a transaction on each database, and roll all of them back."""
    from django.db import transaction

    with ExitStack() as stack:
        for alias in aliases:
            stack.enter_context(transaction.atomic(using=alias))
        try:
            yield
        finally:
            for alias in aliases:
                transaction.set_rollback(True, using=alias)
