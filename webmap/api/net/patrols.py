"""Outings: sent whole, once, whenever there is a network; and what came of one's own."""

from __future__ import annotations

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from foundation.errors import Conflict
from patrol import service as patrol
from patrol.rounds import service as rounds
from patrol.rounds.tracks import tracks_of
from webmap.deps import SignedIn, noun_router
from webmap.schemas.net.patrols import (
    PatrolForm,
    PatrolInfo,
    PatrolList,
    PatrolPost,
    PatrolPosts,
    PatrolReceipt,
)

router = noun_router("patrols")


@router.put(
    "/patrols/{patrol_id}",
    status_code=201,
    summary="Record an outing",
    responses={200: {"model": PatrolReceipt, "description": "Known already: the first receipt again."}},
)
def put_patrol(caller: SignedIn, patrol_id: UUID, body: PatrolForm, response: Response) -> PatrolReceipt:
    """Sending it again is safe at any time. What does not count is named with its reason, never dropped."""
    fixes = tuple(patrol.Fix(fix.t, fix.lon, fix.lat, fix.accuracy_m, fix.is_mock) for fix in body.fixes)
    outing = patrol.PatrolBody(
        patrol_id, body.post_id, body.started_at, body.ended_at, tracks_of([fixes]), body.tasks_visited
    )
    profile, database = caller.runtime.settings.policy_profile, caller.runtime.database
    try:
        # The platform's transaction: who stands in may come from beyond the post's ground.
        with database.transaction(caller.runtime.system) as session:
            recorded = patrol.record_patrol(session, caller.actor, outing, now=caller.now(), profile=profile)
    except Conflict as refused:
        if refused.code == "patrol.patrol.other_body":
            # Refused, and kept: a person compares the two.
            plain = body.model_dump(mode="json")
            blobs = caller.runtime.blobs
            with database.transaction(caller.runtime.system) as session:
                rounds.keep_other_patrol(session, caller.actor, outing, plain, blobs=blobs, now=caller.now())
        raise
    if not recorded.is_new:
        response.status_code = 200
    return PatrolReceipt.model_validate(recorded)


@router.get("/patrols/posts", summary="Posts for which the caller may walk today")
def list_patrol_posts(caller: SignedIn) -> PatrolPosts:
    """The own ones, and those in which the caller stands in for somebody on leave."""
    runtime = caller.runtime
    with runtime.database.transaction(runtime.system) as session:
        found = rounds.own_posts(session, caller.actor, now=caller.now())
    return PatrolPosts(
        items=[PatrolPost.model_validate(post) for post in found],
        tracks="all" if runtime.settings.policy_profile == "full" else "tasks_only",
    )


@router.get("/patrols", summary="The caller's own outings")
def list_patrols(
    caller: SignedIn,
    first: Annotated[date, Query(description="First day on which they began, in Shanghai.")],
    last: Annotated[date, Query(description="Last day.")],
) -> PatrolList:
    """With every refused fix and outing and its reason, those walked for others too; at most 366 days."""
    with caller.runtime.database.transaction(caller.runtime.system) as session:
        found = rounds.own_patrols(session, caller.actor, first=first, last=last)
    return PatrolList(items=[PatrolInfo.model_validate(row) for row in found])
