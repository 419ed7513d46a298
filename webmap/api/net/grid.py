"""The grid of a place: what a new cut would be like, and making it."""

from __future__ import annotations

from foundation.errors import InvalidInput
from patrol.net.grids import service as grids
from webmap.deps import SignedIn, noun_router
from webmap.schemas.net.posts import GridCutInfo, GridForm

router = noun_router("grid")


@router.post("/grid/preview", summary="What a new cut of the grid would be like")
def preview_grid(caller: SignedIn, body: GridForm) -> GridCutInfo:
    """By village outlines, roads, rivers and parcels; nothing is stored."""
    with caller.transaction() as session:
        plan = grids.preview_grid(session, caller.actor, body.division_code, target_mu=body.target_mu)
    return GridCutInfo(division_code=plan.division_code, report=plan.report, token=plan.token, is_made=False)


@router.post("/grid/make", summary="Make the grid that was looked at")
def make_grid(caller: SignedIn, body: GridForm) -> GridCutInfo:
    """Refused where it would differ from the preview. Former cells stay as history."""
    if not body.token:
        raise InvalidInput("patrol.grid.no_token")
    with caller.transaction() as session:
        plan, _ = grids.make_grid(
            session,
            caller.actor,
            body.division_code,
            now=caller.now(),
            target_mu=body.target_mu,
            token=body.token,
        )
    return GridCutInfo(division_code=plan.division_code, report=plan.report, token=plan.token, is_made=True)
