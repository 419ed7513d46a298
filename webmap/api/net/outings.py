"""Outings: open tasks nearby, in the order in which to go."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from foundation.errors import InvalidInput
from patrol.outings import service as outings
from webmap.api.casework.assignments import assignment_row
from webmap.deps import SignedIn, noun_router
from webmap.schemas.net.outings import OutingInfo, OutingStopInfo

router = noun_router("outings")


@router.get("/outings/next", summary="The caller's next outing")
def get_next_outing(
    caller: SignedIn,
    lon: Annotated[float | None, Query(ge=-180, le=180)] = None,
    lat: Annotated[float | None, Query(ge=-90, le=90)] = None,
) -> OutingInfo:
    """From the place given, else from the middle of the caller's ground; from the tasks as they stand."""
    if (lon is None) != (lat is None):
        raise InvalidInput("patrol.outing.half_start")
    start = None if lon is None or lat is None else (lon, lat)
    with caller.transaction() as session:
        outing = outings.next_outing(session, caller.actor, now=caller.now(), start=start)
    stops = [
        OutingStopInfo(
            place=stop.place,
            assignment=assignment_row(stop.assignment),
            leg_m=stop.leg_m,
            arrives_at=stop.arrives_at,
            is_late=stop.is_late,
        )
        for stop in outing.stops
    ]
    names = set(OutingInfo.model_fields) - {"stops"}
    return OutingInfo(stops=stops, **{name: getattr(outing, name) for name in names})
