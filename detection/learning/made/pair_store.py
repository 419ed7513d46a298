"""Made pairs on disk: shards of a fixed number of pairs, written ahead by one process, read by training."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from detection.learning.made.pairs import MadePair, make_pair
from detection.pixels.net.inference import HEADS

SHARD_PAIRS = 32
SIDE_PX = 256
PLANES = 7
"""Red, green, blue before; the same after; one byte of label bits."""
OPEN_BIT, ROOF_BIT = 3, 6
"""Labels of the heads begin at bit 0, what is left open here, roofs of both dates here."""


def pack(pair: MadePair) -> NDArray[np.uint8]:
    """One pair as (7, rows, cols) bytes; the last holds labels, open places and roofs, a bit each."""
    bits = np.zeros(pair.labels.shape[1:], np.uint8)
    for head in range(len(HEADS)):
        bits |= pair.labels[head] << head
        bits |= (1 - pair.weights[head]) << (OPEN_BIT + head)
    for date in range(2):
        bits |= pair.roofs[date] << (ROOF_BIT + date)
    return np.concatenate([np.moveaxis(pair.before, -1, 0), np.moveaxis(pair.after, -1, 0), bits[None]])


def unpack_bits(
    bits: NDArray[np.uint8],
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Labels (heads, …), weights (heads, …) and roofs (2, …) of bytes (…)."""
    planes = [(bits >> k & 1).astype(np.float32) for k in range(8)]
    count = len(HEADS)
    opened = np.stack(planes[OPEN_BIT : OPEN_BIT + count])
    return np.stack(planes[:count]), 1.0 - opened, np.stack(planes[ROOF_BIT : ROOF_BIT + 2])


def shard_path(folder: Path, number: int) -> Path:
    """File of one shard."""
    return folder / f"pairs-{number:05d}.npy"


def write_shard(folder: Path, number: int, seed: int) -> Path:
    """Make one shard unless it is there; it appears whole or not at all.

    Parameters
    ----------
    seed : int
        Of the whole store; pair ``k`` of shard ``n`` has seed ``seed + 32 n + k``.
    """
    path = shard_path(folder, number)
    if not path.exists():
        first = seed + number * SHARD_PAIRS
        shard = np.stack([pack(make_pair(first + k, side_px=SIDE_PX)) for k in range(SHARD_PAIRS)])
        part = path.with_suffix(f".{os.getpid()}.part")
        with part.open("wb") as file:
            np.save(file, shard)
        part.replace(path)
    return path


def fill(folder: Path, seed: int, shards: int) -> None:
    """Write the first ``shards`` shards of a store; what is there stays."""
    import cv2

    cv2.setNumThreads(1)
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(shards):
        write_shard(folder, number, seed)
