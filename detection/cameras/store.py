"""SQL of cameras and of the leads that their events became. Never commits."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import shapely
from geoalchemy2.shape import from_shape, to_shape
from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from detection import store
from detection.cameras.fields import Fields
from detection.cameras.presets import Camera, Preset, read_preset, settings_of
from detection.leads import Lead
from detection.tables import CameraPresetRow, CameraRow, LeadRow
from foundation.crs import STORAGE_EPSG

SAME = ("camera_id", "preset", "kind")
CHECKED = """
SELECT l.lead_id, d.kind, d.reason_code, v.verdict, v.reason_code
FROM lead l
LEFT JOIN lead_decision d ON d.lead_id = l.lead_id AND d.undone_at IS NULL
LEFT JOIN patch_lead p ON p.lead_id = l.lead_id AND p.detached_at IS NULL
LEFT JOIN LATERAL (
    SELECT verdict, reason_code FROM field_label f WHERE f.patch_id = p.patch_id
    ORDER BY recorded_at DESC, label_id DESC LIMIT 1
) v ON true
WHERE l.source = :source AND l.observed_to >= :since AND l.attributes @> CAST(:told AS jsonb)
  AND (d.lead_id IS NOT NULL OR v.verdict IS NOT NULL)
"""


class Checked(NamedTuple):
    """What people found of one lead: what they decided about it, and the verdict on its patch."""

    decision: str | None
    reason_code: str | None
    verdict: str | None
    verdict_reason: str | None


def checked_leads(session: Session, lead: Lead, since: datetime) -> list[Checked]:
    """Leads of the same camera and kind, seen since a moment, that people have looked at."""
    told = json.dumps({key: lead.attributes[key] for key in ("camera_id", "kind")})
    rows = session.execute(text(CHECKED), {"source": lead.source, "since": since, "told": told})
    return [Checked(*row[1:]) for row in rows]


def put_camera(session: Session, camera: Camera, division_code: str, now: datetime) -> None:
    """Insert a camera with its presets, or bring what is known of it up to date."""
    values = {
        "name": camera.name,
        "division_code": division_code,
        "place": from_shape(shapely.Point(camera.lonlat), srid=STORAGE_EPSG),
        "place_sigma_m": camera.place_sigma_m,
        "height_m": camera.height_m,
        "height_sigma_m": camera.height_sigma_m,
        "imported_at": now,
    }
    put = insert(CameraRow).values(camera_id=camera.camera_id, **values)
    session.execute(put.on_conflict_do_update(index_elements=["camera_id"], set_=values))
    for preset in camera.presets:
        told: Mapping[str, Any] = {
            "division_code": division_code,
            "name": preset.name,
            "settings": settings_of(preset),
        }
        row = insert(CameraPresetRow).values(camera_id=camera.camera_id, preset_no=preset.preset_no, **told)
        session.execute(row.on_conflict_do_update(index_elements=["camera_id", "preset_no"], set_=dict(told)))


def cameras(session: Session, camera_id: str | None = None) -> list[Camera]:
    """Cameras with their presets, by id: one, or all that the actor sees."""
    query = select(CameraRow).order_by(CameraRow.camera_id)
    if camera_id is not None:
        query = query.where(CameraRow.camera_id == camera_id)
    found = session.scalars(query.execution_options(populate_existing=True)).all()
    presets = presets_of(session, [row.camera_id for row in found])
    return [
        Camera(
            row.camera_id,
            row.name,
            _lonlat(row.place),
            row.place_sigma_m,
            row.height_m,
            row.height_sigma_m,
            tuple(presets.get(row.camera_id, ())),
        )
        for row in found
    ]


def presets_of(session: Session, camera_ids: Sequence[str]) -> dict[str, list[Preset]]:
    """Presets by camera, by number."""
    query = select(CameraPresetRow).where(CameraPresetRow.camera_id.in_(camera_ids))
    found: dict[str, list[Preset]] = {}
    for row in session.scalars(query.order_by(CameraPresetRow.camera_id, CameraPresetRow.preset_no)):
        preset = read_preset(Fields(row.settings, file="camera_preset", place=row.camera_id))
        found.setdefault(row.camera_id, []).append(preset)
    return found


def lock_camera(session: Session, camera_id: str) -> None:
    """Events of one camera are taken one after the other."""
    session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": f"camera/{camera_id}"}
    )


def leads_like(session: Session, lead: Lead, span: timedelta) -> list[Lead]:
    """Leads of the same camera, preset and kind within a span of time."""
    told = lead.attributes
    query = select(LeadRow.lead_id).where(
        LeadRow.source == lead.source,
        LeadRow.observed_to.between(lead.observed_to - span, lead.observed_to + span),
        LeadRow.attributes.contains({key: told[key] for key in SAME if key in told}),
    )
    return store.leads_by_id(session, list(session.scalars(query)))


def _lonlat(stored: Any) -> tuple[float, float]:
    longitude, latitude = to_shape(stored).coords[0][:2]
    return float(longitude), float(latitude)
