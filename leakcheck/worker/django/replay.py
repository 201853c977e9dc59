"""Make a scenario of a request to a Django project."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager

from leakcheck.model.protocol import PassRequest
from leakcheck.worker.django.login import cookies_of, login_of
from leakcheck.worker.django.setup import handler, opened, scheme
from leakcheck.worker.web.options import ASGI, DjangoRequestSettings, manner_of
from leakcheck.worker.web.request import exchange_of

Replay = Callable[[], Iterator[Callable[[], object]]]


def replay_of_project(settings_module: str, request: str, plan: PassRequest) -> Replay:
    """Return the generator function that replays one request to the project with these settings."""
    manner: DjangoRequestSettings = manner_of(plan.options, DjangoRequestSettings)

    def replay() -> Iterator[Callable[[], object]]:
        # no event loop runs while Django is set up, not even for ASGI: it would refuse to make databases
        with opened(settings_module, manner, plan.shared_folder):
            exchange = exchange_of(request, manner, cookies=cookies_of(manner), scheme=scheme())
            login = login_of(manner)
            application = handler(manner.protocol)
            if manner.protocol == ASGI:
                from leakcheck.worker.web import asgi

                awaited = asgi.visit(application, exchange, login, follow=manner.follow)
                yield _rolled_back_async(awaited) if manner.atomic else awaited
                return
            from leakcheck.worker.web import wsgi

            call = wsgi.visit(application, exchange, login, follow=manner.follow)
            yield _rolled_back(call) if manner.atomic else call

    return replay


def _rolled_back(call: Callable[[], object]) -> Callable[[], object]:
    aliases = _aliases_kept_open()

    def call_and_roll_back() -> object:
        with _transactions(aliases):
            return call()

    return call_and_roll_back


def _rolled_back_async(call: Callable[[], Awaitable[object]]) -> Callable[[], Awaitable[object]]:
    from asgiref.sync import ThreadSensitiveContext, sync_to_async
    from django.db import close_old_connections

    aliases = _aliases_kept_open()

    def roll_back(transactions: AbstractContextManager[None]) -> None:
        transactions.__exit__(None, None, None)
        close_old_connections()  # the thread ends with the request

    async def call_and_roll_back() -> object:
        # a context around the handler's own, which joins it: so the transactions are opened and ended in
        # the thread in which the request is answered
        async with ThreadSensitiveContext():
            transactions = _transactions(aliases)
            await sync_to_async(transactions.__enter__)()
            try:
                return await call()
            finally:
                await sync_to_async(roll_back)(transactions)

    return call_and_roll_back


def _aliases_kept_open() -> list[str]:
    """Return the databases, and keep requests from closing them: a transaction would end with its connection."""
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
