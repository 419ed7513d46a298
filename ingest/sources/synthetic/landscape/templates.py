"""Composite things around the origin: factory, farm, greenhouses, earthwork, pond, solar field, road."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import shapely
from shapely import affinity
from shapely.geometry.base import BaseGeometry

from ingest.sources.synthetic.landscape.ground import Ground, blob, placed, polygons_of, rect, rects
from ingest.sources.synthetic.landscape.materials import ROOF_SHADES, Palette


class Template(NamedTuple):
    """Something to put on the ground.

    Attributes
    ----------
    outline : Polygon
        What it takes, local metres around the origin.
    parts : list of Ground
        How it looks, in drawing order; inside the outline.
    """

    outline: shapely.Polygon
    parts: list[Ground]


Maker = Callable[[np.random.Generator, Palette], Template]


def at(template: Template, x: float, y: float, angle_deg: float) -> Template:
    """The template on its place."""
    outline = placed(template.outline, x, y, angle_deg)
    parts = [part._replace(shape=placed(part.shape, x, y, angle_deg)) for part in template.parts]
    return Template(polygons_of(outline)[0], parts)


def gable(
    palette: Palette, kind: str, shade: int, *, x: float, y: float, width: float, depth: float
) -> list[Ground]:
    """One roof of two faces; the ridge runs along the longer side."""
    is_wide = width >= depth
    offset = (depth if is_wide else width) / 4
    size = (width, depth / 2) if is_wide else (width / 2, depth)
    faces = []
    for face, sign in (("dim", -1.0), ("lit", 1.0)):
        fx, fy = (x, y + sign * offset) if is_wide else (x + sign * offset, y)
        faces.append(Ground(rect(fx, fy, *size), palette[f"roof_{kind}_{face}_{shade}"]))
    return faces


def factory(
    rng: np.random.Generator,
    palette: Palette,
    *,
    width: float,
    depth: float,
    roof: str = "blue",
    is_new: bool = True,
) -> Template:
    """Sheds on hard standing with a small office, trucks and a rim of moved earth."""
    lot = rect(0, 0, width, depth)
    rim, yard = ("earth_fresh", "hardstanding") if is_new else ("verge", "works_yard")
    parts = [Ground(lot, palette[rim]), Ground(lot.buffer(-2.5), palette[yard])]
    shade = int(rng.integers(1, len(ROOF_SHADES)))
    count = max(1, round((depth - 14) / 31))
    pitch = (depth - 14) / count
    length = (width - 16) * rng.uniform(0.80, 0.96)
    for number in range(count):
        y = -depth / 2 + 7 + pitch * (number + 0.5)
        x = rng.uniform(-0.5, 0.5) * (width - 14 - length)
        parts += gable(palette, roof, shade, x=x, y=y, width=length, depth=pitch - rng.uniform(5.5, 8.5))
    parts += gable(palette, "flat", shade, x=width / 2 - 7, y=depth / 2 - 8, width=8, depth=11)
    trucks = [
        (rng.uniform(-0.4, 0.4) * width, depth / 2 - rng.uniform(3, 5), 8, 2.6, rng.uniform(-15, 15))
        for _ in range(3)
    ]
    parts += [Ground(shape, palette["truck"]) for shape in rects(trucks)]
    return Template(lot, parts)


def villa(rng: np.random.Generator, palette: Palette, *, width: float, depth: float) -> Template:
    """A villager's new house with yard on what was a field."""
    lot = rect(0, 0, width, depth)
    kind = str(rng.choice(("red", "flat", "white")))
    shade = int(rng.integers(len(ROOF_SHADES)))
    house_depth = depth * rng.uniform(0.52, 0.60)
    parts = [Ground(lot, palette["earth_fresh"]), Ground(lot.buffer(-1.0), palette["hardstanding"])]
    parts += gable(
        palette, kind, shade, x=0, y=-depth / 2 + house_depth / 2 + 1, width=width - 3, depth=house_depth
    )
    return Template(lot, parts)


def earthwork(
    rng: np.random.Generator,
    palette: Palette,
    *,
    radius: float,
    style: str = "earth_fresh",
    flat: float = 0.75,
) -> Template:
    """Levelled ground with spoil heaps and machines."""
    outline = blob(rng, 0, 0, radius, roughness=0.16, flat=flat)
    parts = [Ground(outline, palette.turned(style, float(rng.uniform(0, 180))))]
    for _ in range(max(2, int(radius / 12))):
        reach, turn = radius * rng.uniform(0.1, 0.6), rng.uniform(0, 6.28)
        x, y = reach * np.cos(turn), reach * flat * np.sin(turn)
        parts.append(Ground(blob(rng, x, y, rng.uniform(3, 8), flat=0.7), palette["earth_pile"]))
        parts.append(Ground(rect(x * 0.8 + 4, y * 0.8 - 3, 5, 2.8, rng.uniform(0, 90)), palette["machine"]))
    return Template(outline, parts)


def road(rng: np.random.Generator, palette: Palette, *, width: float, length: float) -> Template:
    """A new road with slightly bent axis."""
    x = np.linspace(-length / 2, length / 2, 24)
    y = rng.uniform(2, 8) * np.sin(x / length * 3.1 + rng.uniform(0, 3))
    line = shapely.LineString(np.column_stack([x, y]))
    outline = line.buffer(width / 2, cap_style="flat")
    return Template(outline, [Ground(outline, palette["hardstanding"])])


def greenhouses(rng: np.random.Generator, palette: Palette, *, count: int, length: float) -> Template:
    """Plastic tunnels side by side."""
    pitch = 12.5
    width = count * pitch + 2
    lot = rect(0, 0, width, length + 8)
    parts = [Ground(lot, palette["yard_soil"])]
    for number in range(count):
        x = -width / 2 + 1 + pitch * (number + 0.5)
        cut = rng.uniform(0, 5)
        parts.append(Ground(rect(x - 2.3, cut / 2, 4.6, length - cut), palette["film_shaded"]))
        parts.append(Ground(rect(x + 2.3, cut / 2, 4.6, length - cut), palette["film"]))
    return Template(lot, parts)


def livestock(rng: np.random.Generator, palette: Palette, *, count: int, length: float) -> Template:
    """Long low barns, a lagoon and a lane."""
    pitch = 17.0
    depth = count * pitch + 12
    lot = rect(0, 0, length + 26, depth)
    shade = int(rng.integers(len(ROOF_SHADES)))
    parts = [Ground(lot, palette["gravel"])]
    for number in range(count):
        y = -depth / 2 + 6 + pitch * (number + 0.5)
        parts += gable(palette, "grey", shade, x=-6, y=y, width=length, depth=11)
    parts.append(Ground(rect(length / 2 + 5, -depth / 4, 9, 14), palette["pond"]))
    return Template(lot, parts)


def pond(rng: np.random.Generator, palette: Palette, *, width: float, depth: float) -> Template:
    """A dug pond with a bank of spoil."""
    outline = rect(0, 0, width - 12, depth - 12).buffer(6.0)
    parts = [
        Ground(outline, palette["pond_bank"]),
        Ground(outline.buffer(-rng.uniform(3.0, 4.5)), palette["pond"]),
    ]
    return Template(outline, parts)


def solar(rng: np.random.Generator, palette: Palette, *, width: float, depth: float) -> Template:
    """Rows of panels on posts, with a transformer house."""
    lot = rect(0, 0, width, depth)
    shade = int(rng.integers(len(ROOF_SHADES)))
    parts = [Ground(lot, palette["gravel"]), Ground(lot.buffer(-4.0), palette["yard_soil"])]
    for y in np.arange(-depth / 2 + 8, depth / 2 - 7, 8.5):
        parts.append(Ground(rect(0, float(y), width - 14, 5.4), palette["solar"]))
    parts += gable(palette, "white", shade, x=width / 2 - 9, y=depth / 2 - 7, width=8, depth=5)
    return Template(lot, parts)


def bare_lot(palette: Palette, outline: BaseGeometry, style: str) -> list[Ground]:
    """The whole outline in one style."""
    return [Ground(outline, palette[style])]


def scaled_to(template: Template, area_m2: float) -> Template:
    """The template at another scale so that its outline has an area exactly."""
    factor = float(np.sqrt(area_m2 / template.outline.area))
    outline = affinity.scale(template.outline, factor, factor, origin=(0, 0))
    parts = [
        part._replace(shape=affinity.scale(part.shape, factor, factor, origin=(0, 0)))
        for part in template.parts
    ]
    return Template(outline, parts)


def work_camp(rng: np.random.Generator, palette: Palette, *, radius: float) -> Template:
    """A contractor's yard: gravel, heaps, site huts with blue roofs."""
    width, depth = radius * 2.0, radius * 1.5
    lot = rect(0, 0, width, depth)
    parts = [
        Ground(lot, palette["earth_fresh"]),
        Ground(rect(-width * 0.12, 0, width * 0.7, depth * 0.8), palette["gravel"]),
    ]
    for number in range(3):
        parts += gable(
            palette, "blue_low", 2, x=width * 0.34, y=-depth * 0.3 + number * 11, width=14, depth=6
        )
    for _ in range(5):
        x, y = rng.uniform(-0.38, 0.15) * width, rng.uniform(-0.35, 0.35) * depth
        parts.append(Ground(blob(rng, x, y, rng.uniform(3, 7), flat=0.8), palette["earth_pile"]))
    return Template(lot, parts)
