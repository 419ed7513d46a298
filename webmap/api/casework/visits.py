"""Visits on site: each exactly once under the id that the phone made."""

from __future__ import annotations

from uuid import UUID

from fastapi import Response

from foundation.errors import Conflict
from patrol import service as patrol
from webmap.deps import SignedIn, noun_router
from webmap.schemas.basics import Problem
from webmap.schemas.fieldwork import VisitBody, VisitReceipt

router = noun_router("visits")


@router.put(
    "/visits/{visit_id}",
    status_code=201,
    summary="Record a visit",
    responses={
        200: {"model": VisitReceipt, "description": "This very visit was recorded before"},
        409: {"model": Problem, "description": "Another body was recorded under this id"},
    },
)
def put_visit(caller: SignedIn, visit_id: UUID, body: VisitBody, response: Response) -> VisitReceipt:
    """Sending it again is safe at any time: the same body gets the same receipt."""
    visit = patrol.VisitBody(visit_id=visit_id, **dict(body))
    blobs = caller.runtime.blobs
    try:
        with caller.transaction() as session:
            recorded = patrol.record_visit(session, caller.actor, visit, now=caller.now(), blobs=blobs)
    except Conflict as refused:
        if refused.code == "patrol.visit.other_body":
            # Refused, and kept: a person compares the two.
            with caller.transaction() as session:
                patrol.keep_other_visit(session, caller.actor, visit, blobs=blobs, now=caller.now())
        raise
    if not recorded.is_new:
        response.status_code = 200
    return VisitReceipt(visit_id=visit_id, distance_m=recorded.distance_m)
