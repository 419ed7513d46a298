"""Verbs of the grid: cut it from villages and parcels, take it over from a layer, look before it replaces."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np
import shapely
from sqlalchemy.orm import Session

from foundation import audit
from foundation.access import Actor, require
from foundation.calendar import SHANGHAI
from foundation.crs import ellipsoidal_area_m2
from foundation.divisions import divisions
from foundation.errors import Conflict, InvalidInput
from foundation.ids import uuid7
from patrol.net.grids import store
from patrol.net.grids.cutting import Cell, CutRules, Ground, Shapes, cut_village
from patrol.net.grids.numbering import GridChange, NewCell, OldCell, compare, numbers
from patrol.net.grids.outlines import (
    Mending,
    Village,
    by_village,
    with_strays,
    without_gaps,
    without_overlaps,
)
from patrol.net.grids.policy import grid_policy
from patrol.tables import EditionRow

COUNTY_DIGITS, VILLAGE_SUFFIXES = 6, ("村民委员会", "居民委员会", "委员会")
TOKEN_LENGTH = 16
"""A plan may be named by so many leading characters of its token."""


@dataclass(frozen=True)
class GridPlan:
    """What a new cut would do; nothing is stored yet.

    Attributes
    ----------
    token : str
        Names exactly this plan: whoever confirms it gives it back.
    cells : tuple of NewCell
        All cells of the area as they would be.
    """

    division_code: str
    source: str
    source_name: str
    parameters: dict[str, Any]
    cells: tuple[NewCell, ...]
    change: GridChange
    report: dict[str, Any]
    token: str


@dataclass(frozen=True)
class Edition:
    """One cut of the grid that was taken over."""

    edition_id: UUID
    division_code: str
    source: str
    source_name: str
    parameters: dict[str, Any]
    report: dict[str, Any]
    cell_count: int
    made_at: datetime
    made_by_name: str


def preview_grid(
    session: Session, actor: Actor, division_code: str, *, target_mu: float | None = None
) -> GridPlan:
    """Cut an area from village outlines and the land survey in force, and say what would change.

    Parameters
    ----------
    division_code : str
        County, township or village, 12 digits.
    target_mu : float, optional
        Farmland and mountain land of one cell in 亩; the policy's when left out.

    Raises
    ------
    InvalidInput
        ``patrol.grid.bad_target``, ``patrol.grid.too_wide`` or ``patrol.grid.no_outlines``.
    """
    require(actor, "post.manage", division_code)
    division = divisions().get(division_code)
    if division.level < 3:
        raise InvalidInput("patrol.grid.too_wide", division=division.name)
    rules = grid_policy().rules(target_mu)
    known = store.villages(session, division.prefix)
    drawn = [
        Village(code, name, shapely.from_wkb(bytes(shape)))
        for code, name, shape in known
        if shape is not None
    ]
    if not drawn:
        raise InvalidInput("patrol.grid.no_outlines", division=division.name)
    mending = Mending()
    area = _Area(session, division_code, drawn, mending)
    cut = {village.code: cut_village(area.ground(village), rules) for village in area.villages}
    old = store.cells_in_force(session, division.prefix)
    cells = _numbered(session, division.prefix, area.villages, cut, old, is_surveyed=area.is_surveyed)
    report = _report(cells, compare(cells, old), rules, area) | {
        "without_outline": [{"code": code, "name": name} for code, name, shape in known if shape is None],
        "mended": {
            "overlap_m2": round(mending.overlap_m2, 1),
            "gap_m2": round(mending.gap_m2, 1),
            "stray_m2": round(mending.stray_m2, 1),
            "lost_m2": round(mending.lost_m2, 1),
            "overlaps": {code: round(area_m2, 1) for code, area_m2 in sorted(mending.overlaps.items())},
        },
    }
    parameters = {"target_mu": grid_policy().target_mu if target_mu is None else target_mu}
    return _plan(
        division_code, source="made", name=division.name, parameters=parameters, cells=cells, old=old,
        report=report,
    )  # fmt: skip


def make_grid(
    session: Session,
    actor: Actor,
    division_code: str,
    *,
    now: datetime,
    target_mu: float | None = None,
    token: str | None = None,
) -> tuple[GridPlan, Edition]:
    """Cut an area and let the new cells replace the old ones, which stay as history.

    Parameters
    ----------
    token : str, optional
        Of the preview that was looked at; what would come out differently since is refused.

    Raises
    ------
    Conflict
        ``patrol.grid.preview_changed``.
    """
    store.lock_grid(session)
    plan = preview_grid(session, actor, division_code, target_mu=target_mu)
    if token is not None and not (len(token) >= TOKEN_LENGTH and plan.token.startswith(token)):
        raise Conflict("patrol.grid.preview_changed", given=token[:12], now=plan.token[:12])
    return plan, _take_over(session, actor, plan, now=now)


def preview_layer(session: Session, actor: Actor, county_code: str) -> GridPlan | None:
    """What the county's grid layer in force would change; None where there is no such layer.

    Parameters
    ----------
    county_code : str
        Six digits.
    """
    require(actor, "post.manage", f"{county_code}000000")
    layers = store.layers_in_force(session, county_code)
    if not layers:
        return None
    layer = layers[-1]
    rows = store.layer_cells(session, layer["version_id"])
    cells = []
    for row in rows:
        if row.division_code is None:
            continue
        shape = shapely.from_wkb(bytes(row.shape))
        cells.append(
            NewCell(row.code, row.name, row.division_code, shape, ellipsoidal_area_m2(shape), None, None)
        )
    cells = _weighed(session, county_code, cells)
    old = store.cells_in_force(session, county_code)
    change = compare(cells, old)
    report = _counts(cells, change) | {
        "without_village": [row.code for row in rows if row.division_code is None]
    }
    parameters = {"version_id": str(layer["version_id"])}
    return _plan(
        f"{county_code}000000", source="layer", name=layer["source_name"], parameters=parameters, cells=cells,
        old=old, report=report,
    )  # fmt: skip


def import_grid(session: Session, actor: Actor, *, now: datetime, county_code: str | None = None) -> int:
    """Take over the cells of the newest grid layers; returns how many they have.

    A layer that was taken over before, or that is older than a grid made here, changes nothing.

    Parameters
    ----------
    county_code : str, optional
        Six digits; all counties when left out.
    """
    require(actor, "post.manage")
    store.lock_grid(session)
    count = 0
    newest = {layer["county_code"]: layer for layer in store.layers_in_force(session, county_code)}
    for county, layer in newest.items():
        done = [
            each for each in store.editions(session, county, 200) if each.division_code.startswith(county)
        ]
        if any(each.made_at > layer["imported_at"] for each in done if each.source == "made"):
            continue
        plan = preview_layer(session, actor, county)
        if plan is None:
            continue
        count += len(plan.cells)
        if str(layer["version_id"]) not in {each.parameters.get("version_id") for each in done}:
            _take_over(session, actor, plan, now=now)
    return count


def list_editions(session: Session, actor: Actor, division_code: str, *, limit: int = 50) -> list[Edition]:
    """Cuts of the grid of an area, newest first."""
    require(actor, "patch.view", division_code)
    prefix = divisions().get(division_code).prefix
    return [_edition(row) for row in store.editions(session, prefix, limit)]


class _Area:
    """Villages mended for cutting, and the parcels on each."""

    def __init__(
        self, session: Session, division_code: str, drawn: Sequence[Village], mending: Mending
    ) -> None:
        policy = grid_policy()
        prefix = divisions().get(division_code).prefix
        county = division_code[:COUNTY_DIGITS]
        bounds = tuple(shapely.total_bounds([village.outline for village in drawn]))
        field, mountain, barrier, codes = store.parcels(
            session, [county], bounds, (policy.field, policy.mountain, policy.barrier)
        )
        self.is_surveyed = bool(store.surveyed_counties(session, [county]))
        villages = without_gaps(without_overlaps(drawn, mending), policy.gap_max_m2, mending)
        own = np.char.startswith(codes, prefix) if len(codes) else np.zeros(0, dtype=bool)
        villages = with_strays(
            villages,
            np.concatenate([field, mountain])[own],
            taken=store.villages_beside(session, prefix, bounds),
            reach_m=policy.stray_max_m,
            mending=mending,
        )
        self.villages = villages
        self._parts = [by_village(villages, shapes) for shapes in (field, mountain, barrier)]

    def ground(self, village: Village) -> Ground:
        field, mountain, barrier = (part[village.code] for part in self._parts)
        return Ground(village.code, village.name, village.outline, field, mountain, barrier, self.is_surveyed)


def _numbered(
    session: Session,
    prefix: str,
    villages: Sequence[Village],
    cut: dict[str, list[Cell]],
    old: Sequence[OldCell],
    *,
    is_surveyed: bool,
) -> list[NewCell]:
    ever = store.numbers_ever(session, prefix)
    found = []
    for village in villages:
        cells = cut[village.code]
        former = [cell for cell in old if cell.division_code == village.code]
        names = {cell.code: cell.name for cell in former}
        codes = numbers(
            [cell.geometry for cell in cells], former, village_code=village.code,
            used=ever.get(village.code, set()),
        )  # fmt: skip
        for code, cell in zip(codes, cells, strict=True):
            name = names.get(code, f"{_spoken(village.name)}第{int(code[-3:])}网格")
            found.append(
                NewCell(
                    code,
                    name,
                    village.code,
                    cell.geometry,
                    cell.area_m2,
                    cell.field_m2 if is_surveyed else None,
                    cell.mountain_m2 if is_surveyed else None,
                )
            )
    return found


def _weighed(session: Session, county_code: str, cells: list[NewCell]) -> list[NewCell]:
    """Cells of a layer with their farmland and mountain land, where a land survey is in force."""
    if not cells or not store.surveyed_counties(session, [county_code]):
        return cells
    policy = grid_policy()
    shapes = shapely.make_valid(np.array([cell.geometry for cell in cells], dtype=object))
    field, mountain, _, _ = store.parcels(
        session, [county_code], tuple(shapely.total_bounds(shapes)),
        (policy.field, policy.mountain, policy.barrier),
    )  # fmt: skip
    sums = [_shares(shapes, part) for part in (field, mountain)]
    return [
        cell._replace(
            field_m2=float(sums[0][place]) * cell.area_m2, mountain_m2=float(sums[1][place]) * cell.area_m2
        )
        for place, cell in enumerate(cells)
    ]


def _shares(shapes: Shapes, parcels: Shapes) -> np.ndarray:
    """Share of each shape that lies under parcels."""
    if len(parcels) == 0:
        return np.zeros(len(shapes))
    parcels = shapely.make_valid(parcels)
    shape, parcel = shapely.STRtree(parcels).query(shapes, predicate="intersects")
    common = shapely.area(shapely.intersection(shapes[shape], parcels[parcel]))
    sums = np.bincount(shape, weights=common, minlength=len(shapes))
    shares: np.ndarray = np.minimum(sums / np.maximum(shapely.area(shapes), 1e-18), 1.0)
    return shares


def _counts(cells: Sequence[NewCell], change: GridChange) -> dict[str, Any]:
    return {
        "cells": len(cells),
        "villages": len({cell.division_code for cell in cells}),
        "kept": len(change.kept),
        "changed": len(change.changed),
        "added": len(change.added),
        "retired": [{"code": cell.code, "name": cell.name} for cell in change.retired],
    }


def _report(cells: Sequence[NewCell], change: GridChange, rules: CutRules, area: _Area) -> dict[str, Any]:
    weights = np.array(
        [
            cell.area_m2 if not area.is_surveyed else (cell.field_m2 or 0.0) + (cell.mountain_m2 or 0.0)
            for cell in cells
        ]
    )
    inside = (weights >= rules.smallest_share * rules.target_m2) & (
        weights <= rules.largest_share * rules.target_m2
    )
    return _counts(cells, change) | {
        "is_surveyed": area.is_surveyed,
        "area_m2": round(sum(cell.area_m2 for cell in cells), 1),
        "field_m2": round(sum(cell.field_m2 or 0.0 for cell in cells), 1),
        "mountain_m2": round(sum(cell.mountain_m2 or 0.0 for cell in cells), 1),
        "watched_m2": {
            "smallest": round(float(weights.min()), 1),
            "median": round(float(np.median(weights)), 1),
            "largest": round(float(weights.max()), 1),
        },
        "within_limits": int(inside.sum()),
        "by_village": dict(sorted(Counter(cell.division_code for cell in cells).items())),
    }


def _plan(
    division_code: str,
    *,
    source: str,
    name: str,
    parameters: dict[str, Any],
    cells: Sequence[NewCell],
    old: Sequence[OldCell],
    report: dict[str, Any],
) -> GridPlan:
    digest = hashlib.sha256(json.dumps([division_code, source, parameters], sort_keys=True).encode())
    for new in cells:
        digest.update(f"{new.code}/{new.name}/{new.division_code}".encode() + shapely.to_wkb(new.geometry))
    for former in old:
        digest.update(str(former.cell_id).encode())
    return GridPlan(
        division_code, source, name, parameters, tuple(cells), compare(cells, old), report, digest.hexdigest()
    )


def _take_over(session: Session, actor: Actor, plan: GridPlan, *, now: datetime) -> Edition:
    today = now.astimezone(SHANGHAI).date()
    row = EditionRow(
        edition_id=uuid7(now),
        division_code=plan.division_code,
        source=plan.source,
        source_name=plan.source_name,
        parameters=plan.parameters,
        report=plan.report,
        cell_count=len(plan.cells),
        made_at=now,
        made_by=actor.account_id,
        made_by_name=actor.name,
    )
    store.add_edition(session, row)
    change = plan.change
    store.end_cells(
        session, [cell.cell_id for cell in [*change.retired, *(old for old, _ in change.changed)]], today
    )
    store.add_cells(session, [*(new for _, new in change.changed), *change.added], row.edition_id, today)
    facts = {key: plan.report[key] for key in ("cells", "kept", "changed", "added")}
    facts |= {"source": plan.source, "retired": len(change.retired), "token": plan.token}
    audit.record(
        session, actor, "patrol.grid.replaced", subject=("grid", plan.division_code), at=now, facts=facts
    )
    return _edition(row)


def _edition(row: EditionRow) -> Edition:
    return Edition(
        row.edition_id,
        row.division_code,
        row.source,
        row.source_name,
        row.parameters,
        row.report,
        row.cell_count,
        row.made_at,
        row.made_by_name,
    )


def _spoken(name: str) -> str:
    for suffix in VILLAGE_SUFFIXES:
        if name.endswith("村" + suffix):
            return name.removesuffix(suffix)
        if name.endswith(suffix):
            return name.removesuffix(suffix) or name
    return name
