"""Verbs of detection: record leads, fuse them into patches, judge patches, keep what people found.

Each runs inside the caller's transaction, checks the right first, and audits beside the write.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import shapely
from shapely.geometry.base import BaseGeometry
from sqlalchemy.orm import Session

from detection import store
from detection.fuse import Group, lock_cells, plan_fusion
from detection.judgements import JudgedPatch, Judgement, evaluate, measure
from detection.judging import reference
from detection.judging.overlay import JudgedShape
from detection.judging.pieces import Piece, village_pieces
from detection.leads import Lead
from detection.patches import OPEN, Patch, Standing, combine, number_prefix, overlap_share, patch_number
from detection.rules import RuleSet, current_rules
from detection.taxonomy import Violation
from foundation import access, audit
from foundation.access import Actor
from foundation.audit import canonical
from foundation.calendar import SHANGHAI
from foundation.crs import ellipsoidal_area_m2
from foundation.errors import Conflict, Defect, InvalidInput, NotFound
from foundation.ids import uuid7


@dataclass(frozen=True, slots=True)
class Fusion:
    """What fusing did.

    Attributes
    ----------
    created, extended : tuple of UUID
        Patches founded, and patches that gained a lead.
    waiting : tuple of UUID
        Leads that may not make a patch alone.
    """

    created: tuple[UUID, ...]
    extended: tuple[UUID, ...]
    waiting: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class PatchDetail:
    """One patch with the leads that make it now and its newest judgement."""

    patch: Patch
    leads: tuple[Lead, ...]
    judgement: Judgement | None


def record_leads(session: Session, actor: Actor, leads: Sequence[Lead], now: datetime) -> None:
    """Store leads; a lead that is there already stays as it is."""
    for lead in leads:
        access.require(actor, "lead.record", lead.division_code)
    store.add_leads(session, leads, now)
    for lead in leads:
        facts = {
            "source": lead.source,
            "division_code": lead.division_code,
            **({"radius_m": round(lead.radius_m or 0.0, 1)} if lead.is_sighting else {}),
            **({} if lead.is_sighting else {"area_m2": round(lead.area_m2, 1)}),
        }
        audit.record(
            session, actor, "detection.lead.recorded", subject=("lead", lead.lead_id), at=now, facts=facts
        )


def fuse(session: Session, actor: Actor, lead_ids: Sequence[UUID] | None, now: datetime) -> Fusion:
    """Join leads that speak of one event into patches. Leads that belong to a patch already stay there.

    Sightings that wait nearby are looked at again: the patch that they speak of may have come.

    Parameters
    ----------
    lead_ids : sequence of UUID, optional
        None: all leads that belong to no patch.
    """
    access.require(actor, "patch.fuse")
    fusion = current_rules().thresholds["fusion"]
    leads = store.unattached(session, lead_ids)
    if not leads:
        return Fusion((), (), ())
    store.lock_ground(session, lock_cells(leads, reach_deg=2 * store.SIGHTING_REACH_DEG))
    # Read again: what others did before they let go of the ground is seen from here on.
    leads = store.unattached(session, [lead.lead_id for lead in leads])
    if not leads:
        return Fusion((), (), ())
    near = store.sightings_near(session, leads)
    leads = list({lead.lead_id: lead for lead in [*leads, *near]}.values())
    candidates = store.candidates_near(session, leads, is_locking=True)
    parted = store.parted(session, [lead.lead_id for lead in leads])
    plan = plan_fusion(leads, candidates, fusion, parted=parted)
    created, extended = [], []
    for group in sorted(plan.groups, key=_reading_order):
        access.require(actor, "patch.fuse", group.leads[0].division_code)
        if group.patch_id is None:
            created.append(_found(session, actor, group.leads, now, follows=group.follows))
        else:
            extended.append(_extend(session, actor, group, now))
    waiting = [lead.lead_id for lead in plan.waiting if lead_ids is None or lead.lead_id in set(lead_ids)]
    return Fusion(tuple(created), tuple(extended), tuple(waiting))


def unmerge(session: Session, actor: Actor, patch_id: UUID, lead_id: UUID, now: datetime) -> UUID | None:
    """Take one lead out of a patch, which is then as the others make it.

    A lead with an outline founds a patch of its own; a sighting waits for a person, and is not attached to
    this patch again unasked.

    Returns
    -------
    UUID or None
        The new patch; None for a sighting.

    Raises
    ------
    Conflict
        ``detection.patch.single_lead`` or ``detection.patch.not_attached``.
    """
    patch = get_patch(session, actor, patch_id)
    access.require(actor, "patch.fuse", patch.division_code)
    store.lock_ground(session, lock_cells(store.active_leads(session, [patch_id]).get(patch_id, [])))
    store.lock_patch(session, patch_id)
    taken = take_out(session, patch, lead_id, now)
    founded = None if taken.is_sighting else _found(session, actor, [taken], now)
    facts = {"lead_id": str(lead_id), "new_patch_id": None if founded is None else str(founded)}
    audit.record(session, actor, "detection.patch.unmerged", subject=("patch", patch_id), at=now, facts=facts)
    return founded


def take_out(session: Session, patch: Patch, lead_id: UUID, now: datetime) -> Lead:
    """Detach one lead and store what the others make; the ground and the patch are held by the caller.

    Raises
    ------
    Conflict
        ``detection.patch.single_lead`` or ``detection.patch.not_attached``.
    """
    leads = store.active_leads(session, [patch.patch_id]).get(patch.patch_id, [])
    taken = next((lead for lead in leads if lead.lead_id == lead_id), None)
    if taken is None:
        raise Conflict("detection.patch.not_attached", lead_id=str(lead_id), number=patch.number)
    rest = [lead for lead in leads if lead.lead_id != lead_id]
    if all(lead.is_sighting for lead in rest):
        raise Conflict("detection.patch.single_lead", number=patch.number)
    store.detach(session, patch.patch_id, lead_id, now)
    store.end_attachment(session, lead_id, now)
    if not taken.is_sighting:
        reshape(session, patch.patch_id, rest)
    return taken


def reshape(session: Session, patch_id: UUID, leads: Sequence[Lead]) -> None:
    """Store what leads make of a patch; a relapse that none of them tells any more is forgotten."""
    standing = store.lock_patch(session, patch_id)
    since = standing.shaped_since if standing else None
    if since is not None and not any(not lead.is_sighting and lead.observed_to > since for lead in leads):
        store.mark_relapse(session, patch_id, since=None, found_at=None)
        since = None
    shape = combine(leads, current_rules().thresholds["fusion"], since=since)
    store.reshape_patch(session, patch_id, shape, _division_of(session, shape.outline, leads[0]))


def settle_patch(
    session: Session,
    actor: Actor,
    patch_id: UUID,
    *,
    state: str,
    at: datetime,
    watched_until: date | None = None,
) -> None:
    """Keep that the matter of a patch is closed (put right) or dismissed (lawful, nothing new).

    What is seen on its ground from then on is no longer the same matter: on the ground of a closed patch
    it is a relapse until ``watched_until``, and a matter of its own later.
    """
    get_patch(session, actor, patch_id)
    store.set_standing(session, patch_id, Standing(state, at, watched_until))


def reopen_patch(session: Session, actor: Actor, patch_id: UUID) -> None:
    """Keep that the matter of a patch is open (again): what is seen on its ground belongs to it."""
    get_patch(session, actor, patch_id)
    store.set_standing(session, patch_id, OPEN)


def judge(session: Session, actor: Actor, patch_id: UUID, now: datetime) -> Judgement:
    """Judge one patch against the layers in force in its change window."""
    return judge_many(session, actor, [patch_id], now)[0]


def judge_many(
    session: Session, actor: Actor, patch_ids: Sequence[UUID] | None, now: datetime
) -> list[Judgement]:
    """Judge patches, the layers asked once for all of them.

    Judging again with nothing changed answers with the newest revision and stores none.

    Parameters
    ----------
    patch_ids : sequence of UUID, optional
        None: all that have no judgement yet.
    """
    wanted = store.unjudged(session) if patch_ids is None else list(patch_ids)
    found = store.patches(session, wanted)
    if len(found) != len(set(wanted)):
        raise NotFound("detection.patch.not_found")
    for patch in found:
        access.require(actor, "patch.judge_desk", patch.division_code)
    return judge_found(session, actor, found, now)


def judge_found(session: Session, actor: Actor, found: Sequence[Patch], now: datetime) -> list[Judgement]:
    """Judge patches for somebody whose right to it the caller has checked."""
    rules = current_rules()
    store.keep_rules(session, rules.sha256, rules.text, now)
    newest = store.newest_judgements(session, [patch.patch_id for patch in found])
    return [
        _judge_one(session, actor, patch, known=known, former=newest.get(patch.patch_id), now=now)
        for patch, known in reference.for_patches(session, actor, found)
    ]


def judged_patch(session: Session, patch: Patch, rules: RuleSet) -> JudgedPatch:
    """What is known of a patch before the layers are asked: shape, window, villages, neighbours."""
    shape = patch.shape
    before_on, after_on = reference.window_of(patch)
    outlined = JudgedShape(
        shape.outline, shape.area_m2, shape.area_min_m2, shape.area_max_m2, before_on, after_on
    )
    pieces = pieces_of(session, shape.outline)
    whole_m2 = sum(piece.area_m2 for piece in pieces)
    places = [
        {"code": piece.code, "share": round(piece.area_m2 / whole_m2, 6), "area_m2": piece.area_m2}
        for piece in pieces
        if piece.code
    ]
    neighbours = _neighbours(session, patch, rules)
    return JudgedPatch(patch.number, shape.change_class, outlined, places, neighbours)


def pieces_of(session: Session, outline: BaseGeometry) -> list[Piece]:
    """An outline divided by villages; what lies outside all of them has no code. The areas add up."""
    return village_pieces(outline, store.village_outlines(session, outline))


def record_verdict(
    session: Session,
    actor: Actor,
    *,
    patch_id: UUID,
    verdict: str,
    change_class: str | None,
    reason_code: str | None,
    now: datetime,
) -> UUID:
    """Keep what people decided about a patch, as a label for detection to learn from."""
    patch = get_patch(session, actor, patch_id)
    label_id = uuid7(now)
    store.add_label(
        session,
        {
            "label_id": label_id,
            "patch_id": patch_id,
            "division_code": patch.division_code,
            "verdict": verdict,
            "change_class": change_class,
            "reason_code": reason_code,
            "recorded_at": now,
        },
    )
    facts = {"verdict": verdict, "reason_code": reason_code, "change_class": change_class}
    audit.record(
        session, actor, "detection.verdict.recorded", subject=("patch", patch_id), at=now, facts=facts
    )
    return label_id


def get_patch(session: Session, actor: Actor, patch_id: UUID) -> Patch:
    """One patch inside the actor's area.

    Raises
    ------
    NotFound
        ``detection.patch.not_found``.
    """
    access.require(actor, "patch.view")
    found = store.patches(session, [patch_id])
    if not found or not access.allows(actor, "patch.view", found[0].division_code):
        raise NotFound("detection.patch.not_found")
    return found[0]


def find_patch(session: Session, actor: Actor, number: str) -> Patch:
    """One patch by its number.

    Raises
    ------
    NotFound
        ``detection.patch.not_found``.
    """
    patch_id = store.patch_by_number(session, number)
    if patch_id is None:
        raise NotFound("detection.patch.not_found")
    return get_patch(session, actor, patch_id)


def patch_detail(session: Session, actor: Actor, patch_id: UUID) -> PatchDetail:
    """One patch with its leads and its newest judgement."""
    patch = get_patch(session, actor, patch_id)
    leads = store.active_leads(session, [patch_id]).get(patch_id, [])
    return PatchDetail(patch, tuple(leads), store.newest_judgements(session, [patch_id]).get(patch_id))


def list_patches(session: Session, actor: Actor) -> list[Patch]:
    """All patches inside the actor's area, by number."""
    access.require(actor, "patch.view")
    return store.patches(session)


def get_judgement(session: Session, actor: Actor, patch_id: UUID) -> Judgement | None:
    """The newest judgement of a patch."""
    get_patch(session, actor, patch_id)
    return store.newest_judgements(session, [patch_id]).get(patch_id)


def judgements_of(session: Session, actor: Actor, patch_id: UUID) -> list[Judgement]:
    """Every revision of a patch's judgement, oldest first."""
    get_patch(session, actor, patch_id)
    return store.revisions(session, patch_id)


def violations(now: datetime) -> tuple[Violation, ...]:
    """The taxonomy in force at a moment, for lists of choice."""
    return current_rules().violations(now.astimezone(SHANGHAI).date())


def locate(session: Session, outline: BaseGeometry) -> list[dict[str, Any]]:
    """Villages that an outline touches, ``{code, share}``, largest share first."""
    whole_m2 = ellipsoidal_area_m2(outline)
    rows = []
    for code, village in store.village_outlines(session, outline):
        share = ellipsoidal_area_m2(shapely.intersection(outline, village)) / whole_m2
        if share > 1e-6:
            rows.append({"code": code, "share": round(share, 6)})
    return sorted(rows, key=lambda row: (-row["share"], row["code"]))


def village_of(session: Session, outline: BaseGeometry) -> str:
    """The village that holds most of an outline, or of the disc of a sighting.

    Raises
    ------
    InvalidInput
        ``detection.lead.outside_divisions``.
    """
    rows = locate(session, outline)
    if not rows:
        point = outline.representative_point()
        raise InvalidInput(
            "detection.lead.outside_divisions", longitude=round(point.x, 6), latitude=round(point.y, 6)
        )
    return str(rows[0]["code"])


def _found(
    session: Session, actor: Actor, leads: Sequence[Lead], now: datetime, *, follows: UUID | None = None
) -> UUID:
    shape = combine(leads, current_rules().thresholds["fusion"])
    division_code = _division_of(session, shape.outline, leads[0])
    prefix = number_prefix(division_code, shape.after_at)
    number = patch_number(prefix, store.next_serial(session, prefix))
    patch = Patch(uuid7(now), number, division_code, shape, now, follows_patch_id=follows)
    store.add_patch(session, patch)
    store.attach(session, patch.patch_id, [lead.lead_id for lead in leads], now)
    facts: dict[str, Any] = {"number": number, "lead_ids": [str(lead.lead_id) for lead in leads]}
    if follows is not None:
        facts["follows"] = str(follows)
    audit.record(
        session, actor, "detection.patch.founded", subject=("patch", patch.patch_id), at=now, facts=facts
    )
    return patch.patch_id


def _extend(session: Session, actor: Actor, group: Group, now: datetime) -> UUID:
    if group.patch_id is None:
        raise Defect("detection.patch.not_found")
    store.attach(session, group.patch_id, [lead.lead_id for lead in group.added], now)
    if group.standing.settled_at is None:
        division_code = _division_of(session, group.shape.outline, group.leads[0])
        store.reshape_patch(session, group.patch_id, group.shape, division_code)
    facts: dict[str, Any] = {"lead_ids": [str(lead.lead_id) for lead in group.added]}
    subject = ("patch", group.patch_id)
    audit.record(session, actor, "detection.patch.extended", subject=subject, at=now, facts=facts)
    if group.is_relapse:
        store.mark_relapse(session, group.patch_id, since=group.standing.shaped_since, found_at=now)
        audit.record(session, actor, "detection.patch.relapsed", subject=subject, at=now, facts=facts)
    return group.patch_id


def _division_of(session: Session, outline: BaseGeometry, lead: Lead) -> str:
    rows = locate(session, outline)
    return str(rows[0]["code"]) if rows else lead.division_code


def _reading_order(group: Group) -> tuple[str, float, float]:
    """County, then from north to south, then from west to east: numbers that read like the map."""
    centre = group.shape.outline.centroid
    return group.leads[0].division_code[:6], round(-centre.y, 3), centre.x


def _judge_one(
    session: Session,
    actor: Actor,
    patch: Patch,
    *,
    known: reference.Known,
    former: Judgement | None,
    now: datetime,
) -> Judgement:
    rules = current_rules()
    inputs = measure(
        judged_patch(session, patch, rules),
        known.features,
        layers=known.layers,
        rules=rules,
        corrections=known.corrections,
    )
    inputs_text = canonical(inputs)
    if former is not None and former.inputs_text == inputs_text:
        return former
    result_text = canonical(evaluate(inputs, rules))
    revision = former.revision + 1 if former else 1
    made = Judgement(uuid7(now), patch.patch_id, revision, inputs_text, result_text, now)
    store.add_judgement(session, made, patch.division_code)
    facts = {
        "revision": revision,
        "suggestion": made.suggestion,
        "violation_code": made.violation_code,
        "inputs_sha256": made.inputs_sha256,
        "result_sha256": made.result_sha256,
    }
    subject = ("patch", patch.patch_id)
    audit.record(session, actor, "detection.judgement.made", subject=subject, at=now, facts=facts)
    return made


def _neighbours(session: Session, patch: Patch, rules: RuleSet) -> list[dict[str, Any]]:
    least = rules.thresholds["fusion"]["neighbour_share"]
    rows = []
    for other in store.patches_touching(session, patch.shape.outline):
        share = overlap_share(patch.shape.outline, other.shape.outline)[1]
        if other.patch_id != patch.patch_id and share >= least:
            rows.append({"number": other.number, "share": round(share, 4)})
    return rows
