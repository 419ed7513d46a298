"""Images of the caller's area."""

from __future__ import annotations

import json

import shapely

from ingest import service as ingest
from ingest.scenes import Scene
from webmap.deps import SignedIn, noun_router
from webmap.schemas.basics import Geometry
from webmap.schemas.platform import SceneInfo, SceneList

router = noun_router("scenes")


@router.get("/scenes", summary="All scenes, newest first")
def list_scenes(caller: SignedIn) -> SceneList:
    """Their tiles are at `/tiles/scenes/{scene_id}`. Surface models are no pictures and are left out."""
    with caller.transaction() as session:
        scenes = [scene for scene in ingest.list_scenes(session, caller.actor) if not scene.is_surface]
    newest_first = sorted(scenes, key=lambda scene: (scene.acquired_at, str(scene.scene_id)), reverse=True)
    return SceneList(items=[_info(scene) for scene in newest_first])


def _info(scene: Scene) -> SceneInfo:
    return SceneInfo(
        scene_id=scene.scene_id,
        acquired_at=scene.acquired_at,
        sensor=scene.sensor,
        platform=scene.sensor.split()[0] if scene.sensor else None,
        gsd_m=scene.gsd_m,
        cloud_pct=scene.cloud_pct,
        kind=scene.kind,
        footprint=Geometry.model_validate(json.loads(shapely.to_geojson(scene.footprint))),
        bands=list(scene.bands),
    )
