"""How plausible a capture is: a score between 0 and 1 with every reason; it never refuses anything.

Position, accuracy, view, times, capture number, pace, duplicates and what the file says of itself are each
checked on their own; weights and limits are data (``data/policies/evidence.toml``).
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from foundation.crs import distance_m as geodesic_m
from patrol.visits.visits import wgs84_to_gcj02

POLICY_FILE = Path(__file__).resolve().parents[2] / "data" / "policies" / "evidence.toml"
EARTH_AXIS_M, EARTH_E2 = 6378137.0, 0.00669438002290
PICTURES = frozenset({"photo", "drone_photo"})
Limits = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class FileClaims:
    """What a picture says of itself.

    Attributes
    ----------
    lonlat : (float, float) or None
        EXIF position, degrees; WGS-84 by the standard, shifted on some phones.
    is_readable : bool
        False where it could not be decoded; ``why`` then says more.
    """

    taken_at: datetime | None = None
    lonlat: tuple[float, float] | None = None
    software: str | None = None
    camera: str | None = None
    screenshot_mark: str | None = None
    is_readable: bool = True
    why: str = ""


@dataclass(frozen=True, slots=True)
class Nonce:
    """The capture number that a claim names, as the server knows it."""

    is_own: bool
    issued_at: datetime | None = None
    skew_s: float | None = None


@dataclass(frozen=True, slots=True)
class EarlierCapture:
    """The capture of the same person that is next in time."""

    lonlat: tuple[float, float]
    accuracy_m: float
    captured_at: datetime


@dataclass(frozen=True, slots=True)
class Capture:
    """All that a score is made from.

    Attributes
    ----------
    outline_4490 : geometry
        Of the patch, lon/lat.
    lonlat : (float, float) or None
        CGCS2000 degrees.
    bearing_deg, fov_deg : float or None
        Direction of view clockwise from north, and the whole angle of view.
    nonce : Nonce or None
        None where the claim names no capture number.
    same_count, alike_elsewhere : int
        How often the same file came in before; how many pictures of other patches look alike.
    """

    kind: str
    outline_4490: BaseGeometry
    captured_at: datetime
    received_at: datetime
    lonlat: tuple[float, float] | None = None
    accuracy_m: float | None = None
    bearing_deg: float | None = None
    fov_deg: float | None = None
    visit_at: datetime | None = None
    nonce: Nonce | None = None
    earlier: EarlierCapture | None = None
    same_count: int = 0
    alike_elsewhere: int = 0
    is_from_gallery: bool = False
    file: FileClaims = field(default_factory=FileClaims)


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: 1 where nothing speaks against the capture, 0 where everything does."""

    check: str
    reason: str
    factor: float
    weight: float
    facts: Mapping[str, Any]

    def plain(self) -> dict[str, Any]:
        """As it is stored."""
        return {
            "check": self.check,
            "reason": self.reason,
            "factor": round(self.factor, 3),
            "weight": self.weight,
            "facts": dict(self.facts),
        }


@dataclass(frozen=True, slots=True)
class Assessment:
    """Score in [0, 1], every finding, and the labels shown beside the piece."""

    score: float
    findings: tuple[Finding, ...]
    flags: tuple[str, ...]
    version: str


Verdict = tuple[str, float, Mapping[str, Any]]


def assess(capture: Capture, policy: Mapping[str, Any] | None = None) -> Assessment:
    """Score a capture.

    Returns
    -------
    Assessment
        Score = Π (1 - weight · (1 - factor)) over all checks that apply: no check that gets worse raises it.
    """
    table = policy or evidence_policy()
    findings = []
    for name, check in CHECKS.items():
        limits = table["checks"][name]
        verdict = check(capture, limits)
        if verdict is not None:
            reason, factor, facts = verdict
            findings.append(Finding(name, reason, min(1.0, max(0.0, factor)), limits["weight"], facts))
    score = math.prod(1.0 - finding.weight * (1.0 - finding.factor) for finding in findings)
    labels = [
        table["reasons"][finding.reason]["label"]
        for finding in findings
        if finding.factor < table["flag_below"]
    ]
    return Assessment(
        round(score, 4), tuple(findings), tuple(dict.fromkeys(filter(None, labels))), table["version"]
    )


def sentence(finding: Mapping[str, Any], language: str = "zh") -> str:
    """A stored finding as people read it."""
    template: str = evidence_policy()["reasons"][finding["reason"]][language]
    return template.format(**finding["facts"])


def view_sector(
    lonlat: tuple[float, float], *, bearing_deg: float, fov_deg: float, range_m: float
) -> shapely.Polygon:
    """What a picture takes in: a sector of a circle, lon/lat."""
    toward = _sector(bearing_deg, fov_deg, range_m)
    return shapely.transform(toward, lambda xy: _to_lonlat(xy, lonlat))


@lru_cache(maxsize=1)
def evidence_policy() -> Mapping[str, Any]:
    """The policy that ships with the product, read once."""
    return tomllib.loads(POLICY_FILE.read_text("utf-8"))


def _position(capture: Capture, limits: Limits) -> Verdict | None:
    if capture.kind not in PICTURES | {"video"}:
        return None
    if capture.lonlat is None:
        return "position_missing", limits["missing"], {}
    distance, accuracy = _distance_m(capture), capture.accuracy_m or 0.0
    # A poor fix excuses no more than what the accuracy check lets pass.
    excess = max(0.0, distance - min(accuracy, limits["full_m"]))
    factor = _falling(excess, limits["full_m"], limits["none_m"])
    facts = {"distance_m": round(distance), "accuracy_m": round(accuracy), "excess_m": round(excess)}
    return ("position_near" if factor == 1.0 else "position_far"), factor, facts


def _accuracy(capture: Capture, limits: Limits) -> Verdict | None:
    if capture.lonlat is None or capture.accuracy_m is None:
        return None
    factor = _falling(capture.accuracy_m, limits["full_m"], limits["none_m"])
    facts = {"accuracy_m": round(capture.accuracy_m)}
    return ("accuracy_good" if factor == 1.0 else "accuracy_poor"), factor, facts


def _view(capture: Capture, limits: Limits) -> Verdict | None:
    """Whether the sector of view, widened by the compass error and the fix's accuracy, meets the outline.

    A drone looks down: where its camera points sideways is not asked.
    """
    if capture.kind != "photo":
        return None
    if capture.bearing_deg is None:
        return "view_missing", limits["missing"], {}
    if capture.lonlat is None:
        return None
    fov = capture.fov_deg or limits["fov_deg"]
    bearing, reach = capture.bearing_deg % 360.0, min(capture.accuracy_m or 0.0, 100.0)
    outline = shapely.transform(capture.outline_4490, lambda ll: _to_local(ll, capture.lonlat or (0.0, 0.0)))
    here = shapely.Point(0.0, 0.0)
    distance = shapely.distance(here, outline)
    facts = {"bearing_deg": round(bearing), "fov_deg": round(fov), "distance_m": round(distance)}
    if distance <= reach:
        return "view_on", 1.0, facts
    if distance > limits["range_m"]:
        return "view_too_far", 0.0, facts
    sector = _sector(bearing, min(fov + 2 * limits["compass_error_deg"], 360.0), limits["range_m"])
    if shapely.intersects(shapely.buffer(sector, reach) if reach else sector, outline):
        return "view_on", 1.0, facts
    off = _off_deg(outline, bearing) - fov / 2
    factor = _falling(off, limits["compass_error_deg"], limits["none_off_deg"])
    return "view_off", factor, facts | {"off_deg": round(off)}


def _time(capture: Capture, limits: Limits) -> Verdict:
    late_s = (capture.received_at - capture.captured_at).total_seconds()
    if late_s < 0:
        factor = _falling(-late_s, limits["ahead_full_s"], limits["ahead_none_s"])
        return ("time_fits" if factor == 1 else "time_ahead"), factor, _times(late_s)
    factor = _falling(late_s, limits["late_full_h"] * 3600, limits["late_none_h"] * 3600)
    return ("time_fits" if factor == 1 else "time_late"), factor, _times(late_s)


def _times(late_s: float) -> dict[str, float]:
    return {"late_h": round(max(late_s, 0.0) / 3600, 1), "ahead_s": round(max(-late_s, 0.0))}


def _visit_time(capture: Capture, limits: Limits) -> Verdict | None:
    if capture.visit_at is None:
        return None
    apart_h = abs((capture.captured_at - capture.visit_at).total_seconds()) / 3600
    factor = _falling(apart_h, limits["full_h"], limits["none_h"])
    return ("visit_time_fits" if factor == 1 else "visit_time_apart"), factor, {"apart_h": round(apart_h, 1)}


def _nonce(capture: Capture, limits: Limits) -> Verdict | None:
    if capture.visit_at is None:
        return None
    if capture.nonce is None:
        return "nonce_missing", limits["missing"], {}
    if not capture.nonce.is_own or capture.nonce.issued_at is None:
        return "nonce_unknown", 0.0, {}
    # The phone's clock as the server saw it when the number was given.
    by_server_s = (capture.captured_at - capture.nonce.issued_at).total_seconds() - (
        capture.nonce.skew_s or 0.0
    )
    if not -60.0 <= by_server_s <= limits["hours"] * 3600:
        return "nonce_out_of_time", 0.0, {}
    return "nonce_fits", 1.0, {"age_h": round(by_server_s / 3600, 1)}


def _clock_skew(capture: Capture, limits: Limits) -> Verdict | None:
    if capture.nonce is None or capture.nonce.skew_s is None:
        return None
    skew = abs(capture.nonce.skew_s)
    factor = _falling(skew, limits["full_s"], limits["none_s"])
    return ("skew_small" if factor == 1 else "skew_large"), factor, {"skew_s": round(skew)}


def _speed(capture: Capture, limits: Limits) -> Verdict | None:
    if capture.earlier is None or capture.lonlat is None:
        return None
    apart_s = abs((capture.captured_at - capture.earlier.captured_at).total_seconds())
    distance = geodesic_m(capture.lonlat, capture.earlier.lonlat)
    # What both fixes may be off was not walked.
    walked = max(0.0, distance - (capture.accuracy_m or 0.0) - capture.earlier.accuracy_m)
    speed = walked / max(apart_s, 1.0)
    factor = _falling(speed, limits["full_m_per_s"], limits["none_m_per_s"])
    facts = {"distance_m": round(distance), "apart_s": round(apart_s), "speed_m_per_s": round(speed)}
    return ("speed_fits" if factor == 1 else "speed_high"), factor, facts


def _duplicate(capture: Capture, limits: Limits) -> Verdict | None:
    if capture.same_count:
        return "duplicate_same", limits["same"], {"times": capture.same_count}
    if capture.kind not in PICTURES:
        return None
    if capture.alike_elsewhere:
        return "duplicate_alike", limits["alike"], {"times": capture.alike_elsewhere}
    return "duplicate_none", 1.0, {}


def _exif(capture: Capture, limits: Limits) -> Verdict | None:
    """What the file says of itself against what was stated: both are claims, their agreement is the test."""
    if capture.kind not in PICTURES or not capture.file.is_readable:
        return None
    worst: Verdict | None = None
    if capture.file.lonlat is not None and capture.lonlat is not None:
        shifted = wgs84_to_gcj02(capture.lonlat)
        distance = min(geodesic_m(capture.file.lonlat, each) for each in (capture.lonlat, shifted))
        factor = _falling(distance, limits["distance_full_m"], limits["distance_none_m"])
        worst = ("exif_place", factor, {"distance_m": round(distance)})
    if capture.file.taken_at is not None:
        apart_s = abs((capture.captured_at - capture.file.taken_at).total_seconds())
        factor = _falling(apart_s, limits["time_full_s"], limits["time_none_s"])
        if worst is None or factor < worst[1]:
            worst = ("exif_time", factor, {"apart_s": round(apart_s)})
    if worst is None:
        return "exif_none", 1.0, {}
    return worst if worst[1] < 1.0 else ("exif_fits", 1.0, {})


def _software(capture: Capture, limits: Limits) -> Verdict | None:
    if capture.kind not in PICTURES or not capture.file.is_readable:
        return None
    if capture.file.screenshot_mark:
        return "software_screenshot", limits["screenshot"], {"mark": capture.file.screenshot_mark}
    named = (capture.file.software or "").lower()
    if any(mark in named for mark in limits["screenshots"]):
        return "software_screenshot", limits["screenshot"], {"mark": capture.file.software}
    if any(editor in named for editor in limits["editors"]):
        return "software_edited", limits["edited"], {"software": capture.file.software}
    return "software_none", 1.0, {}


def _gallery(capture: Capture, limits: Limits) -> Verdict | None:
    return ("gallery_chosen", limits["chosen"], {}) if capture.is_from_gallery else None


def _readable(capture: Capture, limits: Limits) -> Verdict | None:
    if capture.file.is_readable:
        return None
    return "readable_not", limits["unreadable"], {"why": capture.file.why}


CHECKS: Mapping[str, Callable[[Capture, Limits], Verdict | None]] = {
    "position": _position,
    "accuracy": _accuracy,
    "view": _view,
    "time": _time,
    "visit_time": _visit_time,
    "nonce": _nonce,
    "clock_skew": _clock_skew,
    "speed": _speed,
    "gallery": _gallery,
    "duplicate": _duplicate,
    "exif": _exif,
    "software": _software,
    "readable": _readable,
}
"""In the order in which they are shown."""


def _falling(value: float, full: float, none: float) -> float:
    """1 up to ``full``, 0 from ``none`` on, a straight line between."""
    return float(min(1.0, max(0.0, (none - value) / (none - full))))


def _distance_m(capture: Capture) -> float:
    lonlat = capture.lonlat or (0.0, 0.0)
    outline = shapely.transform(capture.outline_4490, lambda ll: _to_local(ll, lonlat))
    return float(shapely.distance(shapely.Point(0.0, 0.0), outline))


def _scales_m(latitude_deg: float) -> tuple[float, float]:
    """Metres of one degree of longitude and of latitude, on the ellipsoid."""
    phi = math.radians(latitude_deg)
    curve = 1.0 - EARTH_E2 * math.sin(phi) ** 2
    east = EARTH_AXIS_M / math.sqrt(curve) * math.cos(phi)
    north = EARTH_AXIS_M * (1.0 - EARTH_E2) / (curve * math.sqrt(curve))
    return math.radians(east), math.radians(north)


def _to_local(lonlat: NDArray[np.float64], origin: tuple[float, float]) -> NDArray[np.float64]:
    """Metres east and north of a point; good to 0.1 % within some kilometres."""
    scaled: NDArray[np.float64] = (lonlat - np.array(origin)) * np.array(_scales_m(origin[1]))
    return scaled


def _to_lonlat(local_m: NDArray[np.float64], origin: tuple[float, float]) -> NDArray[np.float64]:
    back: NDArray[np.float64] = local_m / np.array(_scales_m(origin[1])) + np.array(origin)
    return back


def _sector(bearing_deg: float, angle_deg: float, range_m: float) -> shapely.Polygon:
    """Sector of a circle about the origin, metres; bearing clockwise from north."""
    steps = np.radians(bearing_deg + np.linspace(-angle_deg / 2, angle_deg / 2, 33))
    arc = np.column_stack([np.sin(steps), np.cos(steps)]) * range_m
    return shapely.Polygon(np.vstack([[0.0, 0.0], arc, [0.0, 0.0]]))


def _off_deg(outline_m: BaseGeometry, bearing_deg: float) -> float:
    """Smallest angle between the bearing and a corner of the outline, seen from the origin."""
    corners = shapely.get_coordinates(outline_m)
    directions = np.degrees(np.arctan2(corners[:, 0], corners[:, 1]))
    return float(np.min(np.abs((directions - bearing_deg + 180.0) % 360.0 - 180.0)))
