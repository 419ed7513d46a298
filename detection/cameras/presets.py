"""Cameras and their presets: where a pixel lies on the ground, and how far off that may be.

A tower camera sees along a ray. Where the ray meets the ground follows from its height and tilt, and at a few
degrees of tilt small errors of the angle are hundreds of metres: every place carries its radius.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from detection.cameras.fields import Fields
from detection.leads import RADIUS_TO_SIGMA
from foundation.crs import CHINA_LONLAT, destination
from foundation.errors import InvalidInput

COORDINATES = ("cgcs2000", "wgs84")
"""Equal within the error of any camera's place; shifted map coordinates are refused."""
VIEW_COLUMNS, VIEW_ROWS = 33, 65
"""Rays by which the ground of a frame is outlined."""
CROSS_FLOOR_M = 5.0
"""No place read off a frame is better than this."""


@dataclass(frozen=True, slots=True)
class Region:
    """A part of the frame that is watched; where it was surveyed, its place is known better than any ray.

    Attributes
    ----------
    pixels : tuple of (x, y)
        Corners in image pixels, from the upper left.
    lonlat : (float, float) or None
        EPSG:4490, surveyed.
    radius_m : float or None
        Within so much of it lies the whole region.
    """

    region_id: str
    pixels: tuple[tuple[float, float], ...]
    lonlat: tuple[float, float] | None = None
    radius_m: float | None = None

    @property
    def outline_px(self) -> shapely.Polygon:
        """The part of the frame as a polygon in pixels."""
        return shapely.Polygon(self.pixels)


@dataclass(frozen=True, slots=True)
class Preset:
    """One direction into which a camera looks.

    Attributes
    ----------
    bearing_deg : float
        Of the image's centre, clockwise from north.
    tilt_deg : float
        Of the image's centre below the horizon.
    hfov_deg : float
        Horizontal field of view.
    size_px : (width, height)
    range_m, range_sigma_m : float or None
        Surveyed distance along the ground at the image's centre: it corrects the tilt.
    """

    preset_no: int
    name: str
    bearing_deg: float
    tilt_deg: float
    hfov_deg: float
    size_px: tuple[int, int]
    bearing_sigma_deg: float
    tilt_sigma_deg: float
    range_m: float | None = None
    range_sigma_m: float | None = None
    regions: tuple[Region, ...] = ()


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera on its mast.

    Attributes
    ----------
    lonlat : (float, float)
        EPSG:4490.
    height_m : float
        Of the lens above the ground that it watches.
    """

    camera_id: str
    name: str
    lonlat: tuple[float, float]
    place_sigma_m: float
    height_m: float
    height_sigma_m: float
    presets: tuple[Preset, ...] = ()

    def preset(self, preset_no: int) -> Preset:
        """A preset by its number.

        Raises
        ------
        InvalidInput
            ``detection.camera.unknown_preset``.
        """
        for preset in self.presets:
            if preset.preset_no == preset_no:
                return preset
        known = ", ".join(str(preset.preset_no) for preset in self.presets)
        raise InvalidInput(
            "detection.camera.unknown_preset", camera_id=self.camera_id, preset=preset_no, known=known or "—"
        )


@dataclass(frozen=True, slots=True)
class Offset:
    """How far the camera was turned from its preset, and zoomed, when it saw something."""

    pan_deg: float = 0.0
    tilt_deg: float = 0.0
    zoom: float = 1.0


@dataclass(frozen=True, slots=True)
class GroundPlace:
    """Where something lies.

    Attributes
    ----------
    lonlat : (float, float)
        EPSG:4490.
    radius_m : float
        With 95 %.
    means : str
        ``region``: surveyed; ``ray``: height and angles; ``vendor``: as the event says.
    """

    lonlat: tuple[float, float]
    radius_m: float
    means: str
    region_id: str | None = None


def locate(
    camera: Camera, preset: Preset, pixel: tuple[float, float], *, offset: Offset | None = None, far_m: float
) -> GroundPlace:
    """Where the ground under a pixel lies.

    In a surveyed region its place; elsewhere the meeting of the ray with level ground. The radius takes the
    larger of the linear error and of the reach of a ray flatter by as much: near the horizon the far side
    is much longer.

    Parameters
    ----------
    pixel : (x, y)
        Foot of the object in image pixels, from the upper left.
    offset : Offset, optional
        None or all zero: the camera stands in its preset, in which alone its regions hold.
    far_m : float
        A ray that meets the ground beyond this tells no place.

    Raises
    ------
    InvalidInput
        ``detection.camera.above_horizon`` or ``detection.camera.too_far``.
    """
    turned = offset or Offset()
    region = region_of(preset, pixel) if turned == Offset() else None
    if region is not None and region.lonlat is not None and region.radius_m is not None:
        return GroundPlace(region.lonlat, region.radius_m, "region", region.region_id)
    place, radius_m = _on_the_ground(camera, preset, pixel, turned, far_m=far_m)
    return GroundPlace(place, radius_m, "ray", region.region_id if region else None)


def view_of(camera: Camera, preset: Preset, *, radius_max_m: float, far_m: float) -> BaseGeometry | None:
    """Level ground in the frame of a preset whose place is known to within a radius.

    What stands in between and hides ground is not known here.

    Returns
    -------
    Polygon or MultiPolygon, or None
        EPSG:4490, lon/lat; None where the preset shows no such ground.
    """
    width, height = preset.size_px
    near, far = [], []
    for x in np.linspace(0.0, width, VIEW_COLUMNS):
        column = []
        for y in np.linspace(height, 0.0, VIEW_ROWS):
            try:
                place, radius_m = _on_the_ground(camera, preset, (x, y), Offset(), far_m=far_m)
            except InvalidInput:  # at and above the horizon, and beyond
                break
            if radius_m > radius_max_m:
                break
            column.append(place)
        if len(column) > 1:
            near.append(column[0])
            far.append(column[-1])
    if len(near) < 2:
        return None
    view = shapely.make_valid(shapely.Polygon([*near, *reversed(far)]))
    polygons = [part for part in shapely.get_parts(view) if part.geom_type == "Polygon"]
    return shapely.union_all(polygons) if polygons else None


def _on_the_ground(
    camera: Camera, preset: Preset, pixel: tuple[float, float], turned: Offset, *, far_m: float
) -> tuple[tuple[float, float], float]:
    """Where the ray through a pixel meets level ground, and the radius within which that holds."""
    azimuth_deg, depression_deg = ray_of(preset, pixel, turned)
    depression_deg += _tilt_correction_deg(camera, preset)
    sigma_deg = preset.tilt_sigma_deg if preset.range_m is None else _range_as_tilt_deg(camera, preset)
    flattest_deg = depression_deg - RADIUS_TO_SIGMA * sigma_deg
    facts = {"camera_id": camera.camera_id, "preset": preset.preset_no}
    if depression_deg <= 0:
        raise InvalidInput("detection.camera.above_horizon", **facts)
    range_m = _reach_m(camera.height_m, depression_deg)
    if range_m > far_m or flattest_deg <= 0:
        raise InvalidInput("detection.camera.too_far", range_m=round(range_m), far_m=round(far_m), **facts)
    along_m = math.hypot(
        camera.height_m / math.sin(math.radians(depression_deg)) ** 2 * math.radians(sigma_deg),
        camera.height_sigma_m / math.tan(math.radians(depression_deg)),
    )
    across_m = range_m * math.radians(preset.bearing_sigma_deg)
    sigma_m = math.hypot(max(along_m, across_m), camera.place_sigma_m)
    beyond_m = _reach_m(camera.height_m, flattest_deg) - range_m
    radius_m = max(RADIUS_TO_SIGMA * sigma_m, beyond_m, CROSS_FLOOR_M)
    place = destination(camera.lonlat, bearing_deg=azimuth_deg, distance_m=range_m)
    return place, radius_m


def ray_of(preset: Preset, pixel: tuple[float, float], offset: Offset) -> tuple[float, float]:
    """Azimuth and depression of the ray through a pixel, in degrees; a level pinhole camera.

    The ray is turned as a vector: in the corner of a tilted frame the azimuth is not the column's alone.
    """
    width, height = preset.size_px
    focal_px = width / 2 / math.tan(math.radians(preset.hfov_deg) / 2) * offset.zoom
    right, down, forward = pixel[0] - width / 2, pixel[1] - height / 2, focal_px
    tilt = math.radians(preset.tilt_deg + offset.tilt_deg)
    ahead = forward * math.cos(tilt) - down * math.sin(tilt)
    below = forward * math.sin(tilt) + down * math.cos(tilt)
    azimuth_deg = preset.bearing_deg + offset.pan_deg + math.degrees(math.atan2(right, ahead))
    return azimuth_deg % 360.0, math.degrees(math.atan2(below, math.hypot(right, ahead)))


def region_of(preset: Preset, pixel: tuple[float, float]) -> Region | None:
    """The first region of a preset that holds a pixel."""
    point = shapely.Point(pixel)
    return next((region for region in preset.regions if region.outline_px.covers(point)), None)


def read_camera(values: Fields) -> Camera:
    """A camera of a registry file.

    Raises
    ------
    InvalidInput
        ``detection.camera.bad_field`` naming file and field.
    """
    west, south, east, north = CHINA_LONLAT
    values.one_of("coord_source", COORDINATES)
    presets = tuple(read_preset(one) for one in values.objects("presets"))
    numbers = [preset.preset_no for preset in presets]
    if len(set(numbers)) != len(numbers):
        raise values.refusal("presets", numbers, "each no once")
    return Camera(
        values.words("id", longest=64),
        values.words("name"),
        (values.number("lon", west, east), values.number("lat", south, north)),
        values.number("place_sigma_m", 0.0, 100.0, default=3.0),
        values.number("height_m", 2.0, 500.0),
        values.number("height_sigma_m", 0.0, 100.0, default=2.0),
        presets,
    )


def read_preset(values: Fields) -> Preset:
    """A preset of a registry file, or as stored."""
    width, height = (int(one) for one in values.numbers("image_px", 2, 64, 20000))
    has_range = values.has("range_m")
    return Preset(
        values.whole("no", 0, 9999),
        values.words("name"),
        values.number("bearing_deg", 0.0, 360.0),
        values.number("tilt_deg", -10.0, 90.0),
        values.number("hfov_deg", 0.5, 150.0),
        (width, height),
        values.number("bearing_sigma_deg", 0.0, 20.0, default=0.5),
        values.number("tilt_sigma_deg", 0.0, 20.0, default=0.1),
        values.number("range_m", 1.0, 20000.0) if has_range else None,
        values.number("range_sigma_m", 0.1, 5000.0) if has_range else None,
        tuple(_read_region(one, (width, height)) for one in values.objects("regions")),
    )


def settings_of(preset: Preset) -> dict[str, Any]:
    """A preset as the registry writes it; `read_preset` reads it back."""
    plain: dict[str, Any] = {
        "no": preset.preset_no,
        "name": preset.name,
        "bearing_deg": preset.bearing_deg,
        "tilt_deg": preset.tilt_deg,
        "hfov_deg": preset.hfov_deg,
        "image_px": list(preset.size_px),
        "bearing_sigma_deg": preset.bearing_sigma_deg,
        "tilt_sigma_deg": preset.tilt_sigma_deg,
        "regions": [_region_settings(region) for region in preset.regions],
    }
    if preset.range_m is not None:
        plain |= {"range_m": preset.range_m, "range_sigma_m": preset.range_sigma_m}
    return plain


def _region_settings(region: Region) -> Mapping[str, Any]:
    plain: dict[str, Any] = {"id": region.region_id, "pixels": [list(point) for point in region.pixels]}
    if region.lonlat is not None:
        plain |= {"lon": region.lonlat[0], "lat": region.lonlat[1], "radius_m": region.radius_m}
    return plain


def _read_region(values: Fields, size_px: tuple[int, int]) -> Region:
    west, south, east, north = CHINA_LONLAT
    corners = values.points("pixels", (float(size_px[0]), float(size_px[1])))
    if not shapely.Polygon(corners).is_valid:
        raise values.refusal("pixels", corners, "a polygon that does not cross itself")
    if not values.has("lon"):
        return Region(values.words("id", longest=64), corners)
    lonlat = (values.number("lon", west, east), values.number("lat", south, north))
    return Region(values.words("id", longest=64), corners, lonlat, values.number("radius_m", 1.0, 5000.0))


def _reach_m(height_m: float, depression_deg: float) -> float:
    return height_m / math.tan(math.radians(depression_deg))


def _tilt_correction_deg(camera: Camera, preset: Preset) -> float:
    """By how much the surveyed distance at the centre says that the tilt is wrong."""
    if preset.range_m is None:
        return 0.0
    return math.degrees(math.atan2(camera.height_m, preset.range_m)) - preset.tilt_deg


def _range_as_tilt_deg(camera: Camera, preset: Preset) -> float:
    """The error of the surveyed distance as one of the tilt."""
    range_m, sigma_m = preset.range_m or 1.0, preset.range_sigma_m or 0.0
    return math.degrees(camera.height_m / (camera.height_m**2 + range_m**2) * sigma_m)
