"""From codes and levels of pixels to labelled objects, each of one group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from detection.pixels.compiled import compiled
from detection.pixels.kinds.surfaces import (
    CLOUD,
    DARK,
    DEMOLISHED,
    EARTH,
    EARTH_EDGE,
    FILM,
    HARD,
    HARD_EDGE,
    WATER,
    WATER_EDGE,
    class_rules,
    closed,
    grown,
    opened,
)
from detection.pixels.net.codes import LEVEL_OF_HEAD
from detection.pixels.net.inference import HEADS
from detection.pixels.objects.components import at_least, boxes_of, hysteresis_of, numbered
from detection.pixels.objects.runs import Grid, IntArray, Runs, remade, selected
from detection.pixels.objects.tally import holes
from ingest.pair import Box

CLOSE_PX = 5
EDGE_PX = 3
"""Mixed pixels of an edge fail every pure rule: one pixel all round belongs to the object."""
LEAST_SHARE = 0.8
"""An object this much below the smallest area may still reach it within the error of its edge."""
SHAPE_HALO_PX = 16
BUILT_BIT, DEMOLISHED_BIT, WET_BIT, DARK_BIT = 1, 2, 4, 8

LOW, HIGH, UNSEEN = 1, 2, 3
"""Levels of a score: above the low cut, above the cut, not observed."""
_LEVEL_BITS, _CODE_BITS = 2, 4
WITNESS_SHIFT = _LEVEL_BITS + _CODE_BITS
MAX_WITNESSES = 8
_VALUES = np.arange(1 << (WITNESS_SHIFT + MAX_WITNESSES))
LEVEL_OF: IntArray = (_VALUES & 3).astype(np.int32)
CODE_OF: IntArray = ((_VALUES >> _LEVEL_BITS) & 15).astype(np.int32)


def packed(
    levels: NDArray[np.uint8], codes: NDArray[np.uint8] | None, witnesses: NDArray[np.uint8]
) -> NDArray[np.uint16]:
    """Level, surface code and a bit for each witness of a pixel as one number; 0 says nothing is there."""
    if codes is None:
        codes = np.zeros((1, 1), np.uint8)
    value = np.empty(levels.shape, np.uint16)
    _pack(levels, codes, witnesses, value)
    return value


@compiled
def _pack(
    levels: NDArray[np.uint8],
    codes: NDArray[np.uint8],
    witnesses: NDArray[np.uint8],
    value: NDArray[np.uint16],
) -> None:
    rows, cols = levels.shape
    has_codes = codes.shape == levels.shape
    for row in range(rows):
        for col in range(cols):
            level = levels[row, col]
            packed_value = np.uint16(level)
            if level != UNSEEN:
                code = codes[row, col] if has_codes else np.uint8(0)
                if level > 0 or code > 0:
                    packed_value |= (np.uint16(code) << _LEVEL_BITS) | (
                        np.uint16(witnesses[row, col]) << WITNESS_SHIFT
                    )
            value[row, col] = packed_value


@dataclass(frozen=True)
class Objects:
    """Objects 1 to n as runs whose value is their number; boxes (row, column, rows, columns); groups."""

    runs: Runs
    boxes: NDArray[np.int64]
    groups: tuple[str, ...]

    @property
    def count(self) -> int:
        """How many objects."""
        return len(self.groups) - 1

    def box(self, label: int) -> Box:
        """Smallest window that holds an object."""
        return Box(*(int(number) for number in self.boxes[label]))


def objects_of_levels(scores: Runs, *, min_px: float, is_fine: bool) -> Objects:
    """Connected change above the cut, grown to the low cut.

    Parameters
    ----------
    scores : Runs
        Values as `packed` makes them.
    is_fine : bool
        One-pixel gaps are closed, one-pixel threads dropped, and holes below the smallest object filled. At
        10 m and coarser a road is one pixel wide: nothing is opened away there.
    """
    is_change = hysteresis_of(scores, is_low=(LEVEL_OF == LOW) | (LEVEL_OF == HIGH), is_high=LEVEL_OF == HIGH)
    if is_fine:
        is_change = _without(remade([is_change], _cleaned, halo=4), [unseen(scores)])
        is_change = _filled(is_change, unseen(scores), min_px)
    found, count = numbered(is_change, min_px=min_px, first=1)
    return Objects(found, boxes_of(found, count), ("",) + ("change",) * count)


def objects_of_heads(scores: Runs, *, min_px: float, is_fine: bool) -> Objects:
    """Objects of each head of the net in turn, each grown to the low cut; a pixel belongs to the first.

    Buildings come first: the land around them was mostly converted as well, and would swallow them.

    Parameters
    ----------
    scores : Runs
        Values as `packed` makes them, codes as `kinds.heads.head_codes`.
    is_fine : bool
        As in `objects_of_levels`.
    """
    taken = [unseen(scores)]
    parts, groups = [], [""]
    for head, levels in zip(HEADS, LEVEL_OF_HEAD, strict=True):
        level = levels[CODE_OF]
        mask = hysteresis_of(scores, is_low=level >= 1, is_high=level >= 2)
        if is_fine:
            mask = _without(remade([mask], _cleaned, halo=4), taken)
            mask = _filled(remade([mask], _unthreaded, halo=2), _merged(taken, scores.shape), min_px)
        else:
            mask = _without(mask, taken)
        found, count = numbered(mask, min_px=min_px, first=len(groups))
        taken.append(found)
        parts.append(found)
        groups.extend([head] * count)
    runs = _merged(parts, scores.shape)
    return Objects(runs, boxes_of(runs, len(groups) - 1), tuple(groups))


def objects_of_codes(scores: Runs, *, min_px: float, gsd_m: float) -> Objects:
    """Objects of each group in turn; a pixel belongs to the first that claims it."""
    least = LEAST_SHARE * min_px
    hidden = unseen(scores)
    taken = [hidden]
    parts, groups = [], [""]
    for group, mask in _masks(scores, least=least, gsd_m=gsd_m).items():
        found, count = numbered(_without(mask, taken), min_px=least, first=len(groups))
        taken.append(found)
        parts.append(found)
        groups.extend([group] * count)
    runs = _merged(parts, scores.shape)
    return Objects(runs, boxes_of(runs, len(groups) - 1), tuple(groups))


def unseen(scores: Runs) -> Runs:
    """Pixels that were not observed."""
    return selected(scores, LEVEL_OF == UNSEEN)


def _masks(scores: Runs, *, least: float, gsd_m: float) -> dict[str, Runs]:
    """Where each group may lie, in the order in which they claim pixels."""
    coded = scores.where(CODE_OF[scores.value] > 0)
    shapes = remade([coded], _shapes, halo=SHAPE_HALO_PX)
    earth = hysteresis_of(
        coded, is_low=(CODE_OF == EARTH_EDGE) | (CODE_OF == EARTH), is_high=CODE_OF == EARTH
    )
    earth = at_least(remade([earth], lambda tiles: opened(tiles[0] > 0, 3), halo=4), least)
    built = selected(shapes, _has_bit(BUILT_BIT))
    return {
        "cloud": _clouds(coded, gsd_m),
        "new": remade([built, earth], _new, halo=SHAPE_HALO_PX),
        "demolished": _edged(at_least(selected(shapes, _has_bit(DEMOLISHED_BIT)), least)),
        "water": _edged(at_least(selected(shapes, _has_bit(WET_BIT)), least)),
        "dark": _edged(at_least(selected(shapes, _has_bit(DARK_BIT)), least)),
    }


def _shapes(tiles: Sequence[IntArray]) -> NDArray[np.uint8]:
    """A bit for each group whose pixels need only their neighbours to be told."""
    codes = CODE_OF[tiles[0]]
    is_built = (codes == HARD) | (codes == FILM)
    is_built |= grown(is_built, 3) & (codes == HARD_EDGE)
    is_wet = opened(closed(codes == WATER, CLOSE_PX), 3)
    is_wet |= grown(is_wet, 3) & (codes == WATER_EDGE)
    is_demolished = opened(closed(codes == DEMOLISHED, CLOSE_PX), 3)
    is_dark = opened(closed(codes == DARK, CLOSE_PX), CLOSE_PX)
    bits = np.zeros(codes.shape, np.uint8)
    marked = ((BUILT_BIT, is_built), (DEMOLISHED_BIT, is_demolished), (WET_BIT, is_wet), (DARK_BIT, is_dark))
    for bit, mask in marked:
        bits |= mask.astype(np.uint8) * np.uint8(bit)
    return bits


def _new(tiles: Sequence[IntArray]) -> NDArray[np.bool_]:
    built, earth = tiles
    return closed((built > 0) | grown(earth > 0, EDGE_PX), CLOSE_PX)


def _edged(mask: Runs) -> Runs:
    return remade([mask], lambda tiles: grown(tiles[0] > 0, EDGE_PX), halo=4)


def _clouds(coded: Runs, gsd_m: float) -> Runs:
    """Cores that are large enough for a cloud, with the haze around them."""
    rule = class_rules()["cloud"]
    cores = at_least(selected(coded, CODE_OF == CLOUD), rule["least_m2"] / gsd_m**2)
    reach = round(rule["reach_m"] / gsd_m)
    return remade([cores], lambda tiles: grown(tiles[0] > 0, 2 * reach + 1), halo=reach + 1)


def _cleaned(tiles: Sequence[IntArray]) -> NDArray[np.bool_]:
    mask = (tiles[0] > 0).astype(np.uint8)
    mask = np.asarray(cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8)), np.uint8)
    return _unthreaded([mask])


def _unthreaded(tiles: Sequence[Grid]) -> NDArray[np.bool_]:
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    mask = (tiles[0] > 0).astype(np.uint8)
    return np.asarray(cv2.morphologyEx(mask, cv2.MORPH_OPEN, cross) > 0)


def _without(mask: Runs, taken: Sequence[Runs]) -> Runs:
    def rule(tiles: Sequence[IntArray]) -> NDArray[np.bool_]:
        is_free = tiles[0] > 0
        for other in tiles[1:]:
            is_free &= other == 0
        return is_free

    return remade([mask, *taken], rule, halo=0)


def _filled(mask: Runs, hidden: Runs, max_px: float) -> Runs:
    gaps = _without(holes(mask, max_px), [hidden])
    joined = _merged([mask.where(np.ones(len(mask), bool), np.ones(len(mask), np.int32)), gaps], mask.shape)
    return selected(joined, np.array([False, True]))


def _merged(parts: Sequence[Runs], shape: tuple[int, int]) -> Runs:
    """Disjoint runs of several sets in one order."""
    joined = Runs.joined(parts, shape)
    order = np.lexsort((joined.start, joined.row))
    return Runs.over([column[order] for column in joined.columns()], shape)


def _has_bit(bit: int) -> NDArray[np.bool_]:
    return np.asarray((np.arange(16) & bit) > 0)
