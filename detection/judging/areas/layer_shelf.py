"""Layers kept beside the data as mapped arrays, one folder a version: made once, mapped, safe to delete."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from detection.judging.areas.authalic import Cylinder
from detection.judging.areas.join import Grid, Layer, layer_of
from detection.judging.areas.ragged import Ragged
from foundation.blobs import storage_error

FORM = 1
"""Raised when the arrays change their meaning: what lies on the shelf is then made anew."""
ARRAYS = ("edges", "starts", "boxes", "feature", "cells", "parts")
HEAD = "head.json"


def shelf_key(kind: str, versions: Iterable[str], cylinder: Cylinder | None) -> str:
    """Name of a layer's folder: another version, plane or form of the arrays gives another name.

    Parameters
    ----------
    versions : iterable of str
        Ids and content hashes of the versions that make the layer; their order does not matter.
    """
    plane = None if cylinder is None else [cylinder.longitude_deg, cylinder.latitude_deg]
    text = json.dumps([FORM, kind, sorted(versions), plane])
    return f"{kind}-{hashlib.sha256(text.encode()).hexdigest()[:32]}"


class LayerShelf:
    """Layers by their key.

    Parameters
    ----------
    folder : Path
        Made when the first layer is put there. Several processes may share it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def layer(self, key: str, make: Callable[[], Ragged]) -> Layer:
        """The layer of a key, mapped from disk; made first where it is not there, or not whole.

        Raises
        ------
        Unavailable
            ``foundation.storage.*`` where the disk takes no more.
        """
        found = self._opened(key)
        if found is None:
            self._put(key, layer_of(make()))
            found = self._opened(key)
        return found if found is not None else layer_of(make())

    def keep_only(self, keys: Iterable[str]) -> list[str]:
        """Delete all other layers, those of versions no longer asked; the names that went."""
        kept, gone = set(keys), []
        for place in sorted(self._folder.glob("*-*")):
            if place.name not in kept:
                shutil.rmtree(place, ignore_errors=True)
                gone.append(place.name)
        return gone

    def _opened(self, key: str) -> Layer | None:
        place = self._folder / key
        try:
            head = json.loads((place / HEAD).read_text("utf-8"))
            arrays = {name: _mapped(place / f"{name}.npy") for name in ARRAYS}
            if head["shapes"] != {name: list(array.shape) for name, array in arrays.items()}:
                return None
            left, low, cell_m, cols, rows = head["frame"]
            grid = Grid(left, low, cell_m, int(cols), int(rows), arrays["cells"], arrays["parts"])
            edges, starts, boxes, feature = (arrays[name] for name in ("edges", "starts", "boxes", "feature"))
            return Layer(Ragged(edges, starts, boxes, feature, count=int(head["count"])), grid)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _put(self, key: str, layer: Layer) -> None:
        ragged, grid = layer.ragged, layer.grid
        arrays: dict[str, Any] = {
            **{"edges": ragged.edges, "starts": ragged.starts, "boxes": ragged.boxes},
            **{"feature": ragged.feature, "cells": grid.starts, "parts": grid.parts},
        }
        head = {
            "frame": [grid.left, grid.low, grid.cell_m, grid.cols, grid.rows],
            "count": ragged.count,
            "shapes": {name: list(array.shape) for name, array in arrays.items()},
        }
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            making = Path(tempfile.mkdtemp(prefix=".making", dir=self._folder))
            for name, array in arrays.items():
                np.save(making / f"{name}.npy", array)
            (making / HEAD).write_text(json.dumps(head), "utf-8")
            _move(making, self._folder / key)
        except OSError as error:
            raise storage_error(error, self._folder) from error


def _move(making: Path, place: Path) -> None:
    """Put a folder in its place whole; one that another process left there, whole or half, goes."""
    shutil.rmtree(place, ignore_errors=True)
    try:
        os.rename(making, place)
    except OSError:
        shutil.rmtree(making, ignore_errors=True)
        if not place.is_dir():
            raise


def _mapped(path: Path) -> Any:
    return np.asarray(np.load(path, mmap_mode="r"))
