"""The small demonstration county through its public door."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio
import shapely
from numpy.typing import NDArray
from rasterio.features import rasterize

from foundation.crs import ellipsoidal_area_m2
from foundation.divisions import divisions
from foundation.errors import InvalidInput
from ingest.sources.synthetic.county import CountyFiles, build_county

OMITTED = "C005"


@pytest.fixture(scope="module")
def county(tmp_path_factory: pytest.TempPathFactory) -> CountyFiles:
    return build_county(tmp_path_factory.mktemp("county"), size="small")


def _truth(county: CountyFiles) -> geopandas.GeoDataFrame:
    return geopandas.read_file(county.truth / "truth.gpkg")


def _pixels(path: Path) -> NDArray[np.uint16]:
    with rasterio.open(path) as scene:
        pixels: NDArray[np.uint16] = scene.read()
    return pixels


def test_the_same_seed_gives_the_same_pixels_and_attributes(county: CountyFiles, tmp_path: Path) -> None:
    again = build_county(tmp_path, size="small")
    for first, second in (
        (county.before, again.before),
        (county.after, again.after),
        (county.dsm_before, again.dsm_before),
        (county.dsm_after, again.dsm_after),
    ):
        assert np.array_equal(_pixels(first), _pixels(second))
    for kind, path in county.layers.items():
        assert geopandas.read_file(path).equals(geopandas.read_file(again.layers[kind])), kind
    assert _truth(county).equals(_truth(again))
    assert county.posts.read_bytes() == again.posts.read_bytes()
    assert county.patrols.read_bytes() == again.patrols.read_bytes()


def test_another_seed_gives_another_county(county: CountyFiles, tmp_path: Path) -> None:
    other = build_county(tmp_path, size="small", seed=7)
    assert not np.array_equal(_pixels(county.before), _pixels(other.before))


def test_scenes_say_what_they_are(county: CountyFiles) -> None:
    times = []
    for path in (county.before, county.after):
        with rasterio.open(path) as scene:
            assert scene.crs.to_epsg() == 4547
            assert scene.dtypes == ("uint16",) * 4
            assert scene.descriptions == ("blue", "green", "red", "nir")
            assert (scene.nodata, scene.res) == (0.0, (2.0, 2.0))
            times.append(scene.tags()["ACQUIRED_AT"])
            assert {"SENSOR", "GSD_M", "CLOUD_PCT"} <= set(scene.tags())
            assert scene.read().min() > 0
    assert times == ["2026-04-08T11:12:00+08:00", "2026-09-08T11:05:00+08:00"]


def test_leaving_one_change_out_alters_only_its_place(county: CountyFiles, tmp_path: Path) -> None:
    less = build_county(tmp_path, size="small", omit=[OMITTED])
    assert np.array_equal(_pixels(county.before), _pixels(less.before))
    assert np.array_equal(_pixels(county.dsm_before), _pixels(less.dsm_before))
    altered = (_pixels(county.after) != _pixels(less.after)).any(axis=0)
    truth = _truth(county).set_index("change_id")
    place = geopandas.GeoSeries([truth.loc[OMITTED, "geometry"]], crs=4490).to_crs(4547)
    with rasterio.open(county.after) as scene:
        inside = rasterize(place, out_shape=altered.shape, transform=scene.transform) > 0
        around = rasterize(place.buffer(36.0), out_shape=altered.shape, transform=scene.transform) > 0
    assert altered[inside].mean() > 0.9
    assert not altered[~around].any()
    for kind, path in county.layers.items():
        assert geopandas.read_file(path).equals(geopandas.read_file(less.layers[kind])), kind
    row = _truth(less).set_index("change_id").loc[OMITTED]
    assert not row["is_visible"]
    assert row["is_omitted"]


def test_surface_models_lie_on_the_imagery_and_differ_by_their_datum(county: CountyFiles) -> None:
    heights = []
    for image, model in ((county.before, county.dsm_before), (county.after, county.dsm_after)):
        with rasterio.open(image) as scene, rasterio.open(model) as surface:
            assert (surface.crs, surface.transform, surface.shape) == (
                scene.crs,
                scene.transform,
                scene.shape,
            )
            assert (surface.dtypes, surface.descriptions) == (("float32",), ("height",))
            assert surface.tags()["ACQUIRED_AT"] == scene.tags()["ACQUIRED_AT"]
            heights.append(surface.read(1))
    gap = heights[1] - heights[0]
    truth = _truth(county).set_index("kind")
    shed = geopandas.GeoSeries(truth.loc[["shed"], "geometry"].values, crs=4490).to_crs(4547)
    parcels = geopandas.read_file(county.layers["land_survey"]).to_crs(4547)
    roads = parcels[parcels["DLBM"].isin(["1003", "1004"])].buffer(-3.0)
    with rasterio.open(county.dsm_after) as surface:
        inside = rasterize(shed, out_shape=gap.shape, transform=surface.transform) > 0
        road = rasterize(
            [shape for shape in roads if not shape.is_empty], out_shape=gap.shape, transform=surface.transform
        )
    assert np.percentile(gap[inside], 60) > 7.0
    firm = gap[(road > 0) & ~inside]
    assert np.median(firm) == pytest.approx(0.42, abs=0.15)
    assert 0.15 < 1.4826 * np.median(np.abs(firm - np.median(firm))) < 0.6
    assert 100 < np.median(heights[0]) < 130


def test_land_survey_covers_the_scene_once(county: CountyFiles) -> None:
    survey = geopandas.read_file(county.layers["land_survey"])
    assert survey.crs.to_epsg() == 4490
    assert survey.geometry.is_valid.all()
    flat = survey.to_crs(4547).geometry
    with rasterio.open(county.before) as scene:
        frame = shapely.box(*scene.bounds)
    joined = flat.union_all()
    assert frame.difference(joined).area < 1.0
    assert flat.area.sum() == pytest.approx(joined.area, abs=1.0)
    assert survey["BSM"].is_unique
    areas = [ellipsoidal_area_m2(shape) for shape in survey.geometry]
    assert np.allclose(survey["TBMJ"], areas, atol=0.01)
    assert np.allclose(survey["TBMJ"] - survey["KCMJ"], survey["TBDLMJ"], atol=0.01)
    assert {code[:12] for code in survey["ZLDWDM"]} <= {division.code for division in divisions().all()}


def test_village_outlines_tile_the_scene(county: CountyFiles) -> None:
    layer = geopandas.read_file(county.layers["division"]).to_crs(4547)
    villages = layer[layer["JB"] == "村"]
    with rasterio.open(county.before) as scene:
        assert villages.area.sum() == pytest.approx(shapely.box(*scene.bounds).area, abs=1.0)


def test_posts_are_unique_placeholders_of_every_tier(county: CountyFiles) -> None:
    with county.posts.open(encoding="utf-8-sig", newline="") as file:
        posts = list(csv.DictReader(file))
    assert {post["tier"] for post in posts} == {"1", "2", "3", "4"}
    for key in ("post_no", "login"):
        assert len({post[key] for post in posts}) == len(posts)
    people = [post[key] for post in posts for key in ("holder", "deputy")]
    assert len(set(people)) == len(people)
    assert all("某" in person for person in people)
    assert all(post["division_code"] in divisions() for post in posts)


def test_patrols_lie_in_the_four_weeks(county: CountyFiles) -> None:
    patrols = [json.loads(line) for line in county.patrols.read_text("utf-8").splitlines()]
    assert len({patrol["patrol_id"] for patrol in patrols}) == len(patrols)
    assert min(patrol["started_at"] for patrol in patrols) >= "2026-09-07"
    assert max(patrol["ended_at"] for patrol in patrols) < "2026-10-05"
    assert any(fix["is_mock"] for patrol in patrols for fix in patrol["fixes"])
    assert all(patrol["started_at"] <= patrol["ended_at"] for patrol in patrols)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [({"seed": -1}, "ingest.synthetic.bad_seed"), ({"omit": ["C999"]}, "ingest.synthetic.unknown_change")],
)
def test_bad_arguments_are_refused(tmp_path: Path, arguments: dict[str, object], code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        build_county(tmp_path, size="small", **arguments)  # type: ignore[arg-type]
    assert refused.value.code == code
    assert not list(tmp_path.rglob("*.tif"))
