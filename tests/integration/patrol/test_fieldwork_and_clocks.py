"""Visits and evidence exactly once, and clocks that reach a named person."""

from __future__ import annotations

import hashlib
import io
from dataclasses import replace
from datetime import datetime
from uuid import UUID, uuid4

import pytest
from PIL import Image

from foundation.calendar import SHANGHAI
from foundation.errors import Conflict, InvalidInput, NotAllowed
from patrol import casework, service
from patrol.cases import escalation
from patrol.service import EvidenceClaim, VisitBody
from patrol.visits.visits import wgs84_to_gcj02
from tests.integration.patrol.test_case_life import walk_to_judge


def _picture() -> bytes:
    """A real JPEG, so that nothing is said against it."""
    buffer = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").save(buffer, "JPEG")
    return buffer.getvalue()


JPEG = _picture()
SITE = (112.7515, 34.9515)


@pytest.fixture
def assignment_id(net) -> UUID:  # type: ignore[no-untyped-def]
    patch_id = net.add_patch()
    net.do("county", service.dispatch, patch_id, post_id=net.post("G-1"))
    return net.open_assignment(patch_id)


def body_of(net, assignment_id: UUID, **changes) -> VisitBody:  # type: ignore[no-untyped-def]
    body = VisitBody(
        visit_id=uuid4(),
        assignment_id=assignment_id,
        device_time=datetime(2026, 9, 8, 13, 0, tzinfo=SHANGHAI),
        device_counter=1,
        lonlat=SITE,
        accuracy_m=5.0,
        coord_source="wgs84",
        finding="under_construction",
    )
    return replace(body, **changes)


def claim_of(visit_id: UUID, **changes) -> EvidenceClaim:  # type: ignore[no-untyped-def]
    claim = EvidenceClaim(
        evidence_id=uuid4(),
        visit_id=visit_id,
        media_type="image/jpeg",
        sha256=hashlib.sha256(JPEG).hexdigest(),
        captured_at=datetime(2026, 9, 8, 13, 55, tzinfo=SHANGHAI),
        lonlat=SITE,
        accuracy_m=5.0,
        bearing_deg=90.0,
        coord_source="wgs84",
    )
    return replace(claim, **changes)


def test_a_visit_is_recorded_once_whatever_the_phone_repeats(net, assignment_id: UUID) -> None:  # type: ignore[no-untyped-def]
    body = body_of(net, assignment_id)
    first = net.do("grid-1", service.record_visit, body)
    again = net.do("grid-1", service.record_visit, body)
    assert (first.is_new, again.is_new) == (True, False)
    assert first.identity == again.identity
    assert first.distance_m == again.distance_m == 0.0
    with pytest.raises(Conflict) as refused:
        net.do("grid-1", service.record_visit, replace(body, finding="not_found"))
    assert refused.value.code == "patrol.visit.other_body"
    assert len(net.rows("SELECT * FROM visit")) == 1
    # Visited before it was signed for: the case moves on, the assignment counts as signed.
    (row,) = net.rows("SELECT status, signed_at, done_at FROM assignment")
    assert row["status"] == "done"
    assert row["signed_at"] == row["done_at"]
    assert net.state(net.patches[0])[0] == "to_judge"


def test_a_late_second_visit_is_kept_and_moves_nothing(net, assignment_id: UUID) -> None:  # type: ignore[no-untyped-def]
    net.do("grid-1", service.record_visit, body_of(net, assignment_id))
    before = net.state(net.patches[0])
    net.do("grid-1", service.record_visit, body_of(net, assignment_id, device_counter=0))
    assert len(net.rows("SELECT * FROM visit")) == 2
    assert net.state(net.patches[0]) == before


def test_only_the_holder_visits(net, assignment_id: UUID) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(NotAllowed):
        net.do("grid-2", service.record_visit, body_of(net, assignment_id))
    with pytest.raises(NotAllowed):
        net.do("manager", service.record_visit, body_of(net, assignment_id))
    assert net.rows("SELECT * FROM visit") == []


def test_shifted_coordinates_are_converted_or_refused(net, assignment_id: UUID) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InvalidInput) as refused:
        net.do("grid-1", service.record_visit, body_of(net, assignment_id, coord_source=None))
    assert refused.value.code == "patrol.visit.coordinates_unlabelled"
    shifted = wgs84_to_gcj02(SITE)
    labelled = body_of(net, assignment_id, lonlat=shifted, coord_source="gcj02")
    assert net.do("grid-1", service.record_visit, labelled).distance_m < 0.01
    mislabelled = body_of(net, assignment_id, lonlat=shifted)
    assert 300 < net.do("grid-1", service.record_visit, mislabelled).distance_m < 700


def test_evidence_is_kept_by_its_hash_and_doubts_are_shown(net, assignment_id: UUID) -> None:  # type: ignore[no-untyped-def]
    visit_id = uuid4()
    blobs = net.runtime.blobs

    def send(claim, data=JPEG):  # type: ignore[no-untyped-def]
        return net.do("grid-1", service.record_evidence, claim, data, blobs=blobs)

    net.do("grid-1", service.record_visit, body_of(net, assignment_id, visit_id=visit_id))
    good = claim_of(visit_id)
    assert send(good).flags == ()
    assert send(good).is_new is False
    with pytest.raises(InvalidInput) as mismatch:
        send(claim_of(visit_id), JPEG + b"x")
    assert mismatch.value.code == "patrol.evidence.hash_mismatch"
    html = b"<html>not a photo</html>"
    with pytest.raises(InvalidInput) as wrong:
        send(claim_of(visit_id, sha256=hashlib.sha256(html).hexdigest()), html)
    assert wrong.value.code == "patrol.evidence.not_that_type"
    doubtful = claim_of(
        visit_id,
        lonlat=(112.80, 34.95),
        bearing_deg=None,
        captured_at=datetime(2026, 9, 8, 15, 0, tzinfo=SHANGHAI),
    )
    assert send(doubtful).flags == ("非现场", "无方位", "时间偏差", "重复照片")
    detail = net.do("county", service.case_detail, net.patches[0], undo_minutes=10, blobs=blobs)
    assert [item.hash_ok for item in detail.evidence] == [True, True]
    good_score, doubtful_score = (item.plausibility for item in detail.evidence)
    assert good_score > 0.8 > 0.2 > doubtful_score
    assert detail.evidence[0].lonlat == pytest.approx(SITE)


def test_unsigned_hand_downs_escalate_to_the_deputy_then_upwards_across_national_day(net) -> None:  # type: ignore[no-untyped-def]
    # 2026: 1-7 October off, Sunday 20 September and Saturday 10 October are working days.
    net.at(2026, 9, 30, 16, 0)
    patch_id = net.add_patch()
    net.do("county", service.dispatch, patch_id)
    (due,) = net.rows("SELECT due_at FROM case_file")
    assert due["due_at"].astimezone(SHANGHAI).replace(microsecond=0) == datetime(
        2026, 10, 8, 10, 30, tzinfo=SHANGHAI
    )
    net.at(2026, 10, 7, 12, 0)
    report = run(net)
    assert report.escalated == []
    net.at(2026, 10, 8, 9, 30)
    assert [patch for patch, _ in run(net).warned] == [patch_id]
    net.at(2026, 10, 8, 10, 31)
    assert run(net).escalated == [(patch_id, "所长乙")]
    assert run(net).escalated == []
    net.at(2026, 10, 8, 17, 0)
    assert run(net).escalated == [(patch_id, "大队甲")]
    (row,) = net.rows("SELECT p.post_no FROM case_file c JOIN post p ON p.post_id = c.owner_post_id")
    assert row["post_no"] == "X-1"


def run(net):  # type: ignore[no-untyped-def]
    with net.runtime.database.transaction(net.runtime.system) as session:
        return service.run_clocks(session, net.runtime.system, now=net.clock())


def test_an_overdue_visit_goes_to_the_village_chief(net, assignment_id: UUID) -> None:  # type: ignore[no-untyped-def]
    net.do("grid-1", service.sign, assignment_id)
    (row,) = net.rows("SELECT due_at FROM assignment")
    assert row["due_at"].astimezone(SHANGHAI) == datetime(2026, 9, 11, 18, 0, tzinfo=SHANGHAI)
    net.at(2026, 9, 11, 18, 1)
    assert [name for _, name in run(net).escalated] == ["村长甲"]
    net.do("chief", service.record_visit, body_of(net, net.open_assignment(net.patches[0])))
    assert net.state(net.patches[0])[0] == "to_judge"


def test_an_overdue_desk_escalates_to_the_city_and_stays_overdue(net) -> None:  # type: ignore[no-untyped-def]
    patch_id = net.add_patch()
    names = []
    for moment in ((2026, 9, 10, 18, 1), (2026, 9, 11, 15, 0), (2026, 9, 14, 15, 0), (2026, 9, 15, 15, 0)):
        net.at(*moment)
        names += [name for _, name in run(net).escalated]
    assert names == ["大队乙", "支队甲"]
    detail = net.do("city", service.case_detail, patch_id, undo_minutes=10)
    assert detail.row.remaining_wd == -3
    assert detail.row.owner_name == "支队甲"


def test_a_case_paused_when_it_was_late_holds_up_nobody_elses_clock(net) -> None:  # type: ignore[no-untyped-def]
    late, other = net.add_patch(), net.add_patch(at=(112.752, 34.952))
    walk_to_judge(net, late)
    net.at(2026, 12, 1, 9, 0)
    net.do("county", casework.pause_case, late, reason_code="appraisal")
    with net.runtime.database.transaction(net.runtime.system) as session:
        report = service.run_clocks(session, net.runtime.system, now=net.clock())
    assert [patch_id for patch_id, _ in report.escalated] == [other]
    assert report.failed == []
    net.do("county", casework.resume_case, late)
    with net.runtime.database.transaction(net.runtime.system) as session:
        report = service.run_clocks(session, net.runtime.system, now=net.clock())
    assert late in {patch_id for patch_id, _ in report.escalated}


def test_a_case_that_cannot_be_escalated_is_named_and_the_others_go_on(net, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    broken, other = net.add_patch(), net.add_patch(at=(112.752, 34.952))
    net.at(2026, 12, 1, 9, 0)
    real = escalation.locked_case

    def locked(session, actor, patch_id, **more):  # type: ignore[no-untyped-def]
        if patch_id == broken:
            raise Conflict("patrol.case.paused", action="escalate", action_name="")
        return real(session, actor, patch_id, **more)

    monkeypatch.setattr(escalation, "locked_case", locked)
    with net.runtime.database.transaction(net.runtime.system) as session:
        report = service.run_clocks(session, net.runtime.system, now=net.clock())
    assert report.failed == [(broken, "patrol.case.paused")]
    assert [patch_id for patch_id, _ in report.escalated] == [other]
