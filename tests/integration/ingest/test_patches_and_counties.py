"""Layers of two counties, outlines of divisions, and what patches are given."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import geopandas
import shapely
from shapely.geometry import box
from sqlalchemy import text

from foundation.runtime import Runtime
from ingest import service
from ingest.jobs import import_layer

COUNTY, NEIGHBOUR = "410883", "410822"
VILLAGE = "410883105202"
HERE = box(112.745, 34.945, 112.747, 34.947)
JANUARY, MARCH = date(2026, 1, 1), date(2026, 3, 1)


def layer(path: Path, rows: list[dict[str, Any]], shapes: list[Any] | None = None, **options: Any) -> Path:
    shapes = [HERE] * len(rows) if shapes is None else shapes
    frame = geopandas.GeoDataFrame(rows, geometry=shapes, crs=4490)
    frame.to_file(path, engine="pyogrio", **options)
    return path


def permit(number: str = "临用〔2026〕1号") -> dict[str, Any]:
    return {"PZWH": number, "XMMC": "便道", "XZQDM": VILLAGE, "PZRQ": "2026-03-01", "JSRQ": "20280229"}


def test_one_file_serves_two_counties(runtime: Runtime, tmp_path: Path) -> None:
    path = layer(tmp_path / "LSYD.gpkg", [permit()])
    one, other = (
        import_layer(runtime, path, kind="temporary_use", county_code=county, valid_from=JANUARY)
        for county in (COUNTY, NEIGHBOUR)
    )
    assert (one.county_code, other.county_code) == (COUNTY, NEIGHBOUR)
    again = import_layer(runtime, path, kind="temporary_use", county_code=NEIGHBOUR, valid_from=JANUARY)
    assert again == other
    with runtime.database.transaction(runtime.system) as session:
        assert session.scalar(text("SELECT count(*) FROM layer_feature")) == 2


def test_two_polygons_of_one_division_make_one_outline(runtime: Runtime, tmp_path: Path) -> None:
    exclave = shapely.affinity.translate(HERE, 0.01, 0.0)
    rows = [
        {"XZQDM": VILLAGE, "XZQMC": "村"},
        {"XZQDM": VILLAGE, "XZQMC": "村"},
        {"XZQDM": COUNTY, "XZQMC": "市"},
    ]
    shapes = [HERE, exclave, box(112.7, 34.9, 112.8, 35.0)]
    path = layer(tmp_path / "XZQ.gpkg", rows, shapes)
    import_layer(runtime, path, kind="division", county_code=COUNTY, valid_from=JANUARY)
    with runtime.database.transaction(runtime.system) as session:
        found = session.execute(
            text(
                "SELECT code, ST_AsBinary(outline) AS wkb FROM division"
                " WHERE outline IS NOT NULL ORDER BY code"
            )
        ).all()
    assert [row.code for row in found] == ["410883000000", VILLAGE]
    assert shapely.equals(shapely.from_wkb(bytes(found[1].wkb)), shapely.union(HERE, exclave))


def test_many_patches_are_answered_as_each_alone(runtime: Runtime, tmp_path: Path) -> None:
    """A row of 40 squares; patches over one, over two, on a border, beside, and far away."""
    squares = [box(112.74 + i * 0.001, 34.94, 112.741 + i * 0.001, 34.941) for i in range(40)]
    rows = [permit(f"{number:03d}") for number in range(40)]
    path = layer(tmp_path / "LSYD.gpkg", rows, squares)
    import_layer(runtime, path, kind="temporary_use", county_code=COUNTY, valid_from=JANUARY)
    patches: dict[UUID, Any] = {
        uuid4(): outline
        for outline in (
            box(112.7502, 34.9402, 112.7508, 34.9408),
            box(112.7505, 34.9402, 112.7515, 34.9408),
            box(112.76, 34.942, 112.761, 34.943),
            box(112.3, 34.5, 112.31, 34.51),
            shapely.union_all(squares),
        )
    }
    kinds = ["temporary_use", "mining_right"]
    with runtime.database.transaction(runtime.system) as session:
        together = service.features_for_patches(session, runtime.system, kinds, patches, MARCH)
        alone = {
            key: service.features_in(session, runtime.system, kinds, outline, MARCH)
            for key, outline in patches.items()
        }
        before = service.features_for_patches(session, runtime.system, kinds, patches, date(2025, 12, 31))
    assert together == alone
    numbers = [[feature.feature_no for feature in together[key]] for key in patches]
    assert numbers[:4] == [["010"], ["010", "011"], [], []]
    assert len(numbers[4]) == 40
    assert all(found == [] for found in before.values())
    assert all(feature.version_id is not None for feature in together[next(iter(patches))])
