"""Ground under the small net: two villages side by side with a land survey."""

from __future__ import annotations

from uuid import UUID

import pytest
from sqlalchemy import text

from tests.integration.patrol.conftest import OTHER_VILLAGE, VILLAGE, Net, net

__all__ = ["net"]
WEST, SOUTH, NORTH = 112.74, 34.94, 34.955
MIDDLE, EAST = 112.76, 112.775


def box(west: float, south: float, east: float, north: float) -> str:
    return (
        f"SRID=4490;MULTIPOLYGON((({west} {south},{east} {south},{east} {north},{west} {north},"
        f"{west} {south})))"
    )


@pytest.fixture
def ground(net: Net) -> Net:
    """Outlines of two villages; farmland in strips, woods in the north, a road through the first."""
    with net.runtime.database.transaction(net.runtime.system) as session:
        for code, west, east in ((VILLAGE, WEST, MIDDLE), (OTHER_VILLAGE, MIDDLE, EAST)):
            session.execute(
                text("UPDATE division SET outline = ST_GeomFromEWKT(:shape) WHERE code = :code"),
                {"shape": box(west, SOUTH, east, NORTH), "code": code},
            )
        session.execute(
            text(
                "INSERT INTO layer_version (version_id, layer_kind, county_code, source_name, source_sha256,"
                " source_crs, feature_count, decisions, valid_from, imported_at) VALUES (:v, 'land_survey',"
                " '410883', 't', 't', 'EPSG:4490', 0, '{}', '2026-01-01', now())"
            ),
            {"v": UUID(int=77)},
        )
        strips = [
            (VILLAGE, "0101", WEST, SOUTH, 112.7498, 34.952),
            (VILLAGE, "1006", 112.7498, SOUTH, 112.7499, NORTH),
            (VILLAGE, "0103", 112.7499, SOUTH, MIDDLE, 34.952),
            (VILLAGE, "0301", WEST, 34.952, 112.7498, NORTH),
            (OTHER_VILLAGE, "0103", MIDDLE, SOUTH, EAST, NORTH),
        ]
        for number, (code, land_class, *bounds) in enumerate(strips):
            session.execute(
                text(
                    "INSERT INTO layer_feature (version_id, layer_kind, county_code, feature_no, name,"
                    " division_code, land_class_code, attributes, area_m2, geometry) VALUES (:v,"
                    " 'land_survey', '410883', :no, '', :code, :class, '{}', 1, ST_GeomFromEWKT(:shape))"
                ),
                {
                    "v": UUID(int=77),
                    "no": str(number),
                    "code": code,
                    "class": land_class,
                    "shape": box(*bounds),
                },
            )
    return net
