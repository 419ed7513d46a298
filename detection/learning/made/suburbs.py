"""Streets with houses on lots, halls with parking, building sites: the fine-resolution places."""

from __future__ import annotations

import itertools

import numpy as np

from detection.learning.made.buildings import Building, RoofKind, View
from detection.learning.made.canvas import Canvas, Colour, Points, rectangle
from detection.learning.made.ground import DRY, GREENS, HARD, NOTHING, SOILS, add_tree, patch, pick, stroke
from detection.learning.made.scene import Draw, Place

ROOFS = np.array(
    [
        [92, 90, 92],
        [112, 108, 104],
        [78, 76, 80],
        [124, 112, 100],
        [104, 92, 84],
        [136, 128, 120],
        [150, 96, 76],
        [66, 70, 78],
    ],
    float,
)
SHEETS = np.array(
    [[206, 208, 210], [176, 182, 188], [62, 104, 176], [84, 130, 196], [150, 156, 160], [186, 90, 70],
     [226, 226, 222], [120, 150, 140], [140, 130, 118], [110, 116, 124], [150, 190, 220]],
    float,
)  # fmt: skip


def street_line(place: Place) -> Points:
    """Middle of a street: straight, bent or round, crossing the place."""
    rng = place.rng
    middle, heading = place.spot(0.15), rng.uniform(0, 2 * np.pi)
    bend = rng.choice([0.0, 0.4, 1.2], p=[0.4, 0.35, 0.25]) * rng.normal()
    reach = rng.uniform(0.35, 0.9) * place.side_px
    steps = np.linspace(-1, 1, 25)
    turn = heading + bend * steps
    walk = np.cumsum(np.stack([np.cos(turn), np.sin(turn)], axis=1), axis=0) * reach / 12.5
    line: Points = walk - walk[12] + middle
    return line


def lay_neighbourhood(place: Place, share_new: float) -> None:
    """One to three parallel streets of one style, back to back."""
    rng = place.rng
    line, style = street_line(place), _Style(rng)
    if style.is_dull:
        grey = place.ground_tone * rng.uniform(0.7, 1.25)
        style.roof = np.clip(grey + rng.normal(0, 6, 3), 20, 235)
        style.mixed = 0.2
        lawn = np.clip(
            place.ground_tone * rng.uniform(0.8, 1.2, 2)[:, None] + rng.normal(0, 8, (2, 3)), 15, 240
        )
        style.lawn = (lawn[0], lawn[1])
    is_new_street = share_new >= 1.0 and rng.random() < 0.75
    heading = line[-1] - line[0]
    normal = np.array([-heading[1], heading[0]]) / max(float(np.linalg.norm(heading)), 1.0)
    step_px = 2.0 * (style.setback_m + style.size_m.max() / 2 + rng.uniform(2.0, 9.0)) / place.gsd_m
    for k in range(rng.integers(1, 4)):
        lay_subdivision(place, line + normal * step_px * k, style, share_new, is_new_street=is_new_street)


def lay_subdivision(
    place: Place, line: Points, style: _Style, share_new: float, *, is_new_street: bool
) -> None:
    """Houses along a street, each with lawn, drive and trees.

    Parameters
    ----------
    share_new : float
        Share of the houses that only the later date has; at 1 the street itself is new.
    """
    rng = place.rng
    width_m = rng.uniform(7.0, 11.0)
    lot_px = (style.lot_m * 0.9 / place.gsd_m, (style.size_m.max() + 2.0) / place.gsd_m)
    spots = [one for one in _lots(place, line, style) if place.claim(rectangle(one[0], *lot_px, one[1]))]
    if is_new_street or (share_new > 0 and rng.random() < 0.4):
        _clear_ground(place, spots, style, is_new_street)
    road = stroke(line, width_m, style.road)
    curb = stroke(line, width_m + 2.5, style.drive)
    place.ground.append((NOTHING if is_new_street else curb, curb))
    place.ground.append((NOTHING if is_new_street else road, road))
    if is_new_street:
        _label_line(place, line, width_m)
    for spot, angle in spots:
        _lay_house(place, spot, angle, style, is_new=rng.random() < share_new)


class _Style:
    """What the houses of one street have in common."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.roof = pick(rng, ROOFS)
        self.is_dull = bool(rng.random() < 0.5)
        """Roofs about as bright as the ground: shape and shading must tell them."""
        self.mixed = rng.random()
        self.kind: RoofKind = "hip" if rng.random() < 0.7 else "gable"
        self.road = pick(rng, HARD[:5])
        self.drive = pick(rng, HARD[[0, 2, 5]])
        self.lawn = (
            pick(rng, (GREENS, DRY, SOILS)[rng.integers(3)]),
            pick(rng, (GREENS, DRY, SOILS)[rng.integers(3)]),
        )
        self.size_m = np.array([rng.uniform(10.0, 20.0), rng.uniform(10.0, 16.0)])
        self.lot_m = float(self.size_m.max()) + rng.uniform(1.5, 8.0)
        self.setback_m = float(self.size_m.max()) / 2 + rng.uniform(7.0, 11.0)
        self.wings = int(rng.integers(0, 4))
        self.fence = rng.random() < 0.6
        self.trees = rng.uniform(0.0, 2.5)


def _lots(place: Place, line: Points, style: _Style) -> list[tuple[Points, float]]:
    """Places of the houses, pixels, and the bearing of the street beside each."""
    steps = np.linalg.norm(np.diff(line, axis=0), axis=1)
    along = np.concatenate([[0.0], np.cumsum(steps)])
    found: list[tuple[Points, float]] = []
    for side in (-1.0, 1.0):
        if place.rng.random() < 0.12:
            continue
        for at in np.arange(0.0, along[-1], style.lot_m / place.gsd_m):
            k = min(int(np.searchsorted(along, at)), len(line) - 1)
            before, after = line[max(k - 1, 0)], line[min(k + 1, len(line) - 1)]
            angle = float(np.arctan2(*(after - before)[::-1]))
            normal = np.array([-np.sin(angle), np.cos(angle)]) * side
            spot = line[max(k - 1, 0)] + (line[k] - line[max(k - 1, 0)]) * 0.5
            spot = spot + normal * (style.setback_m + place.rng.normal(0, 0.7)) / place.gsd_m
            far = style.lot_m * 0.85 / place.gsd_m
            if all(np.linalg.norm(spot - other) > far for other, _ in found):
                found.append((spot, angle + (np.pi if side < 0 else 0.0)))
    return found


def _clear_ground(place: Place, spots: list[tuple[Points, float]], style: _Style, is_new: bool) -> None:
    """Ground of the lots: graded soil or lawn after, what was there before."""
    soil = pick(place.rng, SOILS)
    for spot, angle in spots:
        lot = rectangle(spot, style.lot_m * 1.15 / place.gsd_m, 2.0 * style.setback_m / place.gsd_m, angle)
        draw = patch(lot, style.lawn[1] if place.rng.random() < 0.7 else soil, mottle=0.06)
        place.ground.append((NOTHING if is_new else patch(lot, soil, mottle=0.08), draw))
        if is_new:
            place.label("land", lot)
            place.fell_trees(spot, 14.0 / place.gsd_m)


def _label_line(place: Place, line: Points, width_m: float) -> None:
    for first, last in itertools.pairwise(line):
        heading = float(np.arctan2(*(last - first)[::-1]))
        length = float(np.linalg.norm(last - first)) * 1.1
        place.label("land", rectangle((first + last) / 2, length, width_m / place.gsd_m, heading))


def _lay_house(place: Place, spot: Points, angle: float, style: _Style, *, is_new: bool) -> None:
    """One lot: lawn, drive, fence, house of one or two blocks, trees."""
    rng, gsd_m = place.rng, place.gsd_m
    inward = np.array([np.sin(angle), -np.cos(angle)])
    lot = rectangle(
        spot + inward * -3.0 / gsd_m,
        (style.lot_m - 0.6) / gsd_m,
        (2.0 * style.setback_m - 6.0) / gsd_m,
        angle,
    )
    after_lawn = patch(lot, np.asarray(style.lawn[1]) * rng.uniform(0.85, 1.15), mottle=0.05)
    before_lawn = patch(lot, np.asarray(style.lawn[0]) * rng.uniform(0.85, 1.15), mottle=0.05)
    built = rng.random() < 0.8
    place.ground.append((NOTHING if is_new or not built else before_lawn, after_lawn if built else NOTHING))
    door = (
        spot
        + inward * float(style.size_m.min()) * 0.45 / gsd_m
        + np.array([np.cos(angle), np.sin(angle)]) * rng.uniform(-4, 4) / gsd_m
    )
    drive = patch(
        rectangle(door + inward * 4.0 / gsd_m, rng.uniform(3.0, 6.0) / gsd_m, 11.0 / gsd_m, angle),
        style.drive,
    )
    place.ground.append((NOTHING if is_new and rng.random() < 0.8 else drive, drive))
    if style.fence:
        fence = stroke(np.concatenate([lot, lot[:1]]), 0.35, (78.0, 66.0, 58.0))
        place.small.append((NOTHING if is_new else fence, fence))
    for house in _house(place, spot, angle, style):
        if is_new:
            stage = rng.random()
            if stage < 0.12:
                slab = patch(house.outline(gsd_m), pick(rng, HARD[[0, 2, 5]]))
                place.ground.append((slab, NOTHING))
            place.buildings.append((None, house))
        else:
            place.buildings.append((house, house))
    for _ in range(rng.poisson(style.trees)):
        spot_px = spot + rng.uniform(-14, 14, 2) / gsd_m
        add_tree(place, spot_px, rng.uniform(1.2, 4.0))
    for _ in range(rng.poisson(0.5)):
        lay_car(place, door + inward * rng.uniform(2, 7) / gsd_m, angle + np.pi / 2)


def _house(place: Place, spot: Points, angle: float, style: _Style) -> list[Building]:
    rng = place.rng
    tone = (
        np.asarray(style.roof) * rng.uniform(0.88, 1.12)
        if rng.random() > style.mixed * 0.6
        else pick(rng, ROOFS)
    )
    red, green, blue = (float(value) for value in tone)
    size = style.size_m * rng.uniform(0.85, 1.15, 2)
    turn = angle if rng.random() < 0.6 else angle + np.pi / 2
    if rng.random() < 0.1:
        turn += rng.normal(0, 0.4)
    long, short = max(size), min(size)
    height = float(rng.uniform(3.5, 7.0))
    main = Building(
        spot, long, short, turn, height, style.kind, (red, green, blue), int(rng.integers(1 << 40))
    )
    along, across = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])
    parts = [main]
    for _ in range(rng.integers(0, style.wings + 1)):
        shift = along * rng.uniform(-0.32, 0.32) * long + across * rng.choice([-1, 1]) * short * rng.uniform(
            0.2, 0.5
        )
        size_m = (long * rng.uniform(0.3, 0.6), short * rng.uniform(0.35, 0.8))
        way = turn + np.pi / 2 * rng.integers(2)
        parts.append(
            Building(
                spot + shift / place.gsd_m, max(size_m), min(size_m), way, height, style.kind,
                (red, green, blue), int(rng.integers(1 << 40)),
            )
        )  # fmt: skip
    return parts


def lay_car(place: Place, spot: Points, angle: float) -> None:
    """A car or lorry that is there at one date, or at both."""
    rng = place.rng
    size = (4.5, 1.9) if rng.random() < 0.85 else (10.0, 2.6)
    tone = rng.choice([30, 60, 110, 180, 225, 240])
    colour: Colour = np.clip(np.full(3, tone) + rng.normal(0, 6, 3), 0, 255)
    if rng.random() < 0.25:
        colour = np.clip(rng.uniform(20, 200, 3), 0, 255)
    body = rectangle(spot, size[0] / place.gsd_m, size[1] / place.gsd_m, angle)

    def draw(canvas: Canvas, view: View) -> None:
        canvas.cast(body + view.shadow_per_m * 1.5, view.shadow_depth)
        canvas.polygon(body, colour)

    draws: list[tuple[Draw, Draw]] = [(draw, NOTHING), (NOTHING, draw), (draw, draw)]
    place.small.append(draws[rng.integers(3)])


def lay_hall(place: Place, spot: Points, angle: float, *, state: str) -> None:
    """A hall or shop with its yard: ``both``, ``new`` or ``site`` (walls before, roof after)."""
    rng, gsd_m = place.rng, place.gsd_m
    length = float(rng.uniform(18.0, 90.0))
    width = float(rng.uniform(0.25, 0.8) * length)
    yard = rectangle(
        spot, (length + rng.uniform(10, 60)) / gsd_m, (width + rng.uniform(10, 50)) / gsd_m, angle
    )
    if not place.claim(yard, share=0.2):
        return
    tone = pick(rng, HARD if rng.random() < 0.75 else SOILS)
    ground = patch(yard, tone, mottle=0.05)
    changed = state == "new" and rng.random() < 0.7
    before_soil = patch(yard, pick(rng, SOILS), mottle=0.12, texture=0.15)
    place.ground.append((NOTHING if changed else (before_soil if state == "site" else ground), ground))
    if changed:
        place.label("land", yard)
    elif state != "both":
        place.label("land", yard, weight=0.0)
    kind: RoofKind = ("flat", "ribbed", "ribbed", "gable")[rng.integers(4)]
    red, green, blue = (float(value) for value in pick(rng, SHEETS))
    hall = Building(
        spot,
        length,
        width,
        angle,
        float(rng.uniform(4, 12)),
        kind,
        (red, green, blue),
        int(rng.integers(1 << 40)),
    )
    if state == "both":
        worn = hall.painted(pick(rng, SHEETS)) if rng.random() < 0.12 else hall
        place.buildings.append((hall, worn))
    else:
        if state == "site":
            _lay_shell(place, hall)
        place.buildings.append((None, hall))
    for _ in range(rng.poisson(length * 0.25)):
        side = rng.choice([-1.0, 1.0]) * (width / 2 + rng.uniform(4, 12)) / gsd_m
        along = rng.uniform(-0.5, 0.5) * length / gsd_m
        place_at = (
            spot
            + np.array([np.cos(angle), np.sin(angle)]) * along
            + np.array([-np.sin(angle), np.cos(angle)]) * side
        )
        lay_car(place, place_at, angle + np.pi / 2)


def _lay_shell(place: Place, hall: Building) -> None:
    """Foundations, walls without roof, rubble: what a site looks like before its roof."""
    rng, gsd_m = place.rng, place.gsd_m
    outline = hall.outline(gsd_m)
    floor = patch(outline, pick(rng, SOILS if rng.random() < 0.6 else HARD), texture=0.15, mottle=0.12)
    wall = stroke(np.concatenate([outline, outline[:1]]), 0.6, pick(rng, HARD))
    inner = [outline[0] + (outline[3] - outline[0]) * at for at in rng.random(4)]
    beams = [stroke(np.stack([p, p + outline[1] - outline[0]]), 0.4, (70.0, 66.0, 62.0)) for p in inner]

    def draw(canvas: Canvas, view: View) -> None:
        floor(canvas, view)
        for k in range(4):
            edge = np.stack([outline[k], outline[(k + 1) % 4]])
            shadow = edge + view.shadow_per_m * hall.height_m * 0.8
            canvas.polygon(np.concatenate([edge, shadow[::-1]]), (40.0, 38.0, 38.0), alpha=0.6)
        for one in [*beams, wall]:
            one(canvas, view)

    place.ground.append((draw, NOTHING))


def lay_clutter(place: Place, count: int) -> None:
    """Stacked material, containers, mounds, pools and courts that come and go without being buildings."""
    rng = place.rng
    for _ in range(count):
        size = rng.uniform(1.0, 7.0, 2) * (1.0, rng.uniform(0.4, 1.0))
        shape = rectangle(place.spot(), size[0] / place.gsd_m, size[1] / place.gsd_m, rng.uniform(0, np.pi))
        colour = pick(
            rng,
            (HARD, SOILS, SHEETS, np.array([[60.0, 130, 160], [70, 120, 90], [160, 90, 60]]))[
                rng.integers(4)
            ],
        )
        draw = patch(shape, colour, texture=0.2)
        place.small.append([(draw, NOTHING), (NOTHING, draw), (draw, draw)][rng.integers(3)])
