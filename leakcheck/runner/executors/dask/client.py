"""The connection to a Dask scheduler: list its workers, submit jobs, receive answers. Dask is imported here."""

import contextlib
import importlib.util
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any
from uuid import uuid4

from leakcheck.model.errors import ExecutorLost, LeakcheckException, UsageError
from leakcheck.model.units import format_size
from leakcheck.runner.executors.dask import worker_side

_CONNECT_SECONDS = 5.0
_CLOSE_SECONDS = 2.0
_RESULT_SECONDS = 60.0
_RESOURCES = ("cores", "memory")
_NO_DASK = "Dask is not installed; install it with: pip install 'pytest-leakcheck[dask]'"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterWorker:
    """A worker of the cluster and the resources that it declares."""

    address: str
    threads: int
    resources: Mapping[str, float]

    @property
    def slots(self) -> int:
        """Return how many jobs it can run at a time; memory may allow fewer."""
        return min(self.threads, int(self.resources.get("cores", 0)))

    def fits(self, needs: Mapping[str, float]) -> bool:
        """Return whether it declares at least these resources."""
        return all(self.resources.get(name, 0) >= amount for name, amount in needs.items())

    @property
    def description(self) -> str:
        """Return its resources as text for a message."""
        return f"cores={self.resources['cores']:g} and {format_size(self.resources['memory'])}"


class WorkersLost(LeakcheckException):
    """As many workers as the scheduler allows were lost while they ran a job; it does not try another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerEvent:
    """An event that a worker logged for a job; an empty `doing` means that the job has started."""

    key: str
    worker: str
    doing: bytes


class DaskClient:
    """A connection to a scheduler."""

    def __init__(self, client: Any, address: str) -> None:
        self._client = client
        self.address = address
        self.run = f"leakcheck-{uuid4().hex[:12]}"
        """A name for this run, unique among everything that uses the cluster; keys of jobs begin with it."""
        self.events: SimpleQueue[WorkerEvent] = SimpleQueue()
        client.subscribe_topic(self.run, self._receive_event)

    def _receive_event(self, event: tuple[float, Mapping[str, Any]]) -> None:
        _, fields = event
        self.events.put(WorkerEvent(key=fields["key"], worker=fields["worker"], doing=fields["doing"]))

    def usable_workers(self) -> list[ClusterWorker]:
        """Return the workers that declare cores and memory. Raises ExecutorLost."""
        return [
            ClusterWorker(address=address, threads=info["nthreads"], resources=info["resources"])
            for address, info in self._worker_infos().items()
            if all(name in info["resources"] for name in _RESOURCES)
        ]

    def worker_count(self) -> int:
        """Return the number of workers, whatever they declare. Raises ExecutorLost."""
        return len(self._worker_infos())

    def _worker_infos(self) -> Mapping[str, Any]:
        with self._or_lost():
            # -1 means all of them: some versions of Dask list only five by default
            workers: Mapping[str, Any] = self._client.scheduler_info(n_workers=-1)["workers"]
        return workers

    def check_on_workers(self, job: bytes, workers: Sequence[ClusterWorker]) -> Mapping[str, Any]:
        """Return what each worker, by its address, answers to a job that only checks; or the exception it raised."""
        with self._or_lost():
            answers: Mapping[str, Any] = self._client.run(
                worker_side.check_job, job, workers=[worker.address for worker in workers], on_error="return"
            )
        return answers

    def submit(self, job: bytes, key: str, needs: Mapping[str, float]) -> Any:
        """Submit a job to whichever worker has room, and return its future."""
        with self._or_lost():
            return self._client.submit(worker_side.run_job, job, self.run, key=key, resources=dict(needs), pure=False)

    def result(self, future: Any) -> bytes:
        """Return the answer of a future that is done. Raises what the worker raised, WorkersLost and ExecutorLost."""
        from distributed.scheduler import KilledWorker

        if future.status in ("cancelled", "lost"):
            raise self.lost()
        if future.status == "error":
            error = future.exception()
            if isinstance(error, KilledWorker):
                raise WorkersLost from error
            raise error
        with self._or_lost():
            answer: bytes = future.result(timeout=_RESULT_SECONDS)
        future.release()
        return answer

    def cancel(self, futures: Sequence[Any]) -> None:
        """Cancel submitted jobs: those that wait are dropped, and those that run are ended by their worker."""
        if futures and self.is_connected:
            with contextlib.suppress(Exception):
                self._client.cancel(list(futures), force=True)

    def clean_up_workers(self) -> None:
        """Have the workers wait until no job of the run is under way, and remove the files it left there."""
        if not self.is_connected:
            return
        with contextlib.suppress(Exception):
            addresses = [worker.address for worker in self.usable_workers()]
            self._client.run(worker_side.clean_up_run, self.run, workers=addresses, on_error="ignore")

    @property
    def is_connected(self) -> bool:
        """Return whether the scheduler still answers."""
        return bool(self._client.status == "running")

    def lost(self) -> ExecutorLost:
        """Return the error for a scheduler that is gone."""
        return ExecutorLost(
            f"--executor dask:{self.address}: the connection to the scheduler was lost; results until then are "
            "kept. Restart it, and measure the rest with -k"
        )

    @contextmanager
    def _or_lost(self) -> Iterator[None]:
        try:
            yield
        except (OSError, TimeoutError) as error:  # Dask's own CommClosedError is one
            raise self.lost() from error


@contextmanager
def connect_client(address: str) -> Iterator[DaskClient]:
    """Connect to a scheduler for the duration of the block.

    Raises UsageError where Dask is not installed, or no scheduler answers at the address.
    """
    if importlib.util.find_spec("distributed") is None:
        raise UsageError(f"--executor dask:{address}: {_NO_DASK}")
    import distributed

    _silence_dask_logs()
    try:
        make_client: Callable[..., Any] = distributed.Client
        client = make_client(address, timeout=_CONNECT_SECONDS, set_as_default=False, direct_to_workers=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise UsageError(
            f"--executor dask:{address}: no answer from the scheduler within {_CONNECT_SECONDS:g} s "
            f"({str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__}); "
            "start one with `dask scheduler`, or check for a firewall in between"
        ) from error
    connection = DaskClient(client, address)
    try:
        yield connection
    finally:
        connection.clean_up_workers()
        with contextlib.suppress(Exception):
            client.close(timeout=_CLOSE_SECONDS)


def _silence_dask_logs() -> None:
    """Drop what Dask logs in this process: leakcheck reports a lost connection itself."""
    for name in ("distributed", *(name for name in logging.root.manager.loggerDict if name.startswith("distributed."))):
        logger = logging.getLogger(name)
        logger.handlers[:] = [logging.NullHandler()]
        logger.propagate = False
