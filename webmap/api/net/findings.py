"""Findings of officers' rounds: sent once, seen as leads, followed by whoever found them."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from foundation.errors import Conflict
from patrol.findings import service as findings
from patrol.findings.findings import FindingBody, finding_policy
from webmap.deps import SignedIn, noun_router
from webmap.schemas.basics import Problem
from webmap.schemas.net.findings import FindingCategory, FindingInfo, FindingList, PatrolFindingForm

router = noun_router("findings")


@router.put(
    "/findings/{finding_id}",
    status_code=201,
    summary="Record a finding",
    responses={
        200: {"model": FindingInfo, "description": "Known already: the same finding, as it stands now"},
        409: {"model": Problem, "description": "Another finding under this id; both are kept for review"},
    },
)
def put_finding(
    caller: SignedIn, finding_id: UUID, body: PatrolFindingForm, response: Response
) -> FindingInfo:
    """Sending it again is safe at any time. It becomes a lead: a place and how far off it may be."""
    finding, runtime = FindingBody(finding_id=finding_id, **dict(body)), caller.runtime
    try:
        # The platform's transaction: place and patch may lie just beyond the finder's ground.
        with runtime.database.transaction(runtime.system) as session:
            view, is_new = findings.record_finding(
                session, caller.actor, runtime.system, finding, blobs=runtime.blobs, now=caller.now()
            )
    except Conflict as refused:
        if refused.code == "patrol.finding.other_body":
            # Refused, and kept: a person compares the two.
            with runtime.database.transaction(runtime.system) as session:
                findings.keep_other_finding(
                    session, caller.actor, finding, blobs=runtime.blobs, now=caller.now()
                )
        raise
    if not is_new:
        response.status_code = 200
    return FindingInfo.model_validate(view)


@router.get("/findings", summary="The caller's own findings, and the kinds that there are")
def list_findings(caller: SignedIn, limit: Annotated[int, Query(ge=1, le=500)] = 100) -> FindingList:
    """Each with what came of it."""
    runtime = caller.runtime
    with runtime.database.transaction(runtime.system) as session:
        found = findings.own_findings(session, caller.actor, limit=limit)
    kinds = finding_policy().categories.values()
    return FindingList(
        categories=[FindingCategory(key=row.key, zh=row.zh, en=row.en) for row in kinds],
        items=[FindingInfo.model_validate(view) for view in found],
    )


@router.get("/leads/{lead_id}/finding", summary="The finding behind a lead of a patrol")
def read_finding_of_lead(caller: SignedIn, lead_id: UUID) -> FindingInfo:
    """Note, photos and finder, for whoever decides on the lead."""
    with caller.transaction() as session:
        view = findings.finding_of_lead(session, caller.actor, lead_id)
    return FindingInfo.model_validate(view)
