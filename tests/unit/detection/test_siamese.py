"""The net as a detector: no seams, no dependence on exposure, skill on pairs it never saw."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from detection.learning import cli as learning_cli
from detection.learning.labelled import held_out, label_pair, read_folder
from detection.learning.made.pairs import make_pair
from detection.learning.settings import settings
from detection.pixels.detectors.siamese import FIXED_CUT, Siamese
from detection.pixels.net.inference import HALO_PX, HEADS, MODEL_FILE, STRIDE_PX, open_model
from foundation.errors import InvalidInput, Unavailable
from ingest.pair import Box, PairPixels

BUILDING = HEADS.index("building")


def _pixels(seed: int, side_px: int = 256) -> PairPixels:
    made = make_pair(seed, side_px=side_px)
    before, after = (np.moveaxis(date, -1, 0).astype(np.float32) for date in (made.before, made.after))
    return PairPixels(before, after, np.ones((side_px, side_px), bool))


def _cut(whole: PairPixels, box: Box) -> PairPixels:
    rows, cols = box.slices
    return PairPixels(
        whole.before[:, rows, cols], whole.after[:, rows, cols], whole.is_valid[rows, cols], box.row, box.col
    )


@pytest.fixture(scope="module")
def whole() -> PairPixels:
    pixels = _pixels(9_100_001, 480)
    pixels.is_valid[300:340, 100:180] = False
    return pixels


def test_many_blocks_answer_like_one(whole):
    scorer = Siamese().fit([whole])
    once = scorer.heads(whole)
    for box in (Box(160, 160, 160, 160), Box(0, 320, 160, 160), Box(320, 320, 160, 160)):
        outer = box.grown(HALO_PX, whole.is_valid.shape)
        assert outer.row % STRIDE_PX == 0
        part = scorer.heads(_cut(whole, outer))[(slice(None), *box.inside(outer))]
        assert np.abs(part - once[(slice(None), *box.slices)]).max() < 1e-4


def test_too_small_a_halo_would_show(whole):
    scorer = Siamese().fit([whole])
    box = Box(160, 160, 160, 160)
    part = scorer.heads(_cut(whole, box))
    assert np.abs(part - scorer.heads(whole)[(slice(None), *box.slices)]).max() > 1e-2


def test_score_is_the_strongest_head_and_nothing_where_not_seen(whole):
    scorer = Siamese().fit([whole])
    score = scorer.score(whole)
    assert score.dtype == np.float32
    assert np.array_equal(score, scorer.heads(whole).max(axis=0))
    assert score[~whole.is_valid].max() == 0.0
    assert 0.0 <= score.min() <= score.max() <= 1.0


def test_exposure_and_units_change_nothing(whole):
    brighter = PairPixels(whole.before * 40.0 + 300.0, whole.after * 0.7 + 20.0, whole.is_valid)
    first, second = (Siamese().fit([one]).score(one) for one in (whole, brighter))
    assert np.abs(first - second).max() < 5e-3


def test_the_fit_travels_to_another_process(whole):
    scorer = Siamese().fit([whole])
    small = _cut(whole, Box(0, 0, 128, 128))
    assert np.array_equal(pickle.loads(pickle.dumps(scorer)).score(small), scorer.score(small))


def test_bands_may_lie_elsewhere(whole):
    turned = PairPixels(
        np.concatenate([whole.before[::-1], whole.before[:1]]),
        np.concatenate([whole.after[::-1], whole.after[:1]]),
        whole.is_valid,
    )
    plain = Siamese().fit([whole]).score(whole)
    assert np.abs(Siamese(bands=(2, 1, 0)).fit([turned]).score(turned) - plain).max() < 1e-5


def test_skill_on_made_pairs_it_never_saw():
    hit, wrong = np.zeros(len(HEADS)), np.zeros(len(HEADS))
    first = settings()["train"]["validation_seed"]
    for seed in range(first, first + 12):
        made = make_pair(seed)
        pixels = _pixels(seed)
        is_found = Siamese().fit([pixels]).heads(pixels) > FIXED_CUT
        counts, truth = made.weights > 0, made.labels > 0
        hit += (is_found & truth & counts).sum(axis=(1, 2))
        wrong += ((is_found != truth) & counts).sum(axis=(1, 2))
    f1 = 2 * hit / np.maximum(2 * hit + wrong, 1)
    assert f1[BUILDING] >= 0.30
    assert f1[HEADS.index("land")] >= 0.40


def test_the_same_picture_twice_has_no_change():
    pixels = _pixels(9_100_007)
    same = PairPixels(pixels.after, pixels.after, pixels.is_valid)
    assert (Siamese().fit([same]).score(same) > FIXED_CUT).mean() < 0.005


def test_missing_and_damaged_weights_are_told(tmp_path: Path):
    with pytest.raises(InvalidInput, match="landwarden detection train-net"):
        open_model(tmp_path / "none.onnx")
    (tmp_path / "rotten.onnx").write_bytes(MODEL_FILE.read_bytes()[:5000])
    with pytest.raises(InvalidInput) as told:
        open_model(tmp_path / "rotten.onnx")
    assert told.value.code == "detection.learning.unreadable_weights"


def test_weights_are_small():
    assert sum(path.stat().st_size for path in MODEL_FILE.parent.glob("siamese.*")) < 3_000_000


def _write(path: Path, pixels: np.ndarray) -> None:
    import cv2

    path.parent.mkdir(exist_ok=True)
    cv2.imwrite(str(path), pixels)


def test_a_folder_of_pairs_is_read_and_its_faults_named(tmp_path: Path):
    with pytest.raises(InvalidInput) as told:
        read_folder(tmp_path, "land")
    assert told.value.code == "detection.learning.no_pairs"
    truth = np.zeros((128, 160), np.uint8)
    truth[10:20], truth[20:30] = 255, 128
    _write(tmp_path / "A" / "one.png", np.zeros((128, 160, 3), np.uint8))
    _write(tmp_path / "B" / "one.png", np.full((128, 160, 3), 9, np.uint8))
    with pytest.raises(InvalidInput) as told:
        read_folder(tmp_path, "land")
    assert told.value.facts["part"] == "label"
    _write(tmp_path / "label" / "one.png", truth)
    [pair] = read_folder(tmp_path, "land")
    land = HEADS.index("land")
    assert pair.labels[land].sum() == 1600
    assert pair.labels.sum() == 1600
    assert (pair.weights[land] == 0).sum() == 1600
    assert pair.weights.sum() == 160 * 118
    with pytest.raises(InvalidInput) as told:
        read_folder(tmp_path, "roads")
    assert told.value.code == "detection.learning.unknown_head"
    _write(tmp_path / "B" / "one.png", np.full((64, 160, 3), 9, np.uint8))
    with pytest.raises(InvalidInput) as told:
        read_folder(tmp_path, "land")
    assert told.value.code == "detection.learning.pair_sizes"


def test_some_pairs_judge_and_never_teach():
    planes = np.zeros((3, 128, 128), np.uint8)
    pairs = [label_pair(str(k), planes, planes, planes[0], 0) for k in range(6)]
    teach, judge = held_out(pairs, 0.25, 3)
    assert len(judge) == 2
    assert {pair.name for pair in teach}.isdisjoint(pair.name for pair in judge)
    assert len(teach) + len(judge) == 6


@pytest.mark.parametrize("command", ["train-net", "fine-tune"])
def test_without_torch_the_command_says_what_to_install(command, monkeypatch, tmp_path):
    import typer

    app = typer.Typer()
    learning_cli.register(app)
    monkeypatch.setattr(learning_cli, "find_spec", lambda name: None)
    result = CliRunner().invoke(app, [command, "--out", str(tmp_path)])
    assert isinstance(result.exception, Unavailable)
    assert "landwarden[train]" in str(result.exception)
