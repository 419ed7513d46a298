"""Crops of labelled pairs: known objects move with their labels, and what is not known teaches nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from detection.learning.field_crops import CropPlan, Lessons, crop_of
from detection.learning.labelled import LabelledPair, label_pair

PLAIN = CropPlan(
    side_px=96,
    scale_span=1.0,
    shift_px=0.0,
    same_share=0.0,
    reversed_share=0.0,
    paste_share=0.0,
    paste_most=3,
)


@pytest.fixture(scope="module")
def pair() -> LabelledPair:
    """Textured ground, and in its middle a bright new roof of 24 by 16 pixels."""
    rng = np.random.default_rng(4)
    ground = rng.normal(100.0, 12.0, (3, 160, 160))
    before, after = ground.copy(), ground + rng.normal(0.0, 2.0, ground.shape)
    truth = np.zeros((160, 160), np.uint8)
    truth[70:86, 60:84] = 255
    after[:, truth > 0] = 220.0
    return label_pair("one", before.astype(np.float32), after.astype(np.float32), truth, 0)


def _crops(pair: LabelledPair, plan: CropPlan, count: int = 24):
    lessons = Lessons.of([pair], is_land=False)
    return [crop_of(np.random.default_rng([1, k]), lessons, plan) for k in range(count)]


def _contrast(date: np.ndarray, is_roof: np.ndarray) -> float:
    return float(date[:, is_roof].mean() - date[:, ~is_roof].mean())


def test_labels_turn_with_the_picture(pair):
    for crop in _crops(pair, PLAIN):
        is_roof = crop.labels[0, 0] > 0
        if is_roof.sum() < 60:
            continue
        assert is_roof.sum() <= 16 * 24 * 1.1
        assert _contrast(crop.after[0], is_roof) > 1.0
        assert abs(_contrast(crop.before[0], is_roof)) < 0.5


def test_moved_objects_are_new_where_only_the_later_date_has_them(pair):
    plain, moved = (
        np.mean([crop.labels.sum() for crop in _crops(pair, plan)])
        for plan in (PLAIN, replace(PLAIN, paste_share=1.0))
    )
    assert moved > 1.3 * plain
    new, old = [], 0
    for crop in _crops(pair, replace(PLAIN, paste_share=1.0), 40):
        is_new = crop.labels[0, 0] > 0
        bright = crop.before[0].mean(axis=0) > np.median(crop.before[0]) + 1.0
        old += int((bright & ~is_new).sum() > 60)
        if is_new.sum() > 60:
            new.append(_contrast(crop.after[0], is_new) - _contrast(crop.before[0], is_new))
    assert np.mean(new) > 1.0
    assert old >= 5  # standing at both dates: shown, and not new


def test_back_to_front_only_what_was_new_is_known(pair):
    for crop in _crops(pair, replace(PLAIN, reversed_share=1.0)):
        assert crop.labels.sum() == 0
        known = crop.weights[0, 0] > 0
        assert known.sum() <= 16 * 24 * 1.1
        if known.sum() > 60:
            assert _contrast(crop.before[0], known) > 1.0


def test_one_date_for_both_has_nothing_new(pair):
    for crop in _crops(pair, replace(PLAIN, same_share=1.0), 8):
        assert crop.labels.sum() == 0
        shown = [date[0].mean(axis=0) for date in (crop.before, crop.after)]
        assert np.corrcoef(shown[0].ravel(), shown[1].ravel())[0, 1] > 0.6


def test_the_same_seed_makes_the_same_crop_and_small_pairs_are_mirrored(pair):
    plan = replace(PLAIN, paste_share=1.0, side_px=224, scale_span=1.3, shift_px=1.5)
    first, again = (_crops(pair, plan, 1)[0] for _ in range(2))
    assert np.array_equal(first.after, again.after)
    assert first.after.shape == (1, 3, 224, 224)
    assert np.isfinite(first.after).all()
