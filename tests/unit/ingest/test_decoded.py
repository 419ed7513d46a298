"""File blocks kept from the sample: what is read through them is what lies in the file."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.decoded import DecodedBlocks

SIDE, BLOCK, BANDS = 700, 256, 3
INDEXES = [1, 3]


def _written(path: Path, **options: object) -> np.ndarray:
    pixels = np.random.default_rng(4108).integers(0, 4000, (BANDS, SIDE, SIDE)).astype(np.uint16)
    grid = {"crs": "EPSG:4547", "transform": Affine(2.0, 0, 420_000, 0, -2.0, 3_850_000)}
    profile = {**grid, "driver": "GTiff", "width": SIDE, "height": SIDE, "count": BANDS, "dtype": "uint16"}
    with rasterio.open(path, "w", **profile, **options) as sink:
        sink.write(pixels)
    return pixels[[0, 2]]


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray]:
    path = tmp_path_factory.mktemp("decoded") / "packed.tif"
    return path, _written(path, tiled=True, blockxsize=BLOCK, blockysize=BLOCK, compress="deflate")


rects = st.tuples(st.integers(0, SIDE - 1), st.integers(0, SIDE - 1)).flatmap(
    lambda at: st.tuples(
        st.just(at[0]), st.just(at[1]), st.integers(1, SIDE - at[0]), st.integers(1, SIDE - at[1])
    )
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sampled=st.lists(rects, max_size=5), read=st.lists(rects, min_size=1, max_size=4))
def test_what_is_read_through_kept_blocks_lies_in_the_file(packed, sampled, read) -> None:
    path, pixels = packed
    decoded = DecodedBlocks()
    with rasterio.open(path) as source:
        for row, col, rows, cols in sampled:
            seen = decoded.sample(0, source, (row, col, rows, cols), INDEXES, path)
            assert np.array_equal(seen, pixels[:, row : row + rows, col : col + cols])
        for row, col, rows, cols in read:
            room = np.full((2, rows + 5, cols), 7, np.uint16)
            decoded.fill(0, source, (row, col, rows, cols), INDEXES, path, room[:, 5:])
            assert np.array_equal(room[:, 5:], pixels[:, row : row + rows, col : col + cols])
            assert (room[:, :5] == 7).all()


class _Counting:
    """A file that counts what is asked of it."""

    def __init__(self, source: rasterio.DatasetReader) -> None:
        self._source, self.windows = source, []

    def __getattr__(self, name: str) -> object:
        return getattr(self._source, name)

    def read(self, *parts: object, **options: object) -> object:
        self.windows.append(options["window"])
        return self._source.read(*parts, **options)


def _windows_of_two_samples_and_a_pass(path: Path, decoded: DecodedBlocks) -> list[tuple[int, int]]:
    """Width and height of what was read."""
    with rasterio.open(path) as source:
        counting = _Counting(source)
        for row in (300, 310):
            decoded.sample(1, counting, (row, 300, 60, 60), INDEXES, path)
        decoded.fill(1, counting, (256, 200, 256, 400), INDEXES, path, np.empty((2, 256, 400), np.uint16))
    return [(int(window.width), int(window.height)) for window in counting.windows]


def test_a_block_of_the_sample_is_decoded_once(packed) -> None:
    windows = _windows_of_two_samples_and_a_pass(packed[0], DecodedBlocks())
    assert windows == [(BLOCK, BLOCK), (56, 256), (88, 256)]  # the pass reads what lies beside the block


def test_what_need_not_be_decoded_is_not_kept(tmp_path: Path) -> None:
    plain = tmp_path / "plain.tif"
    _written(plain, tiled=True, blockxsize=BLOCK, blockysize=BLOCK)
    strips = tmp_path / "strips.tif"
    _written(strips, compress="deflate", tiled=False)
    for path in (plain, strips):
        assert _windows_of_two_samples_and_a_pass(path, DecodedBlocks()) == [(60, 60), (60, 60), (400, 256)]


def test_another_process_gets_none(packed) -> None:
    decoded = DecodedBlocks()
    _windows_of_two_samples_and_a_pass(packed[0], decoded)
    sent = pickle.loads(pickle.dumps(decoded))
    assert len(pickle.dumps(decoded)) < 200
    assert len(_windows_of_two_samples_and_a_pass(packed[0], sent)) == 3
