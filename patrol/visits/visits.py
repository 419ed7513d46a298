"""Site visits: what the phone claims, its coordinates brought to CGCS2000, one body under one id."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from foundation.audit import canonical
from foundation.errors import InvalidInput

COORD_SOURCES = ("wgs84", "cgcs2000", "gcj02", "bd09")
FINDINGS: Mapping[str, str] = {
    "built": "已建成",
    "under_construction": "正在建设",
    "not_found": "现场未发现变化",
    "restored": "已拆除或恢复",
    "other": "其他",
}
_AXIS_M = 6378245.0
_ECCENTRICITY2 = 0.00669342162296594323


@dataclass(frozen=True, slots=True)
class VisitBody:
    """A visit as the phone sent it.

    Attributes
    ----------
    lonlat : (float, float)
        Degrees in ``coord_source``.
    device_counter : int
        Counts up on the device; orders its visits whatever its clock says.
    """

    visit_id: UUID
    assignment_id: UUID
    device_time: datetime
    device_counter: int
    lonlat: tuple[float, float]
    accuracy_m: float
    coord_source: str | None
    finding: str
    use_text: str = ""
    party_text: str = ""
    is_stopped: bool = False
    note: str = ""
    heading_deg: float | None = None
    heading_source: str | None = None


def check_visit(body: VisitBody) -> None:
    """Refuse what cannot be a visit.

    Raises
    ------
    InvalidInput
        ``patrol.visit.unknown_finding``, ``patrol.visit.bad_accuracy``, ``patrol.visit.no_time_zone`` or a
        code of `to_storage`.
    """
    if body.finding not in FINDINGS:
        raise InvalidInput("patrol.visit.unknown_finding", finding=body.finding, accepted=list(FINDINGS))
    if not 0 <= body.accuracy_m < 100_000:
        raise InvalidInput("patrol.visit.bad_accuracy", accuracy_m=body.accuracy_m)
    if body.device_time.tzinfo is None:
        raise InvalidInput("patrol.visit.no_time_zone", device_time=body.device_time.isoformat())
    to_storage(body.lonlat, body.coord_source)


def body_sha256(body: VisitBody) -> str:
    """Of the canonical body: the same body again is the same visit."""
    return hashlib.sha256(canonical(plain_body(body)).encode()).hexdigest()


def plain_body(body: VisitBody) -> dict[str, Any]:
    """JSON values of a visit."""
    plain = asdict(body)
    plain |= {"visit_id": str(body.visit_id), "assignment_id": str(body.assignment_id)}
    return plain | {"device_time": body.device_time.isoformat(), "lonlat": list(body.lonlat)}


def to_storage(lonlat: tuple[float, float], source: str | None) -> tuple[float, float]:
    """Coordinates of a phone in CGCS2000 degrees.

    Parameters
    ----------
    lonlat : (float, float)
        Longitude, latitude.
    source : str or None
        ``wgs84`` and ``cgcs2000`` agree within decimetres and pass; ``gcj02`` and ``bd09`` are converted.

    Raises
    ------
    InvalidInput
        ``patrol.visit.coordinates_unlabelled`` when nobody says what they are: the possible error is
        580 m to 1.3 km; ``patrol.visit.coordinates_outside`` outside China.
    """
    if source not in COORD_SOURCES:
        raise InvalidInput(
            "patrol.visit.coordinates_unlabelled", coord_source=source or "-", accepted=list(COORD_SOURCES)
        )
    longitude, latitude = lonlat
    if not (73.0 <= longitude <= 136.0 and 3.0 <= latitude <= 54.0):
        raise InvalidInput("patrol.visit.coordinates_outside", longitude=longitude, latitude=latitude)
    if source == "bd09":
        return gcj02_to_wgs84(bd09_to_gcj02(lonlat))
    if source == "gcj02":
        return gcj02_to_wgs84(lonlat)
    return lonlat


def wgs84_to_gcj02(lonlat: tuple[float, float]) -> tuple[float, float]:
    """The shift that map services in China apply (about 300-600 m)."""
    longitude, latitude = lonlat
    x, y = longitude - 105.0, latitude - 35.0
    wave = (20.0 * math.sin(6.0 * x * math.pi) + 20.0 * math.sin(2.0 * x * math.pi)) * 2.0 / 3.0
    north = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * math.sqrt(abs(x)) + wave
    north += (20.0 * math.sin(y * math.pi) + 40.0 * math.sin(y / 3.0 * math.pi)) * 2.0 / 3.0
    north += (160.0 * math.sin(y / 12.0 * math.pi) + 320.0 * math.sin(y * math.pi / 30.0)) * 2.0 / 3.0
    east = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * math.sqrt(abs(x)) + wave
    east += (20.0 * math.sin(x * math.pi) + 40.0 * math.sin(x / 3.0 * math.pi)) * 2.0 / 3.0
    east += (150.0 * math.sin(x / 12.0 * math.pi) + 300.0 * math.sin(x / 30.0 * math.pi)) * 2.0 / 3.0
    phi = math.radians(latitude)
    curve = 1.0 - _ECCENTRICITY2 * math.sin(phi) ** 2
    meridian_m = _AXIS_M * (1.0 - _ECCENTRICITY2) / (curve * math.sqrt(curve))
    parallel_m = _AXIS_M / math.sqrt(curve) * math.cos(phi)
    return longitude + math.degrees(east / parallel_m), latitude + math.degrees(north / meridian_m)


def gcj02_to_wgs84(lonlat: tuple[float, float]) -> tuple[float, float]:
    """Inverse of `wgs84_to_gcj02` by iteration, to better than a millimetre."""
    guess = lonlat
    for _ in range(8):
        shifted = wgs84_to_gcj02(guess)
        guess = (guess[0] + lonlat[0] - shifted[0], guess[1] + lonlat[1] - shifted[1])
    return guess


def bd09_to_gcj02(lonlat: tuple[float, float]) -> tuple[float, float]:
    """Take off the second shift of one map service."""
    x, y = lonlat[0] - 0.0065, lonlat[1] - 0.006
    turn = math.pi * 3000.0 / 180.0
    radius = math.hypot(x, y) - 0.00002 * math.sin(y * turn)
    angle = math.atan2(y, x) - 0.000003 * math.cos(x * turn)
    return radius * math.cos(angle), radius * math.sin(angle)
