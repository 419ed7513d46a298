"""Evidence: what is claimed of a file, and the doubts that are shown beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from foundation.errors import InvalidInput
from patrol.visits.visits import NEAR_M

KINDS: Mapping[str, str] = {
    "image/jpeg": "photo",
    "image/png": "photo",
    "image/webp": "photo",
    "video/mp4": "video",
    "audio/mp4": "audio",
    "audio/mpeg": "audio",
    "application/pdf": "document",
}
MAGIC: Mapping[str, tuple[tuple[int, bytes], ...]] = {
    "image/jpeg": ((0, b"\xff\xd8\xff"),),
    "image/png": ((0, b"\x89PNG\r\n\x1a\n"),),
    "image/webp": ((0, b"RIFF"), (8, b"WEBP")),
    "video/mp4": ((4, b"ftyp"),),
    "audio/mp4": ((4, b"ftyp"),),
    "application/pdf": ((0, b"%PDF-"),),
}
CLOCK_TOLERANCE = timedelta(minutes=10)
OFFLINE_LIMIT = timedelta(days=7)
ACCURACY_MAX_M = 50.0


@dataclass(frozen=True, slots=True)
class EvidenceClaim:
    """What the phone says about a file.

    Attributes
    ----------
    lonlat : (float, float) or None
        Degrees in ``coord_source``.
    bearing_deg : float or None
        Direction of view, clockwise from north.
    """

    evidence_id: UUID
    visit_id: UUID
    media_type: str
    sha256: str
    captured_at: datetime
    lonlat: tuple[float, float] | None = None
    accuracy_m: float | None = None
    bearing_deg: float | None = None
    coord_source: str | None = None
    is_from_gallery: bool = False


def check_claim(claim: EvidenceClaim, *, head: bytes) -> str:
    """Kind of evidence, once the bytes fit the declared type.

    Parameters
    ----------
    head : bytes
        The first bytes of the file.

    Raises
    ------
    InvalidInput
        ``patrol.evidence.unknown_type``, ``patrol.evidence.not_that_type``,
        ``patrol.evidence.bad_bearing`` or ``patrol.visit.no_time_zone``.
    """
    if claim.media_type not in KINDS:
        raise InvalidInput(
            "patrol.evidence.unknown_type", media_type=claim.media_type, accepted=sorted(KINDS)
        )
    if any(head[at : at + len(mark)] != mark for at, mark in MAGIC.get(claim.media_type, ())):
        raise InvalidInput("patrol.evidence.not_that_type", media_type=claim.media_type)
    if claim.bearing_deg is not None and not 0 <= claim.bearing_deg < 360.0001:
        raise InvalidInput("patrol.evidence.bad_bearing", bearing_deg=claim.bearing_deg)
    if claim.captured_at.tzinfo is None:
        raise InvalidInput("patrol.visit.no_time_zone", device_time=claim.captured_at.isoformat())
    return KINDS[claim.media_type]


def flags_of(
    claim: EvidenceClaim, *, kind: str, received_at: datetime, distance_m: float | None, is_duplicate: bool
) -> list[str]:
    """Doubts shown beside a piece of evidence; none of them refuses it."""
    flags = []
    if distance_m is None:
        flags.append("无坐标")
    elif distance_m > NEAR_M:
        flags.append("非现场")
    if claim.accuracy_m is not None and claim.accuracy_m > ACCURACY_MAX_M:
        flags.append("定位精度差")
    if kind == "photo" and claim.bearing_deg is None:
        flags.append("无方位")
    late = received_at - claim.captured_at
    if late < -CLOCK_TOLERANCE or late > OFFLINE_LIMIT:
        flags.append("时间偏差")
    if claim.is_from_gallery:
        flags.append("相册选取")
    if is_duplicate:
        flags.append("重复照片")
    return flags
