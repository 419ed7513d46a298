"""What a picture file says of itself, how it looks in 64 bits, and the copy without EXIF that is served."""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from foundation.calendar import SHANGHAI
from patrol.visits.plausibility import FileClaims, evidence_policy

FORMATS = ("JPEG", "PNG", "WEBP")
TIME_FORMAT = "%Y:%m:%d %H:%M:%S"
QUALITY = 88
TEXT_MAX = 120
FLAT_BITS = 8
"""With fewer bits of either kind a picture is too even to be compared."""
BROKEN = (
    UnidentifiedImageError,
    OSError,
    ValueError,
    SyntaxError,
    struct.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture file, looked at once.

    Attributes
    ----------
    difference_hash : str or None
        64 bits in hex (Krawetz's difference hash); None where it could not be decoded.
    public_jpeg : bytes or None
        Turned upright, no larger than the policy says, without any metadata.
    """

    claims: FileClaims
    size_px: tuple[int, int] | None = None
    difference_hash: str | None = None
    public_jpeg: bytes | None = None


def look_at(path: Path) -> Picture:
    """Decode a JPEG, PNG or WebP file within the policy's limits; one that cannot be decoded is told as such.

    References
    ----------
    Exif 2.32 (JEITA CP-3451), 4.6.5 and 4.6.6: times and position.
    """
    try:
        with Image.open(path, formats=FORMATS) as image:
            return _look(image)
    except BROKEN as error:
        return Picture(FileClaims(is_readable=False, why=(str(error) or type(error).__name__)[:TEXT_MAX]))


def difference_hash(image: Image.Image) -> str | None:
    """64 bits in hex: whether each pixel of a 9 x 8 picture is brighter than its right neighbour.

    None for pictures with hardly any structure (a bare wall, an even sky): all of them would look alike.
    """
    small = np.asarray(image.convert("L").resize((9, 8), Image.Resampling.LANCZOS), dtype=np.int16)
    bits = (small[:, :-1] > small[:, 1:]).ravel()
    if not FLAT_BITS <= int(bits.sum()) <= bits.size - FLAT_BITS:
        return None
    return f"{int(''.join('1' if bit else '0' for bit in bits), 2):016x}"


def _look(image: Image.Image) -> Picture:
    policy = evidence_policy()
    width, height = image.size
    if width * height > policy["picture_max_mp"] * 1_000_000:
        why = f"{width} x {height}"
        return Picture(FileClaims(is_readable=False, why=why), (width, height))
    claims = _claims(image)
    edge = policy["public_edge_px"]
    # JPEG decodes at a fraction of its size where that is enough: several times quicker.
    image.draft("RGB", (edge, edge))
    upright = ImageOps.exif_transpose(image).convert("RGB")
    upright.thumbnail((edge, edge), Image.Resampling.LANCZOS)
    bare = Image.new("RGB", upright.size)
    bare.paste(upright)
    buffer = io.BytesIO()
    bare.save(buffer, "JPEG", quality=QUALITY)
    return Picture(claims, (width, height), difference_hash(bare), buffer.getvalue())


def _claims(image: Image.Image) -> FileClaims:
    exif = image.getexif()
    details = exif.get_ifd(ExifTags.IFD.Exif)
    software = _text(exif.get(ExifTags.Base.Software)) or _text(image.info.get("Software"))
    camera = " ".join(
        filter(None, (_text(exif.get(ExifTags.Base.Make)), _text(exif.get(ExifTags.Base.Model))))
    )
    return FileClaims(
        taken_at=_time(details),
        lonlat=_lonlat(exif.get_ifd(ExifTags.IFD.GPSInfo)),
        software=software,
        camera=camera or None,
        screenshot_mark=_screenshot_mark(image, details),
    )


def _time(details: dict[int, Any]) -> datetime | None:
    said = _text(details.get(ExifTags.Base.DateTimeOriginal))
    if not said:
        return None
    try:
        taken = datetime.strptime(said, TIME_FORMAT)
    except ValueError:
        return None
    offset = _text(details.get(ExifTags.Base.OffsetTimeOriginal)) or ""
    try:
        zone = datetime.strptime(offset, "%z").tzinfo
    except ValueError:
        # Without a zone it is the wall clock of the place.
        zone = SHANGHAI
    return taken.replace(tzinfo=zone or timezone(timedelta(hours=8)))


def _lonlat(gps: dict[int, Any]) -> tuple[float, float] | None:
    longitude = _degrees(gps.get(ExifTags.GPS.GPSLongitude), gps.get(ExifTags.GPS.GPSLongitudeRef))
    latitude = _degrees(gps.get(ExifTags.GPS.GPSLatitude), gps.get(ExifTags.GPS.GPSLatitudeRef))
    if longitude is None or latitude is None or (longitude == 0.0 and latitude == 0.0):
        return None
    return (longitude, latitude) if abs(longitude) <= 180 and abs(latitude) <= 90 else None


def _degrees(parts: Any, side: Any) -> float | None:
    try:
        degrees, minutes, seconds = (float(part) for part in parts)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    value = degrees + minutes / 60 + seconds / 3600
    if not np.isfinite(value):
        return None
    return -value if str(side).strip().upper() in {"W", "S"} else value


def _screenshot_mark(image: Image.Image, details: dict[int, Any]) -> str | None:
    marks = evidence_policy()["checks"]["software"]["screenshots"]
    comment = details.get(ExifTags.Base.UserComment)
    texts = [comment.decode("utf-8", "replace") if isinstance(comment, bytes) else comment]
    texts += [value for value in image.info.values() if isinstance(value, str)]
    for said in texts:
        if isinstance(said, str) and any(mark in said.lower() for mark in marks):
            return _text(said)
    return None


def _text(value: Any) -> str | None:
    if not isinstance(value, str):
        return None
    return "".join(letter for letter in value if letter.isprintable()).strip()[:TEXT_MAX] or None
