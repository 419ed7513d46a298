"""Ground covers of made places: field mosaics, brush, bare soil, roads, water, trees."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from detection.learning.made.buildings import View
from detection.learning.made.canvas import Canvas, Colour, Points, coverage, fractal, polygon_box
from detection.learning.made.scene import Draw, Place, Tree

SOILS = np.array(
    [
        [142, 122, 98],
        [120, 98, 82],
        [168, 146, 112],
        [104, 92, 82],
        [150, 108, 82],
        [184, 160, 122],
        [92, 80, 70],
    ],
    float,
)
GREENS = np.array(
    [[70, 92, 54], [92, 112, 66], [58, 74, 50], [112, 122, 78], [84, 96, 70], [48, 68, 46], [104, 128, 72]],
    float,
)
DRY = np.array([[150, 140, 98], [168, 150, 112], [130, 122, 92], [182, 166, 126], [112, 100, 82]], float)
HARD = np.array(
    [[176, 172, 164], [150, 148, 144], [196, 190, 178], [118, 116, 114], [90, 90, 92], [206, 202, 196]], float
)


def pick(rng: np.random.Generator, palette: NDArray[np.float64], spread: float = 8.0) -> Colour:
    """A colour near one of a palette."""
    colour = palette[rng.integers(len(palette))]
    tint: Colour = np.clip(colour * rng.uniform(0.8, 1.2) + rng.normal(0, spread, 3), 8, 248)
    return tint


@dataclass(frozen=True, slots=True)
class Cover:
    """How a field looks at one date."""

    colour: Colour
    second: Colour
    row_m: float
    depth: float
    mottle: float
    dots: bool


def random_cover(rng: np.random.Generator, season: float) -> Cover:
    """A field's state: crop, stubble, bare, ploughed, mulched with plastic, orchard or fallow.

    Parameters
    ----------
    season : float
        0 winter to 1 high summer: how likely it is green.
    """
    kind = rng.random()
    green = pick(rng, GREENS)
    bare = pick(rng, SOILS)
    dry = pick(rng, DRY)
    rows = float(rng.uniform(1.0, 6.0))
    if kind < 0.15 + 0.45 * season:
        return Cover(
            green,
            bare if rng.random() < 0.4 else np.asarray(green) * 0.8,
            rows,
            float(rng.uniform(0.05, 0.5)),
            0.12,
            False,
        )
    if kind < 0.65:
        return Cover(
            bare, np.asarray(bare) * rng.uniform(0.75, 1.25), rows, float(rng.uniform(0.0, 0.5)), 0.1, False
        )
    if kind < 0.85:
        return Cover(dry, np.asarray(dry) * 0.85, rows, float(rng.uniform(0.0, 0.4)), 0.14, False)
    if kind < 0.90:
        return Cover(bare, (205.0, 208.0, 206.0), rows * 1.5, 0.6, 0.06, False)
    if kind < 0.95:
        return Cover(bare, green, float(rng.uniform(3.0, 7.0)), 0.9, 0.08, True)
    return Cover(dry, green, 30.0, 0.8, 0.25, False)


def draw_cover(points: Points, cover: Cover, angle_rad: float) -> Draw:
    """A draw that paints a polygon with a cover, its rows along the angle."""

    def draw(canvas: Canvas, view: View) -> None:
        box = polygon_box(points, canvas.shape)
        if box is None:
            return
        rows, cols = np.mgrid[box].astype(np.float32)
        across = (cols * -np.sin(angle_rad) + rows * np.cos(angle_rad)) * view.gsd_m
        row_m = max(cover.row_m, 2.4 * view.gsd_m)
        wave = 0.5 + 0.5 * np.sin(2 * np.pi / row_m * across)
        if cover.dots:
            along = (cols * np.cos(angle_rad) + rows * np.sin(angle_rad)) * view.gsd_m
            wave = wave * (0.5 + 0.5 * np.sin(2 * np.pi / row_m * along))
        share = (wave * cover.depth)[..., None]
        paint = (
            np.asarray(cover.colour, np.float32) * (1 - share) + np.asarray(cover.second, np.float32) * share
        )
        tone = 1.0 + cover.mottle * canvas.cloudy[box] + 0.05 * canvas.grain[box]
        canvas.blend(box, coverage(points, box), (paint * tone[..., None]).astype(np.float32))

    return draw


def _split(quad: Points, at: float, *, long_way: bool) -> tuple[Points, Points]:
    first, second, third, fourth = quad
    if long_way:
        top, bottom = first + (second - first) * at, fourth + (third - fourth) * at
        return np.stack([first, top, bottom, fourth]), np.stack([top, second, third, bottom])
    left, right = first + (fourth - first) * at, second + (third - second) * at
    return np.stack([first, second, right, left]), np.stack([left, right, third, fourth])


def split_blocks(rng: np.random.Generator, quad: Points, least_px: float) -> list[Points]:
    """Divide a quadrilateral again and again across its longer side."""
    length = float(np.linalg.norm(quad[1] - quad[0]))
    width = float(np.linalg.norm(quad[3] - quad[0]))
    if max(length, width) < least_px * rng.uniform(1.0, 2.2):
        return [quad]
    halves = _split(quad, float(rng.uniform(0.35, 0.65)), long_way=length >= width)
    return [part for half in halves for part in split_blocks(rng, half, least_px)]


def strips(rng: np.random.Generator, block: Points, width_px: float) -> list[Points]:
    """Divide a block into narrow strips along its longer side, of uneven width."""
    long_way = np.linalg.norm(block[1] - block[0]) < np.linalg.norm(block[3] - block[0])
    across = float(np.linalg.norm(block[3] - block[0] if not long_way else block[1] - block[0]))
    if not rng.random() < 0.5:
        long_way = not long_way
        across = float(np.linalg.norm(block[3] - block[0] if not long_way else block[1] - block[0]))
    count = int(np.clip(across / max(width_px, 3.0), 1, 14))
    cuts = np.cumsum(rng.uniform(0.5, 1.5, count))
    cuts = cuts / cuts[-1]
    parts, rest, done = [], block, 0.0
    for cut in cuts[:-1]:
        part, rest = _split(rest, float((cut - done) / (1.0 - done)), long_way=long_way)
        parts.append(part)
        done = float(cut)
    return [*parts, rest]


def whole(place: Place, angle_rad: float) -> Points:
    """A turned square that covers all of the place."""
    reach = place.side_px * 0.75
    corners = np.array([[-reach, -reach], [reach, -reach], [reach, reach], [-reach, reach]])
    turn = np.array([[np.cos(angle_rad), -np.sin(angle_rad)], [np.sin(angle_rad), np.cos(angle_rad)]])
    quad: Points = corners @ turn.T + place.side_px / 2.0
    return quad


def lay_fields(place: Place, angle_rad: float) -> list[Points]:
    """A mosaic of strips whose crops differ between the dates, tracks between the blocks (returned)."""
    rng = place.rng
    seasons = rng.random(2)
    blocks = split_blocks(rng, whole(place, angle_rad), rng.uniform(60.0, 160.0) / place.gsd_m)
    repeat = rng.uniform(0.1, 0.6)
    strip_m = rng.uniform(6.0, 40.0)
    wild = random_cover(rng, 0.0)
    stock = [[random_cover(rng, season) for _ in range(rng.integers(2, 8))] for season in seasons]
    is_fallow = rng.random() < 0.25
    for block in blocks:
        old = strips(rng, block, strip_m / place.gsd_m) if rng.random() < 0.8 else [block]
        new = old if rng.random() < 0.7 else strips(rng, block, strip_m / place.gsd_m)
        same = {}
        for k, part in enumerate(old):
            same[k] = _varied(rng, stock[0])
            place.ground.append((draw_cover(part, same[k], _heading(part)), _nothing))
        for k, part in enumerate(new):
            keeps = new is old and rng.random() < repeat
            cover = same[k] if keeps else (wild if is_fallow else _varied(rng, stock[1]))
            place.ground.append((_nothing, draw_cover(part, cover, _heading(part))))
        if rng.random() < 0.6:
            track = np.stack([block[0], block[1]])
            place.both(stroke(track, float(rng.uniform(1.5, 4.0)), pick(rng, DRY)))
        if rng.random() < 0.25:
            tree_row(place, block[0], block[3])
    return blocks


def _varied(rng: np.random.Generator, stock: list[Cover]) -> Cover:
    """One of the crops of the place and day, a little lighter or darker than its neighbour's."""
    cover = stock[rng.integers(len(stock))]
    tone = float(rng.uniform(0.85, 1.15))
    return replace(cover, colour=np.asarray(cover.colour) * tone, second=np.asarray(cover.second) * tone)


def _heading(part: Points) -> float:
    long_way = np.linalg.norm(part[1] - part[0]) >= np.linalg.norm(part[3] - part[0])
    edge = part[1] - part[0] if long_way else part[3] - part[0]
    return float(np.arctan2(edge[1], edge[0]))


def _nothing(canvas: Canvas, view: View) -> None:
    """Draws nothing: the other date's share of a pair."""


NOTHING: Draw = _nothing


def tree_row(place: Place, start: Points, end: Points) -> None:
    """Trees along a line; each may grow, and some are felled or planted between the dates."""
    rng = place.rng
    step_px = rng.uniform(4.0, 9.0) / place.gsd_m
    count = min(int(float(np.linalg.norm(end - start)) / step_px), 60)
    gone = rng.random()
    for k in range(count):
        spot = start + (end - start) * (k + rng.uniform(-0.3, 0.3)) / max(count, 1)
        add_tree(place, spot, rng.uniform(1.2, 3.5), survives=gone > 0.15)


def add_tree(place: Place, spot: Points, radius_m: float, *, survives: bool = True) -> None:
    """One tree that grows a little, or with a small chance comes or goes."""
    rng = place.rng
    radii = (radius_m * rng.uniform(0.75, 1.1), radius_m * rng.uniform(0.9, 1.3))
    chance = rng.random()
    if not survives or chance < 0.06:
        radii = (radii[0], 0.0)
    elif chance < 0.14:
        radii = (0.0, radii[1])
    place.trees.append(Tree(spot, radii, float(rng.random())))


def stroke(line: Points, width_m: float, colour: Colour, texture: float = 0.05) -> Draw:
    """A draw that paints a road or a path."""
    return lambda canvas, view: canvas.stroke(line, width_m / view.gsd_m, colour, texture=texture)


def patch(points: Points, colour: Colour, *, texture: float = 0.08, mottle: float = 0.0) -> Draw:
    """A draw that paints a polygon; ``mottle`` is the share by which it varies over tens of metres."""

    def draw(canvas: Canvas, view: View) -> None:
        box = polygon_box(points, canvas.shape)
        if box is None:
            return
        tone = 1.0 + texture * canvas.grain[box] + mottle * canvas.cloudy[box]
        paint = np.asarray(colour, np.float32) * tone[..., None]
        canvas.blend(box, coverage(points, box), paint.astype(np.float32))

    return draw


def lay_brush(place: Place) -> None:
    """Grass, brush and bare ground in smooth patches, greener or drier at either date; clumps of trees."""
    rng = place.rng
    first, second = rng.integers(1 << 40, size=2)
    tones = [(pick(rng, pal), pick(rng, SOILS)) for pal in _seasonal(rng)]
    if rng.random() < 0.3:
        tones[1] = tones[0]
    patchy, grain = float(rng.uniform(0.2, 1.2)), float(rng.uniform(0.02, 0.09))
    place.ground_tone = np.mean([np.asarray(tone) for tone in tones[1]], axis=0)

    def painter(date: int) -> Draw:
        def draw(canvas: Canvas, view: View) -> None:
            seeded = np.random.default_rng(first)
            cell = 25.0 / view.gsd_m * np.exp(seeded.normal(0, 0.5))
            shared = fractal(seeded, canvas.shape, cell, 4, 0.65)
            own = fractal(np.random.default_rng(second + date), canvas.shape, 18.0 / view.gsd_m, 4, 0.7)
            mixed = 1.0 / (1.0 + np.exp(-(shared * 0.8 + own * 0.6) * 2.0 * patchy))
            high, low = (np.asarray(tone, np.float32) for tone in tones[date])
            canvas.pixels[:] = low + (high - low) * mixed[..., None]
            canvas.pixels *= (1.0 + grain * canvas.grain + 0.06 * own)[..., None]

        return draw

    place.each(painter(0), painter(1))
    _scatter_trees(place)


def _seasonal(rng: np.random.Generator) -> list[NDArray[np.float64]]:
    return [(GREENS, DRY, SOILS)[rng.choice(3, p=[0.4, 0.45, 0.15])] for _ in range(2)]


def _scatter_trees(place: Place) -> None:
    rng = place.rng
    if rng.random() < 0.3:
        return
    density = rng.choice([0.3, 1.0, 3.0]) * rng.random()
    count = int(min(density * place.extent_m**2 / 400.0, 260))
    hubs = place.side_px * rng.random((max(1, count // 12), 2))
    for _ in range(count):
        near = hubs[rng.integers(len(hubs))] + rng.normal(0, 14.0 / place.gsd_m, 2)
        spot = near if rng.random() < 0.7 else place.spot()
        add_tree(place, spot, rng.uniform(1.0, 4.5))


def lay_water(place: Place) -> None:
    """A stream or canal that is there at both dates, its level and colour not."""
    rng = place.rng
    line = np.stack([place.spot(-0.1), place.spot(0.2), place.spot(-0.1)])
    width_m = rng.uniform(3.0, 20.0)
    colours = [np.array([60.0, 72.0, 70.0]) * rng.uniform(0.5, 1.6) + rng.normal(0, 8, 3) for _ in range(2)]
    place.each(*(stroke(line, width_m * rng.uniform(0.85, 1.1), c, 0.03) for c in colours))


def blob(rng: np.random.Generator, centre: Points, radius_px: float, corners: int = 16) -> Points:
    """An irregular round outline."""
    turn = np.linspace(0, 2 * np.pi, corners + 1)[:-1]
    wobble = 1.0 + 0.25 * np.sin(turn * 2 + rng.random() * 6) + 0.15 * np.sin(turn * 5 + rng.random() * 6)
    stretch = np.array([1.0, rng.uniform(0.5, 1.0)])
    outline = np.stack([np.cos(turn), np.sin(turn)], axis=1) * wobble[:, None] * radius_px * stretch
    spin = cv2.getRotationMatrix2D((0, 0), float(rng.uniform(0, 360)), 1.0)[:, :2]
    turned: Points = outline @ spin.T + centre
    return turned
