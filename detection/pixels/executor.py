"""Independent blocks of pixels, in order: on threads, on processes, or on a Dask cluster; by setting.

Results come back in the order of the blocks, whatever finished first. Each worker opens its own reader.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any, Literal, Protocol, TypeVar

from foundation.errors import InvalidInput, Unavailable
from ingest.pair import Box, ImagePair, PairReader

T = TypeVar("T")
BLOCK_PX = 512
"""Both dates of a block of four bands, with what is computed from them, stay in the processor's cache."""
MAX_RESTARTS = 3
Mode = Literal["threads", "processes", "dask"]
Work = Callable[[PairReader, Box], T]


class Executor(Protocol):
    """Does work on blocks."""

    def run(
        self, pair: ImagePair, boxes: Sequence[Box], work: Work[T]
    ) -> Generator[tuple[Box, T], None, None]:
        """Yield each box with its result; at most twice as many blocks as workers are under way."""
        ...


def block_boxes(shape: tuple[int, int], block_px: int = BLOCK_PX) -> list[Box]:
    """The scene cut into blocks, row by row."""
    rows, cols = shape
    return [
        Box(row, col, min(block_px, rows - row), min(block_px, cols - col))
        for row in range(0, rows, block_px)
        for col in range(0, cols, block_px)
    ]


def default_workers() -> int:
    """Cores that this process may use, at most 8."""
    return min(len(os.sched_getaffinity(0)), 8)


def choose_executor(mode: str, *, workers: int | None = None, address: str = "") -> Executor:
    """Executor by name.

    Raises
    ------
    InvalidInput
        ``detection.executor.unknown``.
    Unavailable
        ``detection.executor.no_dask`` where the extra ``dask`` is not installed.
    """
    count = default_workers() if workers is None else max(workers, 1)
    if mode == "threads":
        return Threads(count)
    if mode == "processes":
        return Processes(count)
    if mode == "dask":
        return Dask(address, count)
    raise InvalidInput("detection.executor.unknown", mode=mode)


@dataclass(frozen=True)
class Threads:
    """Threads of this process: NumPy, OpenCV, GDAL and the kernels release the interpreter's lock."""

    workers: int

    def run(
        self, pair: ImagePair, boxes: Sequence[Box], work: Work[T]
    ) -> Generator[tuple[Box, T], None, None]:
        """See `Executor`."""
        local = threading.local()
        lock = threading.Lock()
        with ExitStack() as readers, ThreadPoolExecutor(max_workers=self.workers) as pool:

            def task(box: Box) -> T:
                if not hasattr(local, "reader"):
                    with lock:
                        local.reader = readers.enter_context(pair.reader())
                return work(local.reader, box)

            try:
                yield from _in_order(boxes, lambda box: pool.submit(task, box), 2 * self.workers)
            finally:
                pool.shutdown(wait=True, cancel_futures=True)


@dataclass(frozen=True)
class Processes:
    """Processes of this machine; when one is killed the pool starts anew and its blocks are done again."""

    workers: int

    def run(
        self, pair: ImagePair, boxes: Sequence[Box], work: Work[T]
    ) -> Generator[tuple[Box, T], None, None]:
        """See `Executor`.

        Raises
        ------
        Unavailable
            ``detection.executor.workers_died``: three pools in a row lost a worker.
        """
        left = list(boxes)
        restarts = 0
        while left:
            pool = ProcessPoolExecutor(
                self.workers,
                mp_context=get_context("spawn"),
                initializer=_start_worker,
                initargs=(pair, work),
            )
            try:
                for box, result in _in_order(list(left), _to(pool), 2 * self.workers):
                    left.pop(0)
                    yield box, result
            except BrokenProcessPool as error:
                restarts += 1
                if restarts > MAX_RESTARTS:
                    raise Unavailable("detection.executor.workers_died", restarts=restarts) from error
            finally:
                pool.shutdown(wait=False, cancel_futures=True)


@dataclass(frozen=True)
class Dask:
    """A Dask cluster by its scheduler's address, or one of this machine; all see the same files."""

    address: str
    workers: int

    def run(
        self, pair: ImagePair, boxes: Sequence[Box], work: Work[T]
    ) -> Generator[tuple[Box, T], None, None]:
        """See `Executor`."""
        try:
            from distributed import Client, LocalCluster
        except ImportError as error:
            raise Unavailable("detection.executor.no_dask") from error
        with ExitStack() as stack:
            target: Any = self.address
            if not target:
                target = stack.enter_context(
                    LocalCluster(
                        n_workers=self.workers,
                        threads_per_worker=1,
                        host="127.0.0.1",
                        dashboard_address=None,
                    )
                )
            client = stack.enter_context(Client(target))
            shared = client.scatter((pair, work), broadcast=True, hash=False)
            lanes = max(len(client.scheduler_info()["workers"]), 1)

            def submit(box: Box) -> Any:
                return client.submit(_work_there, shared, box, pure=False, retries=MAX_RESTARTS)

            yield from _in_order(boxes, submit, 2 * lanes)


def _in_order(
    boxes: Sequence[Box], submit: Callable[[Box], Future[T]], ahead: int
) -> Generator[tuple[Box, T], None, None]:
    waiting: deque[tuple[Box, Future[T]]] = deque()
    try:
        for box in boxes:
            waiting.append((box, submit(box)))
            if len(waiting) >= ahead:
                first, future = waiting.popleft()
                yield first, future.result()
        while waiting:
            first, future = waiting.popleft()
            yield first, future.result()
    finally:
        for _, future in waiting:
            future.cancel()


_here: dict[str, Any] = {}
"""Of a worker process: its reader and its work, set once when it starts."""


def _start_worker(pair: ImagePair, work: Any) -> None:
    _here["reader"] = pair.reader().__enter__()
    _here["work"] = work


def _to(pool: ProcessPoolExecutor) -> Callable[[Box], Future[Any]]:
    return lambda box: pool.submit(_work_here, box)


def _work_here(box: Box) -> Any:
    return _here["work"](_here["reader"], box)


def _work_there(shared: tuple[ImagePair, Any], box: Box) -> Any:
    pair, work = shared
    with pair.reader() as reader:
        return work(reader, box)
