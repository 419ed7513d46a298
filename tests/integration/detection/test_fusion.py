"""Fusion on real PostGIS: one patch however many arrive at once, sightings that wait, people who decide."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Barrier
from time import sleep
from uuid import UUID, uuid4

import pytest
import shapely
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from detection import service
from detection.leads import Lead, sighting
from detection.waiting import service as waiting
from foundation.access import Actor
from foundation.audit import verify_chain
from foundation.calendar import SHANGHAI
from foundation.clock import SteppedClock
from foundation.crs import ellipsoidal_area_m2
from foundation.errors import Conflict, NotAllowed, NotFound
from foundation.ids import derived_id
from foundation.runtime import Runtime

VILLAGE = "410883105201"
START = datetime(2026, 4, 8, 11, tzinfo=SHANGHAI)
DEG = 1e-3
OFFICER = Actor(uuid4(), "county", "大队甲", "county_officer", "410883000000")
COLLEAGUE = Actor(uuid4(), "county-2", "大队乙", "county_officer", "410883000000")
STRANGER = Actor(uuid4(), "other", "邻县", "county_officer", "410882000000")


def drawn(name: str, x: float, *, size: float = 1.0, day: int = 0, source: str = "satellite") -> Lead:
    """A square of about 100 m a unit."""
    west, south = 112.75 + x * DEG, 34.95
    outline = shapely.box(west, south, west + size * DEG, south + size * DEG)
    area_m2 = ellipsoidal_area_m2(outline)
    begins = START + timedelta(days=day)
    bands = (area_m2, area_m2 * 0.95, area_m2 * 1.05)
    ends = begins + timedelta(days=150)
    return Lead(derived_id(name), source, VILLAGE, begins, ends, outline, *bands, "new_building", 0.8)


def seen(name: str, x: float, *, radius_m: float = 30.0, day: int = 100) -> Lead:
    return sighting(
        lead_id=derived_id(name),
        source="camera",
        division_code=VILLAGE,
        seen_at=START + timedelta(days=day),
        lonlat=(112.75 + x * DEG, 34.9505),
        radius_m=radius_m,
        change_class="other",
        confidence=0.7,
        attributes={"camera_id": "tower-1"},
    )


def arrive(runtime: Runtime, *leads: Lead) -> service.Fusion:
    """Recorded and fused in one transaction, as a source does."""
    with runtime.database.transaction(runtime.system) as session:
        service.record_leads(session, runtime.system, leads, runtime.clock())
        return service.fuse(session, runtime.system, [lead.lead_id for lead in leads], runtime.clock())


def members(runtime: Runtime) -> set[frozenset[UUID]]:
    with runtime.database.transaction(runtime.system) as session:
        rows = session.execute(
            text("SELECT array_agg(lead_id) FROM patch_lead WHERE detached_at IS NULL GROUP BY patch_id")
        )
        return {frozenset(row) for row in rows.scalars()}


def waiting_ids(runtime: Runtime, actor: Actor = OFFICER) -> set[UUID]:
    with runtime.database.transaction(actor) as session:
        return {one.lead.lead_id for one in waiting.list_waiting_leads(session, actor).items}


def test_a_sighting_is_stored_and_read_back_as_it_was(runtime: Runtime) -> None:
    lead = seen("s", 0.5)
    assert arrive(runtime, lead).waiting == (lead.lead_id,)
    with runtime.database.transaction(runtime.system) as session:
        assert waiting.get_lead(session, runtime.system, lead.lead_id) == lead
    neither = text(
        "INSERT INTO lead (lead_id, source, division_code, observed_from, observed_to, area_m2, area_min_m2,"
        " area_max_m2, change_class, class_probabilities, confidence, witnesses, attributes, created_at)"
        " VALUES (gen_random_uuid(), 'camera', '410883105201', now(), now(), 0, 0, 0, 'other', '{}', 0.5,"
        " '{}', '{}', now())"
    )
    with runtime.database.engine.begin() as raw:
        raw.execute(text("SELECT set_config('landwarden.area', '4108', true)"))
        with pytest.raises(DBAPIError, match="ck_lead_outline_or_place"):
            raw.execute(neither)


def test_leads_that_arrive_at_once_make_one_patch(runtime: Runtime) -> None:
    """Four sources, four transactions, one moment: as after ordered locks on the ground."""
    for attempt in range(3):
        base = attempt * 10.0
        leads = [
            drawn(f"{attempt}-satellite", base),
            drawn(f"{attempt}-drone", base + 0.05, source="drone"),
            drawn(f"{attempt}-cadastre", base - 0.05, size=1.1, source="cadastre"),
            seen(f"{attempt}-camera", base + 0.5),
        ]
        barrier = Barrier(len(leads))

        def report(lead: Lead, barrier: Barrier = barrier) -> None:
            barrier.wait()
            arrive(runtime, lead)

        with ThreadPoolExecutor(len(leads)) as pool:
            list(pool.map(report, leads))
        found = {group for group in members(runtime) if leads[0].lead_id in group}
        assert found == {frozenset(lead.lead_id for lead in leads)}
    assert waiting_ids(runtime) == set()
    with runtime.database.transaction(runtime.system) as session:
        assert len(service.list_patches(session, runtime.system)) == 3
        assert verify_chain(session) is None


def while_the_first_holds(runtime: Runtime, first: Lead, second: Lead) -> None:
    """The second transaction begins before the first commits, and must wait for it somewhere."""
    system, waits = runtime.system, text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    with ThreadPoolExecutor(1) as pool:
        with runtime.database.transaction(system) as session:
            service.record_leads(session, system, [first], runtime.clock())
            service.fuse(session, system, [first.lead_id], runtime.clock())
            later = pool.submit(arrive, runtime, second)
            for _ in range(200):
                if session.execute(waits).scalar_one():
                    break
                sleep(0.05)
            else:
                pytest.fail("the second transaction did not wait")
        later.result(timeout=20)


@pytest.mark.parametrize("is_camera_first", [True, False])
def test_who_waits_for_the_ground_sees_what_the_other_did(runtime: Runtime, is_camera_first: bool) -> None:
    leads = [seen("camera", 0.5), drawn("satellite", 0)]
    while_the_first_holds(runtime, *(leads if is_camera_first else reversed(leads)))
    assert members(runtime) == {frozenset(lead.lead_id for lead in leads)}


def test_two_ends_of_one_patch_grown_at_once_both_stay(runtime: Runtime) -> None:
    """They share no cell of the ground: the patch itself is held."""
    arrive(runtime, drawn("middle", -1.0, size=60.0))
    while_the_first_holds(runtime, drawn("west", -2.0, size=3.0), drawn("east", 56.0, size=4.0))
    with runtime.database.transaction(runtime.system) as session:
        [patch] = service.list_patches(session, runtime.system)
        west, _, east, _ = patch.shape.outline.bounds
    assert (west, east) == pytest.approx((112.748, 112.81))


def test_a_sighting_waits_until_its_patch_comes(runtime: Runtime) -> None:
    early = seen("early", 0.5)
    assert arrive(runtime, early).waiting == (early.lead_id,)
    assert waiting_ids(runtime) == {early.lead_id}
    assert waiting_ids(runtime, STRANGER) == set()
    found = arrive(runtime, drawn("satellite", 0))
    assert (len(found.created), found.waiting) == (1, ())
    assert members(runtime) == {frozenset({early.lead_id, derived_id("satellite")})}


def test_an_officer_attaches_dismisses_and_takes_back(runtime: Runtime, clock: SteppedClock) -> None:
    arrive(runtime, drawn("west", 0), drawn("east", 2))
    between = seen("between", 1.5, radius_m=100)
    assert arrive(runtime, between).waiting == (between.lead_id,)
    database = runtime.database
    with database.transaction(OFFICER) as session:
        [item] = waiting.list_waiting_leads(session, OFFICER).items
        assert [round(one.suggestion.distance_m) for one in item.suggested] == [46, 46]
        chosen = item.suggested[0].patch
        waiting.attach_lead(session, OFFICER, between.lead_id, chosen.patch_id, now=clock())
    assert waiting_ids(runtime) == set()
    with database.transaction(COLLEAGUE) as session, pytest.raises(Conflict) as late:
        waiting.dismiss_lead(session, COLLEAGUE, between.lead_id, reason_code="passing", now=clock())
    assert late.value.code == "detection.lead.not_waiting"
    with database.transaction(COLLEAGUE) as session, pytest.raises(Conflict) as foreign:
        waiting.undo_decision(session, COLLEAGUE, between.lead_id, now=clock(), undo_minutes=10)
    assert foreign.value.code == "detection.lead.somebody_else"
    with database.transaction(OFFICER) as session:
        waiting.undo_decision(session, OFFICER, between.lead_id, now=clock(), undo_minutes=10)
        waiting.dismiss_lead(session, OFFICER, between.lead_id, reason_code="farm_machine", now=clock())
    assert waiting_ids(runtime) == set()
    # What was dismissed is not fused again, until that is taken back, in time.
    assert arrive(runtime, drawn("again", 2, day=10)).waiting == ()
    assert all(between.lead_id not in group for group in members(runtime))
    with database.transaction(OFFICER) as session, pytest.raises(Conflict) as slow:
        waiting.undo_decision(
            session, OFFICER, between.lead_id, now=clock() + timedelta(minutes=11), undo_minutes=10
        )
    assert slow.value.code == "detection.lead.undo_too_late"
    with database.transaction(OFFICER) as session:
        waiting.undo_decision(session, OFFICER, between.lead_id, now=clock(), undo_minutes=10)
    assert waiting_ids(runtime) == {between.lead_id}
    with database.transaction(runtime.system) as session:
        actions = session.execute(
            text("SELECT action FROM audit_entry WHERE action LIKE 'detection.lead.%' ORDER BY seq")
        )
        told = [action for action in actions.scalars() if action != "detection.lead.recorded"]
        assert told == [
            "detection.lead.attached",
            "detection.lead.decision_undone",
            "detection.lead.dismissed",
            "detection.lead.decision_undone",
        ]
        assert verify_chain(session) is None


def test_two_officers_at_one_lead(runtime: Runtime, clock: SteppedClock) -> None:
    arrive(runtime, drawn("west", 0), drawn("east", 2))
    between = seen("between", 1.5, radius_m=100)
    arrive(runtime, between)
    with runtime.database.transaction(runtime.system) as session:
        one, other = service.list_patches(session, runtime.system)
    barrier = Barrier(2)

    def settle(actor: Actor, patch_id: UUID) -> str:
        barrier.wait()
        try:
            with runtime.database.transaction(actor) as session:
                waiting.attach_lead(session, actor, between.lead_id, patch_id, now=clock())
        except Conflict as error:
            return error.code
        return "done"

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(settle, OFFICER, one.patch_id)
        second = pool.submit(settle, COLLEAGUE, other.patch_id)
        assert {first.result(), second.result()} == {"done", "detection.lead.not_waiting"}
    assert sum(between.lead_id in group for group in members(runtime)) == 1


def test_a_sighting_taken_out_waits_and_stays_out(runtime: Runtime, clock: SteppedClock) -> None:
    satellite, inside = drawn("satellite", 0), seen("inside", 0.5)
    [patch_id] = arrive(runtime, satellite, inside).created
    with runtime.database.transaction(runtime.system) as session:
        before = service.get_patch(session, runtime.system, patch_id)
        assert service.unmerge(session, runtime.system, patch_id, inside.lead_id, clock()) is None
        assert service.get_patch(session, runtime.system, patch_id) == before
        assert service.fuse(session, runtime.system, None, clock()).waiting == (inside.lead_id,)
        with pytest.raises(Conflict) as refused:
            service.unmerge(session, runtime.system, patch_id, satellite.lead_id, clock())
        assert refused.value.code == "detection.patch.single_lead"
    with runtime.database.transaction(OFFICER) as session:
        waiting.attach_lead(session, OFFICER, inside.lead_id, patch_id, now=clock())
    assert members(runtime) == {frozenset({satellite.lead_id, inside.lead_id})}


def test_outside_the_area_nothing_is_found(runtime: Runtime, clock: SteppedClock) -> None:
    lone = seen("lone", 0.5)
    arrive(runtime, lone)
    with runtime.database.transaction(STRANGER) as session, pytest.raises(NotFound):
        waiting.dismiss_lead(session, STRANGER, lone.lead_id, reason_code="passing", now=clock())
    chief = replace(OFFICER, role="chief")
    with runtime.database.transaction(chief) as session, pytest.raises(NotAllowed):
        waiting.list_waiting_leads(session, chief)
