"""Registration: known shifts come back, and what does not register is never compared."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from affine import Affine
from rasterio.warp import Resampling, reproject

from detection.pixels.align import MAX_RESIDUAL_PX, MIN_INLIER_SHARE, read_aligned, register, register_chain
from detection.pixels.registration.fit import fit_tiles
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


@pytest.mark.parametrize(("bend_px", "typical_px", "most_px"), [(4.5, 0.25, 0.8), (10.0, 0.45, 1.8)])
def test_a_shift_that_bends_by_many_pixels_is_followed_from_tile_to_tile(
    scenes, tmp_path, bend_px, typical_px, most_px
):
    side = 1536
    pair = scenes.optical_pair((side, side), planted=False)
    ys, xs = np.mgrid[0:side, 0:side] / side
    dx = 1.2 + bend_px * np.sin(3.0 * xs) * np.cos(2.2 * ys)
    dy = 0.8 * bend_px * np.cos(2.5 * xs + 1.5 * ys) - 0.7
    images = written(scenes, tmp_path, pair.before, shifted(pair.after, dx, dy))
    found = register(images)
    at = np.linspace(100, side - 100, 12)
    x, y = (axis.ravel() for axis in np.meshgrid(at, at))
    got_x, got_y = found.shifts(x, y)
    inside = y.astype(int), x.astype(int)
    error = np.hypot(got_x - dx[inside], got_y - dy[inside])
    assert found.inlier_share > 0.95  # no one similarity holds for more than a third of the scene
    assert np.median(error) < typical_px
    assert np.quantile(error, 0.95) < most_px


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


def test_rotation_and_scale_come_back(scenes, tmp_path):
    pair = scenes.optical_pair((700, 700), planted=False)
    matrix = cv2.getRotationMatrix2D((350, 350), 0.4, 1.004)
    turned = np.stack(
        [cv2.warpAffine(b, matrix, (700, 700), borderMode=cv2.BORDER_REFLECT) for b in pair.after]
    )
    found = register(written(scenes, tmp_path, pair.before, turned))
    at = np.array([[120.0, 580.0, 330.0], [140.0, 480.0, 600.0]])
    wanted = matrix @ np.vstack([at, np.ones(3)]) - at
    assert np.abs(np.array(found.shifts(*at)) - wanted).max() < 0.25
    assert found.residual_px < 0.3


def test_a_mirrored_scene_and_pure_noise_are_not_comparable(scenes, tmp_path):
    pair = scenes.optical_pair((512, 512))
    noise = np.random.default_rng(5).uniform(20, 200, pair.after.shape).astype(np.float32)
    for after in (pair.after[:, :, ::-1], noise):
        with pytest.raises(InvalidInput) as refusal:
            register(written(scenes, tmp_path, pair.before, after))
        assert refusal.value.code == "detection.pair.not_comparable"
        assert "{" not in refusal.value.text("zh")


def test_a_shift_within_reach_is_found_and_one_beyond_is_refused(scenes, tmp_path):
    wide = scenes.optical_pair((700, 1000), planted=False)
    before = wide.before[:, :, :600]
    near = register(written(scenes, tmp_path, before, wide.after[:, :, 90:690]))
    assert near.shifts(np.array([300.0]), np.array([300.0]))[0] == pytest.approx(-90.0, abs=0.3)
    with pytest.raises(InvalidInput) as refusal:
        register(written(scenes, tmp_path, before, wide.after[:, :, 330:930]))
    assert refusal.value.code == "detection.pair.repeating_pattern"
    random = np.random.default_rng(1)
    for band in wide.after[:, :, 200:]:
        band += cv2.GaussianBlur(random.normal(0, 300, band.shape), (0, 0), 3)
    with pytest.raises(InvalidInput) as refusal:
        register(written(scenes, tmp_path, before, wide.after[:, :, 330:930]))
    assert refusal.value.code == "detection.pair.not_comparable"


def test_a_small_picture_with_texture_is_measured_by_small_tiles(scenes, tmp_path):
    pair = scenes.optical_pair((256, 256), planted=False)
    found = register(
        written(scenes, tmp_path, pair.before, shifted(pair.after, np.float32(3.4), np.float32(0)))
    )
    assert found.status == "measured"
    dx, dy = found.shifts(np.array([128.0]), np.array([128.0]))
    assert (dx[0], dy[0]) == (pytest.approx(3.4, abs=0.15), pytest.approx(0.0, abs=0.15))


def test_a_plain_scene_on_another_grid_is_refused_where_one_grid_is_taken_as_delivered(scenes, tmp_path):
    random = np.random.default_rng(3)
    flat = [
        scenes.as_words(np.full((4, 100, 100), level) + random.normal(0, 1, (4, 100, 100)))
        for level in (80, 90)
    ]
    first = scenes.write(tmp_path / "a.tif", flat[0])
    same = scenes.write(tmp_path / "b.tif", flat[1])
    moved = scenes.write(tmp_path / "c.tif", flat[1], transform=scenes.ORIGIN @ Affine.translation(0.4, 0.3))
    assert register(open_pair(first, same)).status == "as_delivered"
    with pytest.raises(InvalidInput) as refusal:
        register(open_pair(first, moved))
    assert refusal.value.code == "detection.pair.not_comparable"


def test_the_chain_reaches_what_is_too_different_to_be_compared_directly(scenes, tmp_path):
    """Ground that turns into other ground in five steps, while the frame drifts."""
    old, new = (scenes.optical_pair((640, 640), seed=seed, planted=False).before for seed in (7, 1907))
    drift = np.array([[0.0, 0.0], [2.2, -1.1], [3.7, 0.6], [5.9, 1.9], [4.6, 4.2]])
    dates = []
    for number, share in enumerate((0.0, 0.3, 0.5, 0.7, 1.0)):
        land = old * (1.0 - share) + new * share
        moved = shifted(land, np.float32(drift[number, 0]), np.float32(drift[number, 1]))
        dates.append(scenes.write(tmp_path / f"{number}.tif", scenes.as_words(moved)))
    with pytest.raises(InvalidInput):
        register(open_pair(dates[0], dates[-1]))
    found = register_chain(dates)
    at = np.array([100.0, 320.0, 540.0])
    dx, dy = found.shifts(at, at)
    assert found.status == "chained"
    assert np.abs(dx - drift[-1, 0]).max() < 3 * max(found.residual_px, 0.1)
    assert np.abs(np.hypot(dx - drift[-1, 0], dy - drift[-1, 1])).max() < 0.6
    with pytest.raises(InvalidInput) as refusal:
        register_chain([dates[0], dates[-1]])
    assert refusal.value.code == "detection.pair.chain_broken"
    assert refusal.value.facts["before"] == "0.tif"


def test_a_chain_walks_over_grids_of_other_size_and_reference_system(scenes, tmp_path):
    pair = scenes.optical_pair((640, 640), planted=False)
    first = scenes.write(tmp_path / "a.tif", scenes.as_words(pair.before))
    target = scenes.ORIGIN @ Affine.translation(20, 30) @ Affine.scale(1.25)
    middle_pixels = np.zeros((4, 480, 480), np.float32)
    reproject(
        pair.after * 10,
        middle_pixels,
        src_transform=scenes.ORIGIN,
        src_crs=scenes.UTM,
        dst_transform=target,
        dst_crs=scenes.UTM,
        resampling=Resampling.cubic,
    )
    middle = scenes.write(tmp_path / "b.tif", middle_pixels.astype(np.uint16), transform=target)
    last = scenes.write(
        tmp_path / "c.tif", scenes.as_words(shifted(pair.after, np.float32(2.5), np.float32(-1.5)))
    )
    dx, dy = register_chain([first, middle, last]).shifts(np.array([320.0]), np.array([320.0]))
    assert (dx[0], dy[0]) == (pytest.approx(2.5, abs=0.3), pytest.approx(-1.5, abs=0.3))


@pytest.mark.shared
def test_dates_of_a_building_site_are_reached_through_those_between(shared_scenes):
    dates = sorted((shared_scenes / "drone_fortcollins").glob("*.jpg"))
    chained = register_chain(dates[3:9], pixel_grid=True)
    direct = register(open_pair(dates[3], dates[8], pixel_grid=True))
    at = np.array([250.0, 550.0, 850.0])
    gap = np.hypot(*(np.array(chained.shifts(at, at)) - np.array(direct.shifts(at, at))))
    assert np.median(gap) < 1.5 * np.hypot(chained.residual_px, direct.residual_px)
    with pytest.raises(InvalidInput) as refusal:
        register(open_pair(dates[2], dates[7], pixel_grid=True))
    assert refusal.value.code == "detection.pair.not_comparable"
    assert register_chain(dates[2:8], pixel_grid=True).residual_px < 1.5


@pytest.mark.parametrize("across", [5, 7, 9, 10])
@pytest.mark.parametrize("spread_px", [5.0, 10.0, 30.0])
def test_tiles_that_say_anything_prove_nothing(across, spread_px):
    random = np.random.default_rng(across)
    at = np.linspace(128, 1408, across)
    x, y = (axis.ravel() for axis in np.meshgrid(at, at))
    for _ in range(25):
        moves = random.uniform(-spread_px, spread_px, (across**2, 2))
        found = fit_tiles(np.column_stack([x, y, moves, np.full(len(x), 0.1)]), (1536, 1536))
        assert found.inlier_share < MIN_INLIER_SHARE or found.residual_px >= MAX_RESIDUAL_PX
