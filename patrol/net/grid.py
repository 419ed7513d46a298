"""The supervision grid: which cell holds most of a patch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID


class CellShare(NamedTuple):
    """One grid cell under a patch.

    Attributes
    ----------
    area_m2 : float
        Ellipsoidal area of the whole cell.
    overlap_m2 : float
        Ellipsoidal area of the patch inside it.
    """

    cell_id: UUID
    code: str
    name: str
    division_code: str
    area_m2: float
    overlap_m2: float


def holding_cell(shares: Sequence[CellShare]) -> CellShare | None:
    """The smallest cell that holds most of a patch.

    "Most" is at least 99 % of the largest overlap, so that of nested cells the inner one wins; ties go by
    code.
    """
    touched = [share for share in shares if share.overlap_m2 > 0]
    if not touched:
        return None
    largest = max(share.overlap_m2 for share in touched)
    return min(
        (share for share in touched if share.overlap_m2 >= 0.99 * largest),
        key=lambda share: (share.area_m2, share.code),
    )
