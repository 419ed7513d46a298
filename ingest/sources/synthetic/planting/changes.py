"""Plants every situation of the table: a place, a look at both dates, and the rights that go with it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import shapely
from shapely import affinity
from shapely.geometry.base import BaseGeometry

from foundation.errors import Defect
from ingest.sources.synthetic.landscape import templates
from ingest.sources.synthetic.landscape.ground import Ground, polygons_of
from ingest.sources.synthetic.landscape.land import Land
from ingest.sources.synthetic.landscape.materials import Palette
from ingest.sources.synthetic.landscape.quarry import bench_parts
from ingest.sources.synthetic.landscape.settlement import Courtyard, house
from ingest.sources.synthetic.landscape.templates import Template
from ingest.sources.synthetic.planting.sites import Sites, survey_sites
from ingest.sources.synthetic.planting.situations import Change, Permit, Situation, read_situations

PLACING_ORDER = (
    "county_line",
    "village_line",
    "urban",
    "quarry",
    "lot",
    "vacant_lot",
    "standing",
    "field",
    "river_plain",
    "village_edge",
)
Maker = Callable[[np.random.Generator, Palette, float, float], Template]
Planter = Callable[["Field", Situation, str, np.random.Generator], Change]


class Field:
    """What planting works on: the land, its free sites, and what is already used."""

    def __init__(self, land: Land) -> None:
        self.land = land
        self.sites: Sites = survey_sites(land)
        self.used: set[int] = set()


def plant_changes(land: Land, size_name: str) -> list[Change]:
    """All planted changes of a size, numbered in the order of the table.

    Lots that a change takes are marked as reserved on the land.
    """
    numbered: list[tuple[str, Situation]] = []
    for situation in read_situations():
        for _ in range(situation.count[size_name]):
            numbered.append((f"C{len(numbered) + 1:03d}", situation))
    field = Field(land)
    order = sorted(numbered, key=lambda item: (PLACING_ORDER.index(item[1].zone), -_extent(item[1]), item[0]))
    changes = []
    for change_id, situation in order:
        rng = land.seed.stream("change", change_id)
        change = PLANTERS.get(situation.make, _plant_template)(field, situation, change_id, rng)
        change.rights = [(permit, covering(change.outline, permit, rng)) for permit in situation.permits]
        changes.append(change)
    return sorted(changes, key=lambda change: change.change_id)


def covering(outline: shapely.Polygon, permit: Permit, rng: np.random.Generator) -> BaseGeometry:
    """A polygon that covers exactly the permit's share of an outline, cut along a straight line."""
    if permit.cover >= 1.0:
        whole: BaseGeometry = outline.buffer(2.5, join_style="mitre")
        return whole
    corners = shapely.get_coordinates(outline.minimum_rotated_rectangle)[:4]
    sides = np.roll(corners, -1, axis=0) - corners
    along = sides[int(np.argmax(np.hypot(sides[:, 0], sides[:, 1])))]
    turn = float(np.degrees(np.arctan2(along[1], along[0])))
    level = affinity.rotate(outline, -turn, origin=(0, 0))
    left, top, right, bottom = level.bounds
    low, high = left, right
    for _ in range(50):
        cut = (low + high) / 2
        share = shapely.clip_by_rect(level, left - 9, top - 9, cut, bottom + 9).area / level.area
        low, high = (cut, high) if share < permit.cover else (low, cut)
    half = shapely.clip_by_rect(level.buffer(2.5, join_style="mitre"), left - 9, top - 9, low, bottom + 9)
    result: BaseGeometry = affinity.rotate(half, turn, origin=(0, 0))
    return result


def _extent(situation: Situation) -> float:
    return max((max(row) for row in situation.size), default=0.0)


def _drawn(situation: Situation, rng: np.random.Generator) -> tuple[float, ...]:
    """Numbers between the two rows of the table's size."""
    low, high = np.array(situation.size[0]), np.array(situation.size[-1])
    return tuple(float(number) for number in low + (high - low) * rng.random(len(low)))


def _template(situation: Situation, rng: np.random.Generator, field: Field) -> Template:
    palette = field.land.palette
    first, second = _drawn(situation, rng)[:2]
    maker = MAKERS.get(situation.make)
    if maker is None:
        raise Defect("ingest.synthetic.unknown_template", make=situation.make)
    return maker(rng, palette, first, second)


def _plant_template(field: Field, situation: Situation, change_id: str, rng: np.random.Generator) -> Change:
    template, owner = _find(field, situation, rng)
    change = Change(change_id, situation, template.outline, owner)
    if situation.make == "restored_field":
        change.before = template.parts
        change.after = templates.bare_lot(field.land.palette, template.outline, "regrown")
    elif situation.make == "soil_cover":
        change.before = template.parts
        change.after = templates.bare_lot(field.land.palette, template.outline, "soil_cover")
    else:
        change.after = template.parts
    return change


def _find(field: Field, situation: Situation, rng: np.random.Generator) -> tuple[Template, str]:
    """A place; where the zone is tight, smaller drawings of the same thing are tried."""
    margin = 3.0 if situation.zone == "village_edge" or situation.make == "road" else 10.0
    for attempt in range(4):
        try:
            return field.sites.find(
                _template(situation, rng, field), situation.zone, rng=rng, margin_m=margin
            )
        except Defect:
            if attempt == 3:
                raise
    raise Defect("ingest.synthetic.no_room", zone=situation.zone, area_m2=0)


def _lot(field: Field, rng: np.random.Generator, *, is_vacant: bool) -> Courtyard:
    """An unused lot well inside its village."""
    land = field.land
    cores = {village.code: village.built.buffer(-26.0) for village in land.villages}
    free = [
        index
        for index, lot in enumerate(land.courtyards)
        if lot.is_vacant == is_vacant
        and index not in field.used
        and cores[lot.village_code].contains(lot.outline)
        and not any(_is_near(lot, land.courtyards[other]) for other in field.used)
    ]
    if not free:
        raise Defect("ingest.synthetic.no_room", zone="lot", area_m2=0)
    index = free[int(rng.integers(len(free)))]
    field.used.add(index)
    lot = land.courtyards[index]
    lot.is_reserved, lot.is_vacant = True, False
    return lot


def _is_near(lot: Courtyard, other: Courtyard) -> bool:
    return float(np.hypot(lot.x - other.x, lot.y - other.y)) < 60.0


def _rebuild(field: Field, situation: Situation, change_id: str, rng: np.random.Generator) -> Change:
    lot = _lot(field, rng, is_vacant=False)
    palette = field.land.palette
    before = house(lot, rng, palette, roof="dull")
    after = house(lot, rng, palette, roof=str(rng.choice(("flat", "white"))))
    return Change(change_id, situation, lot.outline, lot.village_code, before, after)


def _raise(field: Field, situation: Situation, change_id: str, rng: np.random.Generator) -> Change:
    lot = _lot(field, rng, is_vacant=False)
    palette = field.land.palette
    before = house(lot, rng, palette, roof="flat")
    raised = {
        palette[f"roof_flat_{f}_{s}"]: palette[f"roof_flat_raised_{f}_{s}"]
        for f in ("lit", "dim")
        for s in range(4)
    }
    after = [part._replace(style=raised.get(part.style, part.style)) for part in before[:4]] + before[4:]
    roof = max(
        polygons_of(shapely.union_all([part.shape for part in before[2:4]]).buffer(0.05)),
        key=lambda p: p.area,
    )
    return Change(change_id, situation, roof, lot.village_code, before, after)


def _house_on_vacant_lot(
    field: Field, situation: Situation, change_id: str, rng: np.random.Generator
) -> Change:
    lot = _lot(field, rng, is_vacant=True)
    palette = field.land.palette
    before = templates.bare_lot(palette, lot.outline, "garden")
    after = house(lot, rng, palette, roof=str(rng.choice(("red", "white"))))
    return Change(change_id, situation, lot.outline, lot.village_code, before, after)


def _quarry_numbers(field: Field, situation: Situation) -> tuple[shapely.Polygon, str]:
    which, direction, reach, spread = situation.size[0]
    quarry = field.land.quarries[int(which)]
    lobe = quarry.lobe(direction, reach_m=reach, spread_deg=spread)
    centre = lobe.representative_point()
    field.sites.take(lobe)
    return lobe, field.land.village_at(centre.x, centre.y).code


def _quarry_lobe(field: Field, situation: Situation, change_id: str, rng: np.random.Generator) -> Change:
    lobe, owner = _quarry_numbers(field, situation)
    palette = field.land.palette
    after = [Ground(lobe, palette["quarry_face"]), *bench_parts(lobe, palette)]
    return Change(change_id, situation, lobe, owner, [], after)


def _restored_quarry(field: Field, situation: Situation, change_id: str, rng: np.random.Generator) -> Change:
    lobe, owner = _quarry_numbers(field, situation)
    palette = field.land.palette
    before = [Ground(lobe, palette["quarry_face"]), *bench_parts(lobe, palette)]
    after = templates.bare_lot(palette, lobe, "planted_slope")
    return Change(change_id, situation, lobe, owner, before, after)


def _register_only(field: Field, situation: Situation, change_id: str, rng: np.random.Generator) -> Change:
    """A parcel of the register: works in the park or a farm outside; nothing to see."""
    land = field.land
    lots = land.farm_lots if situation.make == "use_changed" else land.works_lots
    offset = 0 if situation.make == "use_changed" else 10_000
    free = [
        index for index in range(len(lots)) if offset + index not in field.used and lots[index].area > 1200
    ]
    index = free[int(rng.integers(len(free)))]
    field.used.add(offset + index)
    centre = lots[index].centroid
    field.sites.take(lots[index])
    return Change(change_id, situation, lots[index], land.village_at(centre.x, centre.y).code)


def _earthwork(style: str, flat: float) -> Maker:
    return lambda rng, palette, first, _: templates.earthwork(
        rng, palette, radius=first, style=style, flat=flat
    )


MAKERS: dict[str, Maker] = {
    "factory": lambda rng, palette, first, second: templates.factory(rng, palette, width=first, depth=second),
    "villa": lambda rng, palette, first, second: templates.villa(rng, palette, width=first, depth=second),
    "least_area": lambda rng, palette, first, _: templates.scaled_to(
        templates.villa(rng, palette, width=13.5, depth=14.8), first
    ),
    "earthwork": _earthwork("earth_fresh", 0.75),
    "pit": _earthwork("pit", 0.85),
    "work_camp": lambda rng, palette, first, _: templates.work_camp(rng, palette, radius=first),
    "road": lambda rng, palette, first, second: templates.road(rng, palette, width=first, length=second),
    "greenhouses": lambda rng, palette, first, second: templates.greenhouses(
        rng, palette, count=round(first), length=second
    ),
    "livestock": lambda rng, palette, first, second: templates.livestock(
        rng, palette, count=round(first), length=second
    ),
    "pond": lambda rng, palette, first, second: templates.pond(rng, palette, width=first, depth=second),
    "solar": lambda rng, palette, first, second: templates.solar(rng, palette, width=first, depth=second),
}
"""Template by ``make`` of the table; the two numbers are those of its ``size``."""
MAKERS["restored_field"] = MAKERS["soil_cover"] = MAKERS["factory"]

PLANTERS: dict[str, Planter] = {
    "rebuild": _rebuild,
    "raised": _raise,
    "villa_lot": _house_on_vacant_lot,
    "lobe": _quarry_lobe,
    "restored_quarry": _restored_quarry,
    "use_changed": _register_only,
    "split": _register_only,
    "shift": _register_only,
}
