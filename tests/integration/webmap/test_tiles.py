"""Tiles decode, lie where they should, and show nobody what the API would not."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pyogrio
import pytest
from PIL import Image
from sqlalchemy import text
from starlette.testclient import TestClient

from foundation.access import Actor
from foundation.runtime import Runtime
from webmap.tiles.grid import HALF_M

SignIn = Callable[..., TestClient]
Rows = Callable[..., list[dict[str, object]]]
CENTER = (112.75, 34.95)


def tile_at(lon: float, lat: float, z: int) -> tuple[int, int, int]:
    x = int((lon + 180) / 360 * 2**z)
    y = int((1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2 * 2**z)
    return z, x, y


def tiles_of(extent: list[float], z: int) -> list[tuple[int, int, int]]:
    west, south, east, north = extent
    _, x0, y0 = tile_at(west, north, z)
    _, x1, y1 = tile_at(east, south, z)
    return [(z, x, y) for x in range(x0, x1 + 1) for y in range(y0, y1 + 1)]


def decoded(data: bytes, tile: tuple[int, int, int], folder: Path) -> Any:
    """Features of a vector tile in EPSG:3857, read by GDAL."""
    path = folder / f"{'-'.join(map(str, tile))}.pbf"
    path.write_bytes(data)
    z, x, y = tile
    return pyogrio.read_dataframe(path, X=x, Y=y, Z=z)


@pytest.fixture
def client(sign_in: SignIn) -> TestClient:
    return sign_in("officer")


def test_scene_tile_shows_the_ground_where_it_is(client: TestClient) -> None:
    scene = client.get("/api/v1/scenes").json()["items"][0]
    where = "/api/v1/tiles/scenes/{}/{}/{}/{}.webp".format(scene["scene_id"], *tile_at(*CENTER, 16))
    answer = client.get(where)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/webp")
    assert "immutable" in answer.headers["cache-control"]
    image = np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGBA"))
    assert image.shape == (256, 256, 4)
    assert (image[..., 3] == 255).all()
    assert image[..., :3].std() > 10
    assert 40 < image[..., :3].mean() < 200
    assert client.get(where, headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304
    assert client.get(where).content == answer.content


def test_scene_tile_is_transparent_outside_and_partly_at_the_edge(client: TestClient) -> None:
    scene = client.get("/api/v1/scenes").json()["items"][0]
    place = f"/api/v1/tiles/scenes/{scene['scene_id']}"

    def alpha(z: int, x: int, y: int) -> Any:
        answer = client.get(f"{place}/{z}/{x}/{y}.webp")
        return np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGBA"))[..., 3]

    assert (alpha(*tile_at(113.5, 34.95, 14)) == 0).all()
    shown = np.zeros(2)
    extent = [112.74, 34.943, 112.76, 34.9565]
    for tile in tiles_of(extent, 13):
        shown += [(alpha(*tile) > 0).sum(), 1]
    pixel_m = 2 * HALF_M / 2**13 / 256 * math.cos(math.radians(34.95))
    # 900 × 700 px of 2 m: the footprint's area comes out in tiles of any zoom.
    assert shown[0] * pixel_m**2 == pytest.approx(1800 * 1400 * 0.9, rel=0.25)
    assert (alpha(*tile_at(*CENTER, 9)) > 0).sum() > 0


def test_a_grey_image_is_drawn_too(tmp_path: Path) -> None:
    import rasterio
    from affine import Affine

    from webmap.tiles.grid import tile_of
    from webmap.tiles.images import Picture, draw_tile

    path = tmp_path / "grey"
    ramp = np.tile(np.arange(1, 513, dtype="uint16"), (512, 1))
    options = {"driver": "GTiff", "width": 512, "height": 512, "count": 1, "dtype": "uint16", "nodata": 0}
    with rasterio.open(
        path, "w", crs="EPSG:4490", transform=Affine(2e-5, 0, 112.75, 0, -2e-5, 34.95), **options
    ) as target:
        target.write(ramp, 1)
    picture = Picture(path, (1, 1, 1), ((0.0, 512.0),) * 3)
    image = np.asarray(Image.open(io.BytesIO(draw_tile(picture, tile_of(*tile_at(112.755, 34.945, 17))))))
    row = image[128, :, 0].astype(int)
    assert np.ptp(image[128, :, :3], axis=1).max() <= 6
    assert row[-1] > row[0]


@pytest.mark.parametrize("z", [9, 12, 15])
def test_patch_tiles_show_every_patch_once_at_every_zoom(
    client: TestClient, rows: Rows, tmp_path: Path, z: int
) -> None:
    extent = client.get("/api/v1/config").json()["extent"]
    found: dict[str, Any] = {}
    for tile in tiles_of(extent, z):
        answer = client.get("/api/v1/tiles/patches/{}/{}/{}.pbf".format(*tile))
        assert answer.headers["content-type"] == "application/vnd.mapbox-vector-tile"
        if answer.content:
            for row in decoded(answer.content, tile, tmp_path).itertuples():
                found[row.number] = row
    listed = {row["number"]: row for row in client.get("/api/v1/patches?limit=500").json()["items"]}
    assert set(found) == set(listed)
    for number, row in found.items():
        assert (row.id, row.state, row.severity) == (
            listed[number]["patch_id"],
            listed[number]["state"],
            listed[number]["severity"],
        )
        assert row.area_m2 == pytest.approx(listed[number]["area_m2"])
    place = next(iter(found.values())).geometry.centroid
    lon, lat = listed[next(iter(found))]["label_point"]
    near_m = 40 + 3 * 2 * HALF_M / 2**z / 512
    assert abs(place.x - lon / 180 * HALF_M) < near_m * 5
    assert abs(place.y - math.asinh(math.tan(math.radians(lat))) / math.pi * HALF_M) < near_m * 5


def test_patch_tile_changes_its_tag_with_the_state(client: TestClient) -> None:
    patch = client.get("/api/v1/patches?state=suspect&limit=1").json()["items"][0]
    where = "/api/v1/tiles/patches/{}/{}/{}.pbf".format(*tile_at(*patch["label_point"], 15))
    first = client.get(where)
    assert client.get(where, headers={"If-None-Match": first.headers["ETag"]}).status_code == 304
    version = {"If-Match": f'"{patch["version"]}"'}
    answer = client.post(f"/api/v1/patches/{patch['patch_id']}/dispatch", json={}, headers=version)
    assert answer.status_code == 200
    second = client.get(where, headers={"If-None-Match": first.headers["ETag"]})
    assert (second.status_code, b"dispatched" in second.content) == (200, True)


def test_layer_tiles_hold_the_layer(client: TestClient, rows: Rows, tmp_path: Path) -> None:
    config = client.get("/api/v1/config").json()
    for layer in config["layers"]:
        kind, z = layer["kind"], max(14, layer["min_zoom"])
        if not layer["features"]:
            continue
        found: dict[str, Any] = {}
        for tile in tiles_of(config["extent"], z):
            answer = client.get("/api/v1/tiles/layers/{}/{}/{}/{}.pbf".format(kind, *tile))
            assert answer.status_code == 200
            if answer.content:
                frame = decoded(answer.content, tile, tmp_path)
                found |= {row["id"]: row for _, row in frame.iterrows()}
                assert len(answer.content) < 150_000
        stored = rows(
            "SELECT feature_id::text AS id, feature_no, name FROM layer_feature JOIN layer_version v"
            " USING (version_id) WHERE v.layer_kind = :kind AND v.valid_to IS NULL AND"
            " ST_Intersects(layer_feature.geometry, ST_MakeEnvelope(:w, :s, :e, :n, 4490))",
            kind=kind,
            **dict(zip("wsen", config["extent"], strict=True)),
        )
        assert len(found) >= 0.95 * len(stored) > 0, kind
        known = {row["id"]: row for row in stored}
        for identity, row in found.items():
            if identity in known:
                assert row["no"] == known[identity]["feature_no"]
        if kind == "parcel":
            assert all("name" not in row.index or not row["name"] for row in found.values())


def test_layer_tiles_are_empty_above_their_zoom_and_not_sent_twice(client: TestClient) -> None:
    low = client.get("/api/v1/tiles/layers/parcel/{}/{}/{}.pbf".format(*tile_at(*CENTER, 13)))
    assert (low.status_code, low.content) == (200, b"")
    where = "/api/v1/tiles/layers/land_survey/{}/{}/{}.pbf".format(*tile_at(*CENTER, 15))
    first = client.get(where)
    assert first.content
    assert client.get(where, headers={"If-None-Match": first.headers["ETag"]}).status_code == 304


def test_another_county_sees_empty_ground(client: TestClient, sign_in: SignIn, rows: Rows) -> None:
    stranger = sign_in("stranger")
    scene = UUID(str(rows("SELECT scene_id FROM scene LIMIT 1")[0]["scene_id"]))
    z, x, y = tile_at(*CENTER, 14)
    # The officer asks first, so that a shelf that forgets whose tile it holds would be found out.
    for where in (f"patches/{z}/{x}/{y}.pbf", f"layers/land_survey/{z}/{x}/{y}.pbf"):
        assert client.get(f"/api/v1/tiles/{where}").content
        assert stranger.get(f"/api/v1/tiles/{where}").content == b""
    where = f"/api/v1/tiles/scenes/{scene}/{z}/{x}/{y}.webp"
    assert (client.get(where).status_code, stranger.get(where).status_code) == (200, 404)


def test_the_spatial_index_serves_behind_row_level_security(client: TestClient, web_runtime: Runtime) -> None:
    """Without a leakproof operator the planner may not use it, whatever it costs."""
    me = client.get("/api/v1/session").json()
    actor = Actor(UUID(me["account_id"]), me["login"], me["name"], me["role"], me["area_code"])
    with web_runtime.database.transaction(actor) as session:
        session.execute(text("SET LOCAL enable_seqscan = off"))
        for table in ("layer_feature", "patch"):
            plan = session.execute(
                text(
                    f"EXPLAIN SELECT count(*) FROM {table} WHERE geometry_3857 &&"
                    " ST_TileEnvelope(14, 13324, 6489)"
                )
            )
            assert f"idx_{table}_geometry_3857" in "".join(plan.scalars())
