"""What is seen on the ground of a patch once its case is closed: detection and patrol agree on it."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import pytest
import shapely

from detection import service as detection
from detection.leads import Lead
from foundation.crs import ellipsoidal_area_m2
from foundation.ids import derived_id
from patrol import service
from patrol.service import VerdictBody

UNLAWFUL = VerdictBody("unlawful", violation_code="L04")
LAWFUL = VerdictBody("lawful", reason_code="approved")
GROUND = shapely.box(112.751, 34.951, 112.752, 34.952)


def report(net, name: str, begins: datetime, ends: datetime) -> detection.Fusion:  # type: ignore[no-untyped-def]
    """The ground of the patch seen again, recorded and fused."""
    area_m2 = ellipsoidal_area_m2(GROUND)
    lead = Lead(
        derived_id(name), "satellite", "410883105201", begins, ends, GROUND, area_m2, area_m2 * 0.9,
        area_m2 * 1.1, "new_building", 0.9,
    )  # fmt: skip
    system = net.runtime.system
    with net.runtime.database.transaction(system) as session:
        detection.record_leads(session, system, [lead], net.clock())
        return detection.fuse(session, system, [lead.lead_id], net.clock())


def reopen(net) -> int:  # type: ignore[no-untyped-def]
    with net.runtime.database.transaction(net.runtime.system) as session:
        return service.open_cases_for(session, net.runtime.system, now=net.clock())


def close(net, patch_id: UUID) -> None:  # type: ignore[no-untyped-def]
    """By the moves of the table, through as few hands as it allows."""
    net.do("county", service.dispatch, patch_id)
    for login in ("station", "chief"):
        net.do(login, service.sign, net.open_assignment(patch_id))
    net.do("grid-1", service.sign, net.open_assignment(patch_id))
    body = service.VisitBody(
        visit_id=derived_id("visit", patch_id),
        assignment_id=net.open_assignment(patch_id),
        device_time=net.clock(),
        device_counter=1,
        lonlat=(112.7515, 34.9515),
        accuracy_m=6.0,
        coord_source="wgs84",
        finding="built",
        note="已建成",
    )
    net.do("grid-1", service.record_visit, body)
    net.do("county", service.record_verdict, patch_id, UNLAWFUL)
    net.do("county", service.move_case, patch_id, "order_rectification")
    net.do("station", service.move_case, patch_id, "report_rectified", reason_code="demolished")
    net.do("reviewer", service.move_case, patch_id, "accept_recheck")
    net.do("city", service.move_case, patch_id, "close", reason_code="rectified")


def test_a_relapse_reopens_the_closed_case(net) -> None:  # type: ignore[no-untyped-def]
    patch_id = net.add_patch()
    close(net, patch_id)
    closed_at = net.clock()
    net.at(2026, 12, 1, 10)
    again = (closed_at + timedelta(days=10), closed_at + timedelta(days=40))
    found = report(net, "again", *again)
    assert (found.created, found.extended, found.waiting) == ((), (patch_id,), ())
    assert net.state(patch_id)[0] == "closed"
    assert reopen(net) == 1
    assert net.state(patch_id)[:2] == ("triage", "suspect")
    [row] = net.rows(
        "SELECT c.closed_at, c.watch_until, c.is_urgent, c.verdict_kind, c.due_at, p.standing, p.before_at,"
        " p.after_at FROM case_file c JOIN patch p USING (patch_id)"
    )
    assert (row["closed_at"], row["watch_until"], row["verdict_kind"]) == (None, None, None)
    assert (row["is_urgent"], row["standing"]) == (True, "open")
    assert (row["before_at"], row["after_at"]) == again  # judged by the law of the new violation
    assert row["due_at"] is not None
    assert reopen(net) == 0
    events = net.rows("SELECT action, reason_code FROM case_event ORDER BY seq DESC LIMIT 1")
    assert events == [{"action": "relapse", "reason_code": "relapse"}]


def test_after_the_watch_it_is_a_matter_of_its_own(net) -> None:  # type: ignore[no-untyped-def]
    patch_id = net.add_patch()
    close(net, patch_id)
    net.at(2028, 3, 1, 10)
    found = report(net, "later", net.clock() - timedelta(days=60), net.clock() - timedelta(days=1))
    [new_id] = found.created
    assert reopen(net) == 1
    assert net.state(patch_id)[0] == "closed"
    assert net.state(new_id)[0] == "triage"
    [row] = net.rows("SELECT facts->>'follows' AS follows FROM case_event WHERE patch_id = :id", id=new_id)
    assert row["follows"] == "410883-2609-0001"


def test_while_the_case_is_open_nothing_is_doubled(net) -> None:  # type: ignore[no-untyped-def]
    patch_id = net.add_patch()
    net.do("county", service.record_verdict, patch_id, UNLAWFUL)
    for month in (1, 5, 9):
        ends = datetime(2027, month, 20, tzinfo=net.clock().tzinfo)
        assert report(net, f"again-{month}", ends - timedelta(days=30), ends).extended == (patch_id,)
    assert reopen(net) == 0
    assert len(net.rows("SELECT 1 AS one FROM patch")) == 1


@pytest.mark.parametrize("is_undone", [False, True])
def test_undoing_the_dismissal_makes_it_open_again(net, is_undone: bool) -> None:  # type: ignore[no-untyped-def]
    patch_id = net.add_patch(suggestion="lawful")
    net.do("county", service.record_verdict, patch_id, LAWFUL)
    if is_undone:
        net.do("county", service.undo, patch_id, undo_minutes=10)
    later = net.clock() + timedelta(days=90)
    found = report(net, "again", net.clock() + timedelta(days=1), later)
    assert (len(found.created), found.extended) == ((0, (patch_id,)) if is_undone else (1, ()))
