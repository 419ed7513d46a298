"""Everything of one patch in one answer: the case from patrol, leads and judgement from detection."""

from __future__ import annotations

import json
from datetime import date
from typing import Any
from uuid import UUID

import shapely
from sqlalchemy.orm import Session

from detection import service as detection
from detection.judgements import Judgement
from detection.leads import Lead
from foundation.calendar import SHANGHAI
from ingest.layers import layer_kind
from patrol import service as patrol
from webmap import store
from webmap.deps import PREFIX, Caller
from webmap.names import class_name, source_name
from webmap.schemas.basics import Geometry
from webmap.schemas.patches import (
    ActionInfo,
    EvidenceInfo,
    JudgementInfo,
    LayerVersionInfo,
    LeadInfo,
    OverlayRow,
    PatchAssignment,
    PatchDetail,
    PatchRow,
    SentenceInfo,
    TimelineInfo,
    UndoInfo,
    VerdictInfo,
    VisitInfo,
)


def row_of(row: patrol.PatchListRow) -> PatchRow:
    """The table row as the API says it."""
    return PatchRow(**_row_values(row))


def detail_of(session: Session, caller: Caller, patch_id: UUID) -> PatchDetail:
    """The drawer of one patch, with the moves that the caller may make now.

    Raises
    ------
    NotFound
        ``patrol.case.not_found``, also outside the caller's area.
    """
    session.flush()
    runtime = caller.runtime
    case = patrol.case_detail(
        session,
        caller.actor,
        patch_id,
        now=caller.now(),
        undo_minutes=runtime.settings.undo_minutes,
        blobs=runtime.blobs,
    )
    found = detection.patch_detail(session, caller.actor, patch_id)
    shape = found.patch.shape
    runs = store.runs_of_leads(session, [lead.run_id for lead in found.leads if lead.run_id])
    scenes = (_scenes_of(lead, runs) for lead in _newest_first(found.leads))
    before_scene_id, after_scene_id = next((pair for pair in scenes if pair), (None, None))
    return PatchDetail(
        **_row_values(case.row),
        **_case_values(case),
        outline=Geometry.model_validate(json.loads(shapely.to_geojson(shape.outline))),
        area_min_m2=shape.area_min_m2,
        area_max_m2=shape.area_max_m2,
        confidence=shape.confidence,
        first_seen=shape.after_at.astimezone(SHANGHAI).date(),
        before_at=shape.before_at,
        after_at=shape.after_at,
        before_scene_id=before_scene_id,
        after_scene_id=after_scene_id,
        leads=[_lead(lead, runs) for lead in found.leads],
        overlay=_overlay(found.judgement),
        judgement=_judgement(found.judgement),
    )


def chip_of(session: Session, caller: Caller, patch_id: UUID, moment: str) -> str | None:
    """Hash of the newest cut-out before or after; None when no lead of the patch has one."""
    leads = detection.patch_detail(session, caller.actor, patch_id).leads
    chips = (
        lead.before_chip_sha256 if moment == "before" else lead.after_chip_sha256
        for lead in _newest_first(leads)
    )
    return next((chip for chip in chips if chip), None)


def _scenes_of(lead: Lead, runs: dict[UUID, store.RunOfLead]) -> tuple[UUID, UUID] | None:
    """The two images that a lead shows cut-outs of: those compared, or those that picture a parcel."""
    if lead.run_id in runs:
        return runs[lead.run_id].before_scene_id, runs[lead.run_id].after_scene_id
    pictured = lead.attributes.get("chip_scenes")
    return (UUID(pictured[0]), UUID(pictured[1])) if pictured else None


def _newest_first(leads: tuple[Lead, ...]) -> list[Lead]:
    return sorted(leads, key=lambda lead: (lead.observed_to, str(lead.lead_id)), reverse=True)


def _row_values(row: patrol.PatchListRow) -> dict[str, Any]:
    names = set(PatchRow.model_fields) - {"change_class_name"}
    return {name: getattr(row, name) for name in names} | {"change_class_name": class_name(row.change_class)}


def _case_values(case: patrol.CaseDetail) -> dict[str, Any]:
    return {
        "internal_state": case.row.internal_state,
        "internal_state_name": case.row.internal_state_name,
        "is_urgent": case.is_urgent,
        "watch_until": date.fromisoformat(case.watch_until) if case.watch_until else None,
        "stage_name": case.stage_name,
        "verdict": VerdictInfo.model_validate(case.verdict) if case.verdict else None,
        "timeline": [TimelineInfo.model_validate(entry) for entry in case.timeline],
        "assignments": [PatchAssignment.model_validate(row) for row in case.assignments],
        "visits": [VisitInfo.model_validate(row) for row in case.visits],
        "evidence": [_evidence(row) for row in case.evidence],
        "actions": [ActionInfo.model_validate(row) for row in case.actions],
        "undo": UndoInfo.model_validate(case.undo) if case.undo else None,
    }


def _evidence(row: patrol.EvidenceView) -> EvidenceInfo:
    names = set(EvidenceInfo.model_fields) - {"url", "flags"}
    values = {name: getattr(row, name) for name in names}
    return EvidenceInfo(**values, flags=list(row.flags), url=f"{PREFIX}/evidence/{row.evidence_id}/file")


def _lead(lead: Lead, runs: dict[UUID, store.RunOfLead]) -> LeadInfo:
    run = runs.get(lead.run_id) if lead.run_id else None
    return LeadInfo(
        lead_id=lead.lead_id,
        source=lead.source,
        source_name=source_name(lead.source),
        observed_from=lead.observed_from,
        observed_to=lead.observed_to,
        confidence=lead.confidence,
        witnesses=dict(lead.witnesses),
        method=run.method if run else lead.source,
        version=run.method_version if run else "",
    )


def _overlay(judgement: Judgement | None) -> list[OverlayRow]:
    return [OverlayRow(**row) for row in judgement.result["overlay"]] if judgement else []


def _sentence(row: dict[str, Any]) -> SentenceInfo:
    source = row["source"]
    text = source if isinstance(source, str) else source["text"]
    return SentenceInfo(
        text=row["text"], text_en=row.get("text_en", ""), rule_id=row["rule_id"], source=text or None
    )


def _judgement(judgement: Judgement | None) -> JudgementInfo | None:
    if judgement is None:
        return None
    result = judgement.result
    plain = {name: result.get(name) for name in JudgementInfo.model_fields if name in result}
    plain["sentences"] = [_sentence(row) for row in result["sentences"]]
    plain["layer_versions"] = [
        LayerVersionInfo(
            kind=row["kind"],
            name=layer_kind(row["kind"]).zh,
            version_id=str(row["version_id"]),
            imported_at=str(row["imported_at"]),
        )
        for row in result["layer_versions"]
    ]
    return JudgementInfo.model_validate(
        plain
        | {
            "judgement_id": judgement.judgement_id,
            "revision": judgement.revision,
            "made_at": judgement.made_at,
            "borderline": result["is_borderline"],
        }
    )
