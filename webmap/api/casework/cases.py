"""The case file and its verbs: clocks, pauses, objections, warnings, the transition table."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import Query, Response
from sqlalchemy.orm import Session

from patrol import casework
from webmap import drawer
from webmap.api.casework.moves import CONFLICTS
from webmap.deps import Caller, ExpectedVersion, SignedIn, noun_router
from webmap.names import class_names
from webmap.schemas.casework.cases import (
    CaseFileInfo,
    CaseTable,
    DecisionBody,
    ObjectionBody,
    ObjectionInfo,
    ObjectionList,
    PauseBody,
    ResumeBody,
    WarningInfo,
    WarningList,
)
from webmap.schemas.patches import PatchDetail

router = noun_router("cases")


@router.get("/case-table", summary="States, moves, stages, reasons: the transition table as data")
def read_table(caller: SignedIn) -> CaseTable:
    """What every client needs to name what it shows."""
    classes = [{"code": code, "name": name} for code, name in class_names().items()]
    return CaseTable.model_validate({**casework.described_table(), "change_classes": classes})


@router.get("/patches/{patch_id}/case", summary="Clocks, pauses, objections, transfer, warnings, watch")
def read_case(caller: SignedIn, patch_id: UUID, response: Response) -> CaseFileInfo:
    """The `ETag` is the version that writes name in `If-Match`."""
    with caller.transaction() as session:
        found = casework.case_file(session, caller.actor, patch_id, now=caller.now())
    response.headers["ETag"] = f'"{found.version}"'
    return CaseFileInfo.model_validate(found)


@router.post("/patches/{patch_id}/pause", summary="Pause the clock of a case", responses={**CONFLICTS})
def post_pause(
    caller: SignedIn, patch_id: UUID, body: PauseBody, version: ExpectedVersion, response: Response
) -> PatchDetail:
    """For one of `pause_choices`; ends by itself at its last day at the latest."""
    with caller.transaction() as session:
        casework.pause_case(
            session,
            caller.actor,
            patch_id,
            reason_code=body.reason_code,
            until=body.until,
            note=body.note,
            now=caller.now(),
            expected_version=version,
        )
        return _detail(session, caller, patch_id, response)


@router.post("/patches/{patch_id}/resume", summary="Let the clock go on", responses={**CONFLICTS})
def post_resume(
    caller: SignedIn, patch_id: UUID, body: ResumeBody, version: ExpectedVersion, response: Response
) -> PatchDetail:
    """The deadline is counted anew by the time that the pause really lasted."""
    with caller.transaction() as session:
        casework.resume_case(
            session, caller.actor, patch_id, note=body.note, now=caller.now(), expected_version=version
        )
        return _detail(session, caller, patch_id, response)


@router.get("/objections", summary="Objections that wait for a decision")
def list_objections(caller: SignedIn) -> ObjectionList:
    """Of the caller's area, soonest deadline first."""
    with caller.transaction() as session:
        found = casework.open_objections(session, caller.actor, now=caller.now())
    return ObjectionList(items=[ObjectionInfo.model_validate(row) for row in found])


@router.post(
    "/patches/{patch_id}/objections",
    status_code=201,
    summary="Object to a patch or its base data",
    responses={**CONFLICTS},
)
def post_objection(
    caller: SignedIn, patch_id: UUID, body: ObjectionBody, version: ExpectedVersion
) -> ObjectionInfo:
    """The tier above decides, another person, on its own clock."""
    with caller.transaction() as session:
        row = casework.raise_objection(
            session,
            caller.actor,
            patch_id,
            casework.ObjectionBody(**body.model_dump()),
            now=caller.now(),
            expected_version=version,
        )
        return _objection(session, caller, row)


@router.post("/objections/{objection_id}/decision", summary="Decide an objection", responses={**CONFLICTS})
def post_decision(
    caller: SignedIn, objection_id: UUID, body: DecisionBody, version: ExpectedVersion
) -> ObjectionInfo:
    """`corrected`: what is true is stored and judged again, once. `dismissed`: to the last review."""
    values = body.model_dump(exclude={"upheld", "outline"})
    outline = body.outline.shape() if body.outline else None
    with caller.transaction() as session:
        row = casework.decide_objection(
            session,
            caller.actor,
            objection_id,
            casework.DecisionBody(is_upheld=body.upheld, outline=outline, **values),
            now=caller.now(),
            expected_version=version,
        )
        return _objection(session, caller, row)


@router.post("/objections/{objection_id}/withdraw", summary="Take an objection back", responses={**CONFLICTS})
def post_withdrawal(caller: SignedIn, objection_id: UUID, version: ExpectedVersion) -> ObjectionInfo:
    """One's own, before it is decided."""
    with caller.transaction() as session:
        row = casework.withdraw_objection(
            session, caller.actor, objection_id, now=caller.now(), expected_version=version
        )
        return _objection(session, caller, row)


@router.get("/warnings", summary="Warnings before deadlines, and escalations")
def list_warnings(
    caller: SignedIn,
    mine: Annotated[bool, Query(description="Told to the caller; else of the whole area.")] = True,
    since: Annotated[datetime | None, Query(description="30 days back when left out.")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> WarningList:
    """Newest first; each warning of a clock is told once, to a named person."""
    begin = since or caller.now() - timedelta(days=30)
    with caller.transaction() as session:
        found = casework.warnings_for(session, caller.actor, since=begin, is_mine=mine, limit=limit)
    return WarningList(items=[WarningInfo.model_validate(row) for row in found])


def _objection(session: Session, caller: Caller, row: casework.ObjectionRow) -> ObjectionInfo:
    session.flush()
    (found,) = casework.objections_of(session, caller.actor, [row], now=caller.now())
    return ObjectionInfo.model_validate(found)


def _detail(session: Session, caller: Caller, patch_id: UUID, response: Response) -> PatchDetail:
    detail = drawer.detail_of(session, caller, patch_id)
    response.headers["ETag"] = f'"{detail.version}"'
    return detail
