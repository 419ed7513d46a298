"""Evidence: which kinds there are, what is claimed of a file, and whether its bytes are that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from foundation.errors import InvalidInput
from patrol.visits.plausibility import evidence_policy

DEFAULT_KINDS: Mapping[str, str] = {
    "image/jpeg": "photo",
    "image/png": "photo",
    "image/webp": "photo",
    "video/mp4": "video",
    "video/quicktime": "video",
    "audio/mp4": "audio",
    "audio/mpeg": "audio",
    "application/geo+json": "track",
    "application/pdf": "document",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "document",
}
"""What a file is where nobody says."""
IDS = ("evidence_id", "visit_id", "patch_id", "finding_id")
ISO_MEDIA = ((4, b"ftyp"),)
MAGIC: Mapping[str, tuple[tuple[tuple[int, bytes], ...], ...]] = {
    "image/jpeg": (((0, b"\xff\xd8\xff"),),),
    "image/png": (((0, b"\x89PNG\r\n\x1a\n"),),),
    "image/webp": (((0, b"RIFF"), (8, b"WEBP")),),
    "video/mp4": (ISO_MEDIA,),
    "video/quicktime": (ISO_MEDIA, ((4, b"moov"),), ((4, b"mdat"),), ((4, b"wide"),)),
    "audio/mp4": (ISO_MEDIA,),
    "audio/mpeg": (((0, b"ID3"),), ((0, b"\xff\xfb"),), ((0, b"\xff\xf3"),), ((0, b"\xff\xf2"),)),
    "application/geo+json": (((0, b"{"),),),
    "application/pdf": (((0, b"%PDF-"),),),
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": (((0, b"PK\x03\x04"),),),
}
"""Marks that the first bytes of a type carry: one of the rows, and of a row every mark."""
SUFFIXES: Mapping[str, str] = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/webp": "webp",
    "video/mp4": "mp4",
    "video/quicktime": "mov",
    "audio/mp4": "m4a",
    "audio/mpeg": "mp3",
    "application/geo+json": "geojson",
    "application/pdf": "pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
}


@dataclass(frozen=True, slots=True)
class EvidenceClaim:
    """What the sender says about a file.

    Attributes
    ----------
    visit_id, finding_id : UUID or None
        What it was taken for; neither where it is brought in at the office, to ``patch_id``.
    lonlat : (float, float) or None
        Degrees in ``coord_source``.
    bearing_deg, fov_deg : float or None
        Direction of view, clockwise from north, and the camera's whole angle of view.
    kind : str or None
        A key of ``evidence.toml``; None: what its media type usually is.
    nonce : str or None
        The capture number that the server gave to the phone for this shift.
    device_counter : int or None
        Counts up on the device; orders its captures whatever its clock says.
    sm3 : str or None
        At capture, where the phone can.
    """

    evidence_id: UUID
    visit_id: UUID | None
    media_type: str
    sha256: str
    captured_at: datetime
    lonlat: tuple[float, float] | None = None
    accuracy_m: float | None = None
    bearing_deg: float | None = None
    coord_source: str | None = None
    is_from_gallery: bool = False
    fov_deg: float | None = None
    kind: str | None = None
    title: str | None = None
    nonce: str | None = None
    device_counter: int | None = None
    device: str | None = None
    sm3: str | None = None
    patch_id: UUID | None = None
    finding_id: UUID | None = None

    @property
    def parent_id(self) -> UUID | None:
        """The visit or finding that it waits for."""
        return self.visit_id or self.finding_id


def check_claim(claim: EvidenceClaim, *, head: bytes, size: int) -> str:
    """Kind of evidence, once the bytes fit the declared type.

    Parameters
    ----------
    head : bytes
        The first bytes of the file.
    size : int
        Bytes of the whole file.

    Raises
    ------
    InvalidInput
        ``patrol.evidence.unknown_type``, ``patrol.evidence.unknown_kind``, ``patrol.evidence.not_that_type``,
        ``patrol.evidence.too_large``, ``patrol.evidence.bad_bearing`` or ``patrol.visit.no_time_zone``.
    """
    if claim.media_type not in DEFAULT_KINDS:
        raise InvalidInput(
            "patrol.evidence.unknown_type", media_type=claim.media_type, accepted=sorted(DEFAULT_KINDS)
        )
    kinds = evidence_policy()["kinds"]
    kind = claim.kind or DEFAULT_KINDS[claim.media_type]
    if kind not in kinds or claim.media_type not in kinds[kind]["types"]:
        accepted = [key for key, row in kinds.items() if claim.media_type in row["types"]]
        raise InvalidInput(
            "patrol.evidence.unknown_kind", kind=kind, media_type=claim.media_type, accepted=accepted
        )
    if not any(
        all(head[at : at + len(mark)] == mark for at, mark in marks) for marks in MAGIC[claim.media_type]
    ):
        raise InvalidInput("patrol.evidence.not_that_type", media_type=claim.media_type)
    if size > kinds[kind]["max_mb"] << 20:
        raise InvalidInput("patrol.evidence.too_large", kind=kinds[kind]["zh"], max_mb=kinds[kind]["max_mb"])
    if claim.bearing_deg is not None and not 0 <= claim.bearing_deg < 360.0001:
        raise InvalidInput("patrol.evidence.bad_bearing", bearing_deg=claim.bearing_deg)
    if claim.captured_at.tzinfo is None:
        raise InvalidInput("patrol.visit.no_time_zone", device_time=claim.captured_at.isoformat())
    return kind


def kind_name(kind: str, language: str = "zh") -> str:
    """How people call a kind of evidence."""
    row: Mapping[str, str] = evidence_policy()["kinds"].get(kind, {})
    return row.get(language, kind)


def claim_to_plain(claim: EvidenceClaim) -> dict[str, Any]:
    """JSON values of a claim, from which `claim_from_plain` makes it again."""
    plain = {name: getattr(claim, name) for name in EvidenceClaim.__slots__}
    for name in IDS:
        plain[name] = str(plain[name]) if plain[name] else None
    return plain | {
        "captured_at": claim.captured_at.isoformat(),
        "lonlat": list(claim.lonlat) if claim.lonlat else None,
    }


def claim_from_plain(plain: Mapping[str, Any]) -> EvidenceClaim:
    """The claim that was stored."""
    values = dict(plain)
    for name in IDS:
        values[name] = UUID(values[name]) if values.get(name) else None
    values["captured_at"] = datetime.fromisoformat(values["captured_at"])
    values["lonlat"] = tuple(values["lonlat"]) if values.get("lonlat") else None
    return EvidenceClaim(**values)
