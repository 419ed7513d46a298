"""The net at work: an ONNX file run by ONNX Runtime over tiles that overlap by more than the net can see.

The net is fully convolutional and its colour scales come from the whole scene, so that a pixel's answer does
not depend on how the scene is cut, as long as tiles begin at multiples of 32 px and reach 128 px beyond.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from foundation.errors import Conflict, InvalidInput

Float = NDArray[np.float32]
MODEL_FILE = Path(__file__).resolve().parents[3] / "data" / "models" / "siamese.onnx"
HALO_PX = 128
"""Pixels beyond which nothing changes an answer; the net's reach is 116."""
STRIDE_PX = 32
LOW_CUT = 0.35
LOW_CUT_KEY = "low_cut"
TILE_PX = 1024
HEADS = ("building", "land")
"""New buildings; farmland and vegetation made built or hard."""
LAND = HEADS.index("land")
LAND_GSD_M = 1.2
LAND_ZOOM = 2
"""Land is told by what stands and lies on it: where pixels are coarser than `LAND_GSD_M`, or nobody says what
they measure, that head looks at a picture enlarged so much (F1 0.624 for 0.579 on DSIFN's crops)."""


@dataclass(frozen=True, slots=True)
class Weights:
    """An ONNX file as it was when a comparison began.

    Attributes
    ----------
    sha256 : str
        Digest of the file; whoever opens another one under the same name is told.
    """

    path: Path
    sha256: str

    @classmethod
    def of(cls, path: Path) -> Weights:
        """The file as it is now.

        Raises
        ------
        InvalidInput
            ``detection.learning.no_weights``.
        """
        return cls(path, hashlib.sha256(_content(path)).hexdigest())

    @classmethod
    def in_force(cls, data_dir: Path) -> Weights:
        """The bureau's own weights where fine-tuning has left some in its data folder, else the shipped."""
        own = data_dir / "models" / MODEL_FILE.name
        return cls.of(own if own.is_file() else MODEL_FILE)


def open_model(weights: Path | Weights) -> Any:
    """An ONNX Runtime session of one thread, opened once a process for as long as the file stays the same.

    Raises
    ------
    InvalidInput
        ``detection.learning.no_weights``; ``detection.learning.unreadable_weights``.
    Conflict
        ``detection.learning.weights_changed``: the file was replaced while a comparison ran.
    """
    if isinstance(weights, Path):
        weights = Weights.of(weights)
    return _session(weights.path, weights.sha256)


@lru_cache(maxsize=4)
def _session(path: Path, sha256: str) -> Any:
    import onnxruntime

    content = _content(path)
    if hashlib.sha256(content).hexdigest() != sha256:
        raise Conflict("detection.learning.weights_changed", file=path.name)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except onnxruntime.capi.onnxruntime_pybind11_state.InvalidProtobuf as error:
        raise InvalidInput("detection.learning.unreadable_weights", file=path.name) from error


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise InvalidInput("detection.learning.no_weights", file=path.name) from error


def low_cut_of(weights: Weights) -> float:
    """Chance to which objects grow from the cut, as the weights ask, else 0.35.

    Trained on made pairs alone, the net is sure in the middle of what it finds and its chance falls off
    towards the edge (0.35 was chosen with the scenes of docs/accuracy.md in sight).
    """
    return float(open_model(weights).get_modelmeta().custom_metadata_map.get(LOW_CUT_KEY, LOW_CUT))


def land_zoom(gsd_m: float | None) -> int:
    """How much a picture of this resolution is enlarged for the head of land."""
    return 1 if gsd_m is not None and gsd_m <= LAND_GSD_M else LAND_ZOOM


def answer_at(model: Path | Weights, before: Float, after: Float, *, zoom: int, is_thorough: bool) -> Float:
    """As `answer`, or in eight views as `answer_all_ways`; the head of land by an enlarged picture.

    Parameters
    ----------
    zoom : int
        See `land_zoom`; 1: as stored.
    """
    ask = answer_all_ways if is_thorough else answer
    heads = ask(model, before, after)
    if zoom > 1:
        near = ask(model, enlarged(before, zoom), enlarged(after, zoom))[LAND]
        heads[LAND] = cv2.resize(near, heads.shape[:0:-1], interpolation=cv2.INTER_AREA)
    return heads


def enlarged(planes: Float, zoom: int) -> Float:
    """Planes (n, rows, cols) with ``zoom`` times the rows and columns, cubic."""
    size = (planes.shape[2] * zoom, planes.shape[1] * zoom)
    return np.stack([cv2.resize(plane, size, interpolation=cv2.INTER_CUBIC) for plane in planes])


def answer(model: Path | Weights, before: Float, after: Float) -> Float:
    """Probability of each kind of change.

    Parameters
    ----------
    model : Path or Weights
        ONNX file.
    before, after : ndarray, shape (3, rows, cols), float32
        Scaled colours (`scaling.ColourScale`), red, green, blue; 0 where not seen.

    Returns
    -------
    ndarray, shape (heads, rows, cols), float32
        0–1, heads as `HEADS`.
    """
    session = open_model(model)
    rows, cols = before.shape[1:]
    found = np.empty((len(HEADS), rows, cols), np.float32)
    for row in range(0, rows, TILE_PX):
        for col in range(0, cols, TILE_PX):
            last_row, last_col = min(row + TILE_PX, rows), min(col + TILE_PX, cols)
            top, left = max(row - HALO_PX, 0), max(col - HALO_PX, 0)
            window = (
                slice(None),
                slice(top, min(last_row + HALO_PX, rows)),
                slice(left, min(last_col + HALO_PX, cols)),
            )
            tile = _run(session, before[window], after[window])
            found[:, row:last_row, col:last_col] = tile[
                :, row - top : last_row - top, col - left : last_col - left
            ]
    return found


def answer_all_ways(model: Path | Weights, before: Float, after: Float) -> Float:
    """Mean answer over the four quarter turns and their mirror images: slower by eight, a little steadier.

    Sides are made multiples of 32 px first, so that a turned tile begins on the same grid as its neighbours.
    """
    rows, cols = before.shape[1:]
    dates = [_padded(date, -rows % STRIDE_PX, -cols % STRIDE_PX) for date in (before, after)]
    total = np.zeros((len(HEADS), *dates[0].shape[1:]), np.float32)
    for turns in range(4):
        for is_mirrored in (False, True):
            seen = [np.rot90(date, turns, (-2, -1)) for date in dates]
            if is_mirrored:
                seen = [date[..., ::-1] for date in seen]
            heads = answer(model, *(np.ascontiguousarray(date) for date in seen))
            total += np.rot90(heads[..., ::-1] if is_mirrored else heads, -turns, (-2, -1))
    total /= np.float32(8.0)
    return np.ascontiguousarray(total[:, :rows, :cols])


def _run(session: Any, before: Float, after: Float) -> Float:
    rows, cols = before.shape[1:]
    below, right = -rows % STRIDE_PX, -cols % STRIDE_PX
    grown = [_padded(date, below, right)[None] for date in (before, after)]
    heads: Float = session.run(["heads"], {"before": grown[0], "after": grown[1]})[0][0]
    return heads[:, :rows, :cols]


def _padded(date: Float, below: int, right: int) -> Float:
    if not below and not right:
        return np.ascontiguousarray(date)
    planes = [cv2.copyMakeBorder(band, 0, below, 0, right, cv2.BORDER_REPLICATE) for band in date]
    return np.stack(planes).astype(np.float32, copy=False)
