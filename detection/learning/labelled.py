"""Labelled pairs of a bureau: a folder of pictures, or the chips of leads that people went to see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import RasterioError

from detection.pixels.net.inference import HEADS
from foundation.errors import InvalidInput

LEAST_SIDE_PX = 128
SUFFIXES = (".png", ".tif", ".tiff", ".jpg")
CHANGED, UNCHANGED = 192, 64
"""A label above means changed, below unchanged, between: open."""


@dataclass(frozen=True, slots=True)
class LabelledPair:
    """Two pictures of one place and what changed.

    Attributes
    ----------
    before, after : ndarray, shape (3, rows, cols), uint8 or float32
        Red, green, blue in any unit.
    labels, weights : ndarray, shape (heads, rows, cols), uint8
        1 where a head should answer; weight 0 where nothing is known.
    gsd_m : float or None
        Ground sampling distance, where it is known.
    """

    name: str
    before: NDArray[np.generic]
    after: NDArray[np.generic]
    labels: NDArray[np.uint8]
    weights: NDArray[np.uint8]
    gsd_m: float | None = None


def read_folder(folder: Path, head: str) -> list[LabelledPair]:
    """Pairs of a folder with A, B and label, in the order of their names.

    Parameters
    ----------
    head : str
        Which kind of change the labels mean; the other heads learn nothing from them.

    Raises
    ------
    InvalidInput
        ``detection.learning.unknown_head``, ``.no_pairs``, ``.pair_incomplete``, ``.pair_unreadable``,
        ``.pair_sizes``, ``.pair_too_small``.
    """
    if head not in HEADS:
        raise InvalidInput("detection.learning.unknown_head", head=head, known=", ".join(HEADS))
    parts = {part: _files(folder / part) for part in ("A", "B", "label")}
    names = sorted(parts["A"])
    if not names:
        raise InvalidInput("detection.learning.no_pairs", folder=folder.name)
    pairs = []
    for name in names:
        for part in ("B", "label"):
            if name not in parts[part]:
                raise InvalidInput("detection.learning.pair_incomplete", name=name, part=part)
        before, after = (_colours(parts[part][name]) for part in ("A", "B"))
        pairs.append(label_pair(name, before, after, _read(parts["label"][name])[0], HEADS.index(head)))
    return pairs


def label_pair(
    name: str,
    before: NDArray[np.generic],
    after: NDArray[np.generic],
    truth: NDArray[np.generic],
    head: int,
) -> LabelledPair:
    """A pair from one truth plane (rows, cols) of 0, 255 and what lies between."""
    sizes = [plane.shape[-2:] for plane in (before, after, truth)]
    if len(set(sizes)) > 1:
        told = ", ".join(f"{rows}×{cols}" for rows, cols in sizes)
        raise InvalidInput("detection.learning.pair_sizes", name=name, sizes=told)
    rows, cols = truth.shape
    if min(rows, cols) < LEAST_SIDE_PX:
        raise InvalidInput(
            "detection.learning.pair_too_small", name=name, rows=rows, cols=cols, needed=LEAST_SIDE_PX
        )
    grey = truth.astype(np.float64)
    labels = np.zeros((len(HEADS), rows, cols), np.uint8)
    weights = np.zeros_like(labels)
    labels[head] = grey > CHANGED
    weights[head] = (grey > CHANGED) | (grey < UNCHANGED)
    return LabelledPair(name, before, after, labels, weights)


def held_out(
    pairs: Sequence[LabelledPair], share: float, seed: int
) -> tuple[list[LabelledPair], list[LabelledPair]]:
    """Pairs that teach and pairs that judge: at least one judges, chosen by the seed."""
    order = np.random.default_rng(seed).permutation(len(pairs))
    count = max(1, round(len(pairs) * share))
    judging = set(order[:count].tolist())
    teach = [pair for k, pair in enumerate(pairs) if k not in judging]
    return teach, [pair for k, pair in enumerate(pairs) if k in judging]


def _files(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        return {}
    return {path.stem: path for path in sorted(folder.iterdir()) if path.suffix.lower() in SUFFIXES}


def _read(path: Path) -> NDArray[np.generic]:
    import warnings

    from rasterio.errors import NotGeoreferencedWarning

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with rasterio.open(path) as dataset:
                pixels: NDArray[np.generic] = dataset.read()
    except RasterioError as error:
        raise InvalidInput("detection.learning.pair_unreadable", file=path.name) from error
    return pixels


def _colours(path: Path) -> NDArray[np.generic]:
    pixels = _read(path)
    if pixels.shape[0] < 3:
        raise InvalidInput("detection.learning.pair_unreadable", file=path.name)
    return pixels[:3]
