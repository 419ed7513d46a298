"""Long work of ingest: bring in scenes and layers. Repeating an import finds what stands."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from foundation.blobs import storage_error
from foundation.crs import ellipsoidal_area_m2
from foundation.divisions import divisions
from foundation.errors import Conflict, InvalidInput
from foundation.ids import derived_id
from foundation.jobs import JobQueue
from ingest import service
from ingest.extent import touches
from ingest.layers import (
    LayerFeature,
    LayerKind,
    LayerVersion,
    layer_kind,
    map_fields,
    read_division,
    read_period,
    read_text,
)
from ingest.raster import parse_acquired
from ingest.scenes import SCENE_KINDS, SURFACE, Scene

if TYPE_CHECKING:
    from foundation.runtime import Runtime
    from ingest.sources.geotiff import CheckedImage
    from ingest.sources.vector_file import VectorTable


Progress = Callable[[str, float], None]
"""Told a stage and the share of it that is done."""
WORKPLACE = "importing-scene-"
ABANDONED_AFTER_S = 86_400.0


def silent(stage: str, share: float) -> None:
    """Progress that nobody watches."""


def register(queue: JobQueue) -> None:
    """Add this floor's jobs to the queue."""
    queue.add("ingest.import_scene", _import_scene_job)
    queue.add("ingest.import_layer", _import_layer_job)


def import_scene(
    runtime: Runtime,
    path: Path,
    *,
    county_code: str,
    kind: str = "satellite",
    acquired_at: str | None = None,
    sensor: str | None = None,
    progress: Progress = silent,
) -> Scene:
    """Check an image, rewrite it as a COG, store it.

    Parameters
    ----------
    county_code : str
        Six digits.
    acquired_at : str, optional
        ISO date or instant; wins over the file's own tags. Without either the image is refused: a date is
        never guessed.

    Raises
    ------
    InvalidInput
        See `ingest.sources.geotiff.check_image`; ``ingest.scene.no_date``; ``ingest.scene.elsewhere``: not
        in the county's city; ``ingest.scene.not_a_surface``: more than one band; an unknown county.
    Unavailable
        The disk is full; nothing half-written stays.
    """
    from ingest.sources.geotiff import check_image

    service.county_division(county_code)
    if kind not in SCENE_KINDS:
        raise InvalidInput("ingest.scene.unknown_kind", kind=kind, known=", ".join(SCENE_KINDS))
    runtime.blobs.require_room()
    progress("check", 0.0)
    image = check_image(path)
    _refuse_pictures(image, kind)
    with runtime.database.transaction(runtime.system) as session:
        known = service.find_imported_scene(session, runtime.system, image.info.sha256)
    if known is not None:
        progress("done", 1.0)
        return known
    moment = _acquired(image, acquired_at, county_code=county_code)
    cog_sha256 = _store_cog(runtime, path, progress)
    scene = Scene(
        scene_id=derived_id("scene", image.info.sha256),
        county_code=county_code,
        kind=kind,
        sensor=sensor or image.info.sensor or "unknown",
        acquired_at=moment,
        source_name=path.name,
        source_sha256=image.info.sha256,
        cog_sha256=cog_sha256,
        imported_at=runtime.clock(),
        **image.facts(),
    )
    with runtime.database.transaction(runtime.system) as session:
        stored = service.register_scene(session, runtime.system, scene)
    progress("done", 1.0)
    return stored


def _refuse_pictures(image: CheckedImage, kind: str) -> None:
    if kind == SURFACE and len(image.bands) != 1:
        raise InvalidInput("ingest.scene.not_a_surface", file=image.info.path.name, bands=len(image.bands))


def _store_cog(runtime: Runtime, path: Path, progress: Progress) -> str:
    from ingest.sources.geotiff import write_cog

    progress("convert", 0.0)
    with _workplace(runtime) as folder:
        cog = folder / "scene.tif"
        write_cog(path, cog)
        progress("store", 0.0)
        return runtime.blobs.put_file(cog).sha256


def _acquired(image: CheckedImage, told: str | None, *, county_code: str) -> datetime:
    """When the image was taken, once its place is known to be in the county's city."""
    file = image.info.path.name
    moment = parse_acquired(told, field="--acquired-at") if told else image.info.acquired_at
    if moment is None:
        raise InvalidInput("ingest.scene.no_date", file=file)
    if not touches(image.footprint.bounds, county_code):
        west, south, _, _ = image.footprint.bounds
        place = {"west": round(west, 4), "south": round(south, 4)}
        raise InvalidInput("ingest.scene.elsewhere", file=file, crs=image.crs, **place)
    return moment


def import_layer(
    runtime: Runtime,
    path: Path,
    *,
    kind: str,
    county_code: str,
    valid_from: date | None = None,
    progress: Progress = silent,
) -> LayerVersion:
    """Read a reference layer, check every row, store it as a new version.

    Parameters
    ----------
    valid_from : date, optional
        First day on which this version is the one in force; today where not given.

    Raises
    ------
    InvalidInput
        Unknown kind, missing field, bad date, unknown division, no or wrong CRS, empty layer …: each names
        file, field and row.
    Conflict
        ``ingest.layer.not_newer``; ``ingest.layer.stored_already`` with another first day.
    """
    from ingest.sources.vector_file import source_sha256

    service.county_division(county_code)
    layer_kind(kind)
    progress("read", 0.0)
    digest = source_sha256(path)
    with runtime.database.transaction(runtime.system) as session:
        known = service.find_imported_layer(session, runtime.system, kind, county_code, digest)
    if known is not None:
        progress("done", 1.0)
        return _unless_another_day(known, valid_from, file=path.name)
    version, features = read_layer(
        path,
        kind=kind,
        county_code=county_code,
        now=runtime.clock(),
        valid_from=valid_from,
        digest=digest,
        progress=progress,
    )
    progress("store", 0.0)
    with runtime.database.transaction(runtime.system) as session:
        stored = service.register_layer(session, runtime.system, version, features)
    progress("done", 1.0)
    return stored


def read_layer(
    path: Path,
    *,
    kind: str,
    county_code: str,
    now: datetime,
    valid_from: date | None = None,
    digest: str | None = None,
    progress: Progress = silent,
) -> tuple[LayerVersion, list[LayerFeature]]:
    """Read and check a layer as `import_layer` does, and store nothing.

    Parameters
    ----------
    digest : str, optional
        SHA-256 of the source, where it is known already.

    Raises
    ------
    InvalidInput
        As `import_layer`.
    """
    from ingest.sources.vector_file import read_vector, source_sha256

    service.county_division(county_code)
    spec = layer_kind(kind)
    digest = digest or source_sha256(path)
    table = read_vector(path, names=spec.names, county_code=county_code)
    mapping = map_fields(spec, list(table.columns), file=path.name)
    features = list(_watched(read_features(spec, table, mapping, file=path.name), len(table), progress))
    version = LayerVersion(
        version_id=derived_id("layer", kind, county_code, digest),
        layer_kind=kind,
        county_code=county_code,
        source_name=path.name,
        source_sha256=digest,
        source_crs=table.source_crs,
        feature_count=len(features),
        valid_from=valid_from or now.date(),
        valid_to=None,
        imported_at=now,
        decisions=table.decisions | {"fields": mapping},
    )
    return version, features


def _watched(features: Iterable[LayerFeature], count: int, progress: Progress) -> Iterator[LayerFeature]:
    for number, feature in enumerate(features):
        if number % 1000 == 0:
            progress("rows", number / count)
        yield feature


def _unless_another_day(known: LayerVersion, valid_from: date | None, *, file: str) -> LayerVersion:
    """A version is never changed: whoever names another day for a stored file must be told."""
    if valid_from is not None and valid_from != known.valid_from:
        raise Conflict(
            "ingest.layer.stored_already",
            file=file,
            stored=known.valid_from.isoformat(),
            given=valid_from.isoformat(),
        )
    return known


@contextmanager
def _workplace(runtime: Runtime) -> Iterator[Path]:
    """A folder for the work; what a killed import left a day ago goes first."""
    root = runtime.settings.data_dir
    try:
        for left in root.glob(f"{WORKPLACE}*"):
            if time.time() - left.stat().st_mtime > ABANDONED_AFTER_S:
                shutil.rmtree(left, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=WORKPLACE, dir=root) as folder:
            yield Path(folder)
    except OSError as error:
        raise storage_error(error, root) from error


def read_features(
    spec: LayerKind, table: VectorTable, mapping: Mapping[str, str], *, file: str
) -> Iterator[LayerFeature]:
    """Rows of a source table as features; the first row that breaks a rule is named."""
    tree = divisions()
    names = mapping.get("valid_from", "valid_from"), mapping.get("valid_to", "valid_to")
    for index in range(len(table)):
        row = index + 1
        source = {name: _plain(column[index]) for name, column in table.columns.items()}
        told = {column: source[name] for column, name in mapping.items()}
        code = read_text(told.get("land_class_code"))
        for column in spec.required:
            if read_text(told.get(column)) is None:
                raise InvalidInput("ingest.layer.empty_field", file=file, row=row, field=mapping[column])
        begins, ends = read_period(
            told.get("valid_from"), told.get("valid_to"), file=file, row=row, names=names
        )
        geometry = table.geometries[index]
        yield LayerFeature(
            layer_kind=spec.kind,
            feature_no=read_text(told["feature_no"]) or "",
            name=read_text(told.get("name")) or "",
            division_code=read_division(told.get("division_code"), tree, file=file, row=row),
            land_class_code=code,
            class_scheme=spec.class_scheme if code is not None else None,
            valid_from=begins,
            valid_to=ends,
            attributes=source,
            area_m2=ellipsoidal_area_m2(geometry),
            geometry=geometry,
        )


def _plain(value: Any) -> Any:
    """JSON value of a column value."""
    if value is None or value != value:
        return None
    if isinstance(value, np.datetime64):
        return None if np.isnat(value) else str(value)[:10]
    if isinstance(value, np.generic):
        return value.item()
    return value if isinstance(value, str | int | float | bool) else str(value)


def _import_scene_job(runtime: Runtime, path: str, county_code: str, **options: Any) -> None:
    import_scene(runtime, Path(path), county_code=county_code, **options)


def _import_layer_job(
    runtime: Runtime, path: str, layer_kind: str, county_code: str, valid_from: str | None = None
) -> None:
    day = date.fromisoformat(valid_from) if valid_from else None
    import_layer(runtime, Path(path), kind=layer_kind, county_code=county_code, valid_from=day)
