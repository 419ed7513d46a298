"""SQL of corrected base data. Never commits."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast
from uuid import UUID

import shapely
from geoalchemy2.shape import from_shape, to_shape
from sqlalchemy import select
from sqlalchemy.orm import Session

from detection.judging.corrections import Action, Correction
from detection.tables import BaseCorrectionRow
from foundation.crs import STORAGE_EPSG


def corrections_of(session: Session, version_ids: Iterable[UUID]) -> list[Correction]:
    """Corrections of some layer versions, in the order in which they were decided."""
    rows = session.scalars(
        select(BaseCorrectionRow)
        .where(BaseCorrectionRow.version_id.in_(list(version_ids)))
        .order_by(BaseCorrectionRow.decided_at, BaseCorrectionRow.correction_id)
    )
    return [_correction(row) for row in rows]


def find_correction(session: Session, correction_id: UUID) -> Correction | None:
    """One correction."""
    row = session.get(BaseCorrectionRow, correction_id)
    return None if row is None else _correction(row)


def add_correction(session: Session, correction: Correction, county_code: str) -> None:
    """Insert a correction."""
    outline = correction.geometry
    session.add(
        BaseCorrectionRow(
            correction_id=correction.correction_id,
            county_code=county_code,
            layer_kind=correction.layer_kind,
            version_id=correction.version_id,
            feature_no=correction.feature_no,
            action=correction.action,
            changes=dict(correction.changes),
            geometry=None if outline is None else from_shape(outline, srid=STORAGE_EPSG),
            reason=correction.reason,
            reference=correction.reference,
            decided_by=correction.decided_by,
            decided_at=correction.decided_at,
        )
    )
    session.flush()


def _correction(row: BaseCorrectionRow) -> Correction:
    outline = None if row.geometry is None else to_shape(row.geometry)
    return Correction(
        row.correction_id,
        row.layer_kind,
        row.version_id,
        row.feature_no,
        cast(Action, row.action),
        row.reason,
        row.reference,
        row.decided_by,
        row.decided_at,
        row.changes,
        None if outline is None else shapely.MultiPolygon(shapely.get_parts(outline).tolist()),
    )
