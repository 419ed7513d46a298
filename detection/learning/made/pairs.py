"""Made before/after pairs with a label for each head: what the net learns from, repeatable by its seed.

What is pasted for one head is an unlabelled distractor for the others; seasons, light, view, misfit,
sensor and traffic change in every pair.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detection.learning.made import countryside, suburbs
from detection.learning.made.canvas import Grid
from detection.learning.made.ground import lay_brush, lay_fields, lay_water
from detection.learning.made.scene import Place
from detection.learning.made.sensor import Bytes, misfit, random_view, record, see

GENERATOR_VERSION = "4"
MARGIN_PX = 8


@dataclass(frozen=True, slots=True)
class MadePair:
    """One made pair.

    Attributes
    ----------
    before, after : ndarray, shape (rows, cols, 3), uint8
        Red, green, blue.
    labels, weights : ndarray, shape (heads, rows, cols), uint8
        1 where the head should answer; 0 weight where nothing is learned. Heads as `scene.HEADS`.
    roofs : ndarray, shape (2, rows, cols), uint8
        Where roofs are at each date.
    """

    before: Bytes
    after: Bytes
    labels: NDArray[np.uint8]
    weights: NDArray[np.uint8]
    roofs: NDArray[np.uint8]
    gsd_m: float


def make_pair(seed: int, *, side_px: int = 256) -> MadePair:
    """Make one pair.

    Parameters
    ----------
    seed : int
        The same seed makes the same pair, bit for bit.
    side_px : int
        Side of the square, pixels.
    """
    rng = np.random.default_rng([seed, 20_261])
    plan = rng.choice(["suburb", "country", "site", "mixed"], p=[0.4, 0.4, 0.1, 0.1])
    low, high = {"suburb": (0.35, 0.8), "country": (0.8, 2.6), "site": (0.2, 0.6), "mixed": (0.5, 1.6)}[plan]
    place = Place(side_px + 2 * MARGIN_PX, float(np.exp(rng.uniform(np.log(low), np.log(high)))), rng)
    _PLANS[plan](place)
    azimuth = float(rng.uniform(0, 2 * np.pi))
    views = (random_view(rng, place.gsd_m, azimuth), random_view(rng, place.gsd_m, azimuth))
    place.settle_roofs(views)
    before, after = (see(rng, ground) for ground in place.render(views))
    before = misfit(rng, before, float(rng.choice([0.5, 1.5, 4.0])))
    inner = slice(MARGIN_PX, MARGIN_PX + side_px)
    return MadePair(
        record(rng, before)[inner, inner],
        record(rng, after)[inner, inner],
        _inner(place.labels, inner),
        _inner(place.weights, inner),
        _inner(place.roofs, inner),
        place.gsd_m,
    )


def _inner(planes: Grid, inner: slice) -> NDArray[np.uint8]:
    return np.ascontiguousarray(planes[:, inner, inner].astype(np.uint8))


def _suburb(place: Place) -> None:
    rng = place.rng
    lay_brush(place)
    if rng.random() < 0.4:
        countryside.lay_road(place, is_new=False)
    for _ in range(rng.integers(1, 3)):
        share = float(rng.choice([0.0, 1.0, rng.uniform(0.1, 0.7)], p=[0.4, 0.4, 0.2]))
        suburbs.lay_neighbourhood(place, share)
    if rng.random() < 0.5:
        state = str(rng.choice(["both", "new", "site"], p=[0.65, 0.25, 0.1]))
        suburbs.lay_hall(place, place.spot(0.1), rng.uniform(0, np.pi), state=state)
    if rng.random() < 0.2:
        countryside.lay_road(place, is_new=True)
    _disturb(place)


def _country(place: Place) -> None:
    rng = place.rng
    angle = float(rng.uniform(0, np.pi))
    lay_fields(place, angle)
    if rng.random() < 0.15:
        lay_water(place)
    for _ in range(rng.integers(0, 3)):
        if rng.random() < 0.7:
            size = tuple(float(v) for v in np.minimum(rng.uniform(0.25, 0.9, 2) * place.extent_m, 420.0))
            countryside.lay_village(place, place.spot(), angle + rng.normal(0, 0.05), (size[0], size[1]))
    if rng.random() < 0.6:
        countryside.lay_road(place, is_new=False)
    if rng.random() < 0.2:
        countryside.lay_road(place, is_new=True)
    for _ in range(rng.poisson(2.2)):
        turn = angle + rng.normal(0, 0.05) + np.pi / 2 * rng.integers(2)
        choice = rng.random()
        if choice < 0.2:
            countryside.lay_estate(place, place.spot(), turn, is_new=rng.random() < 0.8)
        elif choice < 0.45:
            countryside.lay_new_block(place, place.spot(), turn)
        else:
            countryside.lay_compound(place, place.spot(), turn, is_new=rng.random() < 0.65)
    _disturb(place)


def _site(place: Place) -> None:
    rng = place.rng
    lay_brush(place)
    if rng.random() < 0.7:
        countryside.lay_road(place, is_new=False)
    for _ in range(rng.integers(1, 4)):
        state = str(rng.choice(["both", "new", "site"], p=[0.4, 0.25, 0.35]))
        suburbs.lay_hall(place, place.spot(0.1), rng.uniform(0, np.pi), state=state)
    suburbs.lay_clutter(place, int(rng.integers(5, 60)))
    _disturb(place)


def _mixed(place: Place) -> None:
    rng = place.rng
    if rng.random() < 0.5:
        lay_brush(place)
    else:
        lay_fields(place, float(rng.uniform(0, np.pi)))
    for _ in range(rng.integers(1, 4)):
        angle = rng.uniform(0, np.pi)
        choice = rng.random()
        if choice < 0.4:
            countryside.lay_compound(place, place.spot(), angle, is_new=rng.random() < 0.6)
        elif choice < 0.6:
            suburbs.lay_neighbourhood(place, float(rng.random() < 0.6))
        elif choice < 0.85:
            suburbs.lay_hall(place, place.spot(), angle, state=str(rng.choice(["both", "new"])))
        else:
            countryside.lay_estate(place, place.spot(), angle, is_new=rng.random() < 0.6)
    _disturb(place)


def _disturb(place: Place) -> None:
    """Changes that are nobody's building or yard: works, clutter, cars."""
    rng = place.rng
    for _ in range(rng.poisson(0.45)):
        countryside.lay_works(place, place.spot())
    if place.gsd_m < 1.2:
        suburbs.lay_clutter(place, int(rng.poisson(6.0)))
        for _ in range(rng.poisson(8.0)):
            suburbs.lay_car(place, place.spot(), rng.uniform(0, np.pi))


_PLANS = {"suburb": _suburb, "country": _country, "site": _site, "mixed": _mixed}
