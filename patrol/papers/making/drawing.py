"""Pictures of a paper: the location map drawn from outlines, and photos and chips fitted to their frame."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import shapely
from PIL import Image, ImageDraw, ImageFont, ImageOps, UnidentifiedImageError
from shapely.geometry.base import BaseGeometry

from foundation.crs import distance_m
from patrol.papers.store import Outline
from patrol.reports.making.typesetting import chinese_font_file

FRAME = 54 / 42
MAP_FRAME = 56 / 42
WIDTH_PX = 840
MAX_PX = 60_000_000
PATCH, OTHER, BORDER, INK, GROUND = "#c8102e", "#b7791f", "#7b8794", "#1f2933", "#fbfbf8"
REACHES_M = (150.0, 300.0, 600.0, 1200.0, 2500.0, 5000.0, 10000.0)


@dataclass(frozen=True, slots=True)
class Standpoint:
    """Where a photo was taken: CGCS2000 degrees, and its bearing clockwise from north."""

    lonlat: tuple[float, float]
    bearing_deg: float | None
    name: str


def fitted(data: bytes, *, frame: float = FRAME) -> bytes | None:
    """A picture within a frame of one shape, upright, on white; None where it cannot be read.

    Parameters
    ----------
    frame : float
        Width over height.
    """
    try:
        with Image.open(io.BytesIO(data)) as opened:
            if opened.width * opened.height > MAX_PX:
                return None
            picture = ImageOps.exif_transpose(opened).convert("RGB")
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError):
        return None
    size = (WIDTH_PX, round(WIDTH_PX / frame))
    held = ImageOps.contain(picture, size, Image.Resampling.LANCZOS)
    canvas = Image.new("RGB", size, "white")
    canvas.paste(held, ((size[0] - held.width) // 2, (size[1] - held.height) // 2))
    return _jpeg(canvas)


def map_bounds(outline: BaseGeometry) -> tuple[float, float, float, float]:
    """Box in degrees around a patch, of the map's shape, three times as wide as the patch."""
    west, south, east, north = outline.bounds
    middle = ((west + east) / 2, (south + north) / 2)
    per_lon_m = distance_m((middle[0], middle[1]), (middle[0] + 0.01, middle[1])) * 100
    per_lat_m = distance_m((middle[0], middle[1]), (middle[0], middle[1] + 0.01)) * 100
    wide_m = max((east - west) * per_lon_m, (north - south) * per_lat_m * MAP_FRAME)
    reach_m = next((reach for reach in REACHES_M if reach >= 1.5 * wide_m), 1.5 * wide_m)
    half_lon, half_lat = reach_m / per_lon_m, reach_m / MAP_FRAME / per_lat_m
    return middle[0] - half_lon, middle[1] - half_lat, middle[0] + half_lon, middle[1] + half_lat


def location_map(
    outline: BaseGeometry,
    *,
    villages: Sequence[Outline],
    others: Sequence[Outline],
    standpoints: Iterable[Standpoint],
) -> bytes:
    """The patch in its villages, other patches, where photos were taken, north, scale and corners."""
    frame = _Frame(map_bounds(outline))
    draw, small, plain = frame.draw, _font(17), _font(22)
    for village in villages:
        for ring in frame.rings(village.shape):
            draw.line(ring, fill=BORDER, width=3)
    for other in others:
        for ring in frame.rings(other.shape):
            draw.line(ring, fill=OTHER, width=2)
    for ring in frame.rings(outline):
        draw.polygon(ring, fill="#f7d9dd", outline=PATCH)
        draw.line(ring, fill=PATCH, width=5)
    for point in standpoints:
        _standpoint(frame, point, small)
    for village in villages:
        _village_name(frame, village, outline, plain)
    _furniture(frame, small)
    return _png(frame.image)


class _Frame:
    """Canvas of a box in degrees; y grows to the south."""

    def __init__(self, bounds: tuple[float, float, float, float]) -> None:
        self.bounds = bounds
        self.size = (WIDTH_PX, round(WIDTH_PX / MAP_FRAME))
        self.image = Image.new("RGB", self.size, GROUND)
        self.draw = ImageDraw.Draw(self.image)

    def at(self, lonlat: tuple[float, float]) -> tuple[float, float]:
        west, south, east, north = self.bounds
        x = (lonlat[0] - west) / (east - west) * self.size[0]
        y = (north - lonlat[1]) / (north - south) * self.size[1]
        return x, y

    def rings(self, shape: BaseGeometry) -> list[list[tuple[float, float]]]:
        near = shapely.clip_by_rect(shapely.boundary(shape), *_wider(self.bounds))
        lines: Iterable[shapely.LineString] = (
            shapely.get_parts(shapely.line_merge(near)) if not near.is_empty else []
        )
        return [[self.at((x, y)) for x, y, *_ in line.coords] for line in lines if len(line.coords) > 1]


def _wider(bounds: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    west, south, east, north = bounds
    x, y = (east - west) * 0.1, (north - south) * 0.1
    return west - x, south - y, east + x, north + y


def _standpoint(frame: _Frame, point: Standpoint, font: ImageFont.FreeTypeFont) -> None:
    x, y = frame.at(point.lonlat)
    if not (0 <= x < frame.size[0] and 0 <= y < frame.size[1]):
        return
    if point.bearing_deg is not None:
        middle = point.bearing_deg - 90.0
        box = (x - 46, y - 46, x + 46, y + 46)
        frame.draw.pieslice(box, middle - 25, middle + 25, outline="#1f5fa8", width=2)
    frame.draw.ellipse((x - 7, y - 7, x + 7, y + 7), fill="#1f5fa8")
    frame.draw.text((x + 10, y + 2), point.name, fill="#1f5fa8", font=font)


def _village_name(
    frame: _Frame, village: Outline, outline: BaseGeometry, font: ImageFont.FreeTypeFont
) -> None:
    """In the village, inside the frame, and beside the patch where there is room."""
    west, south, east, north = frame.bounds
    x, y = (east - west) * 0.1, (north - south) * 0.08
    inside = shapely.intersection(village.shape, shapely.box(west + x, south + y, east - x, north - y))
    bounds = outline.bounds
    beside = shapely.difference(
        inside, shapely.box(bounds[0] - x, bounds[1] - y, bounds[2] + x, bounds[3] + y)
    )
    room = inside if beside.is_empty else max(shapely.get_parts(beside), key=lambda part: part.area)
    if room.is_empty:
        return
    spot = room.centroid.coords[0]
    if isinstance(room, shapely.Polygon | shapely.MultiPolygon):
        spot = shapely.maximum_inscribed_circle(room).coords[0]
    at = frame.at((spot[0], spot[1]))
    frame.draw.text(at, village.name, fill=INK, font=font, anchor="mm", stroke_width=3, stroke_fill=GROUND)


def _furniture(frame: _Frame, font: ImageFont.FreeTypeFont) -> None:
    """Border, north arrow, scale bar, coordinates of two corners."""
    draw, (width, height) = frame.draw, frame.size
    west, south, east, north = frame.bounds
    draw.rectangle((0, 0, width - 1, height - 1), outline=INK, width=2)
    draw.polygon([(width - 38, 16), (width - 50, 56), (width - 38, 46), (width - 26, 56)], fill=INK)
    draw.text((width - 38, 62), "北", fill=INK, font=font, anchor="ma")
    whole_m = distance_m((west, (south + north) / 2), (east, (south + north) / 2))
    step_m = _round_length(whole_m / 4)
    length = step_m / whole_m * width
    draw.rectangle((16, height - 22, 16 + length, height - 16), fill=INK)
    name = f"{step_m:.0f} 米" if step_m < 1000 else f"{step_m / 1000:g} 千米"
    draw.text((16, height - 44), name, fill=INK, font=font)
    draw.text((8, 6), f"{west:.4f}°E {north:.4f}°N", fill=INK, font=font)
    draw.text((width - 8, height - 6), f"{east:.4f}°E {south:.4f}°N", fill=INK, font=font, anchor="rd")


def _round_length(length_m: float) -> float:
    power = 10.0 ** math.floor(math.log10(length_m))
    return next(step * power for step in (5.0, 2.0, 1.0) if step * power <= length_m)


def _font(size: int) -> ImageFont.FreeTypeFont:
    path, index = chinese_font_file()
    return ImageFont.truetype(path, size, index=index)


def _jpeg(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=84)
    return out.getvalue()


def _png(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.quantize(64).save(out, "PNG", optimize=True)
    return out.getvalue()
