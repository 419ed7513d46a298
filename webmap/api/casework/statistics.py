"""Statistics of satellite patches (卫片): as values and as a workbook."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote, urlencode

from fastapi import Query, Response

from patrol.papers.statistics import service as statistics
from webmap.deps import PREFIX, SignedIn, noun_router
from webmap.schemas.casework.statistics import PatchStatistics

router = noun_router("reports")
Label = Annotated[
    str, Query(max_length=10, description="2026-W37, 2026-09, 2026-Q3 or 2026.", examples=["2026-09"])
]
Place = Annotated[str | None, Query(description="12-digit code; left out, the caller's own area.")]
Source = Annotated[str, Query(max_length=20, description="Source of a lead of the patch, or `all`.")]
EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@router.get("/statistics/patches", summary="Patches by verdict, progress and unit")
def read_statistics(
    caller: SignedIn, period: Label, division: Place = None, source: Source = "satellite"
) -> PatchStatistics:
    """Counted by the day of the later image; only a verdict that a person signed counts as one."""
    with caller.transaction() as session:
        found = statistics.patch_statistics(
            session, caller.actor, period=period, division_code=division, source=source, now=caller.now()
        )
    query = urlencode({"period": found.period.label, "division": found.division.code, "source": source})
    return PatchStatistics.model_validate(
        {
            "period": found.period.label,
            "first": found.period.first,
            "last": found.period.last,
            "division_code": found.division.code,
            "division_name": found.division.name,
            "source": found.source,
            "as_of": found.as_of,
            "verdict_names": dict(statistics.VERDICTS),
            "progress_names": {key: name for key, (name, _) in statistics.PROGRESS.items()},
            "lines": found.lines,
            "definitions": [
                {"key": name, "zh": name, "formula": text} for name, text in statistics.DEFINITIONS
            ],
            "items": found.items,
            "xlsx_url": f"{PREFIX}/statistics/patches.xlsx?{query}",
        }
    )


@router.get("/statistics/patches.xlsx", response_class=Response, summary="The same as a workbook")
def read_workbook(
    caller: SignedIn, period: Label, division: Place = None, source: Source = "satellite"
) -> Response:
    """Table, definitions, item ledger. Audited."""
    with caller.transaction() as session:
        name, data = statistics.statistics_workbook(
            session, caller.actor, period=period, division_code=division, source=source, now=caller.now()
        )
    headers = {"Content-Disposition": f"attachment; filename*=utf-8''{quote(name)}"}
    return Response(data, media_type=EXCEL, headers=headers)
