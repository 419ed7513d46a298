"""Map tiles: scenes as WebP, patches and reference layers as vector tiles."""

from __future__ import annotations

from uuid import UUID

from fastapi import Request, Response

from ingest import service as ingest
from ingest.layers import layer_kind
from webmap import store
from webmap.deps import SignedIn, noun_router
from webmap.tiles import images, vectors
from webmap.tiles.grid import tile_of

router = noun_router("tiles")
IMMUTABLE = "private, max-age=31536000, immutable"
REVALIDATE = "private, no-cache"
COUNTY_DIGITS = 6


@router.get("/tiles/scenes/{scene_id}/{z}/{x}/{y}.webp", summary="256 px tile of a scene, EPSG:3857")
def read_scene_tile(caller: SignedIn, request: Request, scene_id: UUID, z: int, x: int, y: int) -> Response:
    """Transparent where the scene does not reach. A scene never changes, so neither does its tile."""
    tile = tile_of(z, x, y)
    with caller.transaction() as session:
        scene = ingest.get_scene(session, caller.actor, scene_id)
    etag = f'"{scene.cog_sha256[:24]}-{images.LOOK}"'
    if request.headers.get("if-none-match") == etag:
        return _unchanged(etag, IMMUTABLE)
    picture = images.picture_of(scene, caller.runtime.blobs.path(scene.cog_sha256))
    data = caller.web.shelf.get_or_make((scene.cog_sha256, tile), lambda: images.draw_tile(picture, tile))
    return Response(data, media_type=images.MEDIA_TYPE, headers={"ETag": etag, "Cache-Control": IMMUTABLE})


@router.get("/tiles/patches/{z}/{x}/{y}.pbf", summary="Vector tile of the patches")
def read_patch_tile(caller: SignedIn, request: Request, z: int, x: int, y: int) -> Response:
    """Layer `patches`: id, number, state, severity, change_class, area_m2; from zoom 8."""
    tile = tile_of(z, x, y)
    with caller.transaction() as session:
        made = vectors.patch_tile(session, tile)
    return _vector(request, made.data, f'"{made.etag}"')


@router.get("/tiles/layers/{kind}/{z}/{x}/{y}.pbf", summary="Vector tile of a reference layer")
def read_layer_tile(caller: SignedIn, request: Request, kind: str, z: int, x: int, y: int) -> Response:
    """Layer named after its kind: id, no, name, class, area_m2. Empty below the layer's `min_zoom`."""
    tile, catalogued = tile_of(z, x, y), layer_kind(kind)
    with caller.transaction() as session:
        versions = store.newest_versions(session, kind)
        tag = vectors.version_tag(versions, caller.actor.area_prefix[:COUNTY_DIGITS])
        etag = f'"{tag}"'
        if request.headers.get("if-none-match") == etag:
            return _unchanged(etag, REVALIDATE)
        if tile.z < catalogued.min_zoom or not versions:
            return _vector(request, b"", etag)
        data = caller.web.shelf.get_or_make(
            (tag, kind, tile), lambda: vectors.feature_tile(session, kind, versions, tile)
        )
    return _vector(request, data, etag)


def _vector(request: Request, data: bytes, etag: str) -> Response:
    if request.headers.get("if-none-match") == etag:
        return _unchanged(etag, REVALIDATE)
    headers = {"ETag": etag, "Cache-Control": REVALIDATE}
    return Response(data, media_type=vectors.MEDIA_TYPE, headers=headers)


def _unchanged(etag: str, cache_control: str) -> Response:
    return Response(status_code=304, headers={"ETag": etag, "Cache-Control": cache_control})
