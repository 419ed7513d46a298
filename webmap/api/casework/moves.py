"""Writes to a patch: verdict, dispatch, moves, undo; ``If-Match`` names the version each is based on."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import Response

from patrol import service as patrol
from webmap import drawer
from webmap.deps import ExpectedVersion, SignedIn, noun_router
from webmap.schemas.basics import Problem
from webmap.schemas.patches import DispatchBody, MoveBody, PatchDetail, VerdictBody

router = noun_router("patches")
CONFLICTS: dict[int | str, dict[str, Any]] = {
    409: {"model": Problem, "description": "The state, or somebody else, is against it"},
    412: {"model": Problem, "description": "The patch has changed: facts name who, when and the new version"},
    428: {"model": Problem, "description": "`If-Match` is missing"},
}


@router.post("/patches/{patch_id}/verdict", summary="Judge a patch", responses={**CONFLICTS})
def post_verdict(
    caller: SignedIn, patch_id: UUID, body: VerdictBody, version: ExpectedVersion, response: Response
) -> PatchDetail:
    """With `dispatch_to` the patch is handed down in the same step."""
    verdict = patrol.VerdictBody(
        kind=body.kind,
        violation_code=body.violation_code,
        reason_code=body.reason_code,
        note=body.note,
        dispatch_to=body.dispatch_to,
        is_urgent=body.urgent,
        act_ended_on=body.act_ended_on,
    )
    with caller.transaction() as session:
        patrol.record_verdict(
            session, caller.actor, patch_id, verdict, now=caller.now(), expected_version=version
        )
        detail = drawer.detail_of(session, caller, patch_id)
    return _tagged(response, detail)


@router.post("/patches/{patch_id}/dispatch", summary="Hand a patch down", responses={**CONFLICTS})
def post_dispatch(
    caller: SignedIn, patch_id: UUID, body: DispatchBody, version: ExpectedVersion, response: Response
) -> PatchDetail:
    """Without a post by the default chain: station, village chief, grid officer of the cell."""
    with caller.transaction() as session:
        patrol.dispatch(
            session,
            caller.actor,
            patch_id,
            now=caller.now(),
            post_id=body.post_id,
            is_urgent=body.urgent,
            note=body.note,
            expected_version=version,
        )
        detail = drawer.detail_of(session, caller, patch_id)
    return _tagged(response, detail)


@router.post("/patches/{patch_id}/moves", summary="Make a move by name", responses={**CONFLICTS})
def post_move(
    caller: SignedIn, patch_id: UUID, body: MoveBody, version: ExpectedVersion, response: Response
) -> PatchDetail:
    """Any move that `actions` of the patch lists with `via` = move."""
    with caller.transaction() as session:
        patrol.move_case(
            session,
            caller.actor,
            patch_id,
            body.action,
            now=caller.now(),
            reason_code=body.reason_code,
            note=body.note,
            facts=body.facts,
            expected_version=version,
        )
        detail = drawer.detail_of(session, caller, patch_id)
    return _tagged(response, detail)


@router.post("/patches/{patch_id}/undo", summary="Take back one's own last move", responses={**CONFLICTS})
def post_undo(caller: SignedIn, patch_id: UUID, version: ExpectedVersion, response: Response) -> PatchDetail:
    """For a few minutes, and before anybody else has acted; recorded as a move of its own."""
    with caller.transaction() as session:
        patrol.undo(
            session,
            caller.actor,
            patch_id,
            now=caller.now(),
            undo_minutes=caller.runtime.settings.undo_minutes,
            expected_version=version,
        )
        detail = drawer.detail_of(session, caller, patch_id)
    return _tagged(response, detail)


def _tagged(response: Response, detail: PatchDetail) -> PatchDetail:
    response.headers["ETag"] = f'"{detail.version}"'
    return detail
