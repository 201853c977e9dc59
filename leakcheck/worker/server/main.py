"""Serve a scenario with the user's gunicorn, its worker under the limit, and tell the runner when a worker exits."""

import os
import socket
from contextlib import suppress
from importlib import import_module
from typing import Any

from leakcheck.model.errors import UsageError
from leakcheck.model.protocol import PassRequest
from leakcheck.worker.channel import Channel
from leakcheck.worker.failure import describe_failure
from leakcheck.worker.load import LoadedScenario
from leakcheck.worker.server.app import AsgiApp, WsgiApp
from leakcheck.worker.server.memory_limit import CGROUP, RLIMIT, delegated_cgroup, join_cgroup, limit_data, make_cgroup

_ASYNC_WORKERS = ("uvicorn_worker", "uvicorn.workers")


def serve_limit(pass_request: PassRequest, channel: Channel) -> None:
    """Serve until the runner ends this process."""
    try:
        server = _server(pass_request, channel)
    except ImportError as error:
        channel.send("failure", failure=describe_failure(error, "missing"))
        return
    server.run()


def _server(pass_request: PassRequest, channel: Channel) -> Any:
    """Return a gunicorn application that is ready to run. Raises ImportError if it is not installed."""
    from gunicorn import version_info
    from gunicorn.app.base import BaseApplication

    limits = pass_request.limit_request
    assert limits is not None
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    memory_bytes, threads = int(limits["memory_bytes"]), int(limits["threads"])
    timeout_seconds = int(limits["timeout_seconds"])
    limiter, folder = _limiter(limits["limiter"], memory_bytes)
    is_async = limits["server"] == "uvicorn"

    def post_fork(server: Any, worker: Any) -> None:
        if folder is None:
            limit_data(memory_bytes)
        else:
            join_cgroup(folder)

    def when_ready(server: Any) -> None:
        name = f"gunicorn {'.'.join(map(str, version_info))}{' with uvicorn' if is_async else ''}"
        channel.send("ready", port=port, limiter=limiter, server=name, threads=threads)

    class Served(BaseApplication):  # type: ignore[misc]
        def load_config(self) -> None:
            settings = {
                "bind": f"fd://{listener.fileno()}",
                "workers": 1,
                "threads": 1 if is_async else threads,
                "worker_class": _async_worker() if is_async else "gthread",
                "timeout": timeout_seconds,
                "graceful_timeout": 1,
                "keepalive": 5,
                "loglevel": "error",
                "post_fork": post_fork,
                "when_ready": when_ready,
                # also called for a worker that gunicorn has ended itself: it counts, since it had requests
                "child_exit": lambda server, worker: channel.send("exit", pid=worker.pid),
            }
            for name, value in settings.items():
                self.cfg.set(name, value)

        def load(self) -> Any:
            # called in the worker, so that its limit applies to the set-up too
            scenario = LoadedScenario(pass_request)
            return AsgiApp(scenario) if is_async else WsgiApp(scenario)

    return Served()


def _async_worker() -> str:
    for name in _ASYNC_WORKERS:
        with suppress(ImportError):
            import_module(name)
            return f"{name}.UvicornWorker"
    raise ImportError("No module named 'uvicorn_worker'", name="uvicorn_worker")


def _limiter(name: str, memory_bytes: int) -> tuple[str, str | None]:
    """Return the limiter's name and, if it is a cgroup, the cgroup's folder. Raises UsageError if none can be made."""
    if name == "rlimit":
        return RLIMIT, None
    parent = delegated_cgroup()
    if parent is None:
        raise UsageError(
            "no cgroup v2 with a memory controller is delegated to this user; use --limiter rlimit, or start it with "
            "`systemd-run --user --scope -p Delegate=yes leakcheck limit …`"
        )
    try:
        return CGROUP, make_cgroup(parent, memory_bytes)
    except OSError as error:
        raise UsageError(f"{parent}: no cgroup can be made in it ({os.strerror(error.errno or 0)})") from error
