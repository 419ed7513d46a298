"""Independent blocks of pixels, in order: on threads, on processes, or on a Dask cluster; by setting.

Results come back row of blocks by row of blocks, whatever finished first. Each worker opens its own reader
and keeps to its own columns of the scene: neighbouring blocks share blocks of the files, and what one worker
has decoded no other needs to decode again.
"""

from __future__ import annotations

import itertools
import os
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Executor as Pool
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import forkserver, get_context
from typing import Any, Literal, Protocol, TypeVar

from foundation.errors import InvalidInput, Unavailable
from ingest.pair import Box, ImagePair, PairReader

T = TypeVar("T")
BLOCK_PX = 512
"""Both dates of a block of four bands, with what is computed from them, stay in the processor's cache."""
MAX_RESTARTS = 3
TURN_S = 0.0005
AHEAD = 3
"""Blocks under way for each worker."""
PRELOAD = "detection.pixels.scoring"
"""What a worker process loads before it is given work."""
Mode = Literal["threads", "processes", "dask"]
Work = Callable[[PairReader, Box], T]


class Executor(Protocol):
    """Does work on blocks."""

    @property
    def workers(self) -> int:
        """How many blocks are worked on at once."""
        ...

    def warm(self) -> None:
        """Begin to start what will be needed, while the caller prepares the work."""
        ...

    def run(
        self, pair: ImagePair, boxes: Sequence[Box], work: Work[T]
    ) -> Generator[tuple[Box, T], None, None]:
        """Yield each box with its result; at most three blocks for each worker are under way.

        Rows of blocks keep their order; within a row boxes come in any order.
        """
        ...


def block_boxes(shape: tuple[int, int], block_px: int = BLOCK_PX, *, lead_px: int = 0) -> list[Box]:
    """The scene cut into blocks, row by row.

    Parameters
    ----------
    lead_px : int
        All blocks but the first end so much before a multiple of ``block_px``: read with a halo of that
        width they end on it, and need no pixel of the files' next blocks.
    """
    return [
        Box(row, col, last_row - row, last_col - col)
        for row, last_row in _cuts(shape[0], block_px, lead_px)
        for col, last_col in _cuts(shape[1], block_px, lead_px)
    ]


def _cuts(length: int, block_px: int, lead_px: int) -> list[tuple[int, int]]:
    starts = [0, *range(block_px - lead_px, length, block_px)]
    if lead_px and len(starts) > 1 and length - starts[-1] <= lead_px:
        starts.pop()  # the halo of the block before reads the rest anyway
    return list(zip(starts, [*starts[1:], length], strict=True))


def in_lanes(boxes: Sequence[Box], workers: int) -> list[tuple[int, Box]]:
    """Boxes with the worker that does each: the same columns in every row, workers in turn within a row."""
    ordered: list[tuple[int, Box]] = []
    columns = sorted({box.col for box in boxes})
    lane_of = {col: number * workers // len(columns) for number, col in enumerate(columns)}
    for _, line in itertools.groupby(boxes, key=lambda box: box.row):
        lanes: list[list[tuple[int, Box]]] = [[] for _ in range(workers)]
        for box in line:
            lanes[lane_of[box.col]].append((lane_of[box.col], box))
        turns = itertools.zip_longest(*lanes)
        ordered += [entry for turn in turns for entry in turn if entry is not None]
    return ordered


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

    def warm(self) -> None:
        """Threads need no start."""

    def run(
        self, pair: ImagePair, boxes: Sequence[Box], work: Work[T]
    ) -> Generator[tuple[Box, T], None, None]:
        """See `Executor`."""
        if self.workers == 1:
            with pair.reader() as reader:
                for box in boxes:
                    yield box, work(reader, box)
            return
        with ExitStack() as stack:
            readers = [stack.enter_context(pair.reader()) for _ in range(self.workers)]
            lanes: list[Pool] = [ThreadPoolExecutor(max_workers=1) for _ in readers]
            stack.enter_context(_quick_turns())
            try:
                yield from _in_order(
                    in_lanes(boxes, self.workers),
                    lambda lane, box: lanes[lane].submit(work, readers[lane], box),
                    AHEAD * self.workers,
                )
            finally:
                for pool in lanes:
                    pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _quick_turns() -> Iterator[None]:
    """A worker that comes out of a kernel waits for the interpreter as long as a turn of another lasts.

    A block takes some milliseconds, the usual turn five of them.
    """
    usual = sys.getswitchinterval()
    sys.setswitchinterval(min(usual, TURN_S))
    try:
        yield
    finally:
        sys.setswitchinterval(usual)


def aside(work: Callable[[], T], *, workers: int) -> Callable[[], T]:
    """Begin work that needs no blocks beside work on blocks; gives what waits for its result.

    With one worker it is done when it is asked for.
    """
    if workers == 1:
        return work
    pool = ThreadPoolExecutor(max_workers=1)
    under_way = pool.submit(work)
    pool.shutdown(wait=False)
    return under_way.result


@dataclass(frozen=True)
class Processes:
    """Processes of this machine; when one is killed the pools start anew and its blocks are done again.

    They are forked off a server process that has the libraries loaded already and no threads.
    """

    workers: int

    def warm(self) -> None:
        """Start the server; it loads the libraries while the caller goes on."""
        forkserver.set_forkserver_preload([PRELOAD])
        forkserver.ensure_running()

    def run(
        self, pair: ImagePair, boxes: Sequence[Box], work: Work[T]
    ) -> Generator[tuple[Box, T], None, None]:
        """See `Executor`.

        Raises
        ------
        Unavailable
            ``detection.executor.workers_died``: three pools in a row lost a worker.
        """
        self.warm()
        left = in_lanes(boxes, self.workers)
        restarts = 0
        while left:
            lanes: list[Pool] = [
                ProcessPoolExecutor(
                    1,
                    mp_context=get_context("forkserver"),
                    initializer=_start_worker,
                    initargs=(pair, work),
                )
                for _ in range(self.workers)
            ]
            try:
                for box, result in _in_order(list(left), partial(_to, lanes), AHEAD * self.workers):
                    left.pop(0)
                    yield box, result
            except BrokenProcessPool as error:
                restarts += 1
                if restarts > MAX_RESTARTS:
                    raise Unavailable("detection.executor.workers_died", restarts=restarts) from error
            finally:
                for pool in lanes:
                    pool.shutdown(wait=False, cancel_futures=True)


@dataclass(frozen=True)
class Dask:
    """A Dask cluster by its scheduler's address, or one of this machine; all see the same files."""

    address: str
    workers: int

    def warm(self) -> None:
        """The cluster is there already, or starts with the run."""

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

            def submit(_lane: int, box: Box) -> Any:
                return client.submit(_work_there, shared, box, pure=False, retries=MAX_RESTARTS)

            yield from _in_order([(0, box) for box in boxes], submit, AHEAD * lanes)


def _in_order(
    boxes: Sequence[tuple[int, Box]], submit: Callable[[int, Box], Future[T]], ahead: int
) -> Generator[tuple[Box, T], None, None]:
    waiting: deque[tuple[Box, Future[T]]] = deque()
    try:
        for lane, box in boxes:
            waiting.append((box, submit(lane, box)))
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


def _to(lanes: Sequence[Pool], lane: int, box: Box) -> Future[Any]:
    return lanes[lane].submit(_work_here, box)


def _work_here(box: Box) -> Any:
    return _here["work"](_here["reader"], box)


def _work_there(shared: tuple[ImagePair, Any], box: Box) -> Any:
    pair, work = shared
    with pair.reader() as reader:
        return work(reader, box)
