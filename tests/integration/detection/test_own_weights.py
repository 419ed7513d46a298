"""A bureau's own weights: a comparison made with others is another run, and its leads say so."""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from sqlalchemy import text

from detection import jobs
from detection.learning.made.pairs import make_pair
from detection.pixels.net.inference import MODEL_FILE
from detection.pixels.pipeline import VERSION
from foundation.runtime import Runtime
from ingest.jobs import import_layer, import_scene
from ingest.sources.synthetic.county import CountyFiles, build_county

COUNTY = "410883"
SIDE_PX = 330


@pytest.fixture(scope="module")
def county(tmp_path_factory: pytest.TempPathFactory) -> CountyFiles:
    return build_county(tmp_path_factory.mktemp("county"), size="small")


@pytest.fixture
def pictures(runtime: Runtime, county: CountyFiles, tmp_path: Path) -> tuple[str, str]:
    """Ids of two imported colour pictures of new houses, laid into the county."""
    runtime.settings.data_dir.mkdir(parents=True, exist_ok=True)
    surveyed = date(2024, 1, 1)
    import_layer(runtime, county.layers["division"], kind="division", county_code=COUNTY, valid_from=surveyed)
    made = make_pair(9_000_029, side_px=SIDE_PX)
    with rasterio.open(county.before) as source:
        place = {"crs": source.crs, "transform": source.transform @ Affine.translation(200, 150)}
    shape = {"count": 3, "height": SIDE_PX, "width": SIDE_PX, "dtype": "uint8", "nodata": 0}
    ids = []
    for name, seen, day in (("a", made.before, "2025-03-01"), ("b", made.after, "2025-09-01")):
        path = tmp_path / f"{name}.tif"
        with rasterio.open(path, "w", driver="GTiff", **shape, **place) as sink:
            sink.write(np.maximum(np.moveaxis(seen, -1, 0), 1))
        ids.append(str(import_scene(runtime, path, county_code=COUNTY, acquired_at=day).scene_id))
    return ids[0], ids[1]


def test_other_weights_make_another_run_and_its_leads_name_them(
    runtime: Runtime, pictures: tuple[str, str]
) -> None:
    shipped = jobs.detect(runtime, *pictures)
    assert jobs.detect(runtime, *pictures) == shipped
    own = runtime.settings.data_dir / "models" / "siamese.onnx"
    own.parent.mkdir()
    own.write_bytes(MODEL_FILE.read_bytes() + b"\x32\x03own")
    taught = jobs.detect(runtime, *pictures)
    assert taught != shipped
    named = {
        run: f"{VERSION}+{hashlib.sha256(path.read_bytes()).hexdigest()[:12]}"
        for run, path in ((shipped, MODEL_FILE), (taught, own))
    }
    with runtime.database.transaction(runtime.system) as session:
        query = text(
            "SELECT r.run_id, r.method_version, l.attributes->>'version' AS lead_version "
            "FROM detection_run r JOIN lead l USING (run_id)"
        )
        rows = session.execute(query).all()
    assert {row.run_id for row in rows} == set(named)
    assert all(row.method_version == row.lead_version == named[row.run_id] for row in rows)
    own.unlink()
    assert jobs.detect(runtime, *pictures) == shipped
