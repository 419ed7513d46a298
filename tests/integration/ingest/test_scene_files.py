"""Images as files: damaged inside, with sidecars, and through the command."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.crs import CRS

from foundation.errors import LandwardenError
from foundation.runtime import Runtime
from ingest.jobs import import_scene
from ingest.sources.geotiff import write_cog

COUNTY = "410883"
PLACE = Affine(2.0, 0.0, 388_000.0, 0.0, -2.0, 3_866_000.0)
TAGS = {"ACQUIRED_AT": "2026-09-08T11:12:00+08:00", "SENSOR": "GF-1 PMS", "CLOUD_PCT": "3.5"}


def image(path: Path, *, crs: int | None = 4547) -> Path:
    """A four-band uint16 image of 600 × 700 pixels at 2 m, its left 100 columns nodata."""
    pixels = np.random.default_rng(1).integers(200, 4000, (4, 600, 700)).astype(np.uint16)
    pixels[:, :, :100] = 0
    profile = {
        "driver": "GTiff", "count": 4, "height": 600, "width": 700, "dtype": "uint16", "nodata": 0,
        "transform": PLACE, "tiled": True, "compress": "deflate", "blockxsize": 256, "blockysize": 256,
    }  # fmt: skip
    if crs is not None:
        profile["crs"] = CRS.from_epsg(crs)
    with rasterio.open(path, "w", **profile) as sink:
        sink.write(pixels)
        sink.update_tags(**TAGS)
    return path


def _damaged(path: Path) -> Path:
    """One block cannot be decoded, though the headers are whole."""
    image(path)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 20_000] = b"\xff" * 20_000
    path.write_bytes(bytes(data))
    return path


def test_a_block_that_cannot_be_decoded_is_not_called_a_full_disk(tmp_path: Path) -> None:
    path, cog = _damaged(tmp_path / "a.tif"), tmp_path / "cog.tif"
    with pytest.raises(LandwardenError) as caught:
        write_cog(path, cog)
    assert caught.value.code == "ingest.raster.corrupt"
    assert [file.name for file in tmp_path.iterdir()] == ["a.tif"]


def test_sidecars_are_not_read(runtime: Runtime, tmp_path: Path) -> None:
    """A world file, an overview and an .aux.xml beside the image change nothing."""
    path = image(tmp_path / "a.tif", crs=None)
    path.with_suffix(".tfw").write_text("2\n0\n0\n-2\n388001\n3865999\n")
    path.with_suffix(".tif.aux.xml").write_text("<PAMDataset><SRS>EPSG:4547</SRS></PAMDataset>")
    with pytest.raises(LandwardenError) as caught:
        import_scene(runtime, path, county_code=COUNTY)
    assert caught.value.code == "ingest.raster.no_crs"


def test_command_imports_and_lists(runtime: Runtime, tmp_path: Path, owner_url: str) -> None:
    path = image(tmp_path / "a.tif")
    url = runtime.database.engine.url.render_as_string(hide_password=False)
    variables = {
        "LANDWARDEN_DATA_DIR": str(runtime.settings.data_dir),
        "LANDWARDEN_DATABASE_URL": url,
        "LANDWARDEN_MIGRATION_URL": owner_url,
        "LANDWARDEN_DISK_LOW_WATER_MB": "1",
        "PATH": "/usr/bin:/bin",
    }

    def command(*words: str) -> subprocess.CompletedProcess[str]:
        program = str(Path(sys.executable).with_name("landwarden"))
        return subprocess.run(
            [program, "ingest", *words], env=variables, capture_output=True, text=True, check=False
        )

    done = command("scene", str(path), "--county", COUNTY)
    assert done.returncode == 0, done.stderr
    assert "COG" in done.stderr
    listed = command("list")
    assert listed.stdout.split()[0] == done.stdout.split()[0]
    assert "GF-1 PMS" in listed.stdout
    wrong = command("scene", str(tmp_path / "none.tif"), "--county", COUNTY)
    assert wrong.returncode == 2
    assert "[ingest.raster.missing]" in wrong.stderr
    queued = command("scene", str(path), "--county", COUNTY, "--queue")
    assert "queued" in queued.stdout
