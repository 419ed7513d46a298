"""Boosted decision trees as plain arrays: no pickled code, the same numbers in every library version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from foundation.errors import InvalidInput


@dataclass(frozen=True)
class Trees:
    """An ensemble of K outputs.

    Attributes
    ----------
    feature : ndarray, shape (nodes,), int16
        Column that a node asks; -1 on a leaf.
    threshold : ndarray, shape (nodes,), float64
        At or below it the left child follows.
    is_missing_left : ndarray, shape (nodes,), bool
        Where NaN goes.
    left, right : ndarray, shape (nodes,), int32
        Children by position, always behind their parent.
    value : ndarray, shape (nodes,), float64
        What a leaf adds.
    roots, outputs : ndarray, shape (trees,), int32
        First node of each tree, and the output to which it adds.
    baseline : ndarray, shape (K,), float64
        Score before the first tree.
    """

    feature: NDArray[np.int16]
    threshold: NDArray[np.float64]
    is_missing_left: NDArray[np.bool_]
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    value: NDArray[np.float64]
    roots: NDArray[np.int32]
    outputs: NDArray[np.int32]
    baseline: NDArray[np.float64]

    def scores(self, table: NDArray[np.float64]) -> NDArray[np.float64]:
        """Raw scores (log-odds).

        Parameters
        ----------
        table : ndarray, shape (rows, columns), float64
            NaN where a fact is not known.

        Returns
        -------
        ndarray, shape (rows, K), float64
        """
        at = np.broadcast_to(self.roots, (len(table), len(self.roots))).copy()
        while (is_open := self.feature[at] >= 0).any():
            asked = np.take_along_axis(table, np.maximum(self.feature[at], 0).astype(np.intp), axis=1)
            is_left = np.where(np.isnan(asked), self.is_missing_left[at], asked <= self.threshold[at])
            at = np.where(is_open, np.where(is_left, self.left[at], self.right[at]), at)
        added = self.value[at]
        return np.stack(
            [self.baseline[k] + added[:, self.outputs == k].sum(axis=1) for k in range(len(self.baseline))],
            axis=1,
        )

    def arrays(self, prefix: str) -> dict[str, NDArray[np.generic]]:
        """The ensemble by name, for a file."""
        return {f"{prefix}.{field.name}": getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_arrays(cls, prefix: str, arrays: Mapping[str, NDArray[np.generic]], *, columns: int) -> Trees:
        """Read an ensemble back; nothing in the file is trusted.

        Raises
        ------
        InvalidInput
            ``detection.second_stage.bad_model``: an array is missing, of a wrong kind, or points astray.
        """
        kinds = {
            "feature": np.int16,
            "threshold": np.float64,
            "is_missing_left": np.bool_,
            "left": np.int32,
            "right": np.int32,
            "value": np.float64,
            "roots": np.int32,
            "outputs": np.int32,
            "baseline": np.float64,
        }
        read = {}
        for name, kind in kinds.items():
            array = arrays.get(f"{prefix}.{name}")
            if array is None or array.dtype != kind or array.ndim != 1:
                raise InvalidInput("detection.second_stage.bad_model", part=f"{prefix}.{name}")
            read[name] = array
        trees = cls(**read)  # type: ignore[arg-type]
        if not trees._is_sound(columns):
            raise InvalidInput("detection.second_stage.bad_model", part=prefix)
        return trees

    def _is_sound(self, columns: int) -> bool:
        """Whether every walk ends on a leaf with a finite value."""
        nodes = np.arange(len(self.feature))
        sizes = {len(array) for array in (self.threshold, self.is_missing_left, self.left, self.right)}
        if sizes != {len(nodes)} or len(self.value) != len(nodes) or len(self.roots) != len(self.outputs):
            return False
        inner = self.feature >= 0
        return bool(
            (self.feature < columns).all()
            and (self.left[inner] > nodes[inner]).all()
            and (self.right[inner] > nodes[inner]).all()
            and (np.maximum(self.left, self.right)[inner] < len(nodes)).all()
            and np.isfinite(self.value).all()
            and not np.isnan(self.threshold[inner]).any()
            and np.isfinite(self.baseline).all()
            and ((self.roots >= 0) & (self.roots < max(1, len(nodes)))).all()
            and ((self.outputs >= 0) & (self.outputs < len(self.baseline))).all()
        )


def probabilities(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Softmax over the outputs, shape (rows, K)."""
    lifted = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(lifted / lifted.sum(axis=1, keepdims=True))
