"""Villages among fields, compounds and sheds on farmland, estates, new roads: the coarser places."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from detection.learning.made.buildings import Building, RoofKind, mask_of
from detection.learning.made.canvas import Points, rectangle
from detection.learning.made.ground import GREENS, HARD, NOTHING, SOILS, add_tree, blob, patch, pick, stroke
from detection.learning.made.scene import Place
from detection.learning.made.suburbs import SHEETS

VILLAGE = np.array(
    [[150, 144, 138], [128, 122, 118], [172, 166, 160], [104, 98, 94], [196, 190, 184], [160, 118, 98],
     [146, 100, 84], [214, 212, 208], [70, 104, 172], [58, 84, 150]],
    float,
)  # fmt: skip


Palette = NDArray[np.float64]


def _turned(angle: float, along: float, across: float) -> Points:
    offset: Points = np.array(
        [np.cos(angle) * along - np.sin(angle) * across, np.sin(angle) * along + np.cos(angle) * across]
    )
    return offset


def _house(
    rng: np.random.Generator,
    spot: Points,
    *,
    length: float,
    width: float,
    angle: float,
    blue: float,
    tones: Palette,
) -> Building:
    palette = VILLAGE[8:] if rng.random() < blue else tones
    kind: RoofKind = "flat" if rng.random() < 0.55 else "gable"
    r, g, b = (float(value) for value in pick(rng, palette))
    return Building(
        spot, length, width, angle, float(rng.uniform(3, 7)), kind, (r, g, b), int(rng.integers(1 << 40))
    )


def lay_village(place: Place, centre: Points, angle: float, extent_m: tuple[float, float]) -> None:
    """An old village: lanes, courtyards, houses under other roofs, trees that go: nothing of it is change."""
    rng, gsd_m = place.rng, place.gsd_m
    outline = rectangle(centre, extent_m[0] / gsd_m, extent_m[1] / gsd_m, angle)
    place.taken |= mask_of(outline, place.side_px)
    grounds = [
        patch(outline, pick(rng, np.concatenate([SOILS[:3], HARD[:3]])), mottle=0.1, texture=0.15)
        for _ in range(2)
    ]
    place.each(grounds[0], grounds[1])
    style = _VillageStyle(rng)
    for spot in _courts(place, centre, angle, extent_m, style):
        _lay_court(place, spot, angle, style)
    for at in rng.uniform(-0.45, 0.45, rng.integers(1, 4)):
        ends = [centre + _turned(angle, s * extent_m[0] / 2, at * extent_m[1]) / gsd_m for s in (-1, 1)]
        place.both(stroke(np.stack(ends), float(rng.uniform(2.5, 6.0)), pick(rng, HARD)))


def lay_new_block(place: Place, centre: Points, angle: float) -> None:
    """A village that grew: a block of dense courtyards on what was open ground."""
    rng, gsd_m = place.rng, place.gsd_m
    extent_m = (float(rng.uniform(30.0, 160.0)), float(rng.uniform(30.0, 120.0)))
    outline = rectangle(centre, extent_m[0] / gsd_m, extent_m[1] / gsd_m, angle)
    if not place.claim(outline):
        return
    tone = pick(rng, np.concatenate([SOILS[:3], HARD[:3]]))
    place.ground.append((NOTHING, patch(outline, tone, mottle=0.1, texture=0.15)))
    place.label("land", outline)
    place.fell_trees(centre, max(extent_m) / 2 / gsd_m)
    style = _VillageStyle(rng)
    for spot in _courts(place, centre, angle, extent_m, style):
        place.buildings.extend((None, house) for house in _plan(place, spot, angle, style, 1))


class _VillageStyle:
    """What the houses of one village have in common at each date."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.cell = (rng.uniform(11.0, 20.0), rng.uniform(12.0, 22.0))
        self.rebuilt = rng.random() * 0.9
        self.blue = (rng.random() * 0.3, rng.random() * 0.5)
        self.trees = rng.uniform(0.0, 1.2)
        tones = [np.stack([np.asarray(pick(rng, VILLAGE[:8])) for _ in range(3)]) for _ in range(2)]
        self.tones = (tones[0], tones[0] if rng.random() < 0.5 else tones[1])


def _courts(
    place: Place, centre: Points, angle: float, extent_m: tuple[float, float], style: _VillageStyle
) -> Iterator[Points]:
    """Middles of the courtyards of a village, pixels, that may be seen."""
    cell = style.cell
    for along in np.arange(-extent_m[0] / 2 + cell[0] / 2, extent_m[0] / 2, cell[0]):
        for across in np.arange(-extent_m[1] / 2 + cell[1] / 2, extent_m[1] / 2, cell[1]):
            spot = centre + _turned(angle, along, across) / place.gsd_m
            if bool(((spot > -10) & (spot < place.side_px + 10)).all()) and place.rng.random() > 0.06:
                yield spot


def _plan(place: Place, spot: Points, angle: float, style: _VillageStyle, date: int) -> list[Building]:
    """Houses of one courtyard: a main house, sometimes side houses."""
    rng, cell = place.rng, style.cell
    blue, tones = style.blue[date], style.tones[date]
    length, depth = cell[0] * rng.uniform(0.75, 1.0), cell[1] * rng.uniform(0.35, 0.6)
    main = spot + _turned(angle, 0.0, -cell[1] * 0.22) / place.gsd_m
    size = {"length": max(length, depth), "width": min(length, depth)}
    plan = [_house(rng, main, angle=angle, blue=blue, tones=tones, **size)]
    for side in (-1, 1):
        if rng.random() < 0.5:
            at = spot + _turned(angle, side * cell[0] * 0.36, cell[1] * 0.2) / place.gsd_m
            size = {"length": cell[1] * 0.45, "width": cell[0] * 0.24}
            plan.append(_house(rng, at, angle=angle + np.pi / 2, blue=blue, tones=tones, **size))
    return plan


def _lay_court(place: Place, spot: Points, angle: float, style: _VillageStyle) -> None:
    """A courtyard of an old village; perhaps rebuilt on the same ground."""
    rng, cell = place.rng, style.cell
    for _ in range(rng.poisson(style.trees)):
        shift = _turned(angle, rng.uniform(-0.5, 0.5) * cell[0], rng.uniform(-0.5, 0.5) * cell[1])
        add_tree(place, spot + shift / place.gsd_m, rng.uniform(1.5, 4.0), survives=rng.random() < 0.6)
    old = _plan(place, spot, angle, style, 0)
    if rng.random() >= style.rebuilt:
        worn = [house.painted(pick(rng, VILLAGE)) if rng.random() < 0.15 else house for house in old]
        place.buildings.extend(zip(old, worn, strict=True))
        return
    place.label("building", rectangle(spot, cell[0] / place.gsd_m, cell[1] / place.gsd_m, angle), weight=0.0)
    place.rebuilt.extend((house, None) for house in old)
    place.rebuilt.extend((None, house) for house in _plan(place, spot, angle, style, 1))


def lay_compound(place: Place, centre: Points, angle: float, *, is_new: bool) -> None:
    """A walled yard with sheds, a factory, a depot or a farm: 1,000–20,000 m²."""
    rng, gsd_m = place.rng, place.gsd_m
    length = float(np.exp(rng.uniform(np.log(22.0), np.log(170.0))))
    width = float(length * rng.uniform(0.35, 1.0))
    outline = rectangle(centre, length / gsd_m, width / gsd_m, angle)
    outline = outline + rng.normal(0, 0.03, outline.shape) * length / gsd_m
    if not place.claim(outline):
        return
    yard = [
        patch(outline, pick(rng, HARD if rng.random() < 0.65 else SOILS[:3]), mottle=0.06, texture=0.1)
        for _ in range(2)
    ]
    wall = stroke(np.concatenate([outline, outline[:1]]), 0.8, pick(rng, HARD))
    place.ground.append((NOTHING if is_new else yard[0], yard[1]))
    place.ground.append((NOTHING if is_new else wall, wall))
    if is_new:
        place.label("land", outline)
    _fill_yard(place, centre, angle, (length, width), is_new)
    if is_new:
        place.fell_trees(centre, max(length, width) / 2 / gsd_m)


def _fill_yard(place: Place, centre: Points, angle: float, size: tuple[float, float], is_new: bool) -> None:
    """Rows of sheds over the yard."""
    rng = place.rng
    rows = int(np.clip(size[1] / rng.uniform(14.0, 40.0), 1, 7))
    palette = SHEETS if rng.random() < 0.6 else VILLAGE
    tone = pick(rng, palette)
    fill = rng.uniform(0.45, 0.95)
    for k in range(rows):
        across = (k + 0.5) / rows * size[1] - size[1] / 2
        depth = size[1] / rows * rng.uniform(0.45, 0.85)
        at = -size[0] / 2 * 0.92
        while at < size[0] / 2 * 0.92:
            length = float(rng.uniform(8.0, max(12.0, size[0] * 0.9)))
            length = min(length, size[0] / 2 * 0.92 - at)
            if length > 4.0 and rng.random() < fill:
                spot = centre + _turned(angle, at + length / 2, across) / place.gsd_m
                colour = tone if rng.random() < 0.6 else pick(rng, palette)
                _add_shed(place, spot, (length, depth), angle, colour, is_new=is_new)
            at += length + rng.uniform(1.0, 8.0)


def _add_shed(
    place: Place, spot: Points, size: tuple[float, float], angle: float, colour: object, *, is_new: bool
) -> None:
    rng = place.rng
    red, green, blue = (float(value) for value in np.asarray(colour, float))
    kind: RoofKind = ("ribbed", "flat", "gable")[rng.integers(3)]
    long_way = size[0] >= size[1]
    shed = Building(
        spot, max(size), min(size), angle if long_way else angle + np.pi / 2, float(rng.uniform(3, 9)), kind,
        (red, green, blue), int(rng.integers(1 << 40)),
    )  # fmt: skip
    place.buildings.append((None if is_new else shed, shed))


def lay_estate(place: Place, centre: Points, angle: float, *, is_new: bool) -> None:
    """Rows of apartment blocks with gardens and roads between."""
    rng, gsd_m = place.rng, place.gsd_m
    rows, cols = rng.integers(2, 7), rng.integers(1, 5)
    block = (rng.uniform(25.0, 60.0), rng.uniform(10.0, 15.0))
    gap = (rng.uniform(8.0, 20.0), rng.uniform(14.0, 35.0))
    size = (cols * (block[0] + gap[0]) + 10.0, rows * (block[1] + gap[1]) + 10.0)
    outline = rectangle(centre, size[0] / gsd_m, size[1] / gsd_m, angle)
    if not place.claim(outline):
        return
    ground = patch(
        outline, pick(rng, np.concatenate([HARD, SOILS[:2], GREENS[:2]])), mottle=0.15, texture=0.12
    )
    place.ground.append((NOTHING if is_new else ground, ground))
    if is_new:
        place.label("land", outline)
        place.fell_trees(centre, max(size) / 2 / gsd_m)
    tone = pick(rng, VILLAGE[:8])
    height = float(rng.uniform(12, 40))
    for i in range(rows):
        for j in range(cols):
            along = (j + 0.5) * (block[0] + gap[0]) - size[0] / 2 + 5
            across = (i + 0.5) * (block[1] + gap[1]) - size[1] / 2 + 5
            r, g, b = (float(value) for value in np.asarray(tone) * rng.uniform(0.9, 1.1))
            spot = centre + _turned(angle, along, across) / gsd_m
            one = Building(
                spot,
                *block,
                angle,
                height,
                "flat" if rng.random() < 0.5 else "gable",
                (r, g, b),
                int(rng.integers(1 << 40)),
            )
            place.buildings.append((None if is_new else one, one))
            if rng.random() < 0.5:
                add_tree(place, spot + _turned(angle, 0, block[1]) / gsd_m, 2.0)


def lay_road(place: Place, *, is_new: bool) -> None:
    """A road of 4–40 m across the place, with verges, markings and a row of trees now and then."""
    rng, gsd_m = place.rng, place.gsd_m
    middle, angle = place.spot(0.1), rng.uniform(0, np.pi)
    width_m = float(np.exp(rng.uniform(np.log(4.0), np.log(40.0))))
    reach = place.side_px * 0.8
    line = np.stack([middle + _turned(angle, along, 0.0) for along in (-reach, 0.0, reach)])
    line[1] += rng.normal(0, 0.06, 2) * place.side_px
    tones = [pick(rng, HARD if width_m > 6 else np.concatenate([HARD, SOILS]), 4.0) for _ in range(2)]
    if is_new or rng.random() < 0.7:
        tones[0] = tones[1]
    draws = [stroke(line, width_m, tone) for tone in tones]
    marks = stroke(line, 0.4, (225.0, 222.0, 205.0))
    place.ground.append((NOTHING if is_new else draws[0], draws[1]))
    if width_m > 7.0:
        place.ground.append((NOTHING if is_new else marks, marks))
    if is_new:
        for first, last in itertools.pairwise(line):
            heading = float(np.arctan2(*(last - first)[::-1]))
            span = float(np.linalg.norm(last - first)) * 1.02
            strip = rectangle((first + last) / 2, span, width_m / gsd_m, heading)
            place.label("land", strip, weight=1.0 if width_m >= 6.0 else 0.0)


def lay_works(place: Place, centre: Points) -> None:
    """Something new that is neither roof nor yard: graded ground, a pit, a mound, a pond, rows of plastic."""
    rng, gsd_m = place.rng, place.gsd_m
    radius_m = float(np.exp(rng.uniform(np.log(12.0), np.log(90.0))))
    outline = blob(rng, centre, radius_m / gsd_m)
    if not place.claim(outline, share=0.02):
        return
    kind = rng.choice(["graded", "pit", "pond", "plastic"], p=[0.4, 0.2, 0.2, 0.2])
    if kind == "graded":
        place.ground.append(
            (NOTHING, patch(outline, np.asarray(pick(rng, SOILS)) * 1.15, texture=0.2, mottle=0.18))
        )
        for _ in range(5):
            track = np.stack([outline[i] for i in rng.integers(0, len(outline), 3)])
            place.ground.append((NOTHING, stroke(track, 2.5, pick(rng, SOILS))))
    elif kind == "pit":
        inner = centre + (outline - centre) * rng.uniform(0.5, 0.8)
        soil = np.asarray(pick(rng, SOILS))
        place.ground.append((NOTHING, patch(outline, soil * 1.2, texture=0.15, mottle=0.1)))
        place.ground.append((NOTHING, patch(inner, soil * 0.6, texture=0.2, mottle=0.15)))
    elif kind == "pond":
        water = np.array([50.0, 70.0, 70.0]) * rng.uniform(0.5, 1.5) + rng.normal(0, 8, 3)
        place.ground.append((NOTHING, patch(centre + (outline - centre) * 1.12, pick(rng, SOILS))))
        place.ground.append((NOTHING, patch(outline, water, texture=0.03)))
    else:
        outline = _lay_plastic(place, centre, radius_m)
    if kind == "graded":
        place.label("land", outline, weight=0.0)


def _lay_plastic(place: Place, centre: Points, radius_m: float) -> Points:
    """Greenhouses: long bright half-tubes side by side."""
    rng, gsd_m = place.rng, place.gsd_m
    angle, width = rng.uniform(0, np.pi), rng.uniform(6.0, 12.0)
    rows = max(2, int(radius_m * 1.4 / width))
    tone = np.array([196.0, 204.0, 208.0]) * rng.uniform(0.7, 1.15)
    length = radius_m * rng.uniform(1.2, 2.2)
    for k in range(rows):
        spot = centre + _turned(angle, 0.0, (k - rows / 2 + 0.5) * width * 1.15) / gsd_m
        for part, shade in ((0.9, 1.0), (0.25, 1.12)):
            strip = rectangle(spot, length / gsd_m, width * part / gsd_m, angle)
            place.ground.append(
                (NOTHING, patch(strip, np.minimum(tone * shade * rng.uniform(0.92, 1.06), 250.0)))
            )
    return rectangle(centre, length / gsd_m, rows * width * 1.15 / gsd_m, angle)
