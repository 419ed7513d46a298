"""Signs of made-up numbers: seeded cheats show, honest work does not, and only superiors see them."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from foundation.calendar import SHANGHAI
from foundation.errors import NotAllowed, NotFound
from patrol import service as patrol
from patrol.reports.alarms import service
from patrol.rounds.patrols import PatrolBody
from patrol.rounds.tracks import Fix, tracks_of

VILLAGE = "410883105201"
EVENT = text(
    "INSERT INTO case_event (patch_id, division_code, version, at, actor_id, actor_name, action, from_state,"
    " to_state, facts) VALUES (:patch, :code, 99, :at, :actor, :name, 'close', 'to_close', 'closed', '{}')"
)
VISIT = text(
    "INSERT INTO visit (visit_id, assignment_id, patch_id, division_code, visitor_id, visitor_name,"
    " device_time, device_counter, received_at, location, accuracy_m, coord_source, distance_m, finding,"
    " findings, body_sha256) VALUES (:visit, :assignment, :patch, :code, :actor, '甲', :at, 1, :at,"
    " ST_GeomFromEWKT('SRID=4490;POINT(112.75 34.95)'), 5, 'wgs84', 1, 'built', '{}', '')"
)
PHOTO = text(
    "INSERT INTO evidence (evidence_id, visit_id, patch_id, division_code, kind, media_type, sha256, size,"
    " captured_at, received_at, claims, doubts, flags, is_reviewed, by_id, by_name)"
    " VALUES (:id, :visit, :patch, :code, 'photo', 'image/jpeg', :sha, 1, :at, :at, '{}', '[]', '[]', false,"
    " :visitor, '甲')"
)


def close(net, *, by: int, at: str, photo: str, visited: bool = True) -> str:  # type: ignore[no-untyped-def]
    patch_id = net.add_patch()
    net.do("county", _dispatch, patch_id)
    values = {"patch": patch_id, "code": VILLAGE, "at": at, "actor": UUID(int=by), "name": f"经办{by}"}
    with net.runtime.database.transaction(net.runtime.system) as session:
        account = session.execute(text("SELECT account_id FROM account WHERE login = 'grid-1'")).scalar_one()
        visit = uuid4() if visited else None
        if visited:
            more = {"visit": visit, "assignment": net.open_assignment(patch_id), "actor": account}
            session.execute(VISIT, {**values, **more})
        session.execute(
            PHOTO, {**values, "id": uuid4(), "visit": visit, "sha": photo * 64, "visitor": account}
        )
        session.execute(EVENT, values)
    return f"410883-2609-{len(net.patches):04d}"


def _dispatch(session, actor, patch_id, *, now):  # type: ignore[no-untyped-def]
    return patrol.dispatch(session, actor, patch_id, now=now)


def test_cheats_show_and_honest_work_does_not(net) -> None:  # type: ignore[no-untyped-def]
    for day, photo in zip("789", "012", strict=True):
        close(net, by=1, at=f"2026-09-{int(day):02d}T15:00+08", photo=photo)
    for photo in "34567":
        close(net, by=2, at="2026-09-13T23:30+08", photo=photo)
    # Of what this one closed only a part came late: no sign.
    for photo, day in zip("89abcdef", (8, 9, 9, 10, 10, 13, 13, 13), strict=True):
        close(net, by=3, at=f"2026-09-{day:02d}T16:00+08", photo=photo)
    twice = close(net, by=1, at="2026-09-10T10:00+08", photo="0")
    absent = close(net, by=1, at="2026-09-11T10:00+08", photo="1", visited=False)
    net.at(2026, 9, 14, 8, 0)
    found = net.do("city", service.signs, period="2026-W37").signs
    keys = sorted(sign.key for sign in found)
    assert keys == ["bulk_closing", "closed_unvisited", "same_photo", "same_photo"]
    bulk = next(sign for sign in found if sign.key == "bulk_closing")
    assert (len(bulk.items), bulk.division_code) == (5, "410883000000")
    assert "经办2" in bulk.zh
    assert [sign.items for sign in found if sign.key == "closed_unvisited"] == [(absent,)]
    assert {sign.items[-1] for sign in found if sign.key == "same_photo"} == {twice, absent}
    units = net.do("city", service.signs, period="2026-W37", profile="unit_only").signs
    assert all(sign.zh.endswith("请核实") for sign in found)
    assert not any("经办" in sign.zh for sign in units)
    assert net.do("city", service.signs, period="2026-W36").signs == ()
    with pytest.raises(NotAllowed):
        net.do("station", service.signs, period="2026-W37")
    with pytest.raises(NotFound):
        net.do("county", service.signs, period="2026-W37", division_code="410825000000")


VERSION = text(
    "INSERT INTO layer_version (version_id, layer_kind, county_code, source_name, source_sha256, source_crs,"
    " feature_count, decisions, valid_from, imported_at) VALUES (CAST(:version AS uuid), 'land_survey',"
    " '410883', 't', CAST(:version AS text),"
    " 'EPSG:4490', 2, '{}', '2026-01-01', now())"
)
PARCEL = text(
    "INSERT INTO layer_feature (version_id, layer_kind, county_code, feature_no, name, land_class_code,"
    " attributes, area_m2, geometry) VALUES (:version, 'land_survey', '410883', :no, '', :land, '{}', 1,"
    " ST_Multi(ST_MakeEnvelope(:west, :south, :east, :north, 4490)))"
)
FIELD = ("0101", 112.742, 34.945, 112.758, 34.957)
ROAD = ("1003", 112.742, 34.9449, 112.758, 34.945)


def survey(net, *parcels: tuple[str, float, float, float, float]) -> None:  # type: ignore[no-untyped-def]
    version = uuid4()
    with net.runtime.database.transaction(net.runtime.system) as session:
        session.execute(text("UPDATE layer_version SET valid_to = '2026-09-01'"))
        session.execute(VERSION, {"version": str(version)})
        for number, (land, west, south, east, north) in enumerate(parcels):
            values = {"west": west, "south": south, "east": east, "north": north}
            session.execute(PARCEL, {"version": version, "no": str(number), "land": land, **values})


def walk(net, login: str, post_no: str, *, day: int, lat: float) -> str:  # type: ignore[no-untyped-def]
    """Nine hundred metres east at a latitude, at a pace that is never quite the same."""
    start = datetime(2026, 9, day, 8, 0, tzinfo=SHANGHAI)
    fixes = [
        Fix(
            start + timedelta(seconds=30 * step),
            112.745 + 2e-4 * step,
            lat + (step % 3) * 1e-5,
            5.0 + step % 3,
        )
        for step in range(50)
    ]
    tracks = tracks_of([fixes])
    body = PatrolBody(uuid4(), net.post(post_no), start, start + timedelta(minutes=25), tracks)
    assert net.do(login, patrol.record_patrol, body).is_valid
    return str(body.patrol_id)


def test_who_keeps_to_the_road_is_told_and_who_walks_the_fields_is_not(net) -> None:  # type: ignore[no-untyped-def]
    net.at(2026, 9, 13, 20, 0)
    beside = [walk(net, "grid-1", "G-1", day=day, lat=34.945) for day in (7, 8, 9, 10)]
    for day, lat in zip((7, 8, 9, 10), (34.9455, 34.949, 34.952, 34.955), strict=True):
        walk(net, "grid-2", "G-2", day=day, lat=lat)
    net.at(2026, 9, 14, 8, 0)
    nowhere = net.do("city", service.signs, period="2026-W37")
    assert (nowhere.signs, [row.reason for row in nowhere.unchecked]) == ((), ["no_fields"])
    survey(net, FIELD)
    (missing,) = net.do("county", service.signs, period="2026-W37").unchecked
    assert (missing.reason, missing.places) == ("no_roads", ("孟州市",))
    assert missing.zh.startswith("无道路图层")
    survey(net, FIELD, ROAD)
    found = net.do("city", service.signs, period="2026-W37")
    (sign,) = found.signs
    assert (found.unchecked, sign.key, sign.items) == ((), "near_road", tuple(beside))
    assert "一村网格员网格甲本期4次有效巡查共3.6千米，其中100%" in sign.zh
    (hidden,) = net.do("city", service.signs, period="2026-W37", profile="unit_only").signs
    assert "网格甲" not in hidden.zh + hidden.en
    assert net.do("city", service.signs, period="2026-W36").signs == ()
    (own,) = net.do("city", service.signs, period="2026-W37", division_code="410883105000").signs
    assert own == sign
