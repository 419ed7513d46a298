"""Pictures of a paper, made once for a draft and kept by their hash: location map, chips, three photos."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from detection.leads import Lead
from foundation.blobs import BlobStore
from foundation.calendar import SHANGHAI
from patrol.lists.service import spoken_name
from patrol.lists.views import EvidenceView
from patrol.papers import store
from patrol.papers.facts import Facts, Stored
from patrol.papers.making import drawing

PHOTOS = 3
COMPASS = ("北", "东北", "东", "东南", "南", "西南", "西", "西北")


def picture_values(session: Session, stored: Stored, blobs: BlobStore) -> Facts:
    """Field -> SHA-256 of a picture that lies in the blob store, and the captions of the photos."""
    photos = _photos(stored.case.evidence)
    values: Facts = {
        "location_map": _location_map(session, stored, photos, blobs),
        "before_chip": _chip(stored.leads, "before_chip_sha256", blobs),
        "after_chip": _chip(stored.leads, "after_chip_sha256", blobs),
    }
    for place in range(PHOTOS):
        photo = photos[place] if place < len(photos) else None
        values[f"photo_{place + 1}"] = _fitted(photo.sha256, blobs, 54 / 36) if photo else None
        values[f"photo_{place + 1}_text"] = caption(place + 1, photo) if photo else None
    return values


def caption(no: int, photo: EvidenceView) -> str:
    """``照片1　方位135°（东南）　距图斑12米　2026-09-08 11:05　网格甲``."""
    parts = [f"照片{no}"]
    if photo.bearing_deg is not None:
        parts.append(f"方位{photo.bearing_deg:.0f}°（{COMPASS[round(photo.bearing_deg / 45) % 8]}）")
    if photo.distance_m is not None:
        parts.append("图斑内" if photo.distance_m < 0.5 else f"距图斑{photo.distance_m:.0f}米")
    at = photo.captured_at.astimezone(SHANGHAI)
    return "　".join([*parts, f"{at:%Y-%m-%d %H:%M}", photo.by_name])


def _photos(evidence: Sequence[EvidenceView]) -> list[EvidenceView]:
    """The photos that show most: those with a bearing and without doubts first, then by time."""
    photos = [row for row in evidence if row.kind == "photo"]
    chosen = sorted(photos, key=lambda row: (row.bearing_deg is None, len(row.flags), row.captured_at))[
        :PHOTOS
    ]
    return sorted(chosen, key=lambda row: (row.captured_at, str(row.evidence_id)))


def _location_map(session: Session, stored: Stored, photos: Sequence[EvidenceView], blobs: BlobStore) -> str:
    outline = stored.patch.shape.outline
    bounds = drawing.map_bounds(outline)
    points = [
        drawing.Standpoint(photo.lonlat, photo.bearing_deg, str(no))
        for no, photo in enumerate(photos, start=1)
        if photo.lonlat
    ]
    data = drawing.location_map(
        outline,
        villages=[
            store.Outline(spoken_name(found.name), found.shape)
            for found in store.divisions_near(session, bounds)
        ],
        others=store.patches_near(session, stored.patch.patch_id, bounds),
        standpoints=points,
    )
    return blobs.put(data).sha256


def _chip(leads: Sequence[Lead], name: str, blobs: BlobStore) -> str | None:
    newest = sorted(leads, key=lambda lead: (lead.observed_to, str(lead.lead_id)), reverse=True)
    sha256 = next((found for lead in newest if (found := getattr(lead, name))), None)
    return _fitted(sha256, blobs, drawing.FRAME) if sha256 else None


def _fitted(sha256: str, blobs: BlobStore, frame: float) -> str | None:
    if sha256 not in blobs:
        return None
    data = drawing.fitted(blobs.read(sha256), frame=frame)
    return blobs.put(data).sha256 if data else None
