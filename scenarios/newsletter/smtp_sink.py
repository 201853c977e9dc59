"""A real SMTP server on loopback that takes every mail and throws it away: `python -m scenarios.newsletter.smtp_sink`.

It prints its port, and it ends with its standard input.
"""

import asyncio
import gc
import signal
import sys

from aiosmtpd.smtp import SMTP


class _Discard:
    """Answers each mail as a server that has taken it, and leaves nothing of the connection before for later.

    The sink is a child of what is measured, and its pages are looked at. Cycles that wait for a collection spread over
    new pages for the first thousand connections.
    """

    async def handle_DATA(self, *_: object) -> str:  # noqa: N802 (aiosmtpd's name)
        gc.collect()
        return "250 OK"


async def _serve() -> None:
    gc.freeze()  # what was imported need not be gone through for each mail
    gc.disable()
    # with a hostname given, aiosmtpd does not look its own up: that takes seconds where there is no DNS
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(_Discard(), hostname="localhost"), "127.0.0.1", 0
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    # nothing is ever written to this pipe; it ends when the parent does, however the parent dies
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    # Ctrl-C reaches every process of the terminal; this one goes on until its parent is done
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    asyncio.run(_serve())
