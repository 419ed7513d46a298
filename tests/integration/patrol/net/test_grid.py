"""The grid is cut from outlines and survey, looked at first, replaced with history, or taken from a layer."""

from __future__ import annotations

from datetime import date
from uuid import UUID

import pytest
from sqlalchemy import text

from foundation.errors import Conflict, InvalidInput, NotFound
from patrol.net.grids import service as grids
from tests.integration.patrol.conftest import COUNTY, OTHER_VILLAGE, TOWNSHIP, VILLAGE, Net
from tests.integration.patrol.net.conftest import box

IN_FORCE = (
    "SELECT code, name, division_code, field_m2, mountain_m2 FROM grid_cell WHERE valid_to IS NULL"
    " ORDER BY code"
)


def as_system(net: Net, verb, *args: object, **kwargs: object):  # type: ignore[no-untyped-def]
    with net.runtime.database.transaction(net.runtime.system) as session:
        return verb(session, net.runtime.system, *args, **kwargs)


def test_a_township_is_cut_previewed_and_replaced_with_history(ground: Net) -> None:
    before = ground.rows(IN_FORCE)
    plan = as_system(ground, grids.preview_grid, TOWNSHIP, target_mu=900)
    assert ground.rows(IN_FORCE) == before
    assert plan.report["by_village"].keys() == {VILLAGE, OTHER_VILLAGE}
    assert plan.report["within_limits"] == plan.report["cells"] >= 4
    # The villages' other neighbours of the township have no outline yet: said, not skipped.
    assert len(plan.report["without_outline"]) > 0
    again, edition = as_system(
        ground, grids.make_grid, TOWNSHIP, target_mu=900, token=plan.token, now=ground.clock()
    )
    assert again.token == plan.token
    cells = ground.rows(IN_FORCE)
    assert {cell["code"] for cell in cells} == {cell.code for cell in plan.cells}
    assert sum(cell["mountain_m2"] for cell in cells) == pytest.approx(plan.report["mountain_m2"], rel=1e-6)
    gap, overlap = ground.rows(
        "SELECT (SELECT ST_Area(ST_SymDifference(ST_Union(c.geometry),"
        " (SELECT ST_Union(outline) FROM division WHERE code = ANY(:codes)))::geography)"
        " FROM grid_cell c WHERE valid_to IS NULL) AS gap,"
        " (SELECT coalesce(sum(ST_Area(ST_Intersection(a.geometry, b.geometry)::geography)), 0)"
        " FROM grid_cell a JOIN grid_cell b ON a.code < b.code AND ST_Intersects(a.geometry, b.geometry)"
        " WHERE a.valid_to IS NULL AND b.valid_to IS NULL) AS overlap",
        codes=[VILLAGE, OTHER_VILLAGE],
    )[0].values()
    assert gap < 0.1
    assert overlap < 0.1
    # Former cells stay as history, and a number is in force once.
    gone = ground.rows("SELECT code, valid_to FROM grid_cell WHERE valid_to IS NOT NULL ORDER BY code")
    assert {row["code"] for row in gone} == {row["code"] for row in before}
    assert {row["valid_to"] for row in gone} == {date(2026, 9, 8)}
    # The same cut again changes nothing, down to the number of every cell.
    same = as_system(ground, grids.preview_grid, TOWNSHIP, target_mu=900)
    assert len(same.change.kept) == len(cells)
    assert (same.change.changed, same.change.added, same.change.retired) == ((), (), ())
    (listed,) = as_system(ground, grids.list_editions, TOWNSHIP)
    assert listed == edition


def test_numbers_are_inherited_when_the_target_changes(ground: Net) -> None:
    as_system(ground, grids.make_grid, VILLAGE, target_mu=900, now=ground.clock())
    first = {row["code"] for row in ground.rows(IN_FORCE)}
    ground.at(2026, 9, 9, 9, 0)
    plan, _ = as_system(ground, grids.make_grid, VILLAGE, target_mu=450, now=ground.clock())
    second = {row["code"] for row in ground.rows(IN_FORCE)}
    assert len(second) > len(first)
    assert first & second
    used = {str(row["code"]) for row in ground.rows("SELECT DISTINCT code FROM grid_cell")}
    serials = [int(code[-2:]) for code in second - first]
    assert min(serials, default=99) > max(int(code[-2:]) for code in first)
    assert used >= first | second
    assert plan.change.added


def test_what_changed_since_the_preview_is_refused(ground: Net) -> None:
    plan = as_system(ground, grids.preview_grid, VILLAGE, target_mu=900)
    with ground.runtime.database.transaction(ground.runtime.system) as session:
        session.execute(
            text("UPDATE division SET outline = ST_GeomFromEWKT(:shape) WHERE code = :code"),
            {"shape": box(112.74, 34.94, 112.759, 34.955), "code": VILLAGE},
        )
    with pytest.raises(Conflict) as refused:
        as_system(ground, grids.make_grid, VILLAGE, target_mu=900, token=plan.token, now=ground.clock())
    assert refused.value.code == "patrol.grid.preview_changed"


def test_a_layer_is_taken_over_once_and_yields_to_a_grid_made_later(ground: Net) -> None:
    with ground.runtime.database.transaction(ground.runtime.system) as session:
        session.execute(
            text(
                "INSERT INTO layer_version (version_id, layer_kind, county_code, source_name, source_sha256,"
                " source_crs, feature_count, decisions, valid_from, imported_at) VALUES (:v, 'grid_cell',"
                " '410883', '网格.shp', 'g', 'EPSG:4490', 1, '{}', '2026-01-01', '2026-09-07T10:00+08')"
            ),
            {"v": UUID(int=78)},
        )
        for number, (code, west, east) in enumerate(((None, 112.74, 112.75), (VILLAGE, 112.75, 112.76)), 1):
            session.execute(
                text(
                    "INSERT INTO layer_feature (version_id, layer_kind, county_code, feature_no, name,"
                    " division_code, attributes, area_m2, geometry) VALUES (:v, 'grid_cell', '410883', :no,"
                    " :name, :code, '{}', 1, ST_GeomFromEWKT(:shape))"
                ),
                {
                    "v": UUID(int=78),
                    "no": f"{VILLAGE}{number:03d}",
                    "name": f"第{number}网格",
                    "code": code,
                    "shape": box(west, 34.94, east, 34.955),
                },
            )
    assert as_system(ground, grids.import_grid, now=ground.clock()) == 2
    cells = ground.rows(IN_FORCE)
    assert [(row["code"][-3:], row["division_code"]) for row in cells] == [("001", VILLAGE), ("002", VILLAGE)]
    assert float(str(cells[0]["field_m2"])) > 1e5
    assert as_system(ground, grids.import_grid, now=ground.clock()) == 2
    assert len(as_system(ground, grids.list_editions, COUNTY)) == 1
    ground.at(2026, 9, 9, 9, 0)
    as_system(ground, grids.make_grid, VILLAGE, target_mu=450, now=ground.clock())
    made = ground.rows(IN_FORCE)
    assert as_system(ground, grids.import_grid, now=ground.clock()) == 0
    assert ground.rows(IN_FORCE) == made


def test_a_grid_is_for_whoever_manages_posts_in_the_area(ground: Net) -> None:
    with pytest.raises(InvalidInput) as wide:
        as_system(ground, grids.preview_grid, "410800000000")
    with pytest.raises(InvalidInput) as small:
        as_system(ground, grids.preview_grid, VILLAGE, target_mu=1)
    assert (wide.value.code, small.value.code) == ("patrol.grid.too_wide", "patrol.grid.bad_target")
    with pytest.raises(NotFound):
        ground.do("station", lambda session, actor, now: grids.list_editions(session, actor, "410882000000"))
