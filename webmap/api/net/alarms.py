"""Signs that numbers were made rather than earned."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from patrol.reports.alarms import service
from webmap.deps import SignedIn, noun_router
from webmap.schemas.net.alarms import AlarmInfo, AlarmList, UncheckedInfo

router = noun_router("alarms")


@router.get("/report-alarms", summary="Signs of made-up numbers in a period, for superiors to look at")
def list_alarms(
    caller: SignedIn,
    period: Annotated[str, Query(max_length=8, examples=["2026-W37"])],
    division: Annotated[str | None, Query(description="12-digit code; none: the own area.")] = None,
) -> AlarmList:
    """Never a punishment, never part of a score."""
    with caller.transaction() as session:
        found = service.signs(
            session,
            caller.actor,
            period=period,
            division_code=division,
            profile=caller.runtime.settings.policy_profile,
            now=caller.now(),
        )
    return AlarmList(
        items=[AlarmInfo.model_validate(sign) for sign in found.signs],
        unchecked=[UncheckedInfo.model_validate(each) for each in found.unchecked],
    )
