"""Verbs of findings: record one, once, as a lead of its own; and tell the finder what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import shapely
from sqlalchemy import RowMapping
from sqlalchemy.orm import Session

from detection import service as detection
from detection.leads import Lead, sighting
from foundation import audit
from foundation.access import Actor, require
from foundation.audit import canonical
from foundation.blobs import BlobStore
from foundation.crs import geodesic_disc
from foundation.errors import Conflict, InvalidInput, NotFound
from foundation.ids import derived_id
from patrol.cases.store import lock_key, point
from patrol.findings import store
from patrol.findings.findings import (
    FindingBody,
    Standing,
    body_sha256,
    check_finding,
    finding_policy,
    plain_body,
    radius_m,
    standing_of,
)
from patrol.tables import FindingRow
from patrol.visits.receiving import apply_held, hold_other_body
from patrol.visits.visits import to_storage


@dataclass(frozen=True, slots=True)
class FindingView:
    """A finding as its finder, and those over its place, see it.

    Attributes
    ----------
    lonlat : (float, float)
        Degrees, EPSG:4490.
    photos : tuple of UUID
        Pieces of evidence, in the order in which they were taken.
    """

    finding_id: UUID
    patrol_id: UUID | None
    category: str
    category_name: str
    category_name_en: str
    found_at: datetime
    lonlat: tuple[float, float]
    radius_m: float
    note: str
    division_code: str
    by_name: str
    lead_id: UUID
    patch_id: UUID | None
    patch_number: str | None
    standing: Standing
    photos: tuple[UUID, ...]


def record_finding(
    session: Session,
    actor: Actor,
    system: Actor,
    body: FindingBody,
    *,
    blobs: BlobStore,
    now: datetime,
) -> tuple[FindingView, bool]:
    """Store a finding and make it a lead, which joins the patch that holds its place, or waits for a person.

    Runs in a transaction of the platform: the place, and the patch that holds it, may lie just beyond the
    finder's own ground. Photos that came ahead are recorded with it.

    Returns
    -------
    (FindingView, bool)
        As it stands, and whether it is new; the same body again is the same finding.

    Raises
    ------
    InvalidInput
        As `patrol.findings.findings.check_finding`.
    Conflict
        ``patrol.finding.other_body``: another body under the same id; see `keep_other_finding`.
    """
    require(actor, "patrol.record")
    check_finding(body)
    digest = body_sha256(body)
    lock_key(session, f"finding/{body.finding_id}")
    known = store.find(session, body.finding_id)
    if known is not None:
        if known.body_sha256 != digest or known.by_id != actor.account_id:
            raise Conflict("patrol.finding.other_body", finding_id=str(body.finding_id))
        return _seen(session, body.finding_id), False
    lead = _lead_of(session, actor, body)
    detection.record_leads(session, system, [lead], now)
    session.add(_row(actor, body, lead, digest, now))
    session.flush()
    facts = {"category": body.category, "body_sha256": digest, "lead_id": str(lead.lead_id)}
    subject = ("finding", body.finding_id)
    audit.record(session, actor, "patrol.finding.recorded", subject=subject, at=now, facts=facts)
    detection.fuse(session, system, [lead.lead_id], now)
    apply_held(session, actor, body.finding_id, blobs=blobs, now=now)
    return _seen(session, body.finding_id), True


def keep_other_finding(
    session: Session, actor: Actor, body: FindingBody, *, blobs: BlobStore, now: datetime
) -> UUID:
    """Keep the second of two findings under one id, for a person to compare; what it is held under."""
    require(actor, "patrol.record")
    plain = plain_body(body)
    first = store.find(session, body.finding_id)
    return hold_other_body(
        session,
        actor,
        kind="finding",
        identity=body.finding_id,
        division_code=first.division_code if first else actor.area_code,
        claim=plain,
        blob=blobs.put(canonical(plain).encode()),
        now=now,
    )


def own_findings(session: Session, actor: Actor, *, limit: int = 100) -> list[FindingView]:
    """What the actor found, newest first. Runs in a transaction of the platform, as `record_finding`."""
    require(actor, "patrol.record")
    return [_view(row) for row in store.newest_of(session, actor.account_id, limit)]


def finding_of_lead(session: Session, actor: Actor, lead_id: UUID) -> FindingView:
    """The finding behind a lead, for whoever settles leads there.

    Raises
    ------
    NotFound
        ``patrol.finding.not_found``: not a lead of a finding, or outside the actor's area.
    """
    require(actor, "lead.settle")
    row = store.read_lead(session, lead_id)
    if row is None:
        raise NotFound("patrol.finding.not_found", lead_id=str(lead_id))
    require(actor, "lead.settle", row["division_code"])
    return _view(row)


def _lead_of(session: Session, actor: Actor, body: FindingBody) -> Lead:
    category = finding_policy().categories[body.category]
    lonlat, error_m = to_storage(body.lonlat, body.coord_source), radius_m(body)
    return sighting(
        lead_id=derived_id("patrol-finding", body.finding_id),
        source="patrol",
        division_code=_division_of(session, actor, lonlat, error_m),
        seen_at=body.found_at,
        lonlat=lonlat,
        radius_m=error_m,
        change_class=category.change_class,
        confidence=finding_policy().confidence,
        attributes={"finding": str(body.finding_id), "category": body.category},
    )


def _division_of(session: Session, actor: Actor, lonlat: tuple[float, float], error_m: float) -> str:
    try:
        return detection.village_of(session, geodesic_disc(lonlat, error_m))
    except InvalidInput:
        # Villages without outlines, or a place outside all of them: the finder's own ground answers for it.
        return actor.area_code


def _row(actor: Actor, body: FindingBody, lead: Lead, digest: str, now: datetime) -> FindingRow:
    place = lead.place or shapely.Point()
    own = to_storage(body.own_lonlat, body.coord_source) if body.own_lonlat else None
    return FindingRow(
        finding_id=body.finding_id,
        patrol_id=body.patrol_id,
        lead_id=lead.lead_id,
        division_code=lead.division_code,
        category=body.category,
        note=body.note.strip(),
        found_at=body.found_at,
        received_at=now,
        device_counter=body.device_counter,
        place=point((place.x, place.y)),
        radius_m=lead.radius_m,
        own_place=point(own) if own else None,
        accuracy_m=body.accuracy_m,
        by_id=actor.account_id,
        by_name=actor.name,
        body_sha256=digest,
    )


def _seen(session: Session, finding_id: UUID) -> FindingView:
    row = store.read(session, finding_id)
    if row is None:
        raise NotFound("patrol.finding.not_found", finding_id=str(finding_id))
    return _view(row)


def _view(row: RowMapping) -> FindingView:
    category = finding_policy().categories.get(row["category"])
    same: dict[str, Any] = {
        name: row[name]
        for name in ("finding_id", "patrol_id", "category", "found_at", "radius_m", "note", "division_code",
                     "by_name", "lead_id", "patch_id")
    }  # fmt: skip
    return FindingView(
        category_name=category.zh if category else row["category"],
        category_name_en=category.en if category else row["category"],
        lonlat=(row["lon"], row["lat"]),
        patch_number=row["number"],
        standing=standing_of(
            number=row["number"],
            dismissed=row["dismissed"],
            state=row["state"],
            verdict=row["verdict_kind"],
        ),
        photos=tuple(row["photos"]),
        **same,
    )
