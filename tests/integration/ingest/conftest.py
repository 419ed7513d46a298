"""Inputs of the ingest tests: the small demonstration county, tiny images and layers made to be wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from numpy.typing import NDArray
from sqlalchemy import text

from foundation.errors import LandwardenError, known_codes
from foundation.runtime import Runtime
from ingest.sources.synthetic.county import CountyFiles, build_county

COUNTY = "410883"
TABLES = ("scene", "layer_version", "layer_feature", "audit_entry")
HAN = re.compile("[\u4e00-\u9fff]")
PLACE = Affine(2.0, 0.0, 384918.0, 0.0, -2.0, 3870460.0)
"""Somewhere in 孟州, EPSG:4547."""
SQUARE = shapely.box(112.745, 34.945, 112.747, 34.947)

Refused = Callable[..., AbstractContextManager[None]]
MakeImage = Callable[..., Path]
MakeLayer = Callable[..., Path]


@pytest.fixture(scope="session")
def county(tmp_path_factory: pytest.TempPathFactory) -> CountyFiles:
    """Built once a session; tests only read it."""
    return build_county(tmp_path_factory.mktemp("county"), size="small")


def stored(runtime: Runtime) -> dict[str, Any]:
    """All that an import could leave: rows by table, outlines of divisions, files of the data folder."""
    with runtime.database.transaction(runtime.system) as session:
        counts = {
            table: session.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() for table in TABLES
        }
        counts["outlines"] = session.execute(text("SELECT count(outline) FROM division")).scalar_one()
        counts["open"] = session.execute(
            text("SELECT count(*) FROM layer_version WHERE valid_to IS NULL")
        ).scalar_one()
    root = runtime.settings.data_dir
    files = sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())
    return counts | {"files": files}


@pytest.fixture
def refused(runtime: Runtime) -> Refused:
    """Expect a refusal by code: its texts are whole in both languages, and nothing was stored."""

    @contextmanager
    def expect(code: str, kind: type[LandwardenError], /, **facts: Any) -> Iterator[None]:
        before = stored(runtime)
        with pytest.raises(kind) as caught:
            yield
        error = caught.value
        assert error.code == code, str(error)
        assert code in known_codes()
        chinese, english = error.text("zh"), error.text("en")
        assert HAN.search(chinese)
        assert chinese != english
        assert "{" not in chinese + english
        for name, value in facts.items():
            assert error.facts[name] == value
            assert str(value) in english
        assert stored(runtime) == before

    return expect


@pytest.fixture
def make_image(tmp_path: Path) -> MakeImage:
    """Write a small GeoTIFF; keyword arguments override its profile."""

    def make(name: str = "scene.tif", *, pixels: NDArray[Any] | None = None, **profile: Any) -> Path:
        if pixels is None:
            pixels = np.random.default_rng(7).integers(300, 3000, (4, 96, 128)).astype(np.uint16)
        bands, rows, cols = pixels.shape
        settings: Mapping[str, Any] = {
            "driver": "GTiff", "width": cols, "height": rows, "count": bands, "dtype": pixels.dtype.name,
            "crs": "EPSG:4547", "transform": PLACE, "nodata": 0,
        } | profile  # fmt: skip
        path = tmp_path / name
        with rasterio.open(path, "w", **settings) as sink:
            sink.write(pixels)
            sink.update_tags(ACQUIRED_AT="2026-09-08T11:05:00+08:00", SENSOR="GF-1 PMS")
        return path

    return make


@pytest.fixture
def make_layer(tmp_path: Path) -> MakeLayer:
    """Write a temporary-use layer of one good row; columns, shapes and CRS may be replaced."""

    def make(
        name: str = "LSYD.gpkg",
        *,
        shapes: list[Any] | None = None,
        crs: str | int | None = 4490,
        columns: dict[str, list[Any]] | None = None,
        drop: str = "",
        **options: Any,
    ) -> Path:
        shapes = [SQUARE] if shapes is None else shapes
        values: dict[str, list[Any]] = {
            "PZWH": ["孟自然资临〔2026〕1号"], "XMMC": ["南水北调配套工程临时用地"],
            "XZQDM": ["410883105202"], "PZRQ": ["2026-03-01"], "JSRQ": ["2028-02-29"],
        }  # fmt: skip
        values = {key: value * len(shapes) for key, value in values.items() if key != drop} | (columns or {})
        path = tmp_path / name
        frame = geopandas.GeoDataFrame(values, geometry=shapes, crs=crs)
        if path.suffix == ".kml":
            options["driver"] = "KML"
        frame.to_file(path, engine="pyogrio", **options)
        return path

    return make
