"""Coverage and blind spots: from a walk and a compared image to the map, once, with who saw what."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import shapely
from shapely.geometry import shape
from starlette.testclient import TestClient

from foundation.calendar import SHANGHAI
from foundation.clock import SteppedClock
from foundation.crs import reproject
from foundation.runtime import Runtime
from patrol.seen.jobs import refresh_seen

SignIn = Callable[..., TestClient]
Rows = Callable[..., list[dict[str, Any]]]
BEGIN = datetime(2026, 9, 8, 9, 0, tzinfo=SHANGHAI)
WEEK = "2026-W37"
COUNTY = "410883000000"


@pytest.fixture
def post(rows: Rows) -> dict[str, Any]:
    """A grid officer's post whose village has a cell with cropland, and a line across it."""
    return rows(
        "SELECT p.post_id, p.division_code, a.login, c.code, c.west, c.east, c.lat, p.holder_name FROM post p"
        " JOIN account a ON a.account_id = p.holder_account_id"
        " JOIN LATERAL (SELECT g.code, ST_XMin(g.geometry) AS west, ST_XMax(g.geometry) AS east,"
        "  ST_Y(ST_PointOnSurface(g.geometry)) AS lat FROM grid_cell g"
        "  WHERE g.division_code = p.division_code AND g.valid_to IS NULL"
        "  ORDER BY ST_Area(g.geometry) DESC LIMIT 1) c ON true"
        " WHERE p.kind = 'grid_officer' AND p.tier = 4 ORDER BY p.post_no LIMIT 1"
    )[0]


@pytest.fixture(autouse=True)
def after_the_import(clock: SteppedClock) -> None:
    """The county was imported in the afternoon of that day."""
    clock.set(datetime(2026, 9, 8, 16, 0, tzinfo=SHANGHAI))


def walk(officer: TestClient, post: dict[str, Any], begin: datetime) -> str:
    """Along the middle of the cell, from west to east."""
    count, patrol_id = 120, str(uuid4())
    step = (post["east"] - post["west"]) / count
    fixes = [
        {
            "t": (begin + timedelta(seconds=15 * k)).isoformat(),
            "lon": post["west"] + step * k,
            "lat": post["lat"] + 2e-6 * (k % 7),
            "accuracy_m": 5.0 + k % 4,
        }
        for k in range(count)
    ]
    body = {
        "post_id": str(post["post_id"]),
        "started_at": begin.isoformat(),
        "ended_at": (begin + timedelta(seconds=15 * count)).isoformat(),
        "fixes": fixes,
    }
    answer = officer.put(f"/api/v1/patrols/{patrol_id}", json=body)
    assert answer.status_code == 201, answer.text
    assert answer.json()["is_valid"]
    return patrol_id


def overview(client: TestClient, division: str = COUNTY, period: str = WEEK) -> dict[str, Any]:
    answer = client.get("/api/v1/coverage", params={"division": division, "period": period})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def parcel(client: TestClient, place: shapely.Point) -> dict[str, Any]:
    answer = client.get("/api/v1/coverage/parcels", params={"lon": place.x, "lat": place.y})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_walk_is_covered_ground_once_and_opens_to_its_outing(
    sign_in: SignIn, web_runtime: Runtime, post: dict[str, Any]
) -> None:
    officer, chief = sign_in("officer"), sign_in(post["login"])
    before = overview(officer)
    assert before["measured_at"] is None
    assert all(cell["near_m2"] is None for cell in before["cells"])
    patrol_id = walk(chief, post, BEGIN)
    done = refresh_seen(web_runtime)
    assert (done["patrol"], done["image"]) == (1, 1)
    assert done["periods"] == 2  # the running week and month; weeks in which nobody walked are not told as 0
    again = refresh_seen(web_runtime)
    assert (again["patrol"], again["image"], again["periods"]) == (0, 0, 0)

    told = overview(officer)
    cell = next(one for one in told["cells"] if one["code"] == post["code"])
    assert 0 < cell["near_m2"] < cell["cropland_m2"]
    assert told["total"]["near_m2"] == pytest.approx(sum(one["near_m2"] or 0 for one in told["cells"]))
    assert sum(unit["near_m2"] for unit in told["units"]) == pytest.approx(told["total"]["near_m2"])
    assert overview(officer, period="2026-W30")["measured_at"] is None

    ground = officer.get(f"/api/v1/coverage/cells/{post['code']}", params={"period": WEEK}).json()
    assert ground["share"] == pytest.approx(cell["near_m2"] / cell["cropland_m2"], abs=0.02)
    assert [outing["patrol_id"] for outing in ground["outings"]] == [patrol_id]
    assert ground["outings"][0]["name"] == post["holder_name"]
    # Every parcel was seen a few hours ago by the image or by the walk: none of the cell is a blind spot.
    assert ground["unseen"]
    assert all(one["days"] in (0, 1) for one in ground["unseen"])
    near, rest = shape(ground["covered"]), shape(ground["not_covered"])
    assert near.intersection(rest).area < 1e-4 * near.area
    way = shapely.LineString([(post["west"], post["lat"]), (post["east"], post["lat"])])
    local = reproject(way, 4490, 4547)
    assert shapely.hausdorff_distance(local, reproject(near, 4490, 4547)) > 50
    assert all(
        local.distance(shapely.Point(corner)) < 102
        for corner in shapely.get_coordinates(reproject(near, 4490, 4547))
    )

    seen = parcel(officer, near.representative_point())
    by = {sight["kind"]: sight for sight in seen["sights"]}
    assert by["patrol"]["source"] == patrol_id
    assert post["holder_name"] in by["patrol"]["label"]
    assert by["patrol"]["at"].startswith("2026-09-08T09:00")
    assert by["camera"]["at"] is None
    assert by["visit"]["at"] is None
    assert seen["is_blind"] is False
    assert seen["cell_code"] == post["code"]


def test_what_an_image_did_not_show_is_a_blind_spot_with_time(
    sign_in: SignIn, web_runtime: Runtime, rows: Rows, clock: SteppedClock
) -> None:
    officer = sign_in("officer")
    refresh_seen(web_runtime)
    fresh = overview(officer)
    parcels = rows("SELECT last_at, image_at, area_m2 FROM parcel_seen")
    seen = [row for row in parcels if row["image_at"] is not None]
    assert 0.9 < len(seen) / len(parcels) <= 1.0
    assert fresh["total"]["ages_m2"][0] == pytest.approx(sum(row["area_m2"] for row in seen), rel=0.01)
    clock.set(clock() + timedelta(days=40))
    later = overview(sign_in("officer"), period="2026-10")
    assert later["total"]["ages_m2"][0] == 0
    assert later["total"]["ages_m2"][2] > 0
    assert sum(later["total"]["ages_m2"]) == pytest.approx(sum(fresh["total"]["ages_m2"]))


def test_what_was_seen_later_stays_and_a_late_outing_is_counted(
    sign_in: SignIn, web_runtime: Runtime, rows: Rows, post: dict[str, Any], clock: SteppedClock
) -> None:
    clock.set(datetime(2026, 9, 15, 12, 0, tzinfo=SHANGHAI))
    officer, walker = sign_in("officer"), sign_in(post["login"])
    later = walk(walker, post, datetime(2026, 9, 14, 9, 0, tzinfo=SHANGHAI))
    assert refresh_seen(web_runtime)["periods"] == 2
    assert overview(officer)["measured_at"] is None
    earlier = walk(walker, post, BEGIN)
    assert refresh_seen(web_runtime)["periods"] == 2  # the week before, and the month
    assert overview(officer)["total"]["near_m2"] > 0
    sources = rows("SELECT DISTINCT patrol_source FROM parcel_seen WHERE patrol_source IS NOT NULL")
    assert [row["patrol_source"] for row in sources] == [later]
    noted = rows("SELECT source, parcels FROM seen_source WHERE kind = 'patrol' ORDER BY noted_at")
    assert [row["source"] for row in noted] == [later, earlier]
    assert all(row["parcels"] > 0 for row in noted)


def test_tiles_carry_the_days_and_never(
    sign_in: SignIn, web_runtime: Runtime, rows: Rows, post: dict[str, Any]
) -> None:
    import math

    officer = sign_in("officer")
    refresh_seen(web_runtime)
    lon, lat, zoom = (post["west"] + post["east"]) / 2, post["lat"], 14
    x = int((lon + 180) / 360 * 2**zoom)
    y = int((1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2 * 2**zoom)
    answer = officer.get(f"/api/v1/tiles/seen/{zoom}/{x}/{y}.pbf")
    assert answer.status_code == 200
    assert b"seen" in answer.content
    assert b"image" in answer.content
    tag = answer.headers["etag"]
    same = officer.get(f"/api/v1/tiles/seen/{zoom}/{x}/{y}.pbf", headers={"If-None-Match": tag})
    assert same.status_code == 304
    assert officer.get("/api/v1/tiles/seen/9/416/202.pbf").content == b""


def test_it_stops_at_the_border_and_says_what_is_not_there(
    sign_in: SignIn, web_runtime: Runtime, post: dict[str, Any]
) -> None:
    refresh_seen(web_runtime)
    stranger, officer = sign_in("stranger"), sign_in("officer")
    assert stranger.get(f"/api/v1/coverage?division={COUNTY}").status_code == 404
    refused = stranger.get(f"/api/v1/coverage/cells/{post['code']}")
    assert (refused.status_code, refused.json()["code"]) == (404, "patrol.seen.no_cell")
    lon, lat = (post["west"] + post["east"]) / 2, post["lat"]
    assert stranger.get(f"/api/v1/coverage/parcels?lon={lon}&lat={lat}").status_code == 404
    assert (
        officer.get("/api/v1/coverage/parcels?lon=113.9&lat=33.0").json()["code"] == "patrol.seen.no_parcel"
    )
    assert officer.get(f"/api/v1/coverage?division={COUNTY}&period=2026-W99").status_code == 422
    city = sign_in("city").get("/api/v1/coverage?division=410800000000").json()
    assert city["cells"] == []
    assert [unit["code"] for unit in city["units"]] == [COUNTY]
