"""Every bad input gets a clear refusal in both languages, and leaves nothing behind."""

from __future__ import annotations

import errno
import json
import os
import resource
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import psycopg
import pytest
import rasterio
import shapely
from affine import Affine
from sqlalchemy.orm import Session

from foundation.db import driver_connection
from foundation.errors import Conflict, InvalidInput, Unavailable
from foundation.runtime import Runtime
from ingest import service, store
from ingest.jobs import import_layer, import_scene
from ingest.sources import geotiff
from ingest.sources.synthetic.county import CountyFiles
from tests.integration.ingest.conftest import COUNTY, SQUARE, MakeImage, MakeLayer, Refused, stored

KIND = "temporary_use"
DEGREES = Affine(2e-5, 0.0, 112.745, 0.0, -2e-5, 34.947)


@contextmanager
def small_files_only(most_bytes: int) -> Iterator[None]:
    """No file of this process may grow beyond this: what a full disk looks like to a writer."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


# --- scenes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("profile", "code"),
    [
        pytest.param({"crs": None}, "ingest.raster.no_crs", id="no CRS"),
        pytest.param({"crs": "EPSG:4490"}, "ingest.raster.implausible_crs", id="metres called degrees"),
        pytest.param({"crs": "EPSG:4550"}, "ingest.scene.elsewhere", id="wrong zone"),
        pytest.param(
            {"crs": "EPSG:4490", "transform": Affine(2e-5, 0.0, 34.947, 0.0, -2e-5, 112.745)},
            "ingest.raster.swapped_axes",
            id="latitude first",
        ),
        pytest.param(
            {"transform": Affine(2.0, 0.0, 3870460.0, 0.0, -2.0, 384918.0)},
            "ingest.raster.swapped_axes",
            id="northing first",
        ),
        pytest.param(
            {"crs": "EPSG:32630", "transform": Affine(2.0, 0.0, 699000.0, 0.0, -2.0, 5710000.0)},
            "ingest.scene.outside",
            id="London",
        ),
        pytest.param({"crs": "EPSG:2360"}, "foundation.crs.unsafe_datum", id="Xian 1980 plane"),
        pytest.param(
            {"crs": "EPSG:4610", "transform": DEGREES}, "foundation.crs.unsafe_datum", id="Xian 1980 degrees"
        ),
        pytest.param({"crs": "EPSG:2434"}, "foundation.crs.unsafe_datum", id="Beijing 1954"),
    ],
)
def test_an_image_whose_place_is_in_doubt(
    runtime: Runtime, make_image: MakeImage, refused: Refused, profile: dict[str, Any], code: str
) -> None:
    path = make_image(**profile)
    with refused(code, InvalidInput):
        import_scene(runtime, path, county_code=COUNTY)


@pytest.mark.parametrize(
    ("pixels", "nodata"),
    [
        pytest.param(np.zeros((4, 96, 128), np.uint16), 0, id="nodata"),
        pytest.param(np.full((4, 96, 128), np.nan, np.float32), None, id="not a number"),
        pytest.param(np.zeros((4, 96, 128), np.uint16), None, id="zero without saying so"),
        pytest.param(np.full((1, 96, 128), 255, np.uint8), None, id="one value"),
    ],
)
def test_an_image_without_a_valid_pixel(
    runtime: Runtime, make_image: MakeImage, refused: Refused, pixels: Any, nodata: float | None
) -> None:
    path = make_image(pixels=pixels, nodata=nodata)
    with refused("ingest.scene.empty", InvalidInput, file="scene.tif"):
        import_scene(runtime, path, county_code=COUNTY)


def test_an_image_that_is_partly_not_a_number_comes_in(runtime: Runtime, make_image: MakeImage) -> None:
    pixels = np.random.default_rng(1).random((4, 96, 128)).astype(np.float32)
    pixels[:, :, :64] = np.nan
    scene = import_scene(runtime, make_image(pixels=pixels, nodata=None), county_code=COUNTY)
    assert all(0 <= low < high <= 1 for low, high in scene.display_range.values())
    assert scene.footprint.area < 0.6 * shapely.box(*scene.footprint.buffer(0.0006).bounds).area


@pytest.mark.parametrize(
    ("content", "code"),
    [
        pytest.param(b"", "ingest.raster.empty_file", id="empty file"),
        pytest.param(b"this is a letter", "ingest.raster.driver", id="text"),
        pytest.param(b"II*\x00" + bytes(range(256)), "ingest.raster.corrupt", id="torn head"),
        pytest.param(b'<VRTDataset rasterXSize="1">', "ingest.raster.driver", id="virtual"),
    ],
)
def test_a_file_that_is_no_image(
    runtime: Runtime, tmp_path: Path, refused: Refused, content: bytes, code: str
) -> None:
    path = tmp_path / "scene.tif"
    path.write_bytes(content)
    with refused(code, InvalidInput, file="scene.tif"):
        import_scene(runtime, path, county_code=COUNTY)


@pytest.mark.parametrize("share", [0.3, 0.97])
@pytest.mark.parametrize("driver", ["GTiff", "COG"])
def test_an_image_cut_short(
    runtime: Runtime, county: CountyFiles, tmp_path: Path, refused: Refused, driver: str, share: float
) -> None:
    """A COG has its overviews first: its head can be looked at, and only the rewriting meets the cut."""
    path = tmp_path / "cut.tif"
    with rasterio.open(county.before) as source:
        rasterio.shutil.copy(source, path, driver=driver)
    with path.open("rb+") as stream:
        stream.truncate(int(path.stat().st_size * share))
    with refused("ingest.raster.corrupt", InvalidInput, file="cut.tif"):
        import_scene(runtime, path, county_code=COUNTY)


def test_an_image_that_is_not_there(runtime: Runtime, tmp_path: Path, refused: Refused) -> None:
    with refused("ingest.raster.missing", InvalidInput):
        import_scene(runtime, tmp_path / "no.tif", county_code=COUNTY)


def test_an_image_without_a_date_or_with_a_bad_one(
    runtime: Runtime, make_image: MakeImage, refused: Refused
) -> None:
    path = make_image()
    with refused("ingest.raster.bad_date", InvalidInput, value="9月8日"):
        import_scene(runtime, path, county_code=COUNTY, acquired_at="9月8日")
    with rasterio.open(path, "r+") as image:
        image.update_tags(ACQUIRED_AT="")
    with refused("ingest.scene.no_date", InvalidInput):
        import_scene(runtime, path, county_code=COUNTY)
    scene = import_scene(runtime, path, county_code=COUNTY, acquired_at="2026-09-08")
    assert scene.acquired_at.isoformat() == "2026-09-08T00:00:00+08:00"


@pytest.mark.parametrize(
    ("code", "refusal"),
    [
        ("410899", "foundation.division.unknown"),
        ("41088", "foundation.division.malformed"),
        ("410800", "ingest.county.not_a_county"),
    ],
)
def test_a_county_that_does_not_exist(
    runtime: Runtime, make_image: MakeImage, make_layer: MakeLayer, refused: Refused, code: str, refusal: str
) -> None:
    image, layer = make_image(), make_layer()
    with refused(refusal, InvalidInput):
        import_scene(runtime, image, county_code=code)
    with refused(refusal, InvalidInput):
        import_layer(runtime, layer, kind=KIND, county_code=code)


def test_an_unknown_kind_of_image(runtime: Runtime, make_image: MakeImage, refused: Refused) -> None:
    path = make_image()
    with refused("ingest.scene.unknown_kind", InvalidInput, kind="balloon"):
        import_scene(runtime, path, county_code=COUNTY, kind="balloon")


# --- disks ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("most_bytes", [2_000, 500_000, 3_000_000, 4_000_000])
def test_a_disk_that_fills_while_an_image_is_rewritten(
    runtime: Runtime, county: CountyFiles, refused: Refused, most_bytes: int
) -> None:
    """Under the last two GDAL itself reports success over a file that is cut short."""
    runtime.blobs.require_room()
    with refused("ingest.raster.disk_full", Unavailable), small_files_only(most_bytes):
        import_scene(runtime, county.before, county_code=COUNTY)
    assert import_scene(runtime, county.before, county_code=COUNTY)


def test_a_disk_that_fills_while_the_blob_is_stored(
    runtime: Runtime, make_image: MakeImage, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_image()
    true_replace = Path.replace

    def full(self: Path, target: Any) -> Path:
        if self.name.startswith("incoming-"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return true_replace(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        with refused("foundation.blobs.disk_full", Unavailable):
            import_scene(runtime, path, county_code=COUNTY)
    assert import_scene(runtime, path, county_code=COUNTY)


def test_a_disk_below_the_low_water_mark_refuses_before_the_work(
    runtime: Runtime, make_image: MakeImage, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_image()
    usage = shutil.disk_usage("/")._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    monkeypatch.setattr(geotiff, "check_image", lambda _: pytest.fail("looked at the image first"))
    with refused("foundation.blobs.disk_full", Unavailable):
        import_scene(runtime, path, county_code=COUNTY)


def test_a_folder_that_cannot_be_written(runtime: Runtime, make_image: MakeImage, refused: Refused) -> None:
    """A file lies where the folder should be: this stops root as well."""
    path = make_image()
    runtime.settings.data_dir.mkdir(parents=True)
    (runtime.settings.data_dir / "blobs").write_text("in the way")
    with refused("foundation.blobs.not_writable", Unavailable):
        import_scene(runtime, path, county_code=COUNTY)


@pytest.mark.parametrize("state", ["53100", "57P01"])
def test_a_database_that_fails_amid_the_rows(
    runtime: Runtime, make_layer: MakeLayer, refused: Refused, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    """The server's own refusal, on the raw connection that COPY uses: disk full, shut down."""
    path = make_layer()
    codes = {"53100": "foundation.database.disk_full", "57P01": "foundation.database.unreachable"}
    true_copy = store.copy_features

    def fail_after(session: Session, *arguments: Any) -> None:
        true_copy(session, *arguments)
        statement = f"DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{state}'; END $$"
        driver_connection(session).execute(psycopg.sql.SQL(statement))

    with monkeypatch.context() as patch:
        patch.setattr(store, "copy_features", fail_after)
        with refused(codes[state], Unavailable):
            import_layer(runtime, path, kind=KIND, county_code=COUNTY)
    assert import_layer(runtime, path, kind=KIND, county_code=COUNTY)


# --- layers ---------------------------------------------------------------------------------------------

IN_METRES = shapely.box(384918.0, 3870000.0, 385118.0, 3870200.0)
TURNED = shapely.box(34.945, 112.745, 34.947, 112.747)


@pytest.mark.parametrize(
    ("shape", "crs", "code"),
    [
        pytest.param(SQUARE, None, "ingest.layer.no_crs", id="no CRS"),
        pytest.param(IN_METRES, 4490, "ingest.layer.outside", id="metres called degrees"),
        pytest.param(IN_METRES, 4549, "ingest.layer.outside", id="wrong zone"),
        pytest.param(TURNED, 4490, "ingest.layer.swapped_axes", id="latitude first"),
        pytest.param(
            shapely.box(3870000.0, 384918.0, 3870200.0, 385118.0),
            4547,
            "ingest.layer.swapped_axes",
            id="northing first",
        ),
        pytest.param(shapely.box(-0.1, 51.5, 0.0, 51.6), 4326, "ingest.layer.outside", id="London"),
        pytest.param(SQUARE, 4610, "foundation.crs.unsafe_datum", id="Xian 1980 degrees"),
        pytest.param(IN_METRES, 2360, "foundation.crs.unsafe_datum", id="Xian 1980 plane"),
    ],
)
@pytest.mark.parametrize("suffix", ["gpkg", "shp"])
@pytest.mark.filterwarnings("ignore:.*crs.*was not provided:UserWarning")
def test_a_layer_whose_place_is_in_doubt(
    runtime: Runtime, make_layer: MakeLayer, refused: Refused, shape: Any, crs: Any, code: str, suffix: str
) -> None:
    path = make_layer(f"LSYD.{suffix}", shapes=[shape], crs=crs)
    with refused(code, InvalidInput):
        import_layer(runtime, path, kind=KIND, county_code=COUNTY)


def test_the_refusal_of_a_wrong_zone_says_what_would_fit(runtime: Runtime, make_layer: MakeLayer) -> None:
    path = make_layer(shapes=[IN_METRES], crs=4549)
    with pytest.raises(InvalidInput) as caught:
        import_layer(runtime, path, kind=KIND, county_code=COUNTY)
    assert "EPSG:4547" in caught.value.text("zh")


def test_one_misplaced_feature_is_named_by_its_row(
    runtime: Runtime, make_layer: MakeLayer, refused: Refused
) -> None:
    path = make_layer(shapes=[SQUARE, shapely.box(121.4, 31.2, 121.5, 31.3)])
    with refused("ingest.layer.outside", InvalidInput, row=2):
        import_layer(runtime, path, kind=KIND, county_code=COUNTY)


@pytest.mark.parametrize(
    ("changes", "code", "facts"),
    [
        pytest.param({"drop": "JSRQ"}, "ingest.layer.missing_field", {"field": "JSRQ"}, id="missing field"),
        pytest.param(
            {"columns": {"PZWH": ["甲", " "]}},
            "ingest.layer.empty_field",
            {"field": "PZWH", "row": 2},
            id="blank",
        ),
        pytest.param(
            {"columns": {"PZRQ": ["2026-03-01", None]}},
            "ingest.layer.empty_field",
            {"field": "PZRQ", "row": 2},
            id="empty",
        ),
        pytest.param(
            {"columns": {"JSRQ": ["2028-02-29", "2027-02-29"]}},
            "ingest.layer.bad_date",
            {"row": 2, "value": "2027-02-29", "field": "JSRQ"},
            id="bad date",
        ),
        pytest.param(
            {"columns": {"JSRQ": ["2028-02-29", "2026-02-28"]}},
            "ingest.layer.dates_reversed",
            {"row": 2},
            id="ends before it begins",
        ),
        pytest.param(
            {"columns": {"XZQDM": ["410883105202", "410883999999"]}},
            "ingest.layer.unknown_division",
            {"row": 2, "division": "410883999999"},
            id="unknown division",
        ),
        pytest.param(
            {"shapes": [SQUARE, SQUARE.centroid]}, "ingest.layer.not_polygons", {"row": 2}, id="point"
        ),
        pytest.param(
            {"shapes": [SQUARE, SQUARE.exterior]}, "ingest.layer.not_polygons", {"row": 2}, id="line"
        ),
        pytest.param({"shapes": [SQUARE, None]}, "ingest.layer.no_geometry", {"row": 2}, id="no shape"),
        pytest.param({"shapes": []}, "ingest.layer.empty", {}, id="no row"),
    ],
)
def test_a_row_that_breaks_a_rule(
    runtime: Runtime,
    make_layer: MakeLayer,
    refused: Refused,
    changes: dict[str, Any],
    code: str,
    facts: dict[str, Any],
) -> None:
    path = make_layer(**({"shapes": [SQUARE, SQUARE]} | changes))
    with refused(code, InvalidInput, file="LSYD.gpkg", **facts):
        import_layer(runtime, path, kind=KIND, county_code=COUNTY)


def test_a_layer_kind_that_is_not_known(runtime: Runtime, make_layer: MakeLayer, refused: Refused) -> None:
    path = make_layer()
    with refused("ingest.layer.unknown_kind", InvalidInput, kind="wetland"):
        import_layer(runtime, path, kind="wetland", county_code=COUNTY)


def _write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("a.gpkg", b"SQLite format 3\x00" + b"\x01" * 500, "ingest.layer.corrupt"),
        ("b.gpkg", b"a letter", "ingest.layer.corrupt"),
        ("c.shp", b"\x00\x00\x27\x0a" + bytes(96), "ingest.layer.corrupt"),
        ("d.geojson", b'{"type": "FeatureCollection", "features": [', "ingest.layer.corrupt"),
        ("e.kml", b"<kml><Document>", "ingest.layer.corrupt"),
        ("f.dwg", b"AC1032", "ingest.layer.unsupported"),
        ("g.kml", b"<OGRVRTDataSource><OGRVRTLayer name='a'/></OGRVRTDataSource>", "ingest.layer.corrupt"),
    ],
)
def test_a_file_that_is_no_layer(
    runtime: Runtime, tmp_path: Path, refused: Refused, name: str, content: bytes, code: str
) -> None:
    path = _write(tmp_path / name, content)
    with refused(code, InvalidInput, file=name):
        import_layer(runtime, path, kind=KIND, county_code=COUNTY)


def test_a_layer_cut_short(runtime: Runtime, county: CountyFiles, tmp_path: Path, refused: Refused) -> None:
    content = county.layers["land_survey"].read_bytes()
    path = _write(tmp_path / "DLTB.gpkg", content[: int(len(content) * 0.6)])
    with refused("ingest.layer.corrupt", InvalidInput, file="DLTB.gpkg"):
        import_layer(runtime, path, kind="land_survey", county_code=COUNTY)


def test_a_layer_that_is_not_there(runtime: Runtime, tmp_path: Path, refused: Refused) -> None:
    with refused("ingest.layer.missing", InvalidInput):
        import_layer(runtime, tmp_path / "no.gpkg", kind=KIND, county_code=COUNTY)


def test_a_shapefile_without_its_table(runtime: Runtime, make_layer: MakeLayer, refused: Refused) -> None:
    path = make_layer("LSYD.shp")
    path.with_suffix(".dbf").unlink()
    with refused("ingest.layer.incomplete", InvalidInput, missing=".dbf"):
        import_layer(runtime, path, kind=KIND, county_code=COUNTY)


def test_a_file_of_several_layers_must_name_the_one(
    runtime: Runtime, make_layer: MakeLayer, refused: Refused
) -> None:
    path = make_layer("many.gpkg", layer="甲")
    frame = geopandas.read_file(path)
    frame.to_file(path, layer="乙", engine="pyogrio")
    with refused("ingest.layer.which_layer", InvalidInput):
        import_layer(runtime, path, kind=KIND, county_code=COUNTY)
    frame.to_file(path, layer="lsyd", engine="pyogrio")
    assert import_layer(runtime, path, kind=KIND, county_code=COUNTY).decisions["layer"] == "lsyd"


def test_a_stored_file_with_another_day_is_not_taken_silently(
    runtime: Runtime, make_layer: MakeLayer, refused: Refused
) -> None:
    path = make_layer()
    import_layer(runtime, path, kind=KIND, county_code=COUNTY, valid_from=date(2026, 1, 1))
    with refused("ingest.layer.stored_already", Conflict, stored="2026-01-01", given="2026-02-01"):
        import_layer(runtime, path, kind=KIND, county_code=COUNTY, valid_from=date(2026, 2, 1))
    assert import_layer(runtime, path, kind=KIND, county_code=COUNTY).valid_from == date(2026, 1, 1)


# --- what looks odd and is right ------------------------------------------------------------------------


def _only_feature(runtime: Runtime, path: Path) -> Any:
    import_layer(runtime, path, kind=KIND, county_code=COUNTY, valid_from=date(2026, 1, 1))
    with runtime.database.transaction(runtime.system) as session:
        [feature] = service.features_in(session, runtime.system, [KIND], SQUARE, date(2026, 9, 8))
    return feature


@pytest.mark.parametrize("encoding", ["GBK", "UTF-8"])
@pytest.mark.parametrize("has_cpg", [True, False])
def test_a_shapefile_reads_chinese_with_and_without_its_cpg(
    runtime: Runtime, make_layer: MakeLayer, encoding: str, has_cpg: bool
) -> None:
    path = make_layer("LSYD.shp", encoding=encoding)
    if not has_cpg:
        path.with_suffix(".cpg").unlink()
    feature = _only_feature(runtime, path)
    assert feature.name == "南水北调配套工程临时用地"
    assert feature.feature_no == "孟自然资临〔2026〕1号"


def test_a_shapefile_whose_table_alone_changed_is_another_file(
    runtime: Runtime, make_layer: MakeLayer
) -> None:
    path = make_layer("LSYD.shp")
    import_layer(runtime, path, kind=KIND, county_code=COUNTY, valid_from=date(2026, 1, 1))
    make_layer("LSYD.shp", columns={"XMMC": ["改名"]})
    import_layer(runtime, path, kind=KIND, county_code=COUNTY, valid_from=date(2026, 2, 1))
    assert stored(runtime)["layer_version"] == 2


@pytest.mark.parametrize("name", ["LSYD.geojson", "LSYD.kml", "LSYD.gpkg", "LSYD.shp"])
def test_the_four_formats_give_one_feature(runtime: Runtime, make_layer: MakeLayer, name: str) -> None:
    feature = _only_feature(runtime, make_layer(name, crs=4326 if name.endswith(("kml", "json")) else 4490))
    assert feature.name == "南水北调配套工程临时用地"
    assert (str(feature.valid_from), str(feature.valid_to)) == ("2026-03-01", "2028-02-29")
    assert shapely.hausdorff_distance(feature.geometry, SQUARE) < 1e-7


def test_a_plane_layer_lies_where_it_should(runtime: Runtime, make_layer: MakeLayer) -> None:
    plane = geopandas.GeoSeries([SQUARE], crs=4490).to_crs(4547)[0]
    feature = _only_feature(runtime, make_layer(shapes=[plane], crs=4547))
    assert shapely.hausdorff_distance(feature.geometry, SQUARE) < 1e-8


def test_a_bow_tie_is_repaired_and_counted(runtime: Runtime, make_layer: MakeLayer) -> None:
    west, south, east, north = SQUARE.bounds
    bow = shapely.Polygon([(west, south), (east, north), (east, south), (west, north)])
    path = make_layer(shapes=[bow])
    feature = _only_feature(runtime, path)
    assert feature.geometry.is_valid
    assert feature.geometry.area == pytest.approx(SQUARE.area / 2, rel=1e-6)
    with runtime.database.transaction(runtime.system) as session:
        [version] = service.list_layers(session, runtime.system)
    assert version.decisions["repaired"] == 1


@pytest.mark.parametrize("crs", [{"type": "link", "properties": {"href": "x.prj"}}, "EPSG:4490"])
def test_a_geojson_that_points_elsewhere_for_its_crs(
    runtime: Runtime, make_layer: MakeLayer, refused: Refused, crs: Any
) -> None:
    path = make_layer("LSYD.geojson", crs=4326)
    document = json.loads(path.read_text("utf-8")) | {"crs": crs}
    path.write_text(json.dumps(document), "utf-8")
    with refused("ingest.layer.hostile", InvalidInput):
        import_layer(runtime, path, kind=KIND, county_code=COUNTY)
