"""Evidence in whatever order it comes, its custody, its review by two people, and doubts across the city."""

from __future__ import annotations

import hashlib
import io
import random
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import psycopg
import pytest
from PIL import Image
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from foundation.calendar import SHANGHAI
from foundation.errors import Conflict, InvalidInput, NotAllowed, NotFound
from foundation.jobs import conninfo
from patrol import service
from patrol.custody import jobs
from patrol.custody import service as custody
from patrol.service import EvidenceClaim, VisitBody

SITE = (112.7515, 34.9507)
TAKEN = datetime(2026, 9, 8, 13, 55, tzinfo=SHANGHAI)


def photo(seed: int = 1, quality: int = 90) -> bytes:
    """A picture of large blocks: it looks the same however it is packed."""
    small = Image.frombytes("L", (9, 8), random.Random(seed).randbytes(72))
    buffer = io.BytesIO()
    small.resize((360, 320), Image.Resampling.NEAREST).convert("RGB").save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


class Site:
    """A patch handed to the grid officer, and what the officer's phone sends."""

    def __init__(self, net, at: tuple[float, float], post: str, login: str) -> None:  # type: ignore[no-untyped-def]
        self.net, self.login = net, login
        self.patch_id = net.add_patch(at=at)
        net.do("county", service.dispatch, self.patch_id, post_id=net.post(post))
        (row,) = net.rows(
            "SELECT assignment_id FROM assignment WHERE patch_id = :id AND status = 'sent'", id=self.patch_id
        )
        self.place = (at[0] + 0.0005, at[1] - 0.0003)
        self.visit = VisitBody(
            uuid4(), UUID(str(row["assignment_id"])), TAKEN, 1, self.place, 5.0, "wgs84", "built"
        )

    def claim(self, data: bytes, **changes: object) -> EvidenceClaim:
        claim = EvidenceClaim(
            uuid4(),
            self.visit.visit_id,
            "image/jpeg",
            hashlib.sha256(data).hexdigest(),
            TAKEN,
            self.place,
            5.0,
            0.0,
            "wgs84",
        )
        return replace(claim, **changes)  # type: ignore[arg-type]

    def send(self, claim: EvidenceClaim, data: bytes, verb=service.record_evidence):  # type: ignore[no-untyped-def]
        return self.net.do(self.login, verb, claim, data, blobs=self.net.runtime.blobs)

    def arrive(self, **options: object) -> None:
        self.net.do(self.login, service.record_visit, self.visit, **options)


@pytest.fixture
def site(net) -> Site:  # type: ignore[no-untyped-def]
    return Site(net, (112.751, 34.951), "G-1", "grid-1")


def held_by_county(net):  # type: ignore[no-untyped-def]
    actor = net.actor("county")
    with net.runtime.database.transaction(actor) as session:
        return custody.held_submissions(session, actor)


def steps(net, evidence_id: UUID) -> list[str]:  # type: ignore[no-untyped-def]
    rows = net.rows("SELECT step FROM custody_event WHERE evidence_id = :id ORDER BY seq", id=evidence_id)
    return [str(row["step"]) for row in rows]


def test_photos_sent_before_their_visit_wait_and_are_recorded_with_it(net, site: Site) -> None:  # type: ignore[no-untyped-def]
    data = photo()
    claim = site.claim(data)
    first, again = site.send(claim, data), site.send(claim, data)
    assert (first.is_held, first.is_new, again.is_held, again.is_new) == (True, True, True, False)
    assert net.rows("SELECT * FROM evidence") == []
    (held,) = held_by_county(net)
    assert (held.reason_name, held.parent_id) == ("等待核查记录", site.visit.visit_id)
    net.clock.set(net.clock() + timedelta(hours=3))
    site.arrive(blobs=net.runtime.blobs)
    (row,) = net.rows("SELECT received_at, flags, plausibility FROM evidence")
    assert row["received_at"] == first_received(net)
    assert row["flags"] == []
    assert steps(net, claim.evidence_id) == ["captured", "received", "stored"]
    assert site.send(claim, data).is_new is False
    assert held_by_county(net) == ()
    (settled,) = net.rows("SELECT outcome FROM held_submission")
    assert settled == {"outcome": "applied"}


def first_received(net):  # type: ignore[no-untyped-def]
    return net.rows("SELECT received_at FROM held_submission")[0]["received_at"]


def test_the_sweep_records_what_still_waits_as_its_sender(net, site: Site) -> None:  # type: ignore[no-untyped-def]
    data = photo()
    site.send(site.claim(data), data)
    site.arrive()
    assert net.rows("SELECT * FROM evidence") == []
    assert (jobs.apply_arrived(net.runtime), jobs.apply_arrived(net.runtime)) == (1, 0)
    (row,) = net.rows("SELECT by_name FROM evidence")
    assert row == {"by_name": "网格甲"}


def test_a_second_body_is_refused_kept_and_settled_by_a_person(net, site: Site) -> None:  # type: ignore[no-untyped-def]
    first, second = photo(1), photo(2)
    claim = site.claim(first)
    site.arrive()
    site.send(claim, first)
    other = replace(claim, sha256=hashlib.sha256(second).hexdigest())
    with pytest.raises(Conflict) as refused:
        site.send(other, second)
    assert refused.value.code == "patrol.evidence.other_body"
    assert site.send(other, second, service.keep_other_body) == site.send(
        other, second, service.keep_other_body
    )
    (held,) = held_by_county(net)
    assert (held.kind, held.sha256) == ("evidence", other.sha256)
    assert net.runtime.blobs.read(held.sha256) == second
    settle = {"outcome": "first_stands", "note": "第二份为误传。"}
    with pytest.raises(NotAllowed):
        net.do("grid-1", custody.settle_held, held.held_id, **settle)
    assert net.do("county", custody.settle_held, held.held_id, **settle).outcome == "first_stands"
    with pytest.raises(Conflict):
        net.do("county", custody.settle_held, held.held_id, **settle)
    (row,) = net.rows("SELECT sha256 FROM evidence")
    assert row == {"sha256": claim.sha256}


def test_evidence_counts_as_reviewed_by_two_other_people(net, site: Site) -> None:  # type: ignore[no-untyped-def]
    data = photo()
    claim = site.claim(data)
    site.arrive()
    site.send(claim, data)

    def review(login: str, aspect: str, outcome: str = "accepted", note: str = ""):  # type: ignore[no-untyped-def]
        return net.do(
            login, custody.review_evidence, claim.evidence_id, aspect=aspect, outcome=outcome, note=note
        )

    with pytest.raises(NotAllowed):
        review("grid-1", "technical")
    with pytest.raises(NotAllowed):
        review("county", "legal")
    assert review("county", "technical").is_reviewed is False
    assert review("reviewer", "legal").is_reviewed is True
    with pytest.raises(InvalidInput):
        review("county-2", "technical", "rejected")
    again = review("county-2", "technical", "rejected", "画面模糊。")
    assert again.is_reviewed is False
    assert [(r.aspect, r.outcome, r.by_name) for r in again.reviews] == [
        ("legal", "accepted", "复核甲"),
        ("technical", "rejected", "县员乙"),
    ]


def test_nobody_reviews_what_they_brought_in(net, site: Site) -> None:  # type: ignore[no-untyped-def]
    data = b"%PDF-1.4 x"
    claim = site.claim(
        data, visit_id=None, patch_id=site.patch_id, media_type="application/pdf", kind="statement"
    )
    net.do("county", service.record_evidence, claim, data, blobs=net.runtime.blobs)
    with pytest.raises(NotAllowed) as refused:
        net.do("county", custody.review_evidence, claim.evidence_id, aspect="technical", outcome="accepted")
    assert refused.value.code == "patrol.evidence.own_review"
    with pytest.raises(NotAllowed):
        net.do("grid-1", service.record_evidence, replace(claim, evidence_id=uuid4()), data,
               blobs=net.runtime.blobs)  # fmt: skip
    with pytest.raises(NotFound):
        net.do("county", service.record_evidence, replace(claim, evidence_id=uuid4(), patch_id=uuid4()), data,
               blobs=net.runtime.blobs)  # fmt: skip


def test_the_original_is_sealed_and_every_look_is_entered(net, site: Site) -> None:  # type: ignore[no-untyped-def]
    data = photo()
    claim = site.claim(data)
    site.arrive()
    site.send(claim, data)

    def look(login: str, *, is_original: bool):  # type: ignore[no-untyped-def]
        actor = net.actor(login)
        with net.runtime.database.transaction(actor) as session:
            copy = custody.copy_of(session, actor, claim.evidence_id, is_original=is_original)
            custody.note_viewed(session, actor, copy, now=net.clock())
        return copy

    assert look("grid-1", is_original=False).sha256 != claim.sha256
    with pytest.raises(NotAllowed):
        look("grid-1", is_original=True)
    assert look("reviewer", is_original=True).sha256 == claim.sha256
    net.do("county", custody.note_printed, [claim.evidence_id], paper="图斑核查表")
    assert steps(net, claim.evidence_id)[3:] == ["viewed", "viewed", "printed"]
    rows = net.rows("SELECT action FROM audit_entry WHERE subject_id = :id ORDER BY seq",
                    id=str(claim.evidence_id))  # fmt: skip
    assert [row["action"].split(".")[-1] for row in rows] == ["recorded", "viewed", "viewed", "printed"]
    with net.runtime.database.transaction(net.actor("chief-2")) as session, pytest.raises(NotFound):
        custody.copy_of(session, net.actor("chief-2"), claim.evidence_id, is_original=False)


@pytest.mark.parametrize("statement", ["UPDATE custody_event SET step = 'x'", "DELETE FROM custody_event"])
def test_custody_is_append_only_for_everybody(net, site: Site, owner_url: str, statement: str) -> None:  # type: ignore[no-untyped-def]
    data = photo()
    site.arrive()
    site.send(site.claim(data), data)
    with pytest.raises(DBAPIError), net.runtime.database.transaction(net.runtime.system) as session:
        session.execute(text(statement))
    with psycopg.connect(conninfo(owner_url)) as owner:
        owner.execute("SELECT set_config('landwarden.area', '41', true)")
        with pytest.raises(psycopg.errors.RaiseException):
            owner.execute(statement)  # type: ignore[call-overload]


def test_a_picture_used_again_for_another_patch_is_noticed_across_villages(net, site: Site) -> None:  # type: ignore[no-untyped-def]
    site.arrive()
    site.send(site.claim(photo()), photo())
    other = Site(net, (112.762, 34.951), "G-2", "grid-2")
    other.arrive()
    same, packed, fresh = photo(), photo(quality=50), photo(7)
    assert same != packed
    assert other.send(other.claim(same), same).flags == ("重复照片",)
    assert other.send(other.claim(packed), packed).flags == ("疑似重复照片",)
    assert other.send(other.claim(fresh), fresh).flags == ()
    # A burst at one patch is no doubt: but by now its picture is on another patch as well.
    third = Site(net, (112.755, 34.951), "G-1", "grid-1")
    third.arrive()
    at = TAKEN - timedelta(minutes=30)
    for quality in (90, 60):
        data = photo(9, quality=quality)
        assert third.send(third.claim(data, captured_at=at), data).flags == ()


def test_capture_numbers_belong_to_one_person(net, site: Site) -> None:  # type: ignore[no-untyped-def]
    site.arrive()
    net.at(2026, 9, 8, 13, 0)
    own = net.do("grid-1", service.issue_nonce, device_time=net.clock() + timedelta(seconds=8))
    others = net.do("grid-2", service.issue_nonce, device_time=net.clock())
    net.at(2026, 9, 8, 14, 0)
    assert own.skew_s == pytest.approx(8.0, abs=0.1)
    scores = {}
    for number, (name, nonce) in enumerate(
        {"own": own.nonce, "none": None, "others": others.nonce, "made_up": "0" * 32}.items()
    ):
        data = photo(20 + number)
        recorded = site.send(site.claim(data, nonce=nonce), data)
        scores[name] = recorded.plausibility
        assert ("校验码不符" in recorded.flags) is (name in {"others", "made_up"})
    assert scores["own"] == 1.0 > scores["none"] > scores["others"] == scores["made_up"]


def test_kinds_types_and_sizes_are_held_to_the_policy(net, site: Site) -> None:  # type: ignore[no-untyped-def]
    site.arrive()
    cases = {
        "patrol.evidence.unknown_kind": site.claim(photo(), kind="statement", media_type="image/png"),
        "patrol.evidence.not_that_type": site.claim(photo(), media_type="image/png"),
        "patrol.evidence.unknown_type": site.claim(photo(), media_type="image/tiff"),
        "patrol.evidence.hash_mismatch": site.claim(photo(), sm3="0" * 64),
        "patrol.evidence.no_parent": site.claim(photo(), visit_id=None),
        "patrol.visit.coordinates_unlabelled": site.claim(photo(), coord_source=None),
    }
    for code, claim in cases.items():
        login = "county" if claim.visit_id is None else site.login
        with pytest.raises(InvalidInput) as refused:
            net.do(login, service.record_evidence, claim, photo(), blobs=net.runtime.blobs)
        assert refused.value.code == code
    assert net.rows("SELECT * FROM evidence") == []
    drone = site.claim(photo(), kind="drone_photo", bearing_deg=None)
    assert site.send(drone, photo()).flags == ()
