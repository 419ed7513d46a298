"""A township at play for three weeks: cheats are told, honest people left in peace, papers kept."""

from __future__ import annotations

from datetime import date, datetime

from openpyxl import load_workbook

from foundation.calendar import SHANGHAI
from foundation.clock import SteppedClock
from foundation.runtime import Runtime
from patrol import service
from patrol.rehearsal.play import CITY_CODE, PlayClock, rehearse

TOWNSHIP = "410883105"


def test_a_township_at_play(runtime: Runtime, clock: SteppedClock, tmp_path) -> None:  # type: ignore[no-untyped-def]
    moving = PlayClock(datetime(2026, 6, 29, tzinfo=SHANGHAI))
    object.__setattr__(runtime, "clock", moving)
    found = rehearse(
        runtime, moving, seed=11, first=date(2026, 6, 29), weeks=3, prefix=TOWNSHIP, folder=tmp_path
    )
    assert found["villages"] >= 20
    made_up = sum(row["outings"] for row in found["cheats"].values())
    told = sum(row["told"] for row in found["cheats"].values())
    assert made_up >= 15
    assert told / made_up >= 0.9
    assert found["honest"]["outings"] > 200
    assert found["honest"]["flagged"] == 0
    assert found["regenerated"]["papers"] == found["regenerated"]["same_bytes"] == 7
    assert found["regenerated"]["late_outings"] > 0
    assert all(paper["two_persons"] for paper in found["bulletins"])
    opened = found["opened"]
    assert opened["files"] == 15
    if opened["opened"] is not None:
        assert opened["opened"] == 15
        assert opened["lines"] > 7 * 60
        assert (opened["different"], opened["missing"]) == (0, 0)
    assert (opened["pdf"]["files"], opened["pdf"]["missing"]) == (4, [])
    if opened["pdf"]["read"] is not None:
        assert opened["pdf"]["said"] > 4 * 18
    security = found["security"]
    assert security["doors"]["wrong"] == []
    assert security["doors"]["asked"] > 600
    assert min(security["doors"]["allowed"], security["doors"]["refused"]) > 60
    assert security["zones"] == {"zones": 4, "answers": 8, "different": 0}
    edges = security["edges"]
    assert (edges["moments"], edges["wrong"]) == (15_180, 0)
    assert edges["outings"] == edges["counted_by_weeks"] == edges["counted_by_months"] > 200
    # What the paper says is what the API says: of the last week, before its late data came.
    (paper,) = (p for p in found["bulletins"] if (p["kind"], p["period"]) == ("weekly_ranking", "2026-W29"))
    (file,) = (entry for entry in paper["files"] if entry["name"].endswith(".xlsx"))
    book = load_workbook(tmp_path / file["name"], read_only=True)
    words = {str(cell) for sheet in book for row in sheet.iter_rows(values_only=True) for cell in row if cell}
    with runtime.database.transaction(runtime.system) as session:
        rows = service.rankings(
            session,
            runtime.system,
            period="2026-W29",
            of="post",
            tier=4,
            division_code=CITY_CODE,
            now=moving.now,
        ).rows
    assert len(rows) > 60
    assert {row.name for row in rows} <= words
