"""What is timed: a job is prepared, run under the clock, and its result summed up afterwards."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Outcome:
    """Checksum of a result.

    Attributes
    ----------
    count : int
        Objects, or pixels flagged.
    area : float
        Their summed area in the unit of the work (m², pixels).
    facts : mapping
        Figures that two works must share, JSON-serialisable.
    """

    count: int
    area: float
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Job:
    """``run`` is timed; ``judge`` takes what it gave and is not; a server's CPU meanwhile is added."""

    run: Callable[[], Any]
    judge: Callable[[Any], Outcome]
    server_cpu_s: Callable[[], float] = lambda: 0.0
    """CPU seconds so far of a server that works for the job and is no child of its process."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where and on how much a work runs.

    Attributes
    ----------
    folder : Path
        Scenes are kept here between works; outputs go here too.
    side_px : int
        Columns and rows of the scene.
    compression : str
        See `bench.scenes.COMPRESSIONS`.
    bands : int
        Bands of the scene.
    patches, parcels : int
        How many of each the county of a judgement has.
    officers : int
        How many walk in a week of patrols.
    """

    folder: Path
    side_px: int
    compression: str = "zstd9"
    bands: int = 4
    patches: int = 0
    parcels: int = 0
    officers: int = 0

    def target(self, name: str) -> Path:
        """A file for a work's output, overwritten by the next one of that name."""
        return self.folder / f"out-{name}-{self.side_px}.tif"


def digest(*arrays: NDArray[Any]) -> str:
    """SHA-256 of arrays, of their bytes and shapes."""
    total = hashlib.sha256()
    for array in arrays:
        total.update(repr((array.shape, array.dtype.str)).encode())
        total.update(np.ascontiguousarray(array).data)
    return total.hexdigest()[:24]
