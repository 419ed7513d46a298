"""Runs say of a scene what GDAL, OpenCV and SciPy say of the whole array."""

from __future__ import annotations

import itertools
from dataclasses import replace

import cv2
import numpy as np
import pytest
import rasterio.features
import shapely
import shapely.affinity
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import ndimage
from shapely.geometry import shape

from detection.pixels.objects.components import at_least, components, hysteresis_of, numbered, sites_of
from detection.pixels.objects.recipes import packed
from detection.pixels.objects.runs import Runs, remade
from detection.pixels.objects.tally import bits_under, complement, holes
from detection.pixels.objects.trace import traced, traced_by_value
from ingest.pair import Box

SHAPES = array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=14)
MASKS = arrays(np.bool_, SHAPES)
FEW = settings(max_examples=150, deadline=None)


def whole(runs: Runs) -> np.ndarray:
    return runs.paint(Box(0, 0, *runs.shape))


@given(arrays(np.uint8, SHAPES, elements=st.integers(0, 3)))
@FEW
def test_painting_gives_back_what_was_marked(values):
    assert (whole(Runs.of(values)) == values).all()
    rows, cols = values.shape
    box = Box(rows // 3, cols // 4, rows - rows // 3, max(cols // 2, 1))
    assert (Runs.of(values).paint(box) == values[box.slices]).all()


@given(
    st.sampled_from((np.uint8, np.uint16, np.int32, np.int64)).flatmap(
        lambda kind: arrays(
            kind,
            st.tuples(st.integers(1, 4), st.sampled_from((8, 16, 24, 40))),
            elements=st.integers(0, 3),
            fill=st.just(kind(0)),
        )
    )
)
@FEW
def test_unmarked_stretches_are_passed_over_whole(values):
    assert (whole(Runs.of(values)) == values).all()


@given(MASKS, st.integers(0, 1 << 20), st.integers(0, 1 << 20))
@FEW
def test_outlines_are_the_same_far_from_the_corner_of_a_vast_scene(mask, down, right):
    near = Runs.of(mask)
    columns = (
        near.row + np.int32(down),
        near.start + np.int32(right),
        near.stop + np.int32(right),
        near.value,
    )
    far = Runs.over(columns, (1 << 21, 1 << 21))
    moved = [shapely.affinity.translate(polygon, right, down) for polygon in traced(near)[0]]
    assert traced(far)[0].tolist() == moved


def test_outlines_beyond_what_one_number_holds_are_refused():
    row, start, stop, value = (np.array([one], np.int32) for one in (2**31 - 2, 2**31 - 9, 2**31 - 1, 1))
    with pytest.raises(OverflowError):
        traced(Runs.over((row, start, stop, value), (2**31 - 1, 2**31 - 1)))


@given(arrays(np.uint16, SHAPES, elements=st.integers(0, 3)), st.data())
@FEW
def test_blocks_side_by_side_are_the_runs_of_the_whole(values, data):
    rows, cols = values.shape
    cuts = [0, *sorted(data.draw(st.sets(st.integers(1, max(cols - 1, 1)), max_size=4))), cols]
    top = data.draw(st.integers(0, 5))
    shape = (rows + top, cols)
    boxes = [Box(0, left, rows, right - left) for left, right in itertools.pairwise(cuts) if right > left]
    blocks = [Runs.of(values[box.slices]).placed(replace(box, row=top), shape) for box in boxes]
    joined = Runs.side_by_side(data.draw(st.permutations(blocks)), shape)
    wanted = Runs.of(values, first_row=top, rows=shape[0])
    assert joined.shape == wanted.shape
    for column, other in zip(joined.columns(), wanted.columns(), strict=True):
        assert column.tolist() == other.tolist()


@given(MASKS)
@FEW
def test_outlines_are_valid_and_those_of_gdal(mask):
    polygons, _ = traced(Runs.of(mask))
    wanted = [
        shape(geometry)
        for geometry, _ in rasterio.features.shapes(
            mask.astype(np.uint8), mask=mask, connectivity=4, transform=Affine.identity()
        )
    ]
    assert shapely.is_valid(polygons).all()
    assert sorted(polygon.normalize().wkt for polygon in polygons) == sorted(
        polygon.normalize().wkt for polygon in wanted
    )


@given(arrays(np.uint8, SHAPES, elements=st.integers(0, 3)))
@FEW
def test_outlines_by_value_have_the_area_of_their_pixels(values):
    outlines = traced_by_value(Runs.of(values))
    assert {value: outline.area for value, outline in outlines.items()} == {
        value: int((values == value).sum()) for value in np.unique(values) if value
    }
    assert all(outline.is_valid for outline in outlines.values())


@given(MASKS, st.booleans())
@FEW
def test_components_are_those_of_opencv(mask, diagonal):
    runs = Runs.of(mask)
    found = components(runs, diagonal=diagonal)
    count, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8 if diagonal else 4)
    assert len(found.area_px) == count - 1
    ours = whole(runs.where(np.ones(len(runs), bool), found.label + 1))
    pairs = {(int(a), int(b)) for a, b in zip(ours.ravel(), labels.ravel(), strict=True)}
    assert len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})


@given(arrays(np.uint8, SHAPES, elements=st.integers(0, 2)))
@FEW
def test_objects_that_touch_have_one_site(kinds):
    objects = np.zeros(kinds.shape, np.int32)
    for kind in (1, 2):
        _, pieces = cv2.connectedComponents((kinds == kind).astype(np.uint8), connectivity=8)
        objects = np.where(pieces > 0, pieces + objects.max(), objects)
    sites = sites_of(Runs.of(objects), int(objects.max()))
    _, blobs = cv2.connectedComponents((kinds > 0).astype(np.uint8), connectivity=8)
    for blob in range(1, blobs.max() + 1):
        assert set(sites[objects[blobs == blob]]) == {objects[blobs == blob].min()}


@given(arrays(np.uint8, SHAPES, elements=st.integers(0, 2)), st.integers(1, 6))
@FEW
def test_hysteresis_and_sizes(values, least):
    runs = Runs.of(values)
    is_low, is_high = np.array([False, True, True]), np.array([False, False, True])
    kept = whole(hysteresis_of(runs, is_low=is_low, is_high=is_high)) > 0
    labels, count = ndimage.label(values > 0, np.ones((3, 3)))
    wanted = np.isin(labels, [n for n in range(1, count + 1) if (values[labels == n] == 2).any()])
    assert (kept == wanted).all()
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    large = [n for n in range(1, count + 1) if sizes[n] >= least]
    assert ((whole(at_least(runs, least)) > 0) == np.isin(labels, large)).all()
    found, number = numbered(Runs.of(values > 0), min_px=least, first=5)
    assert number == len(large)
    assert set(np.unique(found.value)) == set(range(5, 5 + number))


@given(MASKS, st.integers(1, 9))
@FEW
def test_holes_are_enclosed_and_small(mask, limit):
    runs = Runs.of(mask)
    assert ((whole(complement(runs)) > 0) == ~mask).all()
    labels, count = ndimage.label(~mask)
    edge = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    wanted = [n for n in range(1, count + 1) if (labels == n).sum() < limit and n not in set(edge.tolist())]
    assert ((whole(holes(runs, limit)) > 0) == np.isin(labels, wanted)).all()


@given(st.data(), SHAPES)
@FEW
def test_tallies_count_pixels(data, size):
    objects = data.draw(arrays(np.uint8, size, elements=st.integers(0, 2)))
    scores = data.draw(arrays(np.uint8, size, elements=st.integers(0, 7)))
    counted = bits_under(Runs.of(objects), Runs.of(scores), 2, 3)
    for value in (1, 2):
        for bit in range(3):
            assert counted[value, bit] == ((objects == value) & ((scores >> bit) & 1 > 0)).sum()


@given(MASKS, st.integers(3, 9))
@FEW
def test_a_rule_of_bounded_reach_has_no_seam(mask, tile):
    def grown(tiles):
        return cv2.dilate((tiles[0] > 0).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0

    made = remade([Runs.of(mask)], grown, halo=1, tile_px=tile)
    assert ((whole(made) > 0) == grown([mask])).all()


def test_packing_keeps_level_code_and_witnesses_apart():
    levels = np.array([[0, 1, 2, 3, 0]], np.uint8)
    codes = np.array([[0, 0, 5, 7, 9]], np.uint8)
    witnesses = np.array([[3, 1, 3, 3, 2]], np.uint8)
    value = packed(levels, codes, witnesses).astype(int)
    assert (value & 3).tolist() == [[0, 1, 2, 3, 0]]
    assert ((value >> 2) & 15).tolist() == [[0, 0, 5, 0, 9]]
    assert (value >> 6).tolist() == [[0, 1, 3, 0, 2]]
