"""One trained second stage: chance of a real change, chance of each class, and the file it travels in."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from detection.second_stage.calibration import Platt
from detection.second_stage.features import matrix
from detection.second_stage.trees import Trees, probabilities
from foundation.errors import InvalidInput

FORMAT = 1
MAX_BYTES = 32 << 20


class Chances(NamedTuple):
    """Calibrated chance of a real change, (rows,); chance of each class if real, (rows, classes)."""

    is_real: NDArray[np.float64]
    classes: NDArray[np.float64]


@dataclass(frozen=True)
class SecondStage:
    """A trained second stage.

    Attributes
    ----------
    names : tuple of str
        Facts that it looks at, see `detection.second_stage.features`.
    methods : tuple of str
        First stages whose objects it knows; on any other it is silent.
    classes : tuple of str
        Classes of real change.
    card : mapping
        What it learnt from and how good it was: JSON-serialisable.
    """

    names: tuple[str, ...]
    methods: tuple[str, ...]
    classes: tuple[str, ...]
    real: Trees
    kinds: Trees
    calibration: Platt
    card: Mapping[str, Any]

    def chances(self, rows: Sequence[Mapping[str, float]]) -> Chances:
        """Chances of objects, given by their facts."""
        table = matrix(rows, self.names)
        return Chances(
            self.calibration.apply(self.real.scores(table)[:, 0]), probabilities(self.kinds.scores(table))
        )

    def to_bytes(self) -> bytes:
        """The model as an uncompressed-arrays archive without code; the same model gives the same bytes."""
        head = {
            "format": FORMAT,
            "names": self.names,
            "methods": self.methods,
            "classes": self.classes,
            "calibration": [self.calibration.slope, self.calibration.shift],
            "card": dict(self.card),
        }
        text = json.dumps(head, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        arrays = {**self.real.arrays("real"), **self.kinds.arrays("kinds")}
        buffer = io.BytesIO()
        np.savez_compressed(
            buffer,
            allow_pickle=False,
            head=np.frombuffer(text.encode(), np.uint8),
            **arrays,
        )
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> SecondStage:
        """Read a model; nothing in the file is trusted and no code is run.

        Raises
        ------
        InvalidInput
            ``detection.second_stage.bad_model``.
        """
        arrays = _arrays(data)
        head = _head(arrays)
        names = tuple(str(name) for name in head["names"])
        classes = tuple(str(name) for name in head["classes"])
        real = Trees.from_arrays("real", arrays, columns=len(names))
        kinds = Trees.from_arrays("kinds", arrays, columns=len(names))
        if len(real.baseline) != 1 or len(kinds.baseline) != len(classes):
            raise InvalidInput("detection.second_stage.bad_model", part="outputs")
        slope, shift = (float(number) for number in head["calibration"])
        if not (np.isfinite(slope) and np.isfinite(shift) and slope > 0.0):
            raise InvalidInput("detection.second_stage.bad_model", part="calibration")
        methods = tuple(str(name) for name in head["methods"])
        return cls(names, methods, classes, real, kinds, Platt(slope, shift), head["card"])

    @property
    def sha256(self) -> str:
        """Digest of the file."""
        return hashlib.sha256(self.to_bytes()).hexdigest()


def _arrays(data: bytes) -> dict[str, NDArray[np.generic]]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        if size > MAX_BYTES:
            raise InvalidInput("detection.second_stage.bad_model", part="size")
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (zipfile.BadZipFile, ValueError, OSError, KeyError, EOFError) as error:
        raise InvalidInput("detection.second_stage.bad_model", part="archive") from error


def _head(arrays: Mapping[str, NDArray[np.generic]]) -> dict[str, Any]:
    try:
        head = json.loads(arrays["head"].tobytes())
        is_known = head["format"] == FORMAT and all(
            isinstance(head[key], list) for key in ("names", "methods", "classes", "calibration")
        )
    except (KeyError, ValueError, TypeError) as error:
        raise InvalidInput("detection.second_stage.bad_model", part="head") from error
    if not is_known or len(head["calibration"]) != 2 or not isinstance(head.get("card"), dict):
        raise InvalidInput("detection.second_stage.bad_model", part="head")
    return dict(head)
