"""Vector files from outside: what is read, what is refused, and that a refusal reads nothing else."""

from __future__ import annotations

import json
import sqlite3
import warnings
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pytest
import shapely
from shapely.geometry import Polygon, box

from foundation.crs import ellipsoidal_area_m2, reproject
from foundation.errors import InvalidInput, known_codes
from ingest.sources.vector_file import VectorTable, read_vector, source_sha256

COUNTY = "410883"
HERE = box(112.75, 34.90, 112.76, 34.91)
FIELD = box(388_000.0, 3_866_000.0, 388_200.0, 3_866_100.0)
"""200 m × 100 m in EPSG:4547 (zone of 114° E, easting without zone number)."""


def write(
    path: Path,
    geometries: list[Any],
    *,
    crs: str | int | None = 4490,
    layer: str | None = None,
    **options: Any,
) -> Path:
    count = len(geometries)
    columns = {"BSM": [f"4108{i:014d}" for i in range(count)], "XZQMC": ["化工镇"] * count}
    frame = geopandas.GeoDataFrame(columns, geometry=geometries, crs=crs)
    options |= {"layer": layer} if layer else {}
    options |= {"driver": "KML"} if path.suffix == ".kml" else {}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="'crs' was not provided")
        frame.to_file(path, engine="pyogrio", **options)
    return path


def read(path: Path, *names: str) -> VectorTable:
    return read_vector(path, names=names, county_code=COUNTY)


def refused(path: Path, *names: str) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        read(path, *names)
    assert caught.value.code in known_codes()
    assert "{" not in caught.value.text("zh") + caught.value.text("en")
    return caught.value


@pytest.mark.parametrize("name", ["a.gpkg", "a.shp", "a.geojson", "a.kml"])
def test_four_formats_give_the_same_ground(tmp_path: Path, name: str) -> None:
    crs = 4490 if name.endswith(("gpkg", "shp")) else 4326
    table = read(write(tmp_path / name, [HERE, shapely.affinity.translate(HERE, 0.02, 0)], crs=crs))
    assert len(table) == 2
    assert table.columns["XZQMC"].tolist() == ["化工镇", "化工镇"]
    assert table.geometries[0].geom_type == "MultiPolygon"
    assert shapely.symmetric_difference(table.geometries[0], HERE).area < 1e-12


@pytest.mark.parametrize("epsg", [4547, 4526, 4508, 4546])
def test_zones_are_moved_to_one_place_with_one_area(tmp_path: Path, epsg: int) -> None:
    truth = reproject(FIELD, 4547, 4490)
    table = read(write(tmp_path / "a.gpkg", [reproject(truth, 4490, epsg)], crs=epsg))
    assert table.source_crs == f"EPSG:{epsg}"
    assert shapely.hausdorff_distance(table.geometries[0], truth) < 1e-8
    # 20,000 m² on the map; the scale of the projection there is 1.00015, so the ground has 5.6 m² less.
    assert ellipsoidal_area_m2(table.geometries[0]) == pytest.approx(ellipsoidal_area_m2(truth), abs=0.01)
    assert 19_990 < ellipsoidal_area_m2(table.geometries[0]) < 20_000


def test_broken_rings_are_mended_and_counted(tmp_path: Path) -> None:
    bow_tie = Polygon([(112.75, 34.90), (112.76, 34.91), (112.76, 34.90), (112.75, 34.91)])
    table = read(write(tmp_path / "a.gpkg", [HERE, bow_tie]))
    assert table.decisions["repaired"] == 1
    assert shapely.is_valid(table.geometries).all()
    assert table.geometries[1].area == pytest.approx(HERE.area / 2)


@pytest.mark.parametrize("encoding", ["GBK", "UTF-8"])
def test_shapefile_without_cpg_tells_its_encoding_by_its_bytes(tmp_path: Path, encoding: str) -> None:
    path = write(tmp_path / "DLTB.shp", [HERE], encoding=encoding)
    path.with_suffix(".cpg").unlink()
    table = read(path)
    assert table.columns["XZQMC"].tolist() == ["化工镇"]
    assert table.decisions["encoding"] == ("UTF-8" if encoding == "UTF-8" else "GB18030")


def test_digest_of_a_shapefile_covers_its_table(tmp_path: Path) -> None:
    path = write(tmp_path / "a.shp", [HERE])
    before = source_sha256(path)
    table = path.with_suffix(".dbf")
    table.write_bytes(table.read_bytes().replace(b"4108", b"4109"))
    assert source_sha256(path) != before


def test_layer_is_chosen_by_name_never_by_chance(tmp_path: Path) -> None:
    path = write(tmp_path / "a.gpkg", [HERE, HERE], layer="OTHER")
    write(path, [HERE], layer="dltb", mode="a")
    assert len(read(path, "DLTB")) == 1
    error = refused(path, "XZQ")
    assert error.code == "ingest.layer.which_layer"
    assert error.facts["found"] == "OTHER, dltb"


SWAPPED = shapely.transform(HERE, lambda points: points[:, ::-1])
SWAPPED_FIELD = shapely.transform(FIELD, lambda points: points[:, ::-1])
FEATURE = {"type": "Feature", "properties": {}, "geometry": shapely.geometry.mapping(HERE)}
COLLECTION = {"type": "FeatureCollection", "features": [FEATURE]}
Maker = Callable[[Path], Path]


def text(name: str, content: str) -> Maker:
    def make(folder: Path) -> Path:
        (folder / name).write_text(content, "utf-8")
        return folder / name

    return make


def vector(name: str, geometries: list[Any], crs: str | int | None = 4490) -> Maker:
    return lambda folder: write(folder / name, geometries, crs=crs)


def without(part: str) -> Maker:
    def make(folder: Path) -> Path:
        path = write(folder / "a.shp", [HERE])
        path.with_suffix(part).unlink()
        return path

    return make


def cut(folder: Path) -> Path:
    path = write(folder / "a.gpkg", [HERE] * 500)
    path.write_bytes(path.read_bytes()[:30_000])
    return path


def with_sql(statement: str) -> Maker:
    def make(folder: Path) -> Path:
        path = write(folder / "a.gpkg", [HERE])
        with closing(sqlite3.connect(path)) as database, database:
            database.execute(statement)
        return path

    return make


def geojson(**changes: Any) -> Maker:
    return text("a.geojson", json.dumps(COLLECTION | changes))


REFUSALS: list[tuple[str, Maker, str]] = [
    ("no file", lambda folder: folder / "none.gpkg", "ingest.layer.missing"),
    ("spreadsheet", text("a.csv", "x,y\n1,2\n"), "ingest.layer.unsupported"),
    ("text named gpkg", text("a.gpkg", "hello"), "ingest.layer.corrupt"),
    ("cut gpkg", cut, "ingest.layer.corrupt"),
    ("text named shp", text("a.shp", "hello"), "ingest.layer.corrupt"),
    ("no dbf", without(".dbf"), "ingest.layer.incomplete"),
    ("no prj", without(".prj"), "ingest.layer.no_crs"),
    ("no CRS", vector("a.gpkg", [FIELD], None), "ingest.layer.no_crs"),
    ("engineering CRS", vector("a.gpkg", [FIELD], 'LOCAL_CS["own",UNIT["metre",1]]'), "ingest.layer.no_crs"),
    ("Xi'an 1980", vector("a.gpkg", [FIELD], 2381), "foundation.crs.unsafe_datum"),
    ("Beijing 1954", vector("a.shp", [FIELD], 2433), "foundation.crs.unsafe_datum"),
    ("latitude first", vector("a.gpkg", [SWAPPED]), "ingest.layer.swapped_axes"),
    ("northing first", vector("a.gpkg", [SWAPPED_FIELD], 4547), "ingest.layer.swapped_axes"),
    ("zone 37 for 38", vector("a.gpkg", [FIELD], 4546), "ingest.layer.outside"),
    ("abroad", vector("a.gpkg", [box(2.0, 48.0, 2.1, 48.1)]), "ingest.layer.outside"),
    ("one feature far off", vector("a.gpkg", [HERE, box(0, 0, 1e-3, 1e-3)]), "ingest.layer.outside"),
    ("degrees called metres", vector("a.gpkg", [HERE], 4547), "ingest.layer.outside"),
    ("no features", geojson(features=[]), "ingest.layer.empty"),
    ("points", vector("a.gpkg", [HERE.centroid]), "ingest.layer.not_polygons"),
    ("a line", vector("a.gpkg", [HERE, HERE.exterior]), "ingest.layer.not_polygons"),
    ("no geometry", vector("a.gpkg", [HERE, None]), "ingest.layer.no_geometry"),
    ("collapsed ring", vector("a.gpkg", [Polygon([(112.7, 34.9)] * 4)]), "ingest.layer.no_geometry"),
    ("linked CRS", geojson(crs={"type": "link", "properties": {"href": "x"}}), "ingest.layer.hostile"),
    ("not a collection", text("a.geojson", '{"type": "gdal_streamed_alg"}'), "ingest.layer.corrupt"),
    ("two types", text("a.json", '{"type": "x", "type": "FeatureCollection"}'), "ingest.layer.corrupt"),
    ("cut JSON", text("a.json", json.dumps(COLLECTION)[:-20]), "ingest.layer.corrupt"),
    ("cut KML", text("a.kml", '<kml xmlns="x"><Document>'), "ingest.layer.corrupt"),
    ("entities", text("a.kml", '<!DOCTYPE kml [<!ENTITY a "b">]><kml/>'), "ingest.layer.hostile"),
    ("view", with_sql("CREATE VIEW w AS SELECT * FROM a"), "ingest.layer.hostile"),
    ("virtual table", with_sql("CREATE VIRTUAL TABLE w USING fts5(x)"), "ingest.layer.hostile"),
    ("no contents", with_sql("DROP TABLE a"), "ingest.layer.corrupt"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "code"), [row[1:] for row in REFUSALS], ids=[row[0] for row in REFUSALS])
def test_refusals(tmp_path: Path, make: Maker, code: str) -> None:
    assert refused(make(tmp_path)).code == code


def test_a_refused_system_is_answered_with_those_that_would_fit(tmp_path: Path) -> None:
    assert refused(write(tmp_path / "a.gpkg", [FIELD], crs=None)).facts["likely"] == "EPSG:4547"
    numbered = shapely.affinity.translate(FIELD, 38_000_000, 0)
    assert refused(write(tmp_path / "b.gpkg", [numbered], crs=None)).facts["likely"] == "EPSG:4526"
    error = refused(write(tmp_path / "c.gpkg", [FIELD], crs=4546))
    assert error.facts["likely"] == "EPSG:4547"
    assert error.facts["crs"] == "EPSG:4546"
    assert error.facts["west"] == pytest.approx(109.77, abs=0.02)  # exactly 3° too far west


def test_a_virtual_file_under_another_name_reads_nothing(tmp_path: Path) -> None:
    secret = write(tmp_path / "secret.gpkg", [HERE])
    trap = tmp_path / "a.kml"
    trap.write_text(
        f'<OGRVRTDataSource><OGRVRTLayer name="secret"><SrcDataSource>{secret}</SrcDataSource>'
        "</OGRVRTLayer></OGRVRTDataSource>"
    )
    assert refused(trap).code == "ingest.layer.corrupt"
    trap.rename(tmp_path / "a.gpkg")
    assert refused(tmp_path / "a.gpkg").code == "ingest.layer.corrupt"


def test_coordinates_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    odd = shapely.transform(
        HERE, lambda points: np.where(np.arange(len(points))[:, None] == 1, np.nan, points)
    )
    assert refused(write(tmp_path / "a.gpkg", [HERE, odd])).code == "ingest.layer.outside"
