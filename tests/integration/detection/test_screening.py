"""How much of every patch lies in a layer version, against the same by cutting outlines one by one."""

from __future__ import annotations

import hashlib
from datetime import date, datetime

import pytest
import shapely
from sqlalchemy import text

from bench.judgement_scenes import made_county
from detection import store
from detection.desk.screening import SHELF, touched
from detection.patches import Patch, PatchShape
from foundation.calendar import SHANGHAI
from foundation.crs import ellipsoidal_area_m2
from foundation.errors import NotFound
from foundation.ids import derived_id
from foundation.runtime import Runtime
from ingest import service as ingest
from ingest.layers import LayerFeature, LayerVersion

NOW = datetime(2026, 9, 8, 14, tzinfo=SHANGHAI)
VERSION = derived_id("screened", "version")


def multi(shape: shapely.Polygon) -> shapely.MultiPolygon:
    return shapely.MultiPolygon([shape])


@pytest.fixture
def county(runtime: Runtime) -> tuple[list[shapely.MultiPolygon], list[shapely.MultiPolygon]]:
    made = made_county(patches=60, parcels=400)
    patches = [multi(shape) for shape in made.patches]
    farms = [multi(shape) for shape in made.layers["parcel"][::2]]
    with runtime.database.transaction(runtime.system) as session:
        features = [
            LayerFeature("basic_farmland", f"{n:04d}", "", None, None, None, None, None, {}, 1.0, shape)
            for n, shape in enumerate(farms)
        ]
        sha256 = hashlib.sha256(b"screened").hexdigest()
        ingest.register_layer(
            session,
            runtime.system,
            LayerVersion(
                VERSION, "basic_farmland", "410883", "f", sha256, "EPSG:4490", len(farms), date(2026, 1, 1),
                None, NOW,
            ),
            features,
        )  # fmt: skip
        village = session.execute(
            text("SELECT min(code) FROM division WHERE code LIKE '410883%' AND right(code, 3) <> '000'")
        ).scalar_one()
        for n, shape in enumerate(patches):
            area_m2 = ellipsoidal_area_m2(shape)
            drawn = PatchShape(shape, area_m2, area_m2, area_m2, "new_building", 0.9, NOW, NOW)
            store.add_patch(
                session, Patch(derived_id("screened", n), f"410883-2609-{n:04d}", village, drawn, NOW)
            )
    return patches, farms


def test_areas_in_a_version_are_those_of_cutting_patch_by_patch(
    runtime: Runtime, county: tuple[list[shapely.MultiPolygon], list[shapely.MultiPolygon]]
) -> None:
    patches, farms = county
    with runtime.database.transaction(runtime.system) as session:
        found = touched(session, runtime.system, VERSION, runtime.settings.data_dir)
        again = touched(session, runtime.system, VERSION, runtime.settings.data_dir)
    assert found == again
    assert len(list((runtime.settings.data_dir / SHELF).iterdir())) == 1
    measured = {touch.patch_id: touch for touch in found}
    joined = shapely.union_all(farms)
    for n, shape in enumerate(patches):
        cut_m2 = ellipsoidal_area_m2(shapely.intersection(shape, joined))
        touch = measured.get(derived_id("screened", n))
        assert (touch.area_m2 if touch else 0.0) == pytest.approx(cut_m2, rel=2e-6, abs=0.03)
        if touch is not None:
            assert touch.features == sum(shape.intersection(farm).area > 1e-16 for farm in farms)
    assert [touch.area_m2 for touch in found] == sorted((t.area_m2 for t in found), reverse=True)
    assert len(found) > 30


def test_an_unknown_version_is_told(runtime: Runtime, county: object) -> None:
    with (
        runtime.database.transaction(runtime.system) as session,
        pytest.raises(NotFound) as refused,
    ):
        touched(session, runtime.system, derived_id("screened", "none"), runtime.settings.data_dir)
    assert refused.value.code == "ingest.layer.version_not_found"
