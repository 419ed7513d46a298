"""States of monitors on disk: a folder a state, a file a block, written whole; same state, same bytes.

A state can always be made again from its scenes, so that only the newest is kept.
"""

from __future__ import annotations

import hashlib
import io
import shutil
import zipfile
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from detection.series.alarms import AlarmPixels, alarm_pixels
from detection.series.kernel import PixelState
from detection.series.monitor import MonitorState
from foundation.audit import canonical
from foundation.blobs import storage_error
from ingest.pair import Box
from ingest.raster import written_whole

FAST = 1
"""zlib level: two thirds of the size at a quarter of the time of the default."""


class StateFolder:
    """Blocks of one state."""

    def __init__(self, data_dir: Path, monitor_id: UUID, key: str) -> None:
        self._monitor = data_dir / "series" / str(monitor_id)
        self.root = self._monitor / key

    def has(self, box: Box) -> bool:
        """Whether a block is there, whole."""
        return self._path(box).is_file()

    def write(self, box: Box, state: MonitorState) -> None:
        """Store a block, wholly or not at all.

        Raises
        ------
        Unavailable
            ``foundation.blobs.disk_full`` or ``foundation.blobs.not_writable``.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            with written_whole(self._path(box)) as part:
                part.write_bytes(packed(state))
        except OSError as error:
            raise storage_error(error, self.root) from error

    def read(self, box: Box) -> MonitorState:
        """A block."""
        return unpacked(self._path(box).read_bytes())

    def alarms(self, box: Box) -> AlarmPixels:
        """The alarms of a block."""
        return alarm_pixels(self.read(box).pixels, first_row=box.row, first_col=box.col, cols=box.cols)

    def sha256(self, boxes: Sequence[Box]) -> str | None:
        """Hash over the hashes of all blocks; None where one is missing."""
        rows = []
        for box in boxes:
            path = self._path(box)
            if not path.is_file():
                return None
            with path.open("rb") as stream:
                rows.append([box.row, box.col, hashlib.file_digest(stream, "sha256").hexdigest()])
        return hashlib.sha256(canonical(rows).encode()).hexdigest()

    def remove_others(self) -> None:
        """Drop every other state of the monitor."""
        for folder in self._monitor.iterdir():
            if folder != self.root:
                shutil.rmtree(folder, ignore_errors=True)

    def _path(self, box: Box) -> Path:
        return self.root / f"r{box.row:06d}c{box.col:06d}.npz"


def packed(state: MonitorState) -> bytes:
    """A state as the bytes of an ``npz`` file; the same state gives the same bytes."""
    buffer = io.BytesIO()
    arrays = {"days": state.days, "values": state.values, **state.pixels._asdict()}
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, array in arrays.items():
            entry = zipfile.ZipInfo(f"{name}.npy")
            entry.compress_type = zipfile.ZIP_DEFLATED
            content = io.BytesIO()
            np.lib.format.write_array(content, array, version=(1, 0), allow_pickle=False)
            archive.writestr(entry, content.getvalue(), compresslevel=FAST)
    return buffer.getvalue()


def unpacked(data: bytes) -> MonitorState:
    """A state from its bytes."""
    with np.load(io.BytesIO(data), allow_pickle=False) as archive:
        arrays: dict[str, NDArray[np.int32]] = {name: archive[name] for name in archive.files}
    days, values = arrays.pop("days"), arrays.pop("values")
    return MonitorState(days, values.astype(np.int16, copy=False), PixelState(**arrays))  # type: ignore[arg-type]


def joined_view(parts: Sequence[tuple[Box, MonitorState]], window: Box) -> MonitorState:
    """Pixels of a window out of the blocks that cover it, row by row; all blocks hold the same scenes."""
    first = parts[0][1]
    names = PixelState._fields
    whole = [
        np.empty((*array.shape[:-1], window.rows * window.cols), array.dtype)
        if name.startswith("alarm_")
        else np.empty((window.rows * window.cols, *array.shape[1:]), array.dtype)
        for name, array in zip(names, first.pixels, strict=True)
    ]
    values = np.empty((len(first.days), window.rows * window.cols), np.int16)
    for box, state in parts:
        inside, source = _shared(box, window)
        values[:, inside] = state.values[:, source]
        for name, target, array in zip(names, whole, state.pixels, strict=True):
            if name.startswith("alarm_"):
                target[:, inside] = array[:, source]
            else:
                target[inside] = array[source]
    return MonitorState(first.days, values, PixelState._make(whole))


def _shared(box: Box, window: Box) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Numbers of the shared pixels in the window and in the block."""
    rows = np.arange(max(box.row, window.row), min(box.row + box.rows, window.row + window.rows))
    cols = np.arange(max(box.col, window.col), min(box.col + box.cols, window.col + window.cols))
    inside = (rows[:, None] - window.row) * window.cols + cols - window.col
    source = (rows[:, None] - box.row) * box.cols + cols - box.col
    return inside.ravel(), source.ravel()
