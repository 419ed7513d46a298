"""How right detection was, by what people signed on site."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from typing import Annotated

from fastapi import Query

from detection.evaluation.verdicts import PatchRef, Quality, QualityRow
from detection.second_stage import service as second_stage
from foundation.calendar import SHANGHAI
from foundation.errors import InvalidInput
from patrol.cases.reasons import reason_name
from webmap.deps import SignedIn, noun_router
from webmap.names import class_name, source_name
from webmap.schemas.quality import (
    PatchRefInfo,
    QualityInfo,
    QualityLine,
    ReasonLine,
    ReliabilityLine,
)

router = noun_router("detection")
WEEKS = 12


@router.get("/detection/quality", summary="Precision of detection by the verdicts of a period")
def read_quality(
    caller: SignedIn,
    first: Annotated[date | None, Query(alias="from", description="First day of the verdicts.")] = None,
    last: Annotated[
        date | None, Query(alias="to", description="Last day, included; today if left out.")
    ] = None,
) -> QualityInfo:
    """By class, source, method and week, with the reasons of false alarms; twelve weeks if left out."""
    last = last or caller.now().astimezone(SHANGHAI).date()
    first = first or last - timedelta(days=7 * WEEKS - 1)
    if first > last:
        raise InvalidInput("detection.quality.bad_period", since=first, until=last)
    with caller.transaction() as session:
        quality = second_stage.quality(
            session, caller.actor, since=_midnight(first), until=_midnight(last) + timedelta(days=1)
        )
    return _info(quality, first, last)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), SHANGHAI)


def _info(quality: Quality, first: date, last: date) -> QualityInfo:
    return QualityInfo(
        first=first,
        last=last,
        all=_line(quality.all, str),
        by_class=_lines(quality.by_class, class_name),
        by_source=_lines(quality.by_source, source_name),
        by_method=_lines(quality.by_method, str),
        by_week=_lines(quality.by_week, str),
        reasons=[
            ReasonLine(
                reason_code=row.reason_code,
                name=reason_name(row.reason_code) or row.reason_code,
                patches=_refs(row.patches),
            )
            for row in quality.reasons
        ],
        reliability=[
            ReliabilityLine(
                low=row.low,
                high=row.high,
                mean_probability=row.mean_probability,
                line=_line(row.row, str),
            )
            for row in quality.reliability
        ],
        expected_error=quality.expected_error,
        brier=quality.brier,
    )


def _lines(rows: Sequence[QualityRow], name: Callable[[str], str]) -> list[QualityLine]:
    return [_line(row, name) for row in rows]


def _line(row: QualityRow, name: Callable[[str], str]) -> QualityLine:
    return QualityLine(
        key=row.key,
        name=name(row.key),
        decided=row.decided,
        confirmed=_refs(row.confirmed),
        false_alarms=_refs(row.false_alarms),
        undecided=_refs(row.undecided),
        precision=row.precision,
        interval=row.interval,
        is_small=row.is_small,
    )


def _refs(patches: Sequence[PatchRef]) -> list[PatchRefInfo]:
    return [PatchRefInfo(patch_id=ref.patch_id, number=ref.number) for ref in patches]
