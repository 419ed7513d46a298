"""Patches: the table, the counts, the drawer, the chips."""

from __future__ import annotations

import math
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Depends, Query, Request, Response
from fastapi.responses import FileResponse

from foundation.errors import InvalidInput, NotFound
from patrol import service as patrol
from webmap import drawer
from webmap.deps import SignedIn, noun_router
from webmap.names import STATES
from webmap.schemas.basics import Page
from webmap.schemas.patches import PatchCounts, PatchDetail, PatchRow

router = noun_router("patches")
Sort = Literal[
    "-severity",
    "severity",
    "number",
    "-number",
    "-area_m2",
    "area_m2",
    "-basic_farmland_m2",
    "basic_farmland_m2",
    "due_at",
    "-due_at",
    "-updated_at",
]


def patch_filter(
    *,
    state: Annotated[
        str, Query(description="Displayed states, comma between.", examples=["new,suspect"])
    ] = "",
    severity_min: Annotated[int, Query(ge=1, le=4)] = 1,
    division: Annotated[str | None, Query(description="12-digit code.")] = None,
    bbox: Annotated[str | None, Query(description="west,south,east,north in degrees.")] = None,
    change_class: Annotated[str | None, Query(max_length=64)] = None,
    q: Annotated[str, Query(max_length=100, description="Part of a number or of a place's name.")] = "",
    mine: Annotated[bool, Query(description="Owned by the caller or assigned to the caller.")] = False,
) -> patrol.PatchFilter:
    """Filter of lists and counts."""
    states = tuple(key for key in state.split(",") if key)
    for key in states:
        if key not in STATES:
            raise InvalidInput("webmap.query.unknown_state", state=key[:40], known=", ".join(STATES))
    return patrol.PatchFilter(
        states=states,
        severity_min=severity_min,
        division_code=division or None,
        bbox=_bbox(bbox) if bbox else None,
        change_class=change_class or None,
        q=q,
        is_mine=mine,
    )


Filtered = Annotated[patrol.PatchFilter, Depends(patch_filter)]


@router.get("/patches", summary="The patch table, page by page")
def list_patches(
    caller: SignedIn,
    filters: Filtered,
    sort: Sort = "-severity",
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    cursor: Annotated[str | None, Query(max_length=400)] = None,
) -> Page[PatchRow]:
    """Every order is total, so that pages neither skip nor repeat."""
    with caller.transaction() as session:
        page = patrol.list_patches(
            session, caller.actor, filters, now=caller.now(), sort=sort, limit=limit, cursor=cursor
        )
    items = [drawer.row_of(row) for row in page.items]
    return Page[PatchRow](items=items, next_cursor=page.next_cursor, total=page.total)


@router.get("/patches/counts", summary="Patches per state under a filter")
def count_patches(caller: SignedIn, filters: Filtered) -> PatchCounts:
    """Every state is named, also where it has none."""
    with caller.transaction() as session:
        counts = patrol.counts_by_state(session, caller.actor, filters)
    return PatchCounts.model_validate({"by_state": counts, "total": sum(counts.values())})


@router.get("/patches/{patch_id}", summary="One patch with everything the drawer shows")
def read_patch(caller: SignedIn, patch_id: UUID, response: Response) -> PatchDetail:
    """The `ETag` is the version that writes name in `If-Match`."""
    with caller.transaction() as session:
        detail = drawer.detail_of(session, caller, patch_id)
    response.headers["ETag"] = f'"{detail.version}"'
    return detail


@router.get(
    "/patches/{patch_id}/chips/{moment}.jpg",
    response_class=FileResponse,
    summary="Cut-out of the image before or after",
)
def read_chip(
    caller: SignedIn, request: Request, patch_id: UUID, moment: Literal["before", "after"]
) -> Response:
    """Of the newest lead that has one."""
    with caller.transaction() as session:
        sha256 = drawer.chip_of(session, caller, patch_id, moment)
    if sha256 is None:
        raise NotFound("webmap.chip.none", patch_id=str(patch_id))
    headers = {"ETag": f'"{sha256[:24]}"', "Cache-Control": "private, no-cache"}
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    return FileResponse(caller.runtime.blobs.path(sha256), media_type="image/jpeg", headers=headers)


def _bbox(text: str) -> tuple[float, float, float, float]:
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError as error:
        raise InvalidInput("webmap.query.bad_bbox", bbox=text[:80]) from error
    is_sound = all(map(math.isfinite, (west, south, east, north))) and west < east and south < north
    if not (is_sound and west >= -180 and east <= 180 and south >= -90 and north <= 90):
        raise InvalidInput("webmap.query.bad_bbox", bbox=text[:80])
    return (west, south, east, north)
