"""The lottery over HTTP: everybody may draw it again, only the other county's officer answers, once."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import text
from starlette.testclient import TestClient

from foundation.clock import SteppedClock
from foundation.runtime import Runtime
from patrol import service as patrol
from patrol.recheck import service as recheck
from patrol.recheck.draws import lot

SignIn = Callable[..., TestClient]
OTHER_COUNTY = """post_no,title,tier,kind,division_code,holder,deputy,login
X-25,温县执法大队,2,brigade,410825000000,温县甲,,wen-county
"""


def drawn(runtime: Runtime, clock: SteppedClock, password: str) -> None:
    """Four closed cases of the county, an officer of another, and last week's lottery."""
    system = runtime.system
    with runtime.database.transaction(system) as session:
        data = OTHER_COUNTY.encode()
        patrol.import_posts(session, system, data, now=clock(), password=password, is_demo=True)
        session.execute(
            text(
                "UPDATE case_file SET state = 'closed', verdict_kind = 'unlawful', closed_at = :at"
                " WHERE patch_id IN (SELECT patch_id FROM case_file ORDER BY patch_id LIMIT 4)"
            ),
            {"at": clock()},
        )
    clock.set(clock().replace(day=14))
    with runtime.database.transaction(system) as session:
        recheck.draw_week(session, system, now=clock())


def test_the_other_county_answers_and_everybody_can_draw_again(
    sign_in: SignIn, web_runtime: Runtime, clock: SteppedClock
) -> None:
    from tests.integration.webmap.conftest import PASSWORD

    drawn(web_runtime, clock, PASSWORD)
    officer, other = sign_in("officer"), sign_in("wen-county")
    told = officer.get("/api/v1/lottery", params={"week": "2026-W37"}).json()
    assert len(told["population"]) == 4
    (ticket,) = told["tickets"]
    assert ticket["number"] == min(
        (case["number"] for case in told["population"]), key=lambda number: lot(told["seed"], number)
    )
    assert (ticket["by_division_name"], ticket["outcome"]) == ("温县", None)
    assert "brief" not in ticket
    assert told["estimate"]["rate"] is None
    assert officer.get("/api/v1/lottery/tickets").json() == []
    (mine,) = other.get("/api/v1/lottery/tickets").json()
    assert mine["brief"]["outline"]["type"] == "MultiPolygon"
    where = f"/api/v1/lottery/tickets/{ticket['ticket_id']}/finding"
    finding = {"outcome": "not_restored", "note": "地面未复垦", "lonlat": [112.75, 34.95], "accuracy_m": 5}
    assert officer.post(where, json=finding).status_code in {403, 404}
    assert other.post(where, json={**finding, "lonlat": None}).json()["code"] == "patrol.recheck.no_place"
    assert other.post(where, json=finding).json()["outcome_name"] == "未整改到位"
    assert other.post(where, json=finding).status_code == 409
    after = officer.get("/api/v1/lottery", params={"week": "2026-W37"}).json()
    assert (after["tickets"][0]["outcome"], after["estimate"]["looked_at"]) == ("not_restored", 1)
    assert after["estimate"]["rate"] == 0 < after["estimate"]["high"]
    nothing = officer.get("/api/v1/lottery", params={"week": "2026-W36"})
    assert (nothing.status_code, nothing.json()["code"]) == (404, "patrol.recheck.not_drawn")
