"""SQL of the grid and its editions. Never commits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any
from uuid import UUID

import numpy as np
import shapely
from sqlalchemy import select, text
from sqlalchemy.engine import RowMapping
from sqlalchemy.orm import Session

from foundation.ids import derived_id
from patrol.net.grids.cutting import Shapes
from patrol.net.grids.numbering import NewCell, OldCell
from patrol.net.grids.outlines import Village
from patrol.tables import EditionRow

INSERT_CELL = text(
    """
    INSERT INTO grid_cell (cell_id, code, name, division_code, geometry, valid_from, edition_id, field_m2,
                           mountain_m2)
    VALUES (:cell_id, :code, :name, :division_code,
            ST_Multi(ST_SetSRID(ST_GeomFromWKB(:shape), 4490)), :on, :edition_id, :field_m2, :mountain_m2)
    """
)
PARCELS = text(
    """
    SELECT CASE WHEN f.land_class_code ~ :field THEN 0 WHEN f.land_class_code ~ :mountain THEN 1 ELSE 2 END
           AS kind, f.division_code, ST_AsBinary(f.geometry) AS shape
    FROM layer_feature f JOIN layer_version v USING (version_id)
    WHERE v.layer_kind = 'land_survey' AND v.valid_to IS NULL AND v.county_code = ANY(:counties)
    AND f.geometry && ST_MakeEnvelope(:west, :south, :east, :north, 4490)
    AND f.land_class_code ~ :every ORDER BY f.feature_id
    """
)
LAYER_CELLS = text(
    """
    SELECT DISTINCT ON (f.feature_no) f.feature_no AS code, f.name, ST_AsBinary(f.geometry) AS shape,
           coalesce(f.division_code, (SELECT d.code FROM division d WHERE d.level = 5
                    AND ST_Contains(d.outline, ST_PointOnSurface(f.geometry)) LIMIT 1)) AS division_code
    FROM layer_feature f WHERE f.version_id = :version_id ORDER BY f.feature_no, f.feature_id
    """
)


def villages(session: Session, prefix: str) -> list[tuple[str, str, bytes | None]]:
    """Villages of an area: code, name, outline as WKB or None."""
    rows = session.execute(
        text(
            "SELECT code, name, ST_AsBinary(outline) AS shape FROM division"
            " WHERE level = 5 AND starts_with(code, :prefix) ORDER BY code"
        ),
        {"prefix": prefix},
    )
    return [(row.code, row.name, row.shape) for row in rows]


def villages_beside(session: Session, prefix: str, bounds: Sequence[float]) -> list[Village]:
    """Villages outside an area whose box meets the area's."""
    west, south, east, north = bounds
    rows = session.execute(
        text(
            "SELECT code, name, ST_AsBinary(outline) AS shape FROM division WHERE level = 5"
            " AND NOT starts_with(code, :prefix)"
            " AND outline && ST_MakeEnvelope(:west, :south, :east, :north, 4490) ORDER BY code"
        ),
        {"prefix": prefix, "west": west, "south": south, "east": east, "north": north},
    )
    return [Village(row.code, row.name, shapely.from_wkb(bytes(row.shape))) for row in rows]


def parcels(
    session: Session,
    counties: Sequence[str],
    bounds: Sequence[float],
    classes: tuple[Sequence[str], Sequence[str], Sequence[str]],
) -> tuple[Shapes, Shapes, Shapes, np.ndarray]:
    """Parcels of the land survey in force around an area, by kind: farmland, mountain, roads and waters.

    Parameters
    ----------
    classes : three sequences of str
        Leading characters of the land class codes of each kind.

    Returns
    -------
    field, mountain, barrier : object arrays of geometries
    codes : array of str
        Division codes of field and mountain parcels, in that order; empty where the survey names none.
    """
    west, south, east, north = bounds
    field, mountain, barrier = ("^(" + "|".join(kind) + ")" for kind in classes)
    rows = session.execute(
        PARCELS,
        {
            "field": field,
            "mountain": mountain,
            "every": f"{field}|{mountain}|{barrier}",
            "counties": list(counties),
            "west": west,
            "south": south,
            "east": east,
            "north": north,
        },
    ).all()
    kinds = np.array([row.kind for row in rows], dtype=int)
    shapes = np.asarray(shapely.from_wkb([bytes(row.shape) for row in rows]), dtype=object)
    codes = np.array([row.division_code or "" for row in rows], dtype="U12")
    chosen = [kinds == kind for kind in range(3)]
    return (
        shapes[chosen[0]],
        shapes[chosen[1]],
        shapes[chosen[2]],
        np.concatenate([codes[chosen[0]], codes[chosen[1]]]),
    )


def surveyed_counties(session: Session, counties: Sequence[str]) -> set[str]:
    """Counties (six digits) with a land survey in force."""
    rows = session.execute(
        text(
            "SELECT DISTINCT county_code FROM layer_version WHERE layer_kind = 'land_survey'"
            " AND valid_to IS NULL AND county_code = ANY(:counties)"
        ),
        {"counties": list(counties)},
    )
    return set(rows.scalars())


def cells_in_force(session: Session, prefix: str) -> list[OldCell]:
    """Cells of an area that are in force, by number."""
    rows = session.execute(
        text(
            "SELECT cell_id, code, name, division_code, ST_AsBinary(geometry) AS shape FROM grid_cell"
            " WHERE valid_to IS NULL AND starts_with(division_code, :prefix) ORDER BY code"
        ),
        {"prefix": prefix},
    )
    return [
        OldCell(row.cell_id, row.code, row.name, row.division_code, shapely.from_wkb(bytes(row.shape)))
        for row in rows
    ]


def numbers_ever(session: Session, prefix: str) -> dict[str, set[str]]:
    """Every number that was ever given out, by village."""
    rows = session.execute(
        text(
            "SELECT division_code, array_agg(DISTINCT code) AS codes FROM grid_cell"
            " WHERE starts_with(division_code, :prefix) GROUP BY division_code"
        ),
        {"prefix": prefix},
    )
    return {row.division_code: set(row.codes) for row in rows}


def end_cells(session: Session, cell_ids: Iterable[object], on: date) -> None:
    """These cells are no longer in force from a day on."""
    session.execute(
        text("UPDATE grid_cell SET valid_to = :on WHERE cell_id = ANY(:ids)"),
        {"on": on, "ids": list(cell_ids)},
    )


def add_cells(session: Session, cells: Sequence[NewCell], edition_id: UUID, on: date) -> None:
    """New cells of an edition."""
    if not cells:
        return
    session.execute(
        INSERT_CELL,
        [
            {
                "cell_id": derived_id("grid_cell", edition_id, cell.code),
                "code": cell.code,
                "name": cell.name,
                "division_code": cell.division_code,
                "shape": shapely.to_wkb(cell.geometry),
                "on": on,
                "edition_id": edition_id,
                "field_m2": cell.field_m2,
                "mountain_m2": cell.mountain_m2,
            }
            for cell in cells
        ],
    )


def add_edition(session: Session, row: EditionRow) -> None:
    """A new edition."""
    session.add(row)
    session.flush()


def editions(session: Session, prefix: str, limit: int) -> list[EditionRow]:
    """Editions of an area and of all above it, newest first."""
    statement = select(EditionRow).where(
        text(
            "(starts_with(division_code, :prefix)"
            " OR starts_with(:prefix, landwarden_prefix(division_code::text)))"
        ).bindparams(prefix=prefix)
    )
    return list(
        session.scalars(statement.order_by(EditionRow.made_at.desc(), EditionRow.edition_id).limit(limit))
    )


def editions_below(session: Session, prefix: str) -> list[EditionRow]:
    """Every edition of an area and of parts of it."""
    statement = select(EditionRow).where(EditionRow.division_code.startswith(prefix, autoescape=True))
    return list(session.scalars(statement))


def layers_in_force(session: Session, county_code: str | None) -> list[RowMapping]:
    """Versions of grid layers in force: version, county, file, when imported; newest last in each county."""
    rows = session.execute(
        text(
            "SELECT version_id, county_code, source_name, imported_at FROM layer_version"
            " WHERE layer_kind = 'grid_cell' AND valid_to IS NULL"
            " AND county_code = coalesce(CAST(:county AS text), county_code)"
            " ORDER BY county_code, imported_at"
        ),
        {"county": county_code},
    )
    return list(rows.mappings())


def layer_cells(session: Session, version_id: UUID) -> list[Any]:
    """Cells of a grid layer: code, name, shape as WKB, village (None where it lies in none)."""
    return list(session.execute(LAYER_CELLS, {"version_id": version_id}))


def lock_grid(session: Session) -> None:
    """Whoever replaces cells does so alone until the transaction ends."""
    session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('grid_cell', 0))"))
