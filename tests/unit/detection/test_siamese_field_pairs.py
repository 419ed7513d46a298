"""What people signed becomes what the net learns: inside and outside the outline, by class, or nowhere."""

from __future__ import annotations

from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
import shapely
from PIL import Image

from detection.leads import Lead
from detection.learning.field_pairs import field_pairs
from detection.learning.settings import settings
from detection.pixels.net.inference import HEADS
from detection.second_stage import store
from foundation.access import Actor
from foundation.blobs import BlobStore
from foundation.crs import ellipsoidal_area_m2
from foundation.errors import NotAllowed

NOW = datetime(2026, 3, 1, tzinfo=UTC)
OUTLINE = shapely.box(112.8000, 34.8000, 112.8008, 34.8004)
BUILDING, LAND = HEADS.index("building"), HEADS.index("land")


def _chip(blobs: BlobStore, grey: int) -> str:
    buffer = BytesIO()
    Image.fromarray(np.full((280, 360, 3), grey, np.uint8)).save(buffer, "JPEG")
    return blobs.put(buffer.getvalue()).sha256


def _actor(role: str) -> Actor:
    return Actor(uuid4(), "tester", "测试", role, "410883")


@pytest.fixture
def ask(tmp_path: Path, monkeypatch):
    """Ask for the pairs of one verdict about one lead."""
    blobs = BlobStore(tmp_path, low_water_mb=0)

    def run(verdict, reason=None, change_class="new_building", role="system", **lead_facts):
        patch_id = uuid4()
        area_m2 = ellipsoidal_area_m2(OUTLINE)
        facts = {
            "run_id": uuid4(),
            "before_chip_sha256": _chip(blobs, 60),
            "after_chip_sha256": _chip(blobs, 180),
        } | lead_facts
        lead = Lead(
            *(uuid4(), "satellite", "410883100200", NOW, NOW, OUTLINE),
            *(area_m2, area_m2, area_m2, change_class, 0.8),
            **facts,
        )
        label = store.Label(uuid4(), patch_id, "1", "410883100200", verdict, change_class, reason, NOW)
        monkeypatch.setattr(store, "newest_labels", lambda session: [label])
        monkeypatch.setattr(store, "leads_of", lambda session, ids: {patch_id: [lead]})
        return field_pairs(None, _actor(role), blobs, settings()["heads"])

    return run


def test_a_confirmed_building_teaches_its_heads_inside_and_outside(ask):
    [pair] = ask("unlawful")
    assert pair.before.shape == (3, 280, 360)
    for head in (BUILDING, LAND):
        share = pair.labels[head].mean()
        metres = 360 / (0.0008 * 91_500 * 1.7)
        expected = 0.0008 * 91_500 * 0.0004 * 110_900 * metres**2 / (280 * 360)
        assert share == pytest.approx(expected, rel=0.05)
        assert pair.labels[head, 140, 180] == 1
        assert pair.weights[head, 5, 5] == 1
        assert 0.01 < (pair.weights[head] == 0).mean() < 0.1


def test_a_false_alarm_teaches_every_head_within_its_outline_only(ask):
    [pair] = ask("not_new", "season", "new_building")
    assert pair.labels.sum() == 0
    assert pair.weights[:, 140, 180].tolist() == [1, 1]
    assert pair.weights[:, 5, 5].tolist() == [0, 0]


@pytest.mark.parametrize(
    ("verdict", "reason", "change_class", "lead_facts"),
    [
        ("not_new", "no_such_reason", "new_building", {}),
        ("unlawful", None, "crop_season", {}),
        ("unlawful", None, "new_building", {"after_chip_sha256": None}),
        ("unlawful", None, "new_building", {"run_id": None}),
    ],
)
def test_what_is_open_teaches_nothing(ask, verdict, reason, change_class, lead_facts):
    assert ask(verdict, reason, change_class, **lead_facts) == []


def test_verdicts_are_read_only_by_those_who_may_run_detection(ask):
    with pytest.raises(NotAllowed):
        ask("unlawful", role="grid_officer")
