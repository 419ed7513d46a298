"""Verbs of the door: give a device its key, know it by its key, take its pictures and events exactly once.

A key stands for one camera: whoever holds it can bring that camera's pictures and events, and read nothing.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from detection import service as detection
from detection.cameras import service as cameras
from detection.cameras import store as registry
from detection.cameras.door import store
from detection.cameras.events import CameraEvent
from detection.cameras.service import KeptPicture, TakenEvent
from detection.tables import CameraEventRow, CameraKeyRow, CameraPictureRow
from foundation import access, audit
from foundation.access import Actor
from foundation.errors import Conflict, InvalidInput, NotAllowed, NotAuthenticated, NotFound
from foundation.ids import uuid7

ROLE = "camera"
NO_PICTURE = KeptPicture("", "")


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made. The token is told once and never stored."""

    key_id: UUID
    token: str
    ended: int


@dataclass(frozen=True, slots=True)
class Device:
    """A camera known by its key, and whom it acts as: the role ``camera`` in the camera's own county."""

    camera_id: str
    actor: Actor


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of an event, and whether its body came for the first time."""

    event: TakenEvent
    is_first: bool


@dataclass(frozen=True, slots=True)
class Sent:
    """An event as it came.

    Attributes
    ----------
    event_id : str
        The device's own; it never expires.
    form : str
        ``canonical`` or ``gbt28181``.
    body : str
        As it came, in a form in which equal contents are equal texts.
    """

    event: CameraEvent
    event_id: str
    form: str
    body: str

    @property
    def body_sha256(self) -> str:
        """Identity of the body."""
        return hashlib.sha256(self.body.encode()).hexdigest()


def make_key(session: Session, actor: Actor, camera_id: str, *, now: datetime) -> NewKey:
    """Give a camera a new key; its older keys end.

    Raises
    ------
    NotFound
        ``detection.camera.not_found``.
    """
    division_code = _division(session, actor, camera_id)
    ended = store.end_keys(session, camera_id, now)
    token = secrets.token_urlsafe(32)
    row = CameraKeyRow(
        key_id=uuid7(now),
        camera_id=camera_id,
        division_code=division_code,
        token_sha256=_digest(token),
        made_at=now,
    )
    store.add_key(session, row)
    facts = {"key_id": str(row.key_id), "ended": ended}
    subject = ("camera", camera_id)
    audit.record(session, actor, "detection.camera.key_made", subject=subject, at=now, facts=facts)
    return NewKey(row.key_id, token, ended)


def end_keys(session: Session, actor: Actor, camera_id: str, *, now: datetime) -> int:
    """Shut a camera out; how many keys ended.

    Raises
    ------
    NotFound
        ``detection.camera.not_found``.
    """
    _division(session, actor, camera_id)
    ended = store.end_keys(session, camera_id, now)
    facts = {"ended": ended}
    subject = ("camera", camera_id)
    audit.record(session, actor, "detection.camera.keys_ended", subject=subject, at=now, facts=facts)
    return ended


def device_of_token(session: Session, token: str) -> Device:
    """The camera that a token belongs to. Runs in a transaction of the system actor.

    Raises
    ------
    NotAuthenticated
        ``detection.camera.bad_key``: it is unknown or ended.
    """
    found = store.key_of(session, _digest(token))
    if found is None:
        raise NotAuthenticated("detection.camera.bad_key")
    key, name = found
    area_code = key.division_code[:6] + "000000"
    return Device(key.camera_id, Actor(key.key_id, key.camera_id, name, ROLE, area_code))


def keep_picture(session: Session, device: Device, picture: KeptPicture, *, now: datetime) -> bool:
    """Note a stored picture as this camera's; False where it was noted before."""
    access.require(device.actor, "lead.record")
    registry.lock_camera(session, device.camera_id)
    if store.picture(session, device.camera_id, picture.picture_sha256) is not None:
        return False
    row = CameraPictureRow(
        camera_id=device.camera_id,
        picture_sha256=picture.picture_sha256,
        served_sha256=picture.served_sha256,
        division_code=_division(session, device.actor, device.camera_id),
        received_at=now,
    )
    store.add_picture(session, row)
    facts = {"picture_sha256": picture.picture_sha256}
    subject = ("camera", device.camera_id)
    audit.record(
        session, device.actor, "detection.camera.picture_received", subject=subject, at=now, facts=facts
    )
    return True


def take_sent(session: Session, device: Device, system: Actor, sent: Sent, *, now: datetime) -> Taken:
    """Take an event in once: the same body again gets the same answer. Runs in a transaction of the system.

    Raises
    ------
    NotAllowed
        ``detection.camera.another_device``: the event names another camera than the key.
    InvalidInput
        ``detection.camera.picture_missing``; what `detection.cameras.service.take_event` refuses.
    Conflict
        ``detection.camera.other_body``: something else came under this id; see `keep_other`.
    """
    access.require(device.actor, "lead.record")
    if sent.event.camera_id != device.camera_id:
        raise NotAllowed(
            "detection.camera.another_device", camera_id=sent.event.camera_id[:64], own=device.camera_id
        )
    registry.lock_camera(session, device.camera_id)
    known = store.receipt(session, device.camera_id, sent.event_id)
    if known is not None:
        if known.body_sha256 != sent.body_sha256:
            raise Conflict("detection.camera.other_body", event_id=sent.event_id[:64])
        return Taken(TakenEvent(known.lead_id, known.fate), is_first=False)
    done = cameras.take_event(session, system, sent.event, _picture_of(session, device, sent.event), now=now)
    if done.fate == "new":
        detection.fuse(session, system, [done.lead_id], now)
    _keep(session, device, sent, fate=done.fate, lead_id=done.lead_id, now=now)
    facts = {"event_id": sent.event_id, "fate": done.fate, "form": sent.form}
    subject = ("lead", done.lead_id)
    audit.record(
        session, device.actor, "detection.camera.event_received", subject=subject, at=now, facts=facts
    )
    return Taken(done, is_first=True)


def keep_other(session: Session, device: Device, sent: Sent, *, now: datetime) -> None:
    """Keep a second body that came under a known id, for a person to compare; once."""
    registry.lock_camera(session, device.camera_id)
    if store.has_body(session, device.camera_id, sent.event_id, sent.body_sha256):
        return
    _keep(session, device, sent, fate=store.DISPUTED, lead_id=None, now=now)
    facts = {"event_id": sent.event_id, "body_sha256": sent.body_sha256}
    subject = ("camera", device.camera_id)
    audit.record(
        session, device.actor, "detection.camera.event_disputed", subject=subject, at=now, facts=facts
    )


def list_disputes(session: Session, actor: Actor, *, limit: int = 100) -> Sequence[store.Dispute]:
    """Events inside the actor's area under whose id something else came, newest first."""
    access.require(actor, "lead.settle")
    return store.disputes(session, limit=limit)


def _picture_of(session: Session, device: Device, event: CameraEvent) -> KeptPicture:
    """The picture that an event names, as this very camera brought it before."""
    if event.picture_sha256 is None:
        return NO_PICTURE
    row = store.picture(session, device.camera_id, event.picture_sha256)
    if row is None:
        raise InvalidInput("detection.camera.picture_missing", sha256=event.picture_sha256[:64])
    return KeptPicture(row.picture_sha256, row.served_sha256)


def _keep(
    session: Session, device: Device, sent: Sent, *, fate: str, lead_id: UUID | None, now: datetime
) -> None:
    row = CameraEventRow(
        receipt_id=uuid7(now),
        camera_id=device.camera_id,
        division_code=_division(session, device.actor, device.camera_id),
        event_id=sent.event_id,
        form=sent.form,
        body_sha256=sent.body_sha256,
        body=sent.body,
        fate=fate,
        lead_id=lead_id,
        received_at=now,
    )
    store.add_event(session, row)


def _division(session: Session, actor: Actor, camera_id: str) -> str:
    """Where a camera stands, once the actor may act for it there."""
    division_code = store.division_of(session, camera_id)
    if division_code is None:
        raise NotFound("detection.camera.not_found", camera_id=camera_id[:64])
    access.require(actor, "lead.record", division_code)
    return division_code


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
