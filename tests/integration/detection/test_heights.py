"""Two surface models, imported, compared, fused and judged: storeys that no image shows become a patch."""

from __future__ import annotations

from datetime import date
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import rasterio
import shapely
from PIL import Image

from detection import jobs, service
from foundation.crs import reproject
from foundation.runtime import Runtime
from ingest.jobs import import_layer, import_scene
from ingest.layers import catalogue
from ingest.sources.synthetic.county import CountyFiles, build_county

COUNTY = "410883"
RISE_M = 6.4


@pytest.fixture(scope="module")
def county(tmp_path_factory: pytest.TempPathFactory) -> CountyFiles:
    return build_county(tmp_path_factory.mktemp("county"), size="small")


def _raised(county: CountyFiles, path: Path) -> shapely.Polygon:
    """The second model with two storeys on one old works roof of 14 × 10 pixels; where (EPSG:4547)."""
    with rasterio.open(county.dsm_before) as source:
        before = source.read(1)
    with rasterio.open(county.dsm_after) as source:
        after, profile = source.read(1), source.profile
        tags, transform = source.tags(), source.transform
    window = np.lib.stride_tricks.sliding_window_view(before, (10, 14))
    steady = np.abs(np.lib.stride_tricks.sliding_window_view(after - before, (10, 14)) - 0.42)
    is_roof = (window.max(axis=(2, 3)) - window.min(axis=(2, 3)) < 1.6) & (steady.max(axis=(2, 3)) < 1.6)
    ground = np.lib.stride_tricks.sliding_window_view(before, (60, 60)).min(axis=(2, 3))
    places = np.argwhere(is_roof[25:-60, 25:-60]) + 25
    row, col = next(at for at in places if before[at[0] + 5, at[1] + 7] - ground[tuple(at - 25)] > 7)
    after[row : row + 10, col : col + 14] += RISE_M
    with rasterio.open(path, "w", **profile) as target:
        target.write(after, 1)
        target.set_band_description(1, "height")
        target.update_tags(**tags)
    left, top = transform @ (int(col), int(row))
    right, bottom = transform @ (int(col) + 14, int(row) + 10)
    return shapely.box(left, bottom, right, top)


def test_storeys_on_an_old_roof_become_a_judged_patch(
    runtime: Runtime, county: CountyFiles, tmp_path: Path
) -> None:
    place = _raised(county, tmp_path / "raised.tif")
    runtime.settings.data_dir.mkdir(parents=True, exist_ok=True)
    for kind, path in county.layers.items():
        if kind in catalogue():
            import_layer(runtime, path, kind=kind, county_code=COUNTY, valid_from=date(2026, 1, 1))
    scenes = [
        import_scene(runtime, path, county_code=COUNTY, kind="surface")
        for path in (county.dsm_before, tmp_path / "raised.tif")
    ]
    jobs.detect(runtime, *(str(scene.scene_id) for scene in scenes))
    jobs.fuse_and_judge(runtime)
    with runtime.database.transaction(runtime.system) as session:
        patches = [
            patch
            for patch in service.list_patches(session, runtime.system)
            if reproject(patch.shape.outline, 4490, 4547).intersects(place.buffer(-4))
        ]
        [patch] = patches
        [lead] = service.patch_detail(session, runtime.system, patch.patch_id).leads
        judgement = service.get_judgement(session, runtime.system, patch.patch_id)
    assert (patch.shape.change_class, lead.source) == ("storeys_added", "surface")
    outline = reproject(patch.shape.outline, 4490, 4547)
    assert outline.intersection(place).area / outline.union(place).area > 0.8
    facts = lead.attributes["statistics"]
    assert facts["volume_min_m3"] < place.area * RISE_M < facts["volume_max_m3"]
    assert facts["storeys"] == 2
    assert judgement is not None
    chips = [
        np.asarray(Image.open(BytesIO(runtime.blobs.read(sha256)))).astype(int)
        for sha256 in (lead.before_chip_sha256, lead.after_chip_sha256)
    ]
    centre = [chip[130:150, 170:190].mean(axis=(0, 1)) for chip in chips]
    assert np.abs(centre[0] - centre[1]).max() > 25
