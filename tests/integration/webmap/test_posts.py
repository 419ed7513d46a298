"""The net over HTTP: who answers for what, lists with a preview, leave, handover, cutting the grid."""

from __future__ import annotations

import io
from collections.abc import Callable

from openpyxl import load_workbook
from starlette.testclient import TestClient

SignIn = Callable[..., TestClient]
Rows = Callable[..., list[dict[str, object]]]
COUNTY = "410883000000"


def test_every_cell_of_the_county_names_somebody(sign_in: SignIn) -> None:
    officer = sign_in("officer")
    net = officer.get("/api/v1/net", params={"division": COUNTY}).json()
    assert len(net["cells"]) == 4
    assert all(cell["person"] and cell["outline"]["coordinates"] for cell in net["cells"])
    assert sum(net["counts"].values()) == len(net["cells"])
    ring = net["cells"][0]["outline"]["coordinates"][0][0]
    lon, lat = (sum(point[axis] for point in ring[:-1]) / (len(ring) - 1) for axis in (0, 1))
    place = officer.get("/api/v1/net/answers", params={"lon": lon, "lat": lat}).json()
    assert place["answering"]["name"]
    assert [link["tier"] for link in place["chain"]] == sorted(
        (link["tier"] for link in place["chain"]), reverse=True
    )
    assert {4, 2} <= {link["tier"] for link in place["chain"]}
    wide = officer.get("/api/v1/net", params={"division": "410800000000"})
    assert wide.status_code == 404
    wide = sign_in("city").get("/api/v1/net", params={"division": "410800000000"})
    assert (wide.status_code, wide.json()["code"]) == (422, "patrol.net.too_wide")
    assert sign_in("stranger").get("/api/v1/net", params={"division": COUNTY}).status_code == 404
    assert sign_in("stranger").get("/api/v1/net/answers", params={"lon": lon, "lat": lat}).status_code == 404


def test_a_list_goes_out_and_comes_back_after_a_look(sign_in: SignIn, rows: Rows) -> None:
    officer = sign_in("officer")
    blank = officer.get("/api/v1/post-lists/template.xlsx")
    assert blank.headers["content-disposition"].startswith("attachment")
    before = rows("SELECT post_no, holder_name, holder_account_id FROM post ORDER BY post_no")
    data = officer.get("/api/v1/post-lists/current.xlsx").content
    told = officer.post("/api/v1/post-lists/preview", content=data).json()
    assert told["unchanged"] == told["line_count"] > 5
    assert told["bad_lines"] == told["without_account"] == []
    book = load_workbook(io.BytesIO(data))
    sheet = book["岗位名单"]
    heads = [cell.value for cell in sheet[1]]
    place = {head: number for number, head in enumerate(heads, start=1)}
    officers = [
        row for row in range(2, sheet.max_row + 1) if sheet.cell(row, place["岗位类型"]).value == "网格员"
    ]
    changed, bad = officers[:2]
    sheet.cell(changed, place["责任人"]).value = "赵某新"
    sheet.cell(changed, place["登录名"]).value = "nobody-yet"
    sheet.cell(bad, place["层级"]).value = "五级"
    out = io.BytesIO()
    book.save(out)
    told = officer.post("/api/v1/post-lists/preview", content=out.getvalue()).json()
    (change,) = told["changed"]
    assert change["fields"][0][0::2] == ["holder", "赵某新"]
    assert told["without_account"] == ["nobody-yet"]
    assert [(line["line"], line["code"]) for line in told["bad_lines"]] == [(bad, "patrol.post.bad_tier")]
    where = "/api/v1/post-lists/import"
    wrong = officer.post(where, params={"token": told["token"]}, content=data)
    assert (wrong.status_code, wrong.json()["code"]) == (409, "patrol.post.preview_changed")
    done = officer.post(where, params={"token": told["token"]}, content=out.getvalue()).json()
    assert (done["imported"], done["ended"], len(done["bad_lines"])) == (told["line_count"], 0, 1)
    after = rows("SELECT post_no, holder_name, holder_account_id FROM post ORDER BY post_no")
    differ = [new for old, new in zip(before, after, strict=True) if old != new]
    assert [(row["holder_name"], row["holder_account_id"]) for row in differ] == [("赵某新", None)]
    nothing = officer.post(
        "/api/v1/post-lists/preview", content=b"\x00\x01", headers={"Accept-Language": "en"}
    )
    assert nothing.status_code == 422
    assert "columns" in nothing.json()["detail"] or "read" in nothing.json()["detail"]


def test_leave_and_handover_are_written_down(sign_in: SignIn, rows: Rows) -> None:
    officer, stranger = sign_in("officer"), sign_in("stranger")
    post = rows(
        "SELECT post_id, holder_name FROM post WHERE kind = 'grid_officer' AND tier = 4 AND holder_name <> ''"
        " ORDER BY post_no LIMIT 1"
    )[0]
    where = f"/api/v1/posts/{post['post_id']}"
    leave = {"kind": "leave", "starts_on": "2026-09-08", "ends_on": "2026-09-10", "stand_in_name": "代班某"}
    assert stranger.post(f"{where}/absences", json=leave).status_code == 404
    done = officer.post(f"{where}/absences", json=leave)
    assert done.status_code == 201, done.text
    absence = done.json()["absences"][0]
    net = officer.get("/api/v1/net", params={"division": COUNTY}).json()
    link = next(link for link in net["posts"] if link["post_id"] == str(post["post_id"]))
    assert (link["state"], link["name"], link["away_until"]) == ("acting", "代班某", "2026-09-10")
    back = officer.post(f"/api/v1/absences/{absence['absence_id']}/end", json={"back_on": "2026-09-08"})
    assert back.status_code == 200
    assert (
        officer.post(
            f"/api/v1/absences/{absence['absence_id']}/end", json={"back_on": "2026-09-08"}
        ).status_code
        == 409
    )
    to = {"name": "接任某", "on": "2026-09-08", "phone": "13800000000"}
    unknown = officer.post(f"{where}/handover", json={**to, "login": "nobody"})
    assert (unknown.status_code, unknown.json()["code"]) == (422, "patrol.post.unknown_login")
    assert officer.post(f"{where}/handover", json=to).status_code == 200
    history = officer.get(f"{where}/history").json()
    assert [(row["name"], row["valid_to"]) for row in history["tenures"] if row["part"] == "holder"] == [
        (post["holder_name"], "2026-09-08"),
        ("接任某", None),
    ]
    assert history["absences"] == []
    assert stranger.get(f"{where}/history").status_code == 404


def test_a_grid_is_made_only_as_it_was_looked_at(sign_in: SignIn, rows: Rows) -> None:
    officer = sign_in("officer")
    village = str(rows("SELECT division_code FROM grid_cell ORDER BY code LIMIT 1")[0]["division_code"])
    refused = officer.post("/api/v1/grid/make", json={"division_code": village})
    assert refused.json()["code"] == "patrol.grid.no_token"
    plan = officer.post("/api/v1/grid/preview", json={"division_code": village, "target_mu": 400}).json()
    other = officer.post(
        "/api/v1/grid/make", json={"division_code": village, "target_mu": 300, "token": plan["token"]}
    )
    assert (other.status_code, other.json()["code"]) == (409, "patrol.grid.preview_changed")
    made = officer.post(
        "/api/v1/grid/make", json={"division_code": village, "target_mu": 400, "token": plan["token"]}
    ).json()
    assert made["is_made"]
    count = rows(
        "SELECT count(*) FROM grid_cell WHERE division_code = :code AND valid_to IS NULL", code=village
    )
    assert count[0]["count"] == made["report"]["cells"]
