"""How the grid is cut: data/policies/grid.toml."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from foundation.crs import M2_PER_MU
from foundation.errors import InvalidInput
from patrol.net.grids.cutting import CutRules

POLICY_FILE = Path(__file__).resolve().parents[3] / "data" / "policies" / "grid.toml"
TARGET_MU = (20.0, 20_000.0)
"""Smallest and largest target that makes sense."""


@dataclass(frozen=True)
class GridPolicy:
    """The policy file, read."""

    target_mu: float
    smallest_share: float
    largest_share: float
    seam_step_m: float
    smooth_m: float
    stray_max_m: float
    gap_max_m2: float
    field: tuple[str, ...]
    mountain: tuple[str, ...]
    barrier: tuple[str, ...]

    def rules(self, target_mu: float | None) -> CutRules:
        """Rules of cutting for a target size in 亩; the policy's own when left out.

        Raises
        ------
        InvalidInput
            ``patrol.grid.bad_target``.
        """
        target = self.target_mu if target_mu is None else target_mu
        low, high = TARGET_MU
        if not low <= target <= high:
            raise InvalidInput("patrol.grid.bad_target", target_mu=target, lowest=low, highest=high)
        return CutRules(
            target * M2_PER_MU, self.smallest_share, self.largest_share, self.seam_step_m, self.smooth_m
        )


@lru_cache(maxsize=1)
def grid_policy() -> GridPolicy:
    """The policy that ships with the product, read once."""
    table = tomllib.loads(POLICY_FILE.read_text("utf-8"))
    cells, classes = table["cells"], table["classes"]
    return GridPolicy(
        **cells,
        field=tuple(classes["field"]),
        mountain=tuple(classes["mountain"]),
        barrier=tuple(classes["barrier"]),
    )
