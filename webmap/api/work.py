"""Detection work that waits or runs, and calling it off."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path

from detection.running import service
from ingest import service as ingest
from patrol.lists.service import division_name
from webmap.deps import Caller, SignedIn, noun_router
from webmap.schemas.basics import Problem
from webmap.schemas.work import WorkInfo, WorkList

router = noun_router("detection")
ENDED: dict[int | str, dict[str, Any]] = {409: {"model": Problem, "description": "It ended meanwhile"}}


@router.get("/detection/work", summary="Detection work that waits or runs, the oldest first")
def list_work(caller: SignedIn) -> WorkList:
    """Images compared, time series, parcel registers compared."""
    with caller.transaction() as session:
        found = service.list_work(session, caller.actor)
    return WorkList(items=[_info(caller, one) for one in found])


@router.post("/detection/work/{number}/cancel", summary="Call work off", responses={**ENDED})
def post_cancel(caller: SignedIn, number: Annotated[int, Path(ge=1, lt=2**63)]) -> WorkInfo:
    """What waits never begins; what runs ends at its next block. Asked for again, it goes on from there."""
    with caller.transaction() as session:
        work = service.cancel(session, caller.actor, number, now=caller.now())
    return _info(caller, work).model_copy(update={"is_called_off": True})


def _info(caller: Caller, one: service.Work) -> WorkInfo:
    zh, en = service.LONG[one.name]
    return WorkInfo(
        number=one.number,
        name=zh if caller.language == "zh" else en,
        county_code=one.county_code,
        county_name=division_name(ingest.county_division(one.county_code)),
        is_running=one.is_running,
        is_called_off=one.is_called_off,
        since=one.since,
    )
