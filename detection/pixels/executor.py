"""Independent blocks of pixels, in order, here or on threads; nothing else knows which.

Pixel work releases the interpreter's lock inside NumPy, OpenCV and GDAL, so threads serve; each thread
opens its own reader. Results come back in the order of the blocks, whatever finished first.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from typing import TypeVar

from foundation.errors import Conflict
from ingest.pair import Box, ImagePair, PairReader

T = TypeVar("T")
BLOCK_PX = 1024


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


def run_blocks(
    pair: ImagePair,
    boxes: Sequence[Box],
    work: Callable[[PairReader, Box], T],
    *,
    workers: int,
    progress: Callable[[float], None] | None = None,
    cancel: Callable[[], bool] | None = None,
) -> Iterator[tuple[Box, T]]:
    """Do ``work`` on each block; at most twice as many blocks as workers are held at once.

    Raises
    ------
    Conflict
        ``detection.pair.cancelled`` when ``cancel()`` says so between blocks.
    """
    local = threading.local()
    with ExitStack() as readers, ThreadPoolExecutor(max_workers=max(workers, 1)) as pool:
        lock = threading.Lock()

        def task(box: Box) -> T:
            if not hasattr(local, "reader"):
                with lock:
                    local.reader = readers.enter_context(pair.reader())
            return work(local.reader, box)

        waiting: deque[tuple[Box, Future[T]]] = deque()
        done = 0
        try:
            for box in boxes:
                waiting.append((box, pool.submit(task, box)))
                if len(waiting) >= 2 * max(workers, 1):
                    first, future = waiting.popleft()
                    yield first, future.result()
                    done += 1
                    _between(done / len(boxes), progress, cancel)
            while waiting:
                first, future = waiting.popleft()
                yield first, future.result()
                done += 1
                _between(done / len(boxes), progress, cancel)
        finally:
            for _, future in waiting:
                future.cancel()
            pool.shutdown(wait=True, cancel_futures=True)


def _between(
    share: float, progress: Callable[[float], None] | None, cancel: Callable[[], bool] | None
) -> None:
    if progress is not None:
        progress(share)
    if cancel is not None and cancel():
        raise Conflict("detection.pair.cancelled")
