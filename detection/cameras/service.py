"""Verbs of cameras: keep the registry, take an event in; within the caller's transaction, audited."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from detection import service as detection
from detection.cameras import store
from detection.cameras.events import CameraEvent, check_clock, first_told, place_of, sighting_of
from detection.cameras.policy import camera_policy
from detection.cameras.presets import Camera
from detection.cameras.trust import DeviceRecord, trusted
from detection.leads import Lead
from detection.second_stage.examples import truth_of_verdict
from detection.second_stage.models import settings
from detection.waiting import store as leads
from foundation import access, audit
from foundation.access import Actor
from foundation.crs import geodesic_disc
from foundation.errors import NotFound


@dataclass(frozen=True, slots=True)
class KeptPicture:
    """An event's picture as stored: the original, and the clean copy."""

    picture_sha256: str
    served_sha256: str


@dataclass(frozen=True, slots=True)
class TakenEvent:
    """What became of an event.

    Attributes
    ----------
    lead_id : UUID
        Its lead, or the earlier one that tells the same.
    fate : str
        ``new``, ``known`` (this very event) or ``repeated`` (the same scene within hours).
    """

    lead_id: UUID
    fate: str


def put_cameras(session: Session, actor: Actor, cameras: Sequence[Camera], now: datetime) -> int:
    """Keep a registry: new cameras are added, known ones brought up to date; none is removed.

    Raises
    ------
    InvalidInput
        ``detection.lead.outside_divisions``: a camera stands in no village of the division layer.
    """
    for camera in cameras:
        division_code = detection.village_of(session, geodesic_disc(camera.lonlat, 1.0))
        access.require(actor, "lead.record", division_code)
        store.put_camera(session, camera, division_code, now)
        facts = {"name": camera.name, "presets": [preset.preset_no for preset in camera.presets]}
        subject = ("camera", camera.camera_id)
        audit.record(session, actor, "detection.camera.registered", subject=subject, at=now, facts=facts)
    return len(cameras)


def list_cameras(session: Session, actor: Actor) -> list[Camera]:
    """All cameras inside the actor's area, by id."""
    access.require(actor, "patch.view")
    return store.cameras(session)


def get_camera(session: Session, actor: Actor, camera_id: str) -> Camera:
    """One camera with its presets.

    Raises
    ------
    NotFound
        ``detection.camera.not_found``.
    """
    access.require(actor, "patch.view")
    found = store.cameras(session, camera_id)
    if not found:
        raise NotFound("detection.camera.not_found", camera_id=camera_id)
    return found[0]


def take_event(
    session: Session, actor: Actor, event: CameraEvent, picture: KeptPicture, *, now: datetime
) -> TakenEvent:
    """Make an event a lead. This very event again, or the same scene within hours, makes no second one.

    Raises
    ------
    NotFound
        ``detection.camera.not_found``.
    InvalidInput
        ``detection.camera.clock_ahead``, ``detection.camera.unknown_preset``, what
        `detection.cameras.presets.locate` refuses, or ``detection.lead.outside_divisions``.
    """
    check_clock(event, now)
    camera = get_camera(session, actor, event.camera_id)
    place = place_of(event, camera)
    lead = sighting_of(
        event,
        camera,
        place,
        division_code=detection.village_of(session, geodesic_disc(place.lonlat, place.radius_m)),
        picture_sha256=picture.picture_sha256,
        served_sha256=picture.served_sha256,
    )
    access.require(actor, "lead.record", lead.division_code)
    store.lock_camera(session, camera.camera_id)
    if leads.find_lead(session, lead.lead_id) is not None:
        return TakenEvent(lead.lead_id, "known")
    span = timedelta(hours=camera_policy()["repeats"]["hours"])
    earlier = first_told(lead, store.leads_like(session, lead, span))
    if earlier is not None:
        facts = {"seen_at": event.seen_at.isoformat(), "picture_sha256": picture.picture_sha256}
        subject = ("lead", earlier.lead_id)
        audit.record(session, actor, "detection.camera.event_repeated", subject=subject, at=now, facts=facts)
        return TakenEvent(earlier.lead_id, "repeated")
    rules = camera_policy()["trust"]
    detection.record_leads(session, actor, [trusted(lead, device_record(session, lead), rules)], now)
    return TakenEvent(lead.lead_id, "new")


def device_record(session: Session, lead: Lead) -> DeviceRecord:
    """How often the camera of a lead was right about its kind, by verdicts on site and by the desk."""
    rules = camera_policy()["trust"]
    since = lead.observed_to - timedelta(days=rules["window_days"])
    found = [_was_right(one, rules) for one in store.checked_leads(session, lead, since)]
    return DeviceRecord(found.count(True), found.count(False))


def _was_right(one: store.Checked, rules: Mapping[str, Any]) -> bool | None:
    """A verdict on the ground outweighs what was decided at the desk; None where neither tells."""
    if one.verdict is not None:
        truth = truth_of_verdict(one.verdict, one.verdict_reason, settings()["labels"])
        if truth is not None:
            return truth
    if one.decision == "attached":
        return True
    return False if one.reason_code in rules["wrong_reasons"] else None
