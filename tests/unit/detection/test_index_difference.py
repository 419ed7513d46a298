"""Indices: light and haze are no change, and what an object became is told with honest probabilities."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio

from detection.evaluation.scores import score_pixels
from detection.pixels.detectors.index_difference import (
    IndexDifference,
    fit_indices,
    index_kind,
    index_statistics,
    spectral_indices,
)
from detection.pixels.indices import BandRoles
from detection.pixels.kinds.indices import spectral_kind
from detection.pixels.kinds.windows import ObjectWindow
from detection.pixels.normalise import Normalisation
from detection.pixels.threshold import choose_cut
from foundation.errors import InvalidInput
from ingest.pair import PairPixels

SHAPE = (120, 160)
PLACE = (slice(50, 62), slice(70, 90))
SIX = ("blue", "green", "red", "nir", "swir1", "swir2")
RGB = ("red", "green", "blue")
TAIZHOU = Path(__file__).resolve().parents[3].parent / "shared/data/scenes/taizhou_tm"
REFLECTANCE = {
    "wheat": (0.03, 0.06, 0.04, 0.42, 0.16, 0.08),
    "soil": (0.10, 0.14, 0.19, 0.26, 0.33, 0.28),
    "concrete": (0.24, 0.26, 0.27, 0.29, 0.30, 0.28),
    "blue_roof": (0.30, 0.22, 0.15, 0.22, 0.24, 0.20),
    "water": (0.05, 0.06, 0.05, 0.03, 0.01, 0.01),
    "earth": (0.12, 0.18, 0.26, 0.32, 0.40, 0.33),
    "ash": (0.05, 0.055, 0.06, 0.10, 0.15, 0.14),
}


def land(seed: int) -> np.ndarray:
    """Six bands of 60 % wheat, 25 % soil, some concrete and water; reflectance × 10,000 with noise."""
    random = np.random.default_rng(9)
    names = random.choice(["wheat", "soil", "concrete", "water"], (15, 20), p=[0.6, 0.25, 0.12, 0.03])
    names[5:9, 7:13] = "wheat"
    plots = np.array([[REFLECTANCE[name] for name in row] for row in names])
    image = np.repeat(np.repeat(plots, 8, axis=0), 8, axis=1).transpose(2, 0, 1)
    noise = np.random.default_rng(seed)
    image = image * (1 + 0.05 * noise.standard_normal((1, *SHAPE))) + noise.normal(0, 0.004, image.shape)
    return (10_000 * np.clip(image, 0.001, 1)).astype(np.float32)


def pair(later: str | None, *, was: str | None = None) -> PairPixels:
    """AFTER under another light; the place became something."""
    before, after = land(1), land(2)
    random = np.random.default_rng(3)
    for image, name in ((before, was), (after, later)):
        if name is not None:
            colour = 10_000 * np.array(REFLECTANCE[name])[:, None, None]
            image[(slice(None), *PLACE)] = colour * random.normal(1, 0.05, (6, 12, 20))
    return PairPixels(before, after * np.float32(1.12) + 60, np.ones(SHAPE, bool))


def place() -> np.ndarray:
    mask = np.zeros(SHAPE, bool)
    mask[PLACE] = True
    return mask


def kind_of(block: PairPixels, roles: tuple[str, ...] = SIX) -> tuple[str, dict[str, float]]:
    if roles == RGB:
        block = PairPixels(block.before[[2, 1, 0]], block.after[[2, 1, 0]], block.is_valid)
    fit = fit_indices([block], roles)
    change_class, probabilities, statistics = index_kind(index_statistics(fit, block, place()))
    assert sum(probabilities.values()) == pytest.approx(1.0, abs=0.005)
    assert max(probabilities, key=probabilities.get) == change_class
    assert probabilities[change_class] <= 0.8 or change_class == "other"
    assert statistics
    return change_class, probabilities


def test_indices_are_what_their_authors_wrote():
    pixels = np.array([0.1, 0.2, 0.3, 0.5, 0.4, 0.25], np.float32)[:, None]
    told = {name: float(value[0]) for name, value in spectral_indices(pixels, SIX).items()}
    assert told["ndvi"] == pytest.approx(0.2 / 0.8)
    assert told["mndwi"] == pytest.approx(-0.2 / 0.6)
    assert told["ndwi"] == pytest.approx(-0.3 / 0.7)
    assert told["ndbi"] == pytest.approx(-0.1 / 0.9)
    assert told["bsi"] == pytest.approx((0.7 - 0.6) / 1.3)
    assert told["exg"] == pytest.approx(0.0, abs=1e-6)
    assert set(spectral_indices(pixels[:3], RGB)) == {"exg", "blueness", "brightness"}


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        ("concrete", "hard_surface"),
        ("earth", "earthwork"),
        ("blue_roof", "new_building"),
        ("water", "water"),
        ("ash", "vegetation_loss"),
        (None, "other"),
    ],
)
def test_what_wheat_became(later, expected):
    assert kind_of(pair(later))[0] == expected


@pytest.mark.parametrize(
    ("later", "expected"), [("concrete", "hard_surface"), ("blue_roof", "new_building"), (None, "other")]
)
def test_three_colours_tell_less_but_not_wrongly(later, expected):
    assert kind_of(pair(later), RGB)[0] == expected


def test_plants_on_former_concrete_are_restoration_and_on_soil_a_season():
    assert kind_of(pair("wheat", was="concrete"))[0] == "demolition_restored"
    assert kind_of(pair("wheat", was="soil"))[0] == "crop_season"


def test_another_light_and_haze_move_no_index_of_unchanged_land():
    block = pair(None)
    fit = IndexDifference().fit([block])
    score = fit.score(block)
    cut = choose_cut(score.ravel(), floor_sigmas=IndexDifference.spec.floor_sigmas, is_folded=False)
    assert (score > 2.5 * cut.value).mean() < 0.02
    changed = fit.score(pair("concrete"))
    assert np.median(changed[place()]) > 3.0 * np.median(changed[~place()])


def test_bands_are_taken_by_their_roles_in_whatever_order():
    block = pair("blue_roof")
    order = [5, 3, 0, 1, 2, 4]
    mixed = PairPixels(block.before[order], block.after[order], block.is_valid)
    roles = BandRoles({SIX[number]: place for place, number in enumerate(order)}, None)
    window = ObjectWindow(
        mixed, place(), np.zeros(SHAPE, np.int32), "change", 10.0, roles, Normalisation.identity(6)
    )
    verdict = spectral_kind([mixed], roles)(window)
    assert verdict.change_class == "new_building"
    assert verdict.statistics["moved_blueness"] > 4
    assert spectral_kind([mixed], BandRoles({}, None))(window).change_class == "other"


def test_hidden_objects_tell_nothing():
    block = pair("concrete")
    block.is_valid[PLACE] = False
    fit = fit_indices([block], SIX)
    assert index_statistics(fit, block, place()) == {}
    assert index_kind({})[0] == "other"
    assert (fit.score(block)[place()] == 0).all()


def test_too_few_pixels_are_refused():
    few = PairPixels(np.ones((6, 9, 9), np.float32), np.ones((6, 9, 9), np.float32), np.ones((9, 9), bool))
    with pytest.raises(InvalidInput) as refusal:
        IndexDifference().fit([few])
    assert refusal.value.code == "detection.pair.sample_too_small"


@pytest.mark.shared
@pytest.mark.skipif(not TAIZHOU.is_dir(), reason="no shared scenes here")
def test_as_a_witness_it_sees_a_city_grow():
    bands = []
    for name in ("t1.tif", "t2.tif", "gt.tif"):
        with rasterio.open(TAIZHOU / name) as file:
            bands.append(file.read().astype(np.float32))
    before, after, truth = bands[0], bands[1], bands[2][0]
    block = PairPixels(before, after, (before > 0).any(axis=0) & (after > 0).any(axis=0))
    score = IndexDifference().fit([block]).score(block)
    cut = choose_cut(score[block.is_valid], floor_sigmas=IndexDifference.spec.floor_sigmas, is_folded=False)
    scores = score_pixels(score > cut.value, truth == 2, truth > 0)
    assert scores.f1 > 0.83
    assert scores.kappa > 0.8
