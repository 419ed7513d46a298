"""Leads that wait for a person: the list, the picture, attach, dismiss, undo."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

import shapely
from fastapi import Query, Request, Response
from fastapi.responses import FileResponse

from detection import service as detection
from detection.cameras.policy import event_kind
from detection.leads import Lead
from detection.waiting import drawing, reasons
from detection.waiting import service as waiting
from foundation.errors import Language, NotFound
from patrol import service as patrol
from patrol.citizens.reports import blurred_place
from patrol.citizens.service import sees_place
from patrol.lists.service import division_name
from webmap.deps import Caller, SignedIn, noun_router
from webmap.names import class_name, source_name
from webmap.schemas.basics import Problem
from webmap.schemas.leads import (
    AttachBody,
    DismissBody,
    DismissReasonInfo,
    DrawBody,
    SettledLead,
    SuggestedPatchInfo,
    WaitingLeadInfo,
    WaitingLeads,
)

router = noun_router("leads")
BLUR_M, BLUR_STEP_M = 750.0, 500.0
"""What a citizen's report is blurred by for lower tiers: half the diagonal of a hundredth of a degree."""
CONFLICTS: dict[int | str, dict[str, Any]] = {
    409: {"model": Problem, "description": "Somebody has settled it, or it can no longer be taken back"}
}


@router.get("/leads/waiting", summary="Leads that wait for a person, newest first")
def list_waiting(caller: SignedIn, limit: Annotated[int, Query(ge=1, le=500)] = 100) -> WaitingLeads:
    """Camera events, reports and findings that no rule could place, with the patches around each."""
    with caller.transaction() as session:
        found = waiting.list_waiting_leads(session, caller.actor, limit=limit)
    return WaitingLeads(
        items=[_info(one, caller) for one in found.items],
        total=found.total,
        reasons=[
            DismissReasonInfo(
                code=one.code,
                name=one.zh if caller.language == "zh" else one.en,
                needs_note=one.needs_note,
            )
            for one in reasons.dismiss_reasons().values()
        ],
    )


@router.get("/leads/{lead_id}/picture.jpg", response_class=FileResponse, summary="What the camera saw")
def read_picture(caller: SignedIn, request: Request, lead_id: UUID) -> Response:
    """A clean copy without what the original carried beside its pixels."""
    with caller.transaction() as session:
        lead = waiting.get_lead(session, caller.actor, lead_id)
    sha256 = lead.attributes.get("served_sha256") or lead.after_chip_sha256
    if sha256 is None:
        raise NotFound("webmap.lead.no_picture", lead_id=str(lead_id))
    headers = {"ETag": f'"{sha256[:24]}"', "Cache-Control": "private, no-cache"}
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    return FileResponse(caller.runtime.blobs.path(str(sha256)), media_type="image/jpeg", headers=headers)


@router.post(
    "/leads/{lead_id}/attach", summary="Make a waiting lead part of a patch", responses={**CONFLICTS}
)
def post_attach(caller: SignedIn, lead_id: UUID, body: AttachBody) -> SettledLead:
    """What it draws changes the patch, which is then judged again."""
    with caller.transaction() as session:
        patch = waiting.attach_lead(session, caller.actor, lead_id, body.patch_id, now=caller.now())
        if not waiting.get_lead(session, caller.actor, lead_id).is_sighting:
            caller.runtime.queue.defer(session, "detection.judge", patch_id=patch.patch_id)
    return SettledLead(lead_id=lead_id, fate="attached", number=patch.number, undo_until=_until(caller))


@router.post(
    "/leads/{lead_id}/patch",
    summary="Draw what a waiting lead speaks of; a patch begins",
    responses={**CONFLICTS},
)
def post_drawing(caller: SignedIn, lead_id: UUID, body: DrawBody) -> SettledLead:
    """It is judged and comes to the desk at once; where a patch lies there already the drawing joins it."""
    platform, now = caller.runtime.system, caller.now()
    with caller.transaction() as session:
        patch = drawing.open_patch(
            session, caller.actor, lead_id, body.outline.shape(), now=now, before_on=body.before_on
        )
        detection.judge(session, platform, patch.patch_id, now)
        patrol.open_case(session, platform, patch.patch_id, now=now)
    return SettledLead(lead_id=lead_id, fate="attached", number=patch.number, undo_until=_until(caller))


@router.post(
    "/leads/{lead_id}/dismiss", summary="Lay a waiting lead aside, with a reason", responses={**CONFLICTS}
)
def post_dismiss(caller: SignedIn, lead_id: UUID, body: DismissBody) -> SettledLead:
    """It stays stored and is not fused again."""
    with caller.transaction() as session:
        waiting.dismiss_lead(
            session, caller.actor, lead_id, reason_code=body.reason_code, note=body.note, now=caller.now()
        )
    return SettledLead(lead_id=lead_id, fate="dismissed", undo_until=_until(caller))


@router.post("/leads/{lead_id}/undo", summary="Take back one's own decision", responses={**CONFLICTS})
def post_undo(caller: SignedIn, lead_id: UUID) -> SettledLead:
    """For a few minutes; the lead then waits again."""
    with caller.transaction() as session:
        waiting.undo_decision(
            session,
            caller.actor,
            lead_id,
            now=caller.now(),
            undo_minutes=caller.runtime.settings.undo_minutes,
        )
    return SettledLead(lead_id=lead_id, fate="waiting")


def _until(caller: Caller) -> Any:
    return caller.now() + timedelta(minutes=caller.runtime.settings.undo_minutes)


def _kind_name(lead: Lead, language: Language) -> str:
    """What the camera says it saw; the class of change where it says nothing."""
    if language == "en" and "kind" in lead.attributes:
        return event_kind(str(lead.attributes["kind"])).en
    return str(lead.attributes.get("kind_name") or class_name(lead.change_class))


def _info(one: waiting.WaitingLead, caller: Caller) -> WaitingLeadInfo:
    lead, told = one.lead, one.lead.attributes
    point = lead.place if lead.place is not None else shapely.point_on_surface(lead.ground)
    place, radius_m = (point.x, point.y), lead.radius_m
    is_blurred = lead.source == "public" and not sees_place(caller.actor)
    if is_blurred:
        place, radius_m = blurred_place(place), max(radius_m or 0.0, BLUR_M)
    bbox = told.get("bbox")
    return WaitingLeadInfo(
        lead_id=lead.lead_id,
        source=lead.source,
        source_name=source_name(lead.source),
        seen_at=lead.observed_to,
        kind_name=_kind_name(lead, caller.language),
        confidence=lead.confidence,
        division_code=lead.division_code,
        division_name=division_name(lead.division_code),
        place=place,
        radius_m=radius_m,
        camera_name=told.get("camera_name"),
        preset_name=told.get("preset_name"),
        season=told.get("season"),
        has_picture=bool(told.get("served_sha256") or lead.after_chip_sha256),
        picture_bbox=(bbox[0], bbox[1], bbox[2], bbox[3]) if bbox else None,
        suggested=[_suggested(each, lead.radius_m, is_blurred=is_blurred) for each in one.suggested],
    )


def _suggested(
    one: waiting.SuggestedPatch, radius_m: float | None, *, is_blurred: bool
) -> SuggestedPatchInfo:
    patch, near = one.patch, one.suggestion
    # Exact distances to several patches would give the place away.
    distance_m = BLUR_STEP_M * round(near.distance_m / BLUR_STEP_M) if is_blurred else near.distance_m
    return SuggestedPatchInfo(
        patch_id=patch.patch_id,
        number=patch.number,
        change_class_name=class_name(patch.shape.change_class),
        area_m2=patch.shape.area_m2,
        distance_m=distance_m,
        is_settled=patch.standing.settled_at is not None,
        is_likely=near.distance_m <= (radius_m or 0.0),
    )
