"""Made pairs: repeatable, labelled for their own head, silent about everything else."""

from __future__ import annotations

import numpy as np
import pytest

from detection.learning.made.buildings import Building
from detection.learning.made.canvas import rectangle
from detection.learning.made.countryside import lay_works
from detection.learning.made.ground import lay_brush
from detection.learning.made.pair_store import pack, unpack_bits, write_shard
from detection.learning.made.pairs import make_pair
from detection.learning.made.scene import Place
from detection.learning.made.sensor import random_view
from detection.learning.made.suburbs import lay_car, lay_clutter
from detection.pixels.net.inference import HEADS

BUILDING, LAND = range(len(HEADS))


def _place(side_px: int = 160) -> Place:
    place = Place(side_px, 0.5, np.random.default_rng(5))
    lay_brush(place)
    return place


def _views(place: Place):
    rng = np.random.default_rng(9)
    return random_view(rng, place.gsd_m, 1.0), random_view(rng, place.gsd_m, 1.0)


def test_same_seed_makes_the_same_pair_and_another_seed_another():
    first, again, other = make_pair(41, side_px=128), make_pair(41, side_px=128), make_pair(42, side_px=128)
    assert np.array_equal(pack(first), pack(again))
    assert not np.array_equal(first.after, other.after)
    assert first.before.shape == (128, 128, 3)
    assert first.before.dtype == np.uint8


def test_a_new_building_is_labelled_in_its_head_where_its_roof_is_seen():
    place = _place()
    centre = np.array([80.0, 70.0])
    place.buildings.append((None, Building(centre, 30.0, 15.0, 0.3, 6.0, "hip", (90.0, 88.0, 86.0), 3)))
    views = _views(place)
    place.settle_roofs(views)
    area_m2 = place.labels[BUILDING].sum() * place.gsd_m**2
    assert area_m2 == pytest.approx(450.0, rel=0.08)
    rows, cols = np.nonzero(place.labels[BUILDING])
    roof = centre + views[1].lean_per_m * 6.0
    assert (cols.mean(), rows.mean()) == pytest.approx((roof[0], roof[1]), abs=1.0)
    assert place.labels[LAND].sum() == 0
    before, after = place.render(views)
    inside = place.labels[BUILDING] > 0
    assert np.abs(after[inside].mean(axis=0) - (90, 88, 86)).max() < 25
    assert np.abs(before[inside].mean(axis=0) - (90, 88, 86)).max() > 25


def test_standing_and_rebuilt_buildings_are_no_change():
    place = _place()
    house = Building(np.array([50.0, 50.0]), 12.0, 9.0, 0.0, 4.0, "gable", (120.0, 110.0, 100.0), 1)
    place.buildings.append((house, house.painted((60.0, 90.0, 160.0))))
    place.rebuilt.extend([(house, None), (None, house)])
    place.settle_roofs(_views(place))
    assert place.labels.sum() == 0
    assert place.roofs.sum() > 0


def test_works_and_traffic_are_drawn_and_teach_nothing():
    place = _place()
    lay_clutter(place, 12)
    for spot in ([20.0, 30.0], [90.0, 100.0]):
        lay_car(place, np.array(spot), 0.4)
    assert place.labels.sum() == 0
    drawn = len(place.ground)
    lay_works(place, np.array([80.0, 80.0]))
    assert len(place.ground) > drawn
    assert place.labels.sum() == 0


def test_ground_is_claimed_once():
    place = _place()
    outline = rectangle(np.array([60.0, 60.0]), 40.0, 30.0, 0.2)
    assert place.claim(outline)
    assert not place.claim(outline)
    assert place.claim(outline + 60.0)
    assert not place.claim(outline + 10_000.0)


def test_a_shard_gives_back_what_was_packed(tmp_path):
    pair = make_pair(77, side_px=96)
    labels, weights, roofs = unpack_bits(pack(pair)[6])
    assert np.array_equal(labels, pair.labels)
    assert np.array_equal(weights, pair.weights)
    assert np.array_equal(roofs, pair.roofs)
    kept = tmp_path / "pairs-00003.npy"
    kept.write_bytes(b"kept")
    assert write_shard(tmp_path, 3, 0).read_bytes() == b"kept"


def test_every_head_and_every_kind_of_place_comes_up():
    pairs = [make_pair(seed, side_px=128) for seed in range(300, 324)]
    shares = np.mean([pair.labels.mean(axis=(1, 2)) for pair in pairs], axis=0)
    assert (shares > [0.01, 0.02]).all()
    assert (shares < [0.25, 0.5]).all()
    unchanged = [pair for pair in pairs if pair.labels.sum() == 0]
    assert unchanged
    assert min(pair.gsd_m for pair in pairs) < 0.6 < 1.2 < max(pair.gsd_m for pair in pairs)
