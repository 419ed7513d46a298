"""Registration: known shifts come back, and what does not register is never compared."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from detection.pixels.align import read_aligned, register
from foundation.errors import InvalidInput
from ingest.pair import Box, open_pair


def shifted(pixels: np.ndarray, dx: np.ndarray, dy: np.ndarray) -> np.ndarray:
    """Picture whose content has moved by (dx, dy): out(x + d) = in(x)."""
    rows, cols = pixels.shape[1:]
    ys, xs = np.mgrid[0:rows, 0:cols].astype(np.float32)
    x, y = (xs - dx).astype(np.float32), (ys - dy).astype(np.float32)
    return np.stack(
        [cv2.remap(band, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT) for band in pixels]
    )


def written(scenes, folder, before, after):
    first = scenes.write(folder / "a.tif", scenes.as_words(before))
    return open_pair(first, scenes.write(folder / "b.tif", scenes.as_words(after)))


def test_a_shift_is_measured_and_mended(scenes, tmp_path):
    pair = scenes.optical_pair((512, 512))
    moved = shifted(pair.after, np.float32(2.3), np.float32(-1.6))
    images = written(scenes, tmp_path, pair.before, moved)
    found = register(images)
    dx, dy = found.shifts(np.array([256.0]), np.array([256.0]))
    assert (dx[0], dy[0]) == (pytest.approx(2.3, abs=0.15), pytest.approx(-1.6, abs=0.15))
    assert found.inlier_share > 0.8
    with images.reader() as reader:
        aligned = read_aligned(reader, Box(100, 100, 200, 200), found)
    wanted = pair.after[:, 100:300, 100:300] * 10
    assert np.abs(aligned.after - wanted).mean() < 0.05 * wanted.mean()


def test_a_slowly_varying_shift_is_followed(scenes, tmp_path):
    pair = scenes.optical_pair((1024, 1024), planted=False)
    ys, xs = np.mgrid[0:1024, 0:1024] / 1024.0
    dx, dy = 2.0 + 1.2 * np.sin(3.0 * xs + 1.0), -1.0 + 1.0 * np.cos(2.6 * ys)
    images = written(scenes, tmp_path, pair.before, shifted(pair.after, dx, dy))
    found = register(images)
    at = np.array([150.0, 512.0, 850.0])
    got_x, got_y = found.shifts(at, at)
    inside = (at.astype(int), at.astype(int))
    assert found.residual_px < 0.3
    assert np.abs(got_x - dx[inside]).max() < 0.35
    assert np.abs(got_y - dy[inside]).max() < 0.35


def test_two_places_are_not_comparable(scenes, tmp_path):
    before, after = (scenes.optical_pair((400, 400), seed=seed) for seed in (7, 1907))
    with pytest.raises(InvalidInput) as refusal:
        register(written(scenes, tmp_path, before.before, after.after))
    assert refusal.value.code == "detection.pair.not_comparable"


def test_a_small_picture_is_taken_as_delivered_and_says_so(scenes, tmp_path):
    pair = scenes.optical_pair((120, 120))
    found = register(written(scenes, tmp_path, pair.before, pair.after))
    assert found.status == "as_delivered"
    assert "as delivered" in found.note


def test_the_cut_of_a_block_never_changes_its_pixels(scenes, tmp_path):
    pair = scenes.optical_pair((512, 512))
    images = written(scenes, tmp_path, pair.before, shifted(pair.after, np.float32(1.37), np.float32(0.81)))
    found = register(images)
    with images.reader() as reader:
        whole = read_aligned(reader, Box(0, 0, 512, 512), found).after
        part = read_aligned(reader, Box(131, 77, 100, 143), found).after
    assert (whole[:, 131:231, 77:220] == part).all()
