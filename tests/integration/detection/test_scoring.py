"""Blocks leave no seam, wherever they are scored; a killed worker and a cut-off run lose nothing."""

from __future__ import annotations

import multiprocessing
import os
import signal

import numpy as np
import pytest

from detection.pixels.executor import Dask, Processes, Threads
from detection.pixels.pipeline import detect_pair
from foundation.errors import Conflict, InvalidInput
from ingest.sources.synthetic.county import build_county


@pytest.fixture(scope="module")
def optical(scenes, tmp_path_factory):
    folder = tmp_path_factory.mktemp("optical")
    pair = scenes.optical_pair((420, 500))
    before = scenes.write(folder / "a.tif", scenes.as_words(pair.before))
    after = scenes.write(folder / "b.tif", scenes.as_words(np.roll(pair.after, (1, 2), (1, 2))))
    return before, after, detect_pair(before, after, executor=Threads(1))


@pytest.fixture(scope="module")
def county(tmp_path_factory):
    files = build_county(tmp_path_factory.mktemp("county"), size="small")
    return files.before, files.after, detect_pair(files.before, files.after, block_px=4096)


def assert_same(one, other) -> None:
    assert [c.outline.wkb for c in one.changes] == [c.outline.wkb for c in other.changes]
    assert [dict(c.class_probabilities) for c in one.changes] == [
        dict(c.class_probabilities) for c in other.changes
    ]
    assert (one.change_raster == other.change_raster).all()
    assert one.summary() == other.summary()


@pytest.mark.parametrize("block_px", [64, 128, 288])
def test_one_block_or_many_agree(optical, block_px):
    before, after, whole = optical
    assert len(whole.changes) > 0
    assert_same(whole, detect_pair(before, after, executor=Threads(2), block_px=block_px))


@pytest.mark.parametrize("block_px", [256, 352])
def test_surfaces_and_classes_have_no_seam(county, block_px):
    before, after, whole = county
    assert len(whole.real_changes) > 5
    assert_same(whole, detect_pair(before, after, block_px=block_px))


@pytest.mark.parametrize("executor", [Processes(2), Dask("", 2)], ids=["processes", "dask"])
def test_other_executors_agree(optical, executor):
    before, after, whole = optical
    assert_same(whole, detect_pair(before, after, executor=executor, block_px=128))


def test_a_killed_worker_process_loses_no_block(optical):
    before, after, whole = optical
    killed: list[int] = []

    def kill_one(stage: str, share: float) -> None:
        if stage == "score" and share > 0 and not killed:
            victim = multiprocessing.active_children()[0]
            os.kill(victim.pid, signal.SIGKILL)
            victim.join()
            killed.append(victim.pid)

    again = detect_pair(before, after, executor=Processes(2), block_px=64, progress=kill_one)
    assert len(killed) == 1
    assert_same(whole, again)


def test_a_cut_off_run_goes_on_from_its_spool(optical, tmp_path):
    before, after, whole = optical
    asked = 0

    def cancel() -> bool:
        nonlocal asked
        asked += 1
        return asked > 6

    with pytest.raises(Conflict):
        detect_pair(before, after, block_px=128, spool=tmp_path, cancel=cancel)
    kept = sorted(path.name for path in (tmp_path / "blocks-128").iterdir())
    assert kept == ["rows-00000000.npz"]
    assert_same(whole, detect_pair(before, after, block_px=256, spool=tmp_path))
    shares: list[float] = []
    again = detect_pair(
        before,
        after,
        block_px=128,
        spool=tmp_path,
        progress=lambda stage, share: shares.append(share) if stage == "score" else None,
    )
    assert_same(whole, again)
    assert min(shares) > 0.25


def test_an_unknown_executor_is_refused():
    from detection.pixels.executor import choose_executor

    with pytest.raises(InvalidInput) as caught:
        choose_executor("cloud")
    assert caught.value.code == "detection.executor.unknown"
