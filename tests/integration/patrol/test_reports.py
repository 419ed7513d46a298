"""Outings, rankings and bulletins on a real database."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import zipfile
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import openpyxl
import pytest
from docx import Document
from sqlalchemy import text

from foundation.calendar import SHANGHAI
from foundation.errors import Conflict, NotAllowed, NotFound
from patrol import jobs, service
from patrol.rehearsal.papers import pdf_words, said_in
from patrol.reports.service import export_ledger
from patrol.service import Fix, PatrolBody, VerdictBody, VisitBody, tracks_of

MONDAY = datetime(2026, 9, 7, 9, 0, tzinfo=SHANGHAI)


def outing(
    net, post_no: str, *, start: datetime = MONDAY, at=(112.745, 34.945), mock: bool = False
) -> PatrolBody:  # type: ignore[no-untyped-def]
    fixes = tuple(
        Fix(start + timedelta(seconds=30 * step), at[0] + 2e-4 * step, at[1], 6.0 + step % 3, mock)
        for step in range(50)
    )
    return PatrolBody(uuid4(), net.post(post_no), start, start + timedelta(minutes=25), tracks_of([fixes]))


def visit_and_confirm(net, patch_id: UUID) -> None:  # type: ignore[no-untyped-def]
    net.do("county", service.dispatch, patch_id, post_id=net.post("G-1"))
    body = VisitBody(
        visit_id=uuid4(),
        assignment_id=net.open_assignment(patch_id),
        device_time=net.clock(),
        device_counter=1,
        lonlat=(112.7515, 34.9515),
        accuracy_m=5.0,
        coord_source="wgs84",
        finding="built",
        is_stopped=True,
    )
    net.do("grid-1", service.record_visit, body)
    net.do("county", service.record_verdict, patch_id, VerdictBody("unlawful", violation_code="L04"))


def draft(net, kind: str = "weekly_bulletin", period: str = "2026-W37", code: str = "410883000000"):  # type: ignore[no-untyped-def]
    runtime = net.runtime
    with runtime.database.transaction(runtime.system) as session:
        return service.draft_bulletin(
            session,
            runtime.system,
            kind=kind,
            period=period,
            division_code=code,
            blobs=runtime.blobs,
            now=net.clock(),
        )


def test_an_outing_counts_once_in_its_own_grid(net) -> None:  # type: ignore[no-untyped-def]
    honest = outing(net, "G-1")
    first = net.do("grid-1", service.record_patrol, honest)
    assert (first.is_new, first.is_valid) == (True, True)
    assert net.do("grid-1", service.record_patrol, honest).is_new is False
    shortened = replace(honest, track=tracks_of([honest.track.fixes(0)[:-1]]))
    with pytest.raises(Conflict) as refused:
        net.do("grid-1", service.record_patrol, shortened)
    assert refused.value.code == "patrol.patrol.other_body"
    with pytest.raises(NotAllowed):
        net.do("grid-2", service.record_patrol, outing(net, "G-1"))
    away = net.do("grid-1", service.record_patrol, outing(net, "G-1", at=(112.9, 34.945)))
    faked = net.do("grid-1", service.record_patrol, outing(net, "G-1", mock=True))
    assert [reason["code"] for reason in away.reasons if reason["decides"]] == ["outside_grid"]
    assert [(reason["code"], reason["fix_count"]) for reason in faked.reasons] == [
        ("mock", 50),
        ("no_fixes", None),
    ]


def test_ranking_of_persons_is_capped_shares_ties_and_tells_the_change(net) -> None:  # type: ignore[no-untyped-def]
    net.at(2026, 9, 21, 8, 0)
    for day in range(4):
        net.do("grid-1", service.record_patrol, outing(net, "G-1", start=MONDAY + timedelta(days=day)))
    for day in range(2):
        net.do("grid-2", service.record_patrol, outing(net, "G-2", start=MONDAY + timedelta(days=day)))
    net.do("chief", service.record_patrol, outing(net, "V-1", start=MONDAY + timedelta(days=8)))
    week = net.do("manager", service.rankings, period="2026-W37", of="post", tier=4)
    rows = {row.name: row for row in week.rows}
    assert (rows["网格甲"].valid, rows["网格甲"].raw, rows["网格甲"].completion_rate) == (2.0, 4.0, 1.0)
    assert rows["网格甲"].rank == rows["网格乙"].rank == 1
    assert (rows["村长甲"].rank, rows["村长甲"].completion_rate) == (1, 0.0)
    following = {
        row.name: row for row in net.do("manager", service.rankings, period="2026-W38", of="post").rows
    }
    assert (following["村长甲"].rank, following["村长丙"].rank, following["村长丙"].change) == (1, 2, -1)
    hidden = net.do("manager", service.rankings, period="2026-W37", of="post", profile="unit_only")
    assert (hidden.rows, hidden.persons_ranked) == ((), False)


def test_a_bulletin_says_what_its_facts_say_and_nothing_else(net) -> None:  # type: ignore[no-untyped-def]
    patch_id = net.add_patch()
    net.add_patch(suggestion="lawful")
    visit_and_confirm(net, patch_id)
    net.do("county", service.move_case, patch_id, "order_rectification")
    net.do("grid-1", service.record_patrol, outing(net, "G-1"))
    net.at(2026, 9, 14, 8, 0)
    view = draft(net)
    kpis = {row["key"]: row for row in view.facts["kpis"]}
    assert {
        key: kpis[key]["value"] for key in ("opened", "dispatched", "verified", "unlawful", "stopped")
    } == {
        "opened": 2,
        "dispatched": 1,
        "verified": 1,
        "unlawful": 1,
        "stopped": 1,
    }
    assert kpis["overdue"]["items"] == ["410883-2609-0002"]
    assert all(row["value"] == len(row["items"]) for row in view.facts["kpis"])
    word, pdf, excel, _ = view.files
    assert net.runtime.blobs.read(pdf.sha256).startswith(b"%PDF")
    program = shutil.which("pdftotext")
    if program is not None:
        printed = pdf_words(program, net.runtime.blobs.path(pdf.sha256))
        said = said_in(view.facts)
        assert len(said) > 18
        assert [each for each in said if each not in printed] == []
        kpis["opened"]["value"] = 3
        assert [each for each in said_in(view.facts) if each not in printed] == ["新增图斑3个"]
        kpis["opened"]["value"] = 2
    document = Document(io.BytesIO(net.runtime.blobs.read(word.sha256)))
    words = "\n".join(paragraph.text for paragraph in document.paragraphs)
    cells = [cell.text for table in document.tables for row in table.rows for cell in row.cells]
    assert "孟州市违法用地监测与处置周通报" in words
    assert "〔2026〕第1期" in words
    assert "涉及耕地12.00亩，其中永久基本农田6.00亩" in words
    assert "没有获取新的卫星影像" in words
    assert "410883-2609-0002" in cells
    # Every number of the opening stands in the facts.
    known = {str(row["value"]) for row in view.facts["kpis"] + view.facts["leads"]}
    known |= {str(view.facts["lead_total"]), "2026", "9", "7", "13", "12.00", "6.00"}
    assert set(re.findall(r"\d+(?:\.\d+)?", "".join(view.facts["summary"][:2]))) <= known
    book = openpyxl.load_workbook(io.BytesIO(net.runtime.blobs.read(excel.sha256)))
    assert book.sheetnames == ["排名", "指标定义", "明细台账"]
    ledger = [[cell.value for cell in row] for row in book["明细台账"].iter_rows(min_row=2)]
    assert ["超期未办", 1, "410883-2609-0002", "是"] in ledger


def issue(net, **asked):  # type: ignore[no-untyped-def]
    view = jobs.draft_bulletin(net.runtime, **asked)
    net.do("city", service.review_bulletin, view.bulletin_id)
    return net.do("manager", service.issue_bulletin, view.bulletin_id)


def test_the_platform_itself_never_issues(net) -> None:  # type: ignore[no-untyped-def]
    net.add_patch()
    net.at(2026, 9, 14, 8, 0)
    view = jobs.draft_bulletin(net.runtime, period="2026-W37", division_code="410883000000")
    assert view.status == "draft"
    net.do("city", service.review_bulletin, view.bulletin_id)
    with (
        pytest.raises(NotAllowed),
        net.runtime.database.transaction(net.runtime.system) as session,
    ):
        service.issue_bulletin(session, net.runtime.system, view.bulletin_id, now=net.clock())


def test_an_issued_bulletin_never_changes(net) -> None:  # type: ignore[no-untyped-def]
    patch_id = net.add_patch()
    net.at(2026, 9, 10, 8, 0)
    early = draft(net)
    with pytest.raises(Conflict) as refused:
        net.do("manager", service.issue_bulletin, early.bulletin_id)
    assert refused.value.code == "patrol.bulletin.period_runs"
    net.at(2026, 9, 14, 8, 0)
    issued = issue(net, period="2026-W37", division_code="410883000000")
    assert issued.status == "issued"
    net.do("county", service.dispatch, patch_id)
    net.at(2026, 9, 21, 8, 0)
    again = issue(net, period="2026-W37", division_code="410883000000")
    assert again == issued
    # The same facts give the same bytes, on another day, in another process' memory.
    rendered = service_render(net, issued)
    assert [net.runtime.blobs.put(data).sha256 for data in rendered] == [file.sha256 for file in issued.files]
    following = issue(net, division_code="410883000000")
    assert (following.period, following.number) == ("2026-W38", "〔2026〕第2期")
    assert [view.period for view in net.do("manager", list_all)] == ["2026-W38", "2026-W37"]


def service_render(net, issued):  # type: ignore[no-untyped-def]
    from patrol.reports.service import render

    said = json.loads(json.dumps(issued.facts))
    return [made.data for made in render(said, at=issued.drafted_at, blobs=net.runtime.blobs)]


def list_all(session, actor, *, now):  # type: ignore[no-untyped-def]
    return service.list_bulletins(session, actor)


def test_patch_lists_page_in_a_total_order_and_agree_with_their_counts(net) -> None:  # type: ignore[no-untyped-def]
    for index in range(7):
        net.add_patch(suggestion="suspected" if index % 2 else "lawful", at=(112.751 + index / 1000, 34.951))
    for sort in ("-severity", "number", "-area_m2", "due_at"):
        seen, cursor = [], None
        while True:
            page = net.do(
                "county", service.list_patches, service.PatchFilter(), sort=sort, limit=3, cursor=cursor
            )
            assert page.total == 7
            seen += [row.number for row in page.items]
            cursor = page.next_cursor
            if cursor is None:
                break
        assert len(seen) == len(set(seen)) == 7
    counts = net.do("county", counts_of, service.PatchFilter(states=("suspect",)))
    assert counts["suspect"] == 3
    assert net.do("chief-2", service.list_patches, service.PatchFilter()).total == 0
    box = service.PatchFilter(bbox=(112.7535, 34.95, 112.76, 34.96))
    assert net.do("county", service.list_patches, box).total == 5
    named = net.do("county", service.list_patches, service.PatchFilter(q="西虢"), limit=1)
    assert (named.total, named.items[0].division_name) == (7, "西虢镇 西虢村")
    net.do("county", service.dispatch, net.patches[0])
    mine = net.do("station", service.list_patches, service.PatchFilter(is_mine=True))
    assert [row.patch_id for row in mine.items] == [net.patches[0]]
    tasks = net.do("station", service.list_assignments)
    assert [task.kind for task in tasks.items] == ["hand_down"]


def counts_of(session, actor, filters, *, now):  # type: ignore[no-untyped-def]
    return service.counts_by_state(session, actor, filters)


def test_actions_offered_are_actions_that_work(net) -> None:  # type: ignore[no-untyped-def]
    patch_id = net.add_patch()
    detail = net.do("county", service.case_detail, patch_id, undo_minutes=10)
    offered = {action.action: action for action in detail.actions}
    assert set(offered) == {
        "judge_unlawful",
        "judge_lawful",
        "judge_not_new",
        "judge_doubtful",
        "merge",
        "dispatch",
    }
    assert [target.title for target in offered["dispatch"].targets] == [
        "西虢镇自然资源所",
        "西虢镇田长",
        "一村网格员",
        "一村网格员",
        "一村田长",
    ]
    for target in offered["dispatch"].targets:
        net.do("county", service.dispatch, patch_id, post_id=target.post_id)
        net.do("county", service.undo, patch_id, undo_minutes=10)
    assert net.do("grid-1", service.case_detail, patch_id, undo_minutes=10).actions == ()


def test_posts_and_outings_of_a_file_name_their_bad_lines(net, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    posts = tmp_path / "posts.csv"
    posts.write_text(
        "post_no,title,tier,kind,division_code,holder,deputy,login\n"
        "G-1,一村网格员,4,grid_officer,410883105201,网格丁,,grid-1\n"
        "G-1,重复,4,grid_officer,410883105201,某,,\n"
        "G-9,错区划,4,grid_officer,410899999999,某,,\n"
        "G-8,错层级,2,grid_officer,410883105201,某,,\n",
        "utf-8",
    )
    report = jobs.import_posts(net.runtime, str(posts))
    assert report.imported == 1
    assert [(bad.line, bad.code) for bad in report.bad_lines] == [
        (3, "patrol.post.twice"),
        (4, "foundation.division.unknown"),
        (5, "patrol.post.tier_and_division"),
    ]
    (row,) = net.rows("SELECT holder_name, holder_account_id FROM post WHERE post_no = 'G-1'")
    assert row["holder_name"] == "网格丁"
    assert row["holder_account_id"] is not None
    body = outing(net, "G-1")
    line = {
        "patrol_id": str(body.patrol_id),
        "post_no": "G-1",
        "started_at": body.started_at.isoformat(),
        "ended_at": body.ended_at.isoformat(),
        "fixes": [{**fix._asdict(), "t": fix.t.isoformat()} for fix in body.track.fixes(0)],
        "tasks_visited": 0,
    }
    outings = tmp_path / "patrols.jsonl"
    strange = {**line, "post_no": "nobody", "patrol_id": str(uuid4())}
    outings.write_text(f"{json.dumps(line)}\n\nnot json\n{json.dumps(strange)}\n", "utf-8")
    new, bad = jobs.import_patrols(net.runtime, str(outings))
    assert (new, [number for number, _ in bad]) == (1, [3, 4])
    assert jobs.import_patrols(net.runtime, str(outings))[0] == 0
    stored = net.rows("SELECT is_valid, fix_count, ST_NPoints(track) AS points FROM patrol")
    assert stored == [{"is_valid": True, "fix_count": 50, "points": 50}]


def test_city_ranks_counties_too(net) -> None:  # type: ignore[no-untyped-def]
    net.add_patch()
    net.at(2026, 10, 1, 8, 0)
    issued = issue(net, kind="monthly_ranking", period="2026-09")
    assert [unit["key"] for unit in issued.facts["units"]] == ["counties", "townships"]
    assert [row["name"] for row in issued.facts["units"][0]["rows"]] == ["孟州市"]
    stem = "焦作市“一网两长”巡查月排名2026-09"
    assert [file.name for file in issued.files] == [
        f"{stem}.docx",
        f"{stem}.pdf",
        f"{stem}.xlsx",
        f"{stem}（苗头提示附页）.docx",
    ]
    tables = Document(io.BytesIO(net.runtime.blobs.read(issued.files[0].sha256))).tables
    assert ["名次", "县（市、区）"] in [[cell.text for cell in table.rows[0].cells][:2] for table in tables]
    with net.runtime.database.transaction(net.runtime.system) as session:
        assert session.execute(text("SELECT count(*) FROM bulletin")).scalar() == 1


def test_coverage_counts_cropland_near_valid_tracks(net) -> None:  # type: ignore[no-untyped-def]
    with net.runtime.database.transaction(net.runtime.system) as session:
        session.execute(
            text(
                "INSERT INTO layer_version (version_id, layer_kind, county_code, source_name, source_sha256,"
                " source_crs, feature_count, decisions, valid_from, imported_at) VALUES (:v, 'land_survey',"
                " '410883', 't', 't', 'EPSG:4490', 2, '{}', '2026-01-01', now())"
            ),
            {"v": UUID(int=7)},
        )
        # Two fields of about 0.37 km²: the walk goes along the south edge of the first, 5 km from the second.
        for number, (west, south) in enumerate(((112.745, 34.945), (112.775, 34.955))):
            box = f"MULTIPOLYGON((({west} {south},{west + 0.004} {south},{west + 0.004} {south + 0.004},"
            box += f"{west} {south + 0.004},{west} {south})))"
            session.execute(
                text(
                    "INSERT INTO layer_feature (version_id, layer_kind, county_code, feature_no, name,"
                    " land_class_code, attributes, area_m2, geometry) VALUES (:v, 'land_survey', '410883',"
                    " :no, '', '0101', '{}', 1, ST_GeomFromText(:box, 4490))"
                ),
                {"v": UUID(int=7), "no": str(number), "box": box},
            )
    net.do("grid-1", service.record_patrol, outing(net, "G-1"))
    net.do("grid-1", service.record_patrol, outing(net, "G-1", mock=True))
    found = net.do("manager", service.indicators, period="2026-W37")["coverage_rate"]
    # A strip of 100 m along a field of 444 m, and a second field that nobody came near.
    assert found.value == pytest.approx(100 / 444 / 2, rel=0.03)
    assert len(found.items) == 2


def test_the_exported_ledger_holds_the_items_behind_the_indicators(net) -> None:  # type: ignore[no-untyped-def]
    visit_and_confirm(net, net.add_patch())
    net.do("grid-1", service.record_patrol, outing(net, "G-1"))
    net.do("grid-1", service.record_patrol, outing(net, "G-1", mock=True))
    net.at(2026, 9, 14, 8, 0)
    found = net.do("manager", service.indicators, period="2026-W37")
    tables = {}
    for profile in ("full", "unit_only"):
        data = net.do("manager", export_ledger, period="2026-W37", profile=profile)
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            tables[profile] = {
                name: list(csv.DictReader(io.StringIO(archive.read(name).decode())))
                for name in archive.namelist()
            }
    told = tables["full"]
    outings, people = told["outings.csv"], told["persons.csv"]
    assert sorted(row["patrol_id"] for row in outings) == list(found["valid"].items)
    assert [row["patrol_id"] for row in outings if row["is_valid"] == "1"] == list(found["valid"].counted)
    assert sum(float(row["required"]) for row in people) == pytest.approx(found["required"].numerator)
    assert [(row["kind"], row["source"]) for row in told["decisions.csv"]] == [("unlawful", "satellite")]
    assert {"网格甲", "村长甲"} <= {row["name"] for row in people}
    assert "name" not in tables["unit_only"]["persons.csv"][0]
    with pytest.raises(NotFound):
        net.do("station", export_ledger, period="2026-W37", division_code="410800000000")


def test_silent_cameras_are_told_apart_from_none(net) -> None:  # type: ignore[no-untyped-def]
    def told() -> str:
        return draft(net).facts["unobserved"][-1]

    net.at(2026, 9, 14, 8, 0)
    assert told() == "视频监控未接入，本期无视频观测。"
    with net.runtime.database.transaction(net.runtime.system) as session:
        session.execute(
            text(
                "INSERT INTO camera (camera_id, name, division_code, place, place_sigma_m, height_m,"
                " height_sigma_m, imported_at) SELECT 'c' || n, '铁塔' || n, '410883105201',"
                " ST_GeomFromEWKT('SRID=4490;POINT(112.75 34.95)'), 1, 30, 1, '2026-09-01' FROM"
                " generate_series(1, 3) n"
            )
        )
        for camera, at in (("c1", "2026-09-03T10:00+08"), ("c2", "2026-09-09T10:00+08")):
            session.execute(
                text(
                    "INSERT INTO camera_event (receipt_id, camera_id, division_code, event_id, form,"
                    " body_sha256, body, fate, received_at) VALUES (:id, :camera, '410883105201', '1',"
                    " 'canonical', '', '', 'disputed', :at)"
                ),
                {"id": uuid4(), "camera": camera, "at": at},
            )
    assert told() == (
        "已登记视频监控3路，本期有上报的1路。本期无上报的2路：铁塔1（最近上报2026-09-03）、铁塔3（从未上报），"
        "其视域按未观测处理，不得视为没有变化。"
    )
