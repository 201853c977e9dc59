"""A Dask cluster as it is seen from here: connect, ask what its workers have, send, receive. Dask is imported here."""

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

CONNECT_SECONDS = 5.0
_CLOSE_SECONDS = 2.0
_LOOK_SECONDS = 60.0
RESOURCES = ("cores", "memory")
_NO_DASK = "there is no Dask here; install it with: pip install 'pytest-leakcheck[dask]'"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterWorker:
    """A worker of the cluster, and what it declares to have."""

    address: str
    threads: int
    has: Mapping[str, float]

    @property
    def slots(self) -> int:
        """Return how many measurements it can make at a time; memory may allow fewer."""
        return min(self.threads, int(self.has.get("cores", 0)))

    def fits(self, needs: Mapping[str, float]) -> bool:
        """Tell whether it may be asked for that."""
        return all(self.has.get(name, 0) >= amount for name, amount in needs.items())

    @property
    def words(self) -> str:
        """Return what it has, for people."""
        return f"cores={self.has['cores']:g} and {format_size(self.has['memory'])}"


class WorkersLost(LeakcheckException):
    """As many workers as the scheduler allows were lost with an errand; it does not try another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerEvent:
    """What a worker said while it works; nothing in `doing` says that it begins."""

    key: str
    worker: str
    doing: bytes


class DaskClient:
    """A connection to a scheduler."""

    def __init__(self, client: Any, address: str) -> None:
        self._client = client
        self.address = address
        self.run = f"leakcheck-{uuid4().hex[:12]}"
        """The name of what is asked of it from here, among all that others do there."""
        self.told: SimpleQueue[WorkerEvent] = SimpleQueue()
        client.subscribe_topic(self.run, self._take)

    def _take(self, event: tuple[float, Mapping[str, Any]]) -> None:
        _, said = event
        self.told.put(WorkerEvent(key=said["key"], worker=said["worker"], doing=said["doing"]))

    def members(self) -> list[ClusterWorker]:
        """Return the workers that declare what they have. Raises ExecutorLost."""
        return [
            ClusterWorker(address=address, threads=said["nthreads"], has=said["resources"])
            for address, said in self._workers().items()
            if all(name in said["resources"] for name in RESOURCES)
        ]

    def count(self) -> int:
        """Return how many workers there are, whatever they declare. Raises ExecutorLost."""
        return len(self._workers())

    def _workers(self) -> Mapping[str, Any]:
        with self._or_lost():
            # all of them: some versions tell of five where nothing is said
            workers: Mapping[str, Any] = self._client.scheduler_info(n_workers=-1)["workers"]
        return workers

    def looked(self, errand: bytes, members: Sequence[ClusterWorker]) -> Mapping[str, Any]:
        """Return what each of the workers answers to an errand that only asks, or what it raised."""
        with self._or_lost():
            answers: Mapping[str, Any] = self._client.run(
                worker_side.look, errand, workers=[one.address for one in members], on_error="return"
            )
        return answers

    def send(self, errand: bytes, key: str, needs: Mapping[str, float]) -> Any:
        """Send an errand to whichever worker has room, and return what stands for its answer."""
        with self._or_lost():
            return self._client.submit(worker_side.do, errand, self.run, key=key, resources=dict(needs), pure=False)

    def take(self, future: Any) -> bytes:
        """Return the answer that has come. Raises what the worker raised, WorkersLost and ExecutorLost."""
        from distributed.scheduler import KilledWorker

        if future.status in ("cancelled", "lost"):
            raise self.lost()
        if future.status == "error":
            error = future.exception()
            if isinstance(error, KilledWorker):
                raise WorkersLost from error
            raise error
        with self._or_lost():
            answer: bytes = future.result(timeout=_LOOK_SECONDS)
        future.release()
        return answer

    def cancel(self, futures: Sequence[Any]) -> None:
        """Give up what was sent: what waits is forgotten, and what runs is ended by its worker."""
        if futures and self.is_connected:
            with contextlib.suppress(Exception):
                self._client.cancel(list(futures), force=True)

    def forget(self) -> None:
        """Have the workers remove what the run left there, once nothing of it is under way any more."""
        if not self.is_connected:
            return
        with contextlib.suppress(Exception):
            addresses = [one.address for one in self.members()]
            self._client.run(worker_side.forget, self.run, workers=addresses, on_error="ignore")

    @property
    def is_connected(self) -> bool:
        """Tell whether the scheduler still answers."""
        return bool(self._client.status == "running")

    def lost(self) -> ExecutorLost:
        """Return the error for a scheduler that is gone."""
        return ExecutorLost(
            f"--executor dask:{self.address}: the scheduler was lost in the middle; what was measured until then is "
            "kept. Start it again, and measure the rest with -k"
        )

    @contextmanager
    def _or_lost(self) -> Iterator[None]:
        try:
            yield
        except (OSError, TimeoutError) as error:  # Dask's own CommClosedError is one
            raise self.lost() from error


@contextmanager
def connected(address: str) -> Iterator[DaskClient]:
    """Connect to a scheduler, and hang up in the end.

    Raises UsageError where there is no Dask here, or no scheduler there.
    """
    if importlib.util.find_spec("distributed") is None:
        raise UsageError(f"--executor dask:{address}: {_NO_DASK}")
    import distributed

    _silence()
    try:
        make_client: Callable[..., Any] = distributed.Client
        client = make_client(address, timeout=CONNECT_SECONDS, set_as_default=False, direct_to_workers=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise UsageError(
            f"--executor dask:{address}: no scheduler answers there within {CONNECT_SECONDS:g} s "
            f"({str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__}); "
            "start one with `dask scheduler`, or look whether a firewall is in between"
        ) from error
    cluster = DaskClient(client, address)
    try:
        yield cluster
    finally:
        cluster.forget()
        with contextlib.suppress(Exception):
            client.close(timeout=_CLOSE_SECONDS)


def _silence() -> None:
    """Drop what Dask logs in this process: of a lost connection there is a sentence of ours."""
    for name in ("distributed", *(name for name in logging.root.manager.loggerDict if name.startswith("distributed."))):
        logger = logging.getLogger(name)
        logger.handlers[:] = [logging.NullHandler()]
        logger.propagate = False
