"""Verbs of citizens' reports: receive, place, follow by code, ask back, and reveal who reported."""

from __future__ import annotations

import hashlib
import io
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from detection import service as detection
from detection.leads import sighting
from foundation import access, audit
from foundation.access import Actor, system_actor
from foundation.blobs import BlobStore
from foundation.divisions import divisions
from foundation.errors import Conflict, InvalidInput, NotFound
from foundation.ids import derived_id, uuid7
from patrol.citizens import store
from patrol.citizens.reports import (
    CATEGORIES,
    FINISHED,
    OUTCOMES,
    PHOTO_MAX_BYTES,
    PHOTOS_MAX,
    Identity,
    ReportView,
    Said,
    blurred_place,
    blurred_time,
    require_place,
    standing_of,
)
from patrol.citizens.tables import CitizenAnswerRow
from patrol.citizens.vault import Vault
from patrol.visits.pictures import look_at

ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
CODE_LENGTH = 16
CONFIDENCE = 0.5
REASON_RANGE = (5, 500)
REMARK_MAX = 500
FULL_SIGHT = frozenset({"system", "city_officer", "county_officer"})
"""Roles that see place and hour as they were told."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What a citizen is told by code."""

    received_at: datetime
    standing: str
    told: str
    is_asked_back: bool


def receive(
    session: Session,
    actor: Actor,
    said: Said,
    *,
    identity: Identity,
    photos: Sequence[bytes],
    blobs: BlobStore,
    vault: Vault,
    now: datetime,
) -> tuple[UUID, str]:
    """Take a report in; with a place it becomes a lead that waits for a person.

    Returns
    -------
    (UUID, str)
        The report, and the code that follows it: told once, stored as a digest only.

    Raises
    ------
    InvalidInput
        ``patrol.citizen.too_many_photos`` or ``patrol.citizen.bad_photo``.
    """
    access.require(actor, "citizen.receive", divisions().get(said.division_code).code)
    kept = [blobs.put(io.BytesIO(copy)).sha256 for copy in _public_copies(photos)]
    report_id = uuid7(now)
    code = "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH))
    values = {"report_id": report_id, "code_sha256": _digest(code), "received_at": now}
    store.add_report(session, values, said, kept)
    if not identity.is_anonymous:
        vault.put(session, report_id, identity)
    facts = {"division_code": said.division_code, "category": said.category, "photos": len(kept)}
    subject = ("citizen_report", report_id)
    audit.record(session, actor, "patrol.citizen.received", subject=subject, at=now, facts=facts)
    if said.lonlat is not None:
        _make_lead(session, actor, report_id, said, now)
    return report_id, code


def place_report(
    session: Session,
    actor: Actor,
    report_id: UUID,
    *,
    lonlat: tuple[float, float],
    radius_m: float,
    now: datetime,
) -> ReportView:
    """Say where a report lies that was told in words; it becomes a lead.

    Raises
    ------
    Conflict
        ``patrol.citizen.placed_already``.
    """
    store.lock(session, report_id)
    report = _report(session, actor, report_id)
    access.require(actor, "citizen.place", report["division_code"])
    if report["lead_id"] is not None:
        raise Conflict("patrol.citizen.placed_already")
    require_place(lonlat, radius_m)
    said = Said(report["division_code"], report["category"], report["description"], lonlat, radius_m)
    _make_lead(session, system_actor(actor.area_code), report_id, said, now)
    facts = {"radius_m": radius_m}
    subject = ("citizen_report", report_id)
    audit.record(session, actor, "patrol.citizen.placed", subject=subject, at=now, facts=facts)
    return _view(_report(session, actor, report_id), actor)


def list_reports(session: Session, actor: Actor, *, limit: int = 100) -> list[ReportView]:
    """Newest reports of the actor's area."""
    access.require(actor, "citizen.view")
    return [_view(row, actor) for row in store.newest(session, limit)]


def photo_of(session: Session, actor: Actor, report_id: UUID, place: int) -> str:
    """SHA-256 of a report's photo, by its place from 0.

    Raises
    ------
    NotFound
        ``patrol.citizen.not_found``.
    """
    photos = _report(session, actor, report_id)["photos"]
    if not 0 <= place < len(photos):
        raise NotFound("patrol.citizen.not_found")
    return str(photos[place])


def sees_place(actor: Actor) -> bool:
    """Whether place and hour of a report are told to this actor as they were told to us."""
    return actor.role in FULL_SIGHT


def progress(session: Session, actor: Actor, code: str) -> Progress:
    """How the report of a code stands, told in plain words.

    Raises
    ------
    NotFound
        ``patrol.citizen.unknown_code``.
    """
    row = _by_code(session, actor, code)
    standing = _standing(row)
    is_asked = standing in FINISHED and row["satisfaction"] is None
    return Progress(row["received_at"], standing, OUTCOMES[standing], is_asked)


def answer_back(
    session: Session, actor: Actor, code: str, *, satisfaction: int, remark: str, now: datetime
) -> None:
    """Keep what a citizen answers when asked back, once.

    Raises
    ------
    InvalidInput
        ``patrol.citizen.bad_answer``.
    Conflict
        ``patrol.citizen.not_finished`` or ``patrol.citizen.answered_already``.
    """
    if not 1 <= satisfaction <= 5 or len(remark) > REMARK_MAX:
        raise InvalidInput("patrol.citizen.bad_answer", most=REMARK_MAX)
    store.lock(session, _by_code(session, actor, code)["report_id"])
    row = _by_code(session, actor, code)
    if _standing(row) not in FINISHED:
        raise Conflict("patrol.citizen.not_finished")
    if row["satisfaction"] is not None:
        raise Conflict("patrol.citizen.answered_already")
    values = {"satisfaction": satisfaction, "remark": remark.strip(), "answered_at": now}
    session.add(CitizenAnswerRow(report_id=row["report_id"], **values))
    facts = {"satisfaction": satisfaction}
    subject = ("citizen_report", row["report_id"])
    audit.record(session, actor, "patrol.citizen.answered", subject=subject, at=now, facts=facts)


def reveal(
    session: Session, actor: Actor, report_id: UUID, *, reason: str, vault: Vault, now: datetime
) -> Identity:
    """Who reported, to one who needs to know it and says why; each reveal is audited, without the identity.

    Raises
    ------
    InvalidInput
        ``patrol.citizen.no_reason``.
    """
    report = _report(session, actor, report_id)
    access.require(actor, "reporter.reveal", report["division_code"])
    if not REASON_RANGE[0] <= len(reason.strip()) <= REASON_RANGE[1]:
        raise InvalidInput("patrol.citizen.no_reason", least=REASON_RANGE[0], most=REASON_RANGE[1])
    identity = vault.open(session, report_id)
    subject = ("citizen_report", report_id)
    facts = {"reason": _bare(reason, identity)}
    audit.record(session, actor, "patrol.citizen.revealed", subject=subject, at=now, facts=facts)
    return identity


def _bare(reason: str, identity: Identity) -> str:
    bare = reason.strip()
    for word in filter(None, (identity.name, identity.phone)):
        bare = bare.replace(word, "＊＊＊")
    return bare


def _make_lead(session: Session, actor: Actor, report_id: UUID, said: Said, now: datetime) -> None:
    if said.lonlat is None:
        return
    lead = sighting(
        lead_id=derived_id("citizen-report", report_id),
        source="public",
        division_code=said.division_code,
        # Stations settle leads: they learn the day, not the hour.
        seen_at=blurred_time(now),
        lonlat=said.lonlat,
        radius_m=said.radius_m,
        change_class=CATEGORIES[said.category][1],
        confidence=CONFIDENCE,
        attributes={"citizen_report": str(report_id), "category": said.category},
    )
    detection.record_leads(session, actor, [lead], now)
    store.set_lead(session, report_id, lead.lead_id, said.lonlat, said.radius_m)


def _public_copies(photos: Sequence[bytes]) -> list[bytes]:
    if len(photos) > PHOTOS_MAX:
        raise InvalidInput("patrol.citizen.too_many_photos", most=PHOTOS_MAX)
    copies = []
    with TemporaryDirectory(prefix="citizen-") as folder:
        for data in photos:
            place = Path(folder) / "photo"
            place.write_bytes(data[: PHOTO_MAX_BYTES + 1])
            copy = look_at(place).public_jpeg if len(data) <= PHOTO_MAX_BYTES else None
            if copy is None:
                raise InvalidInput("patrol.citizen.bad_photo", most_mb=PHOTO_MAX_BYTES // 1_000_000)
            copies.append(copy)
    return copies


def _report(session: Session, actor: Actor, report_id: UUID) -> Any:
    access.require(actor, "citizen.view")
    row = store.find(session, report_id)
    if row is None or not access.allows(actor, "citizen.view", row["division_code"]):
        raise NotFound("patrol.citizen.not_found")
    return row


def _by_code(session: Session, actor: Actor, code: str) -> Any:
    access.require(actor, "citizen.receive")
    row = store.find_by_code(session, _digest(code))
    if row is None:
        raise NotFound("patrol.citizen.unknown_code")
    return row


def _digest(code: str) -> str:
    bare = "".join(letter for letter in code.upper() if letter in ALPHABET)
    return hashlib.sha256(bare.encode()).hexdigest()


def _standing(row: Any) -> str:
    return standing_of(
        has_lead=row["lead_id"] is not None,
        is_dismissed=row["is_dismissed"],
        state=row["state"],
        verdict=row["verdict_kind"],
    )


def _view(row: Any, actor: Actor) -> ReportView:
    is_blurred = not sees_place(actor)
    lonlat = None if row["lon"] is None else (row["lon"], row["lat"])
    names = ("report_id", "division_code", "category", "description", "lead_id", "satisfaction", "remark")
    return ReportView(
        lonlat=blurred_place(lonlat) if lonlat and is_blurred else lonlat,
        radius_m=row["radius_m"],
        received_at=blurred_time(row["received_at"]) if is_blurred else row["received_at"],
        is_blurred=is_blurred,
        standing=_standing(row),
        photos=tuple(row["photos"]),
        near=tuple(row["near"]),
        **{name: row[name] for name in names},
    )
