"""How much of every patch lies in one layer version: all patches at once, by the integral. Nothing is judged.

The areas are those that a bureau looks through before it asks what would flip; a judgement measures its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import numpy as np
import shapely
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from detection import store as detection_store
from detection.judging.areas.authalic import Cylinder
from detection.judging.areas.join import SharedAreas, shared_areas
from detection.judging.areas.layer_shelf import LayerShelf, shelf_key
from detection.judging.areas.ragged import Ragged, ragged_of
from detection.patches import Patch
from foundation import access
from foundation.access import Actor
from ingest import service as ingest

SHELF = "areas"
"""Folder of the mapped layers, below the data folder."""
RIGHT = "judgement.what_if"


@dataclass(frozen=True, slots=True)
class Touch:
    """One patch that shares ground with a layer version.

    Attributes
    ----------
    area_m2 : float
        Ellipsoidal, ground under two features counted twice.
    share : float
        Of the patch's own area.
    features : int
        How many features it shares ground with.
    """

    patch_id: UUID
    number: str
    area_m2: float
    share: float
    features: int


def touched(session: Session, actor: Actor, version_id: UUID, data_dir: Path) -> list[Touch]:
    """Patches of the actor's area that share ground with a stored layer version, the largest areas first.

    Parameters
    ----------
    data_dir : Path
        Mapped layers are kept in its folder ``areas``, which may be deleted at any time.

    Raises
    ------
    NotFound
        ``ingest.layer.version_not_found``.
    """
    access.require(actor, RIGHT)
    version = ingest.get_layer_version(session, actor, version_id)
    patches = [
        patch
        for patch in detection_store.patches(session)
        if access.allows(actor, RIGHT, patch.division_code)
    ]
    if not patches:
        return []
    cylinder = _cylinder(patches)
    key = shelf_key(version.layer_kind, [str(version_id), version.source_sha256], cylinder)

    def made() -> Ragged:
        features = ingest.features_of(session, actor, version_id)
        return ragged_of([feature.geometry for feature in features], cylinder)

    layer = LayerShelf(data_dir / SHELF).layer(key, made)
    outlines = ragged_of([patch.shape.outline for patch in patches], cylinder)
    shared = shared_areas(outlines, layer)
    return _as_touches(patches, outlines.areas_m2(), shared)


def _as_touches(patches: Sequence[Patch], whole_m2: NDArray[np.float64], shared: SharedAreas) -> list[Touch]:
    sums = shared.by_patch_m2(len(patches))
    counts = np.bincount(shared.patch, minlength=len(patches))
    found = [
        Touch(
            patches[place].patch_id,
            patches[place].number,
            round(float(sums[place]), 3),
            round(float(sums[place] / whole_m2[place]), 6),
            int(counts[place]),
        )
        for place in np.flatnonzero(counts).tolist()
    ]
    return sorted(found, key=lambda touch: (-touch.area_m2, touch.number))


def _cylinder(patches: Sequence[Patch]) -> Cylinder:
    """The plane of whole degrees next to the patches; the same for a county whatever patches it has."""
    centres = shapely.get_coordinates(shapely.centroid([patch.shape.outline for patch in patches]))
    longitude, latitude = np.round(np.median(centres, axis=0))
    return Cylinder(float(longitude), float(latitude))
