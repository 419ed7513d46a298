"""Verbs of ingest: register what was checked, hand out what is stored, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from uuid import UUID

from shapely.geometry.base import BaseGeometry
from sqlalchemy.orm import Session

from foundation import audit
from foundation.access import Actor, require
from foundation.blobs import BlobStore
from foundation.divisions import divisions
from foundation.errors import Conflict, InvalidInput, NotFound
from ingest import store
from ingest.layers import LayerFeature, LayerVersion, layer_kind
from ingest.scenes import Scene

ONLY = UUID(int=0)


def county_division(county_code: str) -> str:
    """12-digit code of a county given by six digits.

    Raises
    ------
    InvalidInput
        ``foundation.division.malformed`` or ``foundation.division.unknown``.
    """
    division = divisions().get(county_code.ljust(12, "0") if len(county_code) == 6 else county_code)
    if division.level != 3:
        raise InvalidInput("ingest.county.not_a_county", name=division.name, division=county_code)
    return division.code


def register_scene(session: Session, actor: Actor, scene: Scene) -> Scene:
    """Store a scene; one that was imported from the same file before is returned instead."""
    require(actor, "scene.import", county_division(scene.county_code))
    store.lock_source(session, scene.source_sha256)
    known = store.find_scene_by_source(session, scene.source_sha256)
    if known is not None:
        return known
    store.insert_scene(session, scene)
    facts = {
        "source": scene.source_name,
        "sha256": scene.source_sha256,
        "acquired_at": scene.acquired_at.isoformat(),
        "sensor": scene.sensor,
    }
    subject = ("scene", scene.scene_id)
    audit.record(session, actor, "ingest.scene.imported", subject=subject, at=scene.imported_at, facts=facts)
    return scene


def find_imported_scene(session: Session, actor: Actor, source_sha256: str) -> Scene | None:
    """The scene that a file became, if it was imported already."""
    require(actor, "scene.import")
    return store.find_scene_by_source(session, source_sha256)


def get_scene(session: Session, actor: Actor, scene_id: UUID) -> Scene:
    """One scene.

    Raises
    ------
    NotFound
        ``ingest.scene.not_found``: it does not exist or lies outside the actor's area.
    """
    require(actor, "scene.view")
    scene = store.find_scene(session, scene_id)
    if scene is None:
        raise NotFound("ingest.scene.not_found", scene_id=str(scene_id))
    return scene


def cog_path(blobs: BlobStore, scene: Scene) -> Path:
    """Where the COG of a scene lies, for tiles and detection.

    Raises
    ------
    NotFound
        ``foundation.blobs.not_found``.
    """
    return blobs.path(scene.cog_sha256)


def list_scenes(session: Session, actor: Actor) -> list[Scene]:
    """Scenes that the actor may see, oldest first."""
    require(actor, "scene.view")
    return store.list_scenes(session)


def register_layer(
    session: Session, actor: Actor, version: LayerVersion, features: Sequence[LayerFeature]
) -> LayerVersion:
    """Store a new version of a layer; the former one ends the day before it and stays readable for ever.

    Raises
    ------
    Conflict
        ``ingest.layer.not_newer`` when a version that begins later or the same day is stored already.
    """
    require(actor, "layer.import", county_division(version.county_code))
    layer_kind(version.layer_kind)
    store.lock_layer(session, version.layer_kind, version.county_code)
    known = store.find_version_by_source(
        session, version.layer_kind, version.county_code, version.source_sha256
    )
    if known is not None:
        return known
    for newest in store.newest_versions(session):
        same = (newest.layer_kind, newest.county_code) == (version.layer_kind, version.county_code)
        if same and newest.valid_from >= version.valid_from:
            raise Conflict(
                "ingest.layer.not_newer",
                layer=layer_kind(version.layer_kind).zh,
                given=version.valid_from.isoformat(),
                stored=newest.valid_from.isoformat(),
            )
    store.replace_newest(session, version.layer_kind, version.county_code, version.valid_from)
    store.insert_version(session, version)
    store.copy_features(session, version, features)
    if version.layer_kind == "division":
        store.set_division_outlines(session, features)
    facts = {
        "layer": version.layer_kind,
        "source": version.source_name,
        "sha256": version.source_sha256,
        "features": version.feature_count,
    }
    subject = ("layer_version", version.version_id)
    audit.record(
        session, actor, "ingest.layer.imported", subject=subject, at=version.imported_at, facts=facts
    )
    return version


def find_imported_layer(
    session: Session, actor: Actor, kind: str, county_code: str, source_sha256: str
) -> LayerVersion | None:
    """The version that a file became for a county, if it was imported already."""
    require(actor, "layer.import")
    return store.find_version_by_source(session, kind, county_code, source_sha256)


def list_layers(session: Session, actor: Actor) -> list[LayerVersion]:
    """The newest version of every layer that the actor may see."""
    require(actor, "layer.view")
    return store.newest_versions(session)


def layers_in_force(
    session: Session, actor: Actor, kinds: Sequence[str], on_date: date | datetime
) -> list[LayerVersion]:
    """Versions of some kinds in force on a day."""
    require(actor, "layer.view")
    day = on_date.date() if isinstance(on_date, datetime) else on_date
    return store.versions_in_force(session, kinds, day)


def layer_versions(session: Session, actor: Actor, kind: str, county_code: str) -> list[LayerVersion]:
    """Every version of one layer of a county, oldest first."""
    require(actor, "layer.view")
    return store.versions_of(session, layer_kind(kind).kind, county_code)


def get_layer_version(session: Session, actor: Actor, version_id: UUID) -> LayerVersion:
    """One version of a layer.

    Raises
    ------
    NotFound
        ``ingest.layer.version_not_found``: it does not exist or lies outside the actor's area.
    """
    require(actor, "layer.view")
    version = store.find_version(session, version_id)
    if version is None:
        raise NotFound("ingest.layer.version_not_found", version_id=str(version_id))
    return version


def features_numbered(
    session: Session, actor: Actor, version_id: UUID, feature_no: str
) -> list[LayerFeature]:
    """Features of one version that bear a number."""
    require(actor, "layer.view")
    return store.features_numbered(session, version_id, feature_no)


def features_of(session: Session, actor: Actor, version_id: UUID) -> list[LayerFeature]:
    """All features of one version, by number."""
    require(actor, "layer.view")
    return store.features_of(session, version_id)


def features_in(
    session: Session, actor: Actor, kinds: Sequence[str], geometry: BaseGeometry, on_date: date
) -> list[LayerFeature]:
    """Features that touch or cover a geometry (EPSG:4490), from the versions in force on a day."""
    return features_for_patches(session, actor, kinds, {ONLY: geometry}, on_date)[ONLY]


def features_for_patches(
    session: Session, actor: Actor, kinds: Sequence[str], outlines: Mapping[UUID, BaseGeometry], on_date: date
) -> dict[UUID, list[LayerFeature]]:
    """`features_in` for many outlines in one query."""
    versions = [version.version_id for version in layers_in_force(session, actor, kinds, on_date)]
    return store.features_meeting(session, versions, outlines)
