"""Signs of made-up numbers: seeded cheats show, honest work does not, and only superiors see them."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from foundation.errors import NotAllowed, NotFound
from patrol.reports.alarms import service

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
    from patrol import service as patrol

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
    found = net.do("city", service.signs, period="2026-W37")
    keys = sorted(sign.key for sign in found)
    assert keys == ["bulk_closing", "closed_unvisited", "same_photo", "same_photo"]
    bulk = next(sign for sign in found if sign.key == "bulk_closing")
    assert (len(bulk.items), bulk.division_code) == (5, "410883000000")
    assert "经办2" in bulk.zh
    assert [sign.items for sign in found if sign.key == "closed_unvisited"] == [(absent,)]
    assert {sign.items[-1] for sign in found if sign.key == "same_photo"} == {twice, absent}
    units = net.do("city", service.signs, period="2026-W37", profile="unit_only")
    assert not any("经办" in sign.zh for sign in units)
    assert net.do("city", service.signs, period="2026-W36") == ()
    with pytest.raises(NotAllowed):
        net.do("station", service.signs, period="2026-W37")
    with pytest.raises(NotFound):
        net.do("county", service.signs, period="2026-W37", division_code="410825000000")
