"""Scenes and layers come in whole, once, and are seen by those whose area they touch."""

from __future__ import annotations

import json
import shutil
from datetime import date, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import geopandas
import numpy as np
import pytest
import rasterio
import shapely
from rio_cogeo.cogeo import cog_validate
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from foundation import audit
from foundation.access import Actor
from foundation.calendar import SHANGHAI
from foundation.crs import ellipsoidal_area_m2
from foundation.errors import Conflict, Defect, InvalidInput, NotAllowed, NotFound
from foundation.jobs import failed_jobs
from foundation.runtime import Runtime
from ingest import jobs, service
from ingest.jobs import import_layer, import_scene
from ingest.layers import catalogue
from ingest.sources.synthetic.county import CountyFiles
from tests.integration.ingest.conftest import COUNTY, SQUARE, MakeImage, MakeLayer, Refused, stored

JANUARY, SEPTEMBER = date(2026, 1, 1), date(2026, 9, 1)


def officer(area_code: str, role: str = "county_officer") -> Actor:
    return Actor(uuid4(), f"t-{area_code}", "测试员", role, area_code)


def test_a_scene_becomes_a_cog_of_the_same_values(runtime: Runtime, county: CountyFiles) -> None:
    scene = import_scene(runtime, county.after, county_code=COUNTY)
    path = runtime.blobs.path(scene.cog_sha256)
    is_valid, faults, warnings = cog_validate(path, strict=True, quiet=True)
    assert (is_valid, faults, warnings) == (True, [], [])
    with rasterio.open(county.after) as source, rasterio.open(path) as cog:
        assert cog.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert cog.overviews(1)
        assert (cog.crs, cog.transform, cog.nodata) == (source.crs, source.transform, source.nodata)
        assert cog.descriptions == source.descriptions
        pixels = source.read()
        assert np.array_equal(cog.read(), pixels)
        small = cog.read(out_shape=(cog.count, cog.height // 2, cog.width // 2)).astype(float)
        blocks = pixels.reshape(cog.count, cog.height // 2, 2, cog.width // 2, 2)
        whole = (blocks > 0).all(axis=(0, 2, 4))
        mean = blocks.mean(axis=(2, 4))
        assert np.abs(small - mean)[:, whole].max() <= 1.0
    assert not list(path.parent.glob("*.tmp"))
    left = [item.name for item in runtime.settings.data_dir.iterdir()]
    assert left == ["blobs"]


def test_what_a_scene_says_of_itself(runtime: Runtime, county: CountyFiles) -> None:
    imported = import_scene(runtime, county.before, county_code=COUNTY)
    with runtime.database.transaction(runtime.system) as session:
        scene = service.get_scene(session, runtime.system, imported.scene_id)
        assert service.list_scenes(session, runtime.system) == [scene]
    assert scene.acquired_at == datetime(2026, 4, 8, 11, 12, tzinfo=SHANGHAI)
    assert (scene.bands, scene.gsd_m, scene.crs) == (("blue", "green", "red", "nir"), 2.0, "EPSG:4547")
    assert scene.display_bands() == (3, 2, 1)
    with rasterio.open(county.before) as source:
        assert scene.sensor == source.tags()["SENSOR"]
        area_m2 = source.width * source.height * 4.0
        pixels = source.read()
    assert ellipsoidal_area_m2(scene.footprint) == pytest.approx(area_m2, rel=0.005)
    assert scene.footprint.contains(SQUARE)
    for name, band in zip(scene.bands, pixels, strict=True):
        low, high = scene.display_range[name]
        assert 0.9 < np.mean((band >= low) & (band <= high)) < 1.0


def test_a_surface_model_is_a_scene_of_heights(
    runtime: Runtime, county: CountyFiles, refused: Refused
) -> None:
    with refused("ingest.scene.not_a_surface", InvalidInput, bands=4):
        import_scene(runtime, county.before, county_code=COUNTY, kind="surface")
    scene = import_scene(runtime, county.dsm_after, county_code=COUNTY, kind="surface")
    assert (scene.is_surface, scene.bands, scene.gsd_m) == (True, ("height",), 2.0)
    with (
        rasterio.open(county.dsm_after) as source,
        rasterio.open(runtime.blobs.path(scene.cog_sha256)) as cog,
    ):
        assert cog.descriptions == ("height",)
        assert np.array_equal(cog.read(), source.read())
        low, high = scene.display_range["height"]
        assert 100.0 < low < np.median(source.read()) < high


def test_the_outline_follows_the_valid_pixels_but_not_pinholes(
    runtime: Runtime, make_image: MakeImage
) -> None:
    random = np.random.default_rng(3)
    pixels = random.integers(300, 3000, (4, 600, 800)).astype(np.uint16)
    pixels[:, :, :400] = 0
    pixels[:, random.integers(0, 600, 900), random.integers(400, 800, 900)] = 0
    scene = import_scene(runtime, make_image(pixels=pixels), county_code=COUNTY)
    assert ellipsoidal_area_m2(scene.footprint) == pytest.approx(600 * 400 * 4.0, rel=0.02)
    assert shapely.get_num_coordinates(scene.footprint) < 30


def test_the_same_image_again_is_the_same_scene(
    runtime: Runtime, county: CountyFiles, tmp_path: Path
) -> None:
    first = import_scene(runtime, county.before, county_code=COUNTY)
    standing = stored(runtime)
    again = import_scene(runtime, county.before, county_code=COUNTY)
    renamed = import_scene(runtime, Path(shutil.copy(county.before, tmp_path / "x.tif")), county_code=COUNTY)
    assert first.scene_id == again.scene_id == renamed.scene_id
    assert stored(runtime) == standing
    assert standing["scene"] == standing["audit_entry"] == 1


def test_an_import_that_died_before_its_row_goes_on(
    runtime: Runtime, county: CountyFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(service, "register_scene", die)
        with pytest.raises(KeyboardInterrupt):
            import_scene(runtime, county.before, county_code=COUNTY)
    assert stored(runtime)["scene"] == 0
    import_scene(runtime, county.before, county_code=COUNTY)
    standing = stored(runtime)
    assert standing["scene"] == 1
    assert len(standing["files"]) == 1


def test_all_layers_of_the_county_come_in(runtime: Runtime, county: CountyFiles) -> None:
    files = {kind: path for kind, path in county.layers.items() if kind in catalogue()}
    versions = {
        kind: import_layer(runtime, path, kind=kind, county_code=COUNTY, valid_from=JANUARY)
        for kind, path in files.items()
    }
    with runtime.database.transaction(runtime.system) as session:
        listed = service.list_layers(session, runtime.system)
        rows = session.execute(
            text(
                "SELECT layer_kind, count(*) AS features, sum(area_m2) AS area_m2,"
                " sum(ST_Area(geometry::geography)) AS measured_m2 FROM layer_feature GROUP BY layer_kind"
            )
        ).all()
        outlines = session.execute(text("SELECT count(outline) FROM division")).scalar_one()
        assert audit.verify_chain(session) is None
    assert {version.layer_kind for version in listed} == set(files)
    found = {row.layer_kind: row for row in rows}
    for kind, path in files.items():
        source = geopandas.read_file(path)
        assert found[kind].features == len(source) == versions[kind].feature_count, kind
        assert found[kind].area_m2 == pytest.approx(found[kind].measured_m2, rel=1e-6), kind
    survey = geopandas.read_file(files["land_survey"])
    assert found["land_survey"].area_m2 == pytest.approx(survey["TBMJ"].sum(), rel=1e-5)
    assert outlines == len(geopandas.read_file(files["division"]))
    assert versions["parcel"].decisions["fields"]["feature_no"] == "ZDDM"


def test_a_feature_keeps_its_fields_and_finds_its_columns(runtime: Runtime, county: CountyFiles) -> None:
    import_layer(
        runtime, county.layers["temporary_use"], kind="temporary_use", county_code=COUNTY, valid_from=JANUARY
    )
    source = geopandas.read_file(county.layers["temporary_use"]).iloc[0]
    with runtime.database.transaction(runtime.system) as session:
        [feature] = service.features_in(session, runtime.system, ["temporary_use"], source.geometry, JANUARY)
    assert (feature.feature_no, feature.name) == (source["PZWH"], source["XMMC"])
    assert feature.division_code == source["XZQDM"]
    assert (str(feature.valid_from), str(feature.valid_to)) == (
        str(source["PZRQ"])[:10],
        str(source["JSRQ"])[:10],
    )
    assert feature.attributes["SYDW"] == source["SYDW"]
    assert feature.area_m2 == pytest.approx(source["PZMJ"], abs=0.01)
    assert shapely.equals_exact(
        shapely.normalize(feature.geometry),
        shapely.normalize(shapely.multipolygons([source.geometry])),
        tolerance=1e-12,
    )


def test_a_new_version_ends_the_former_and_both_answer_by_date(
    runtime: Runtime, make_layer: MakeLayer
) -> None:
    first = make_layer("first.gpkg")
    second = make_layer("second.gpkg", columns={"XMMC": ["延期后的临时用地"]})
    import_layer(runtime, first, kind="temporary_use", county_code=COUNTY, valid_from=JANUARY)
    import_layer(runtime, second, kind="temporary_use", county_code=COUNTY, valid_from=SEPTEMBER)
    names = {}
    with runtime.database.transaction(runtime.system) as session:
        for day in (JANUARY - timedelta(1), JANUARY, SEPTEMBER - timedelta(1), SEPTEMBER):
            found = service.features_in(session, runtime.system, ["temporary_use"], SQUARE, day)
            names[day] = [feature.name for feature in found]
        [newest] = service.list_layers(session, runtime.system)
    assert list(names.values()) == [
        [],
        ["南水北调配套工程临时用地"],
        ["南水北调配套工程临时用地"],
        ["延期后的临时用地"],
    ]
    assert newest.valid_from == SEPTEMBER
    standing = stored(runtime)
    assert (standing["layer_version"], standing["open"], standing["layer_feature"]) == (2, 1, 2)


def test_the_same_layer_again_is_the_same_version(runtime: Runtime, make_layer: MakeLayer) -> None:
    path = make_layer()
    first = import_layer(runtime, path, kind="temporary_use", county_code=COUNTY, valid_from=JANUARY)
    standing = stored(runtime)
    again = import_layer(runtime, path, kind="temporary_use", county_code=COUNTY, valid_from=JANUARY)
    assert again == first
    assert stored(runtime) == standing
    assert standing["layer_version"] == standing["audit_entry"] == 1


@pytest.mark.parametrize("day", [SEPTEMBER, SEPTEMBER - timedelta(30)])
def test_a_version_that_is_not_newer_is_refused(
    runtime: Runtime, make_layer: MakeLayer, refused: Refused, day: date
) -> None:
    import_layer(
        runtime, make_layer("a.gpkg"), kind="temporary_use", county_code=COUNTY, valid_from=SEPTEMBER
    )
    older = make_layer("b.gpkg", columns={"XMMC": ["另一版"]})
    with refused("ingest.layer.not_newer", Conflict, stored="2026-09-01", given=day.isoformat()):
        import_layer(runtime, older, kind="temporary_use", county_code=COUNTY, valid_from=day)


def test_the_day_of_a_version_is_today_where_none_is_given(runtime: Runtime, make_layer: MakeLayer) -> None:
    version = import_layer(runtime, make_layer(), kind="temporary_use", county_code=COUNTY)
    assert version.valid_from == date(2026, 9, 8)


def test_imports_are_in_the_audit_chain_with_their_hashes(
    runtime: Runtime, county: CountyFiles, make_layer: MakeLayer
) -> None:
    scene = import_scene(runtime, county.before, county_code=COUNTY)
    layer = import_layer(runtime, make_layer(), kind="temporary_use", county_code=COUNTY)
    with runtime.database.transaction(runtime.system) as session:
        assert audit.verify_chain(session) is None
        rows = session.execute(text("SELECT * FROM audit_entry ORDER BY seq")).mappings().all()
    assert [(row["action"], row["subject_id"]) for row in rows] == [
        ("ingest.scene.imported", str(scene.scene_id)),
        ("ingest.layer.imported", str(layer.version_id)),
    ]
    assert json.loads(rows[0]["facts"])["sha256"] == scene.source_sha256
    assert json.loads(rows[1]["facts"])["sha256"] == layer.source_sha256
    assert {row["actor_name"] for row in rows} == {"系统"}


def test_another_county_sees_neither_scene_nor_layer(
    runtime: Runtime, county: CountyFiles, make_layer: MakeLayer
) -> None:
    scene = import_scene(runtime, county.before, county_code=COUNTY)
    import_layer(runtime, make_layer(), kind="temporary_use", county_code=COUNTY, valid_from=JANUARY)
    seen = {}
    for area in ("410800000000", "410883000000", "410883105000", "410882000000", "410882001000"):
        actor = officer(area)
        with runtime.database.transaction(actor) as session:
            seen[area] = (
                len(service.list_scenes(session, actor)),
                len(service.list_layers(session, actor)),
                len(service.features_in(session, actor, ["temporary_use"], SQUARE, SEPTEMBER)),
                session.execute(text("SELECT count(*) FROM layer_feature")).scalar_one(),
            )
    assert seen.pop("410882000000") == seen.pop("410882001000") == (0, 0, 0, 0)
    assert set(seen.values()) == {(1, 1, 1, 1)}
    stranger = officer("410882000000")
    with runtime.database.transaction(stranger) as session, pytest.raises(NotFound) as caught:
        service.get_scene(session, stranger, scene.scene_id)
    assert caught.value.code == "ingest.scene.not_found"


def test_only_those_who_may_import_within_their_area(runtime: Runtime, county: CountyFiles) -> None:
    scene = import_scene(runtime, county.before, county_code=COUNTY)
    clerk = officer("410883000000")
    with runtime.database.transaction(clerk) as session, pytest.raises(NotAllowed):
        service.register_scene(session, clerk, scene)
    stranger = officer("410882000000", role="city_officer")
    with runtime.database.transaction(stranger) as session, pytest.raises(NotFound):
        service.register_scene(session, stranger, scene)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM layer_feature",
        "UPDATE layer_feature SET name = 'x'",
        "UPDATE layer_version SET valid_from = '2020-01-01'",
        "UPDATE scene SET cog_sha256 = ''",
    ],
)
def test_versions_are_never_overwritten(runtime: Runtime, make_layer: MakeLayer, statement: str) -> None:
    import_layer(runtime, make_layer(), kind="temporary_use", county_code=COUNTY)
    with (
        pytest.raises(DBAPIError, match="permission denied"),
        runtime.database.transaction(runtime.system) as session,
    ):
        session.execute(text(statement))


def test_imports_run_from_the_queue_and_twice_doubles_nothing(
    runtime: Runtime, make_image: MakeImage, make_layer: MakeLayer
) -> None:
    image, layer, broken = make_image(), make_layer(), make_layer("points.gpkg", shapes=[shapely.Point(1, 1)])
    with runtime.database.transaction(runtime.system) as session:
        for _ in range(2):
            runtime.queue.defer(session, "ingest.import_scene", path=str(image), county_code=COUNTY)
            for path in (layer, broken):
                runtime.queue.defer(
                    session,
                    "ingest.import_layer",
                    path=str(path),
                    layer_kind="temporary_use",
                    county_code=COUNTY,
                    valid_from="2026-01-01",
                )
    runtime.queue.work(until_empty=True)
    standing = stored(runtime)
    assert (standing["scene"], standing["layer_version"], standing["audit_entry"]) == (1, 1, 2)
    with runtime.database.transaction(runtime.system) as session:
        failed = failed_jobs(session)
    assert [(job["task_name"], job["attempts"]) for job in failed] == [("ingest.import_layer", 1)] * 2


def test_a_cog_that_rots_is_noticed(runtime: Runtime, make_image: MakeImage) -> None:
    scene = import_scene(runtime, make_image(), county_code=COUNTY)
    path = runtime.blobs.path(scene.cog_sha256)
    path.chmod(0o640)
    path.write_bytes(path.read_bytes()[:-1] + b"\x00\x01")
    with pytest.raises(Defect):
        runtime.blobs.read(scene.cog_sha256)


def test_progress_is_told_in_order(runtime: Runtime, make_image: MakeImage, make_layer: MakeLayer) -> None:
    stages: list[str] = []
    jobs.import_scene(
        runtime, make_image(), county_code=COUNTY, progress=lambda stage, _: stages.append(stage)
    )
    assert stages == ["check", "convert", "store", "done"]
    stages.clear()
    jobs.import_layer(
        runtime,
        make_layer(),
        kind="temporary_use",
        county_code=COUNTY,
        progress=lambda stage, _: stages.append(stage),
    )
    assert stages[0] == "read"
    assert stages[-1] == "done"
