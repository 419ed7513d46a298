"""What was seen and what nobody saw: coverage of a period, blind spots, who saw a parcel last."""

from __future__ import annotations

import itertools
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import shapely
from shapely.geometry.base import BaseGeometry
from sqlalchemy.engine import RowMapping
from sqlalchemy.orm import Session

from foundation.access import Actor, require
from foundation.calendar import Period
from foundation.crs import STORAGE_EPSG, ellipsoidal_area_m2, gauss_krueger_epsg, reproject
from foundation.divisions import divisions
from foundation.errors import InvalidInput, NotFound
from patrol.reports.ground.coverage import NEAR_M
from patrol.rounds.measures import measure, spans_of, stretches
from patrol.rounds.packing import unpack
from patrol.rounds.patrols import patrol_policy
from patrol.seen import store
from patrol.seen.sights import KINDS, Sight, seen_policy

DEGREE_M = 80_000.0
"""Fewer metres than a degree of longitude has where this is used: a reach in degrees is never too short."""
COUNTY_LEVEL, VILLAGE_LEVEL = 3, 5
SIMPLE_M = 1.0
UNSEEN_TOLD = 20


@dataclass(frozen=True, slots=True)
class CellCover:
    """One cell: how much of its cropland was walked in a period, and how long ago it was last seen at all.

    Attributes
    ----------
    cropland_m2, near_m2 : float, optional
        Of the period, ellipsoidal; None where the coverage was not measured.
    ages_m2 : tuple of float
        Cropland by the time since it was last seen: one entry for each step of the policy, one beyond the
        last, and one for what was never seen.
    """

    code: str
    name: str
    division_code: str
    division_name: str
    cropland_m2: float | None
    near_m2: float | None
    ages_m2: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class UnitCover:
    """A division below the one asked for: sums over its cells."""

    code: str
    name: str
    cropland_m2: float
    near_m2: float
    ages_m2: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class CoverageView:
    """Coverage and blind spots of a place."""

    division_code: str
    division_name: str
    period: str
    steps_days: tuple[int, ...]
    blind_days: int
    measured_at: datetime | None
    total: UnitCover
    units: tuple[UnitCover, ...]
    cells: tuple[CellCover, ...]


@dataclass(frozen=True, slots=True)
class OutingNear:
    """A valid outing that passed the surroundings of a cell."""

    patrol_id: UUID
    title: str
    name: str
    started_at: datetime
    ended_at: datetime


class Unseen(NamedTuple):
    """A parcel, a place inside it (EPSG:4490), and when it was last seen; None: never."""

    number: str
    area_m2: float
    last_at: datetime | None
    lonlat: tuple[float, float]


@dataclass(frozen=True, slots=True)
class CellView:
    """What of one cell's cropland was walked in a period: the ground itself, and by which outings.

    Attributes
    ----------
    near, not_near : geometry
        EPSG:4490; cropland within 100 m of the tracks, and the rest. Either may be empty.
    unseen : tuple of Unseen
        As of now: parcels never seen first, then those seen longest ago.
    share : float, optional
        None where the cell holds no cropland.
    """

    code: str
    name: str
    division_code: str
    period: str
    cropland_m2: float
    near_m2: float
    share: float | None
    near: BaseGeometry
    not_near: BaseGeometry
    outings: tuple[OutingNear, ...]
    unseen: tuple[Unseen, ...]


@dataclass(frozen=True, slots=True)
class ParcelView:
    """A parcel of cropland, and when each kind of source saw it last."""

    number: str
    land_class_code: str
    area_m2: float
    division_code: str
    cell_code: str | None
    cell_name: str | None
    outline: Mapping[str, Any]
    last_at: datetime | None
    sights: tuple[Sight, ...]


def coverage_of(
    session: Session, actor: Actor, division_code: str, *, period: Period, now: datetime
) -> CoverageView:
    """Coverage of a period and blind spots as of now, of a place, the units below it and its cells.

    Cells only up to a county: a whole city has too many for one look.

    Raises
    ------
    NotFound
        The division lies outside the actor's area.
    """
    require(actor, "net.view", division_code)
    policy, tree = seen_policy(), divisions()
    division = tree.get(division_code)
    ages: dict[str, list[float]] = defaultdict(lambda: [0.0] * (len(policy.steps_days) + 2))
    for row in store.ages(session, division.prefix, policy.steps_days, now):
        ages[row["code"]][row["step"]] += row["area_m2"]
    rows = store.cells(session, division.prefix, period.label)
    cells = [_cell_cover(row, tuple(ages[row["code"]])) for row in rows]
    below: dict[str, list[CellCover]] = defaultdict(list)
    if division.level < VILLAGE_LEVEL:
        for cell in cells:
            below[tree.at_level(cell.division_code, division.level + 1).code].append(cell)
    measured = [row["measured_at"] for row in rows if row["measured_at"] is not None]
    return CoverageView(
        division_code,
        division.name,
        period.label,
        policy.steps_days,
        policy.blind_days,
        min(measured, default=None),
        _summed(division_code, cells),
        tuple(_summed(code, own) for code, own in sorted(below.items())),
        tuple(cells) if division.level >= COUNTY_LEVEL else (),
    )


def cell_view(
    session: Session, actor: Actor, cell_code: str, *, period: Period, now: datetime, names: bool
) -> CellView:
    """The ground of one cell that was walked in a period, and what was not, measured with rulers.

    Parameters
    ----------
    names : bool
        False: outings are told by post, not by person.

    Raises
    ------
    NotFound
        ``patrol.seen.no_cell``: not in force, or outside the actor's area.
    """
    require(actor, "net.view")
    row = store.cell(session, cell_code)
    if row is None:
        raise NotFound("patrol.seen.no_cell", cell=cell_code)
    require(actor, "net.view", row["division_code"])
    outline = bytes(row["outline"])
    fields = [shapely.from_wkb(wkb) for wkb in store.cell_cropland(session, cell_code)]
    local = gauss_krueger_epsg(float(shapely.from_wkb(outline).centroid.x))
    crop = shapely.union_all([reproject(shape, STORAGE_EPSG, local) for shape in fields])
    end = min(now, period.ends_at)
    outings = store.outings_near(session, outline, period.starts_at, end, reach_deg=NEAR_M / DEGREE_M)
    lines = _lines(outings, local)
    belt = shapely.union_all(shapely.buffer(lines, NEAR_M, quad_segs=8))
    near, rest = shapely.intersection(crop, belt), shapely.difference(crop, belt)
    # The share is the plane's, areas are the ellipsoid's.
    cropland_m2 = sum(ellipsoidal_area_m2(shape) for shape in fields)
    share = near.area / crop.area if crop.area else None
    return CellView(
        cell_code,
        row["name"],
        row["division_code"],
        period.label,
        cropland_m2,
        cropland_m2 * (share or 0.0),
        share,
        _told(near, local),
        _told(rest, local),
        tuple(
            _passed(one, names=names)
            for one, line in zip(outings, lines, strict=True)
            if line.distance(crop) <= NEAR_M
        ),
        tuple(
            Unseen(one["number"], one["area_m2"], one["last_at"], (one["lon"], one["lat"]))
            for one in store.longest_unseen(session, cell_code, most=UNSEEN_TOLD)
        ),
    )


def parcel_at(session: Session, actor: Actor, *, lon: float, lat: float, names: bool) -> ParcelView:
    """The parcel of cropland at a place, and by whom or what it was last seen.

    Raises
    ------
    InvalidInput
        ``patrol.net.bad_place``.
    NotFound
        ``patrol.seen.no_parcel``: no cropland of the actor's area lies there.
    """
    require(actor, "net.view")
    if not (-180 <= lon <= 180 and -90 <= lat <= 90):
        raise InvalidInput("patrol.net.bad_place", lon=lon, lat=lat)
    row = store.parcel_at(session, lon, lat, names=names)
    if row is None:
        raise NotFound("patrol.seen.no_parcel", lon=lon, lat=lat)
    return ParcelView(
        row["feature_no"],
        row["land_class_code"],
        row["area_m2"],
        row["division_code"],
        row["cell_code"],
        row["cell_name"],
        json.loads(row["outline"]),
        row["last_at"],
        tuple(
            Sight(kind, row[f"{kind}_at"], row[f"{kind}_source"], row[f"{kind}_label"] or "")
            for kind in KINDS
        ),
    )


def _cell_cover(row: RowMapping, ages_m2: tuple[float, ...]) -> CellCover:
    return CellCover(
        row["code"],
        row["name"],
        row["division_code"],
        divisions().get(row["division_code"]).name,
        row["cropland_m2"],
        row["near_m2"],
        ages_m2,
    )


def _summed(code: str, cells: Sequence[CellCover]) -> UnitCover:
    steps = len(seen_policy().steps_days) + 2
    return UnitCover(
        code,
        divisions().get(code).name,
        sum(cell.cropland_m2 or 0.0 for cell in cells),
        sum(cell.near_m2 or 0.0 for cell in cells),
        tuple(sum(cell.ages_m2[step] for cell in cells) for step in range(steps)),
    )


def _lines(outings: Sequence[RowMapping], local: int) -> list[BaseGeometry]:
    """What each outing was seen to walk, on the plane; one geometry an outing."""
    if not outings:
        return []
    tracks = unpack([row["fixes"] for row in outings])
    rules = patrol_policy().fix_rules
    codes = measure(tracks, spans_of([(row["started_at"], row["ended_at"]) for row in outings]), rules).codes
    places, starts = stretches(tracks, codes, rules.gap_max)
    lonlat = tracks.lonlat_deg(places)
    found: list[list[BaseGeometry]] = [[] for _ in outings]
    for begin, end in itertools.pairwise(starts):
        own = lonlat[begin:end]
        outing = int(tracks.starts.searchsorted(places[begin], side="right")) - 1
        found[outing].append(shapely.LineString(own) if len(own) > 1 else shapely.Point(own[0]))
    return [reproject(shapely.GeometryCollection(parts), STORAGE_EPSG, local) for parts in found]


def _passed(row: RowMapping, *, names: bool) -> OutingNear:
    name = row["name"] if names else ""
    return OutingNear(row["patrol_id"], row["title"], name, row["started_at"], row["ended_at"])


def _told(shape: BaseGeometry, local: int) -> BaseGeometry:
    """Polygons alone, back in EPSG:4490, without corners that nobody could see."""
    simple = shapely.simplify(shape, SIMPLE_M)
    parts = [part for part in shapely.get_parts(simple) if part.geom_type == "Polygon" and not part.is_empty]
    return reproject(shapely.MultiPolygon(parts), local, STORAGE_EPSG)
