"""Our overlay: layers mapped from the shelf, patches as they come from the database."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from bench.jobs import Job, Outcome, Place
from bench.judgement_scenes import CORNER, Shapes, made_county
from detection.judging.areas.authalic import Cylinder, with_geodesic_edges
from detection.judging.areas.join import Layer, SharedAreas, shared_areas
from detection.judging.areas.layer_shelf import LayerShelf, shelf_key
from detection.judging.areas.ragged import ragged_of
from foundation.crs import ellipsoidal_area_m2

CYLINDER = Cylinder(CORNER[0] + 0.3, CORNER[1] + 0.25)
COUNTED_M2 = 0.005
"""Pairs that share less are not counted: the product's own limit of what touches."""
LEAST_PATCH_M2 = 200.0
JUDGED = 2_000
Found = dict[str, SharedAreas]


def ellipsoidal(place: Place, *, is_judged: bool = False) -> Job:
    """Patches in degrees, areas on the ellipsoid."""
    county = made_county(patches=place.patches, parcels=place.parcels)
    layers = _mapped(place, county.layers, CYLINDER)

    def run() -> Found:
        return overlaid(county.patches, layers, CYLINDER)

    def judge(found: Found) -> Outcome:
        outcome = summed(found)
        if not is_judged:
            return outcome
        facts = {**outcome.facts, "geodesic_error": _geodesic_error(county.patches)}
        return Outcome(outcome.count, outcome.area, facts)

    return Job(run, judge)


def planar(place: Place) -> Job:
    """The same outlines, already in metres of a plane."""
    county = made_county(patches=place.patches, parcels=place.parcels)
    patches = rolled_out(county.patches)
    layers = _mapped(place, {kind: rolled_out(shapes) for kind, shapes in county.layers.items()}, None)
    return Job(lambda: overlaid(patches, layers, None), summed)


def overlaid(patches: Shapes, layers: dict[str, Layer], cylinder: Cylinder | None) -> Found:
    """Everything that is asked of a county at once."""
    asked = ragged_of(patches, cylinder)
    return {kind: shared_areas(asked, layer) for kind, layer in layers.items()}


def rolled_out(shapes: Shapes) -> Shapes:
    """Outlines on the plane of the cylinder, with the points that ours puts into long edges."""
    kind, lonlat, (rings, *rest) = shapely.to_ragged_array(shapes)
    points, begins = with_geodesic_edges(lonlat, rings)
    return np.asarray(shapely.from_ragged_array(kind, CYLINDER.plane_m(points), (begins, *rest)))


def summed(found: Found) -> Outcome:
    """Pairs that count and their area, over all layers."""
    areas_m2 = np.concatenate([shared.area_m2 for shared in found.values()])
    counted = areas_m2[areas_m2 >= COUNTED_M2]
    return Outcome(len(counted), round(float(counted.sum())), {"pairs": len(counted)})


def difference(found: Found, other: Found, parcels: dict[str, int]) -> float:
    """Largest gap of one pair between two results, in m² or of the area, whichever is larger."""
    return max(float(np.max(_gaps(found[kind], other[kind], parcels[kind]), initial=0.0)) for kind in found)


def _gaps(one: SharedAreas, other: SharedAreas, count: int) -> NDArray[np.float64]:
    keys = [shared.patch.astype(np.int64) * count + shared.feature for shared in (one, other)]
    every = np.union1d(*keys)
    areas = np.zeros((2, len(every)))
    for row, (key, shared) in enumerate(zip(keys, (one, other), strict=True)):
        areas[row, np.searchsorted(every, key)] = shared.area_m2
    gaps: NDArray[np.float64] = np.abs(areas[0] - areas[1]) / np.maximum(1.0, areas[1])
    return gaps


def _mapped(place: Place, shapes: dict[str, Shapes], cylinder: Cylinder | None) -> dict[str, Layer]:
    shelf = LayerShelf(place.folder / "areas")
    version = f"{place.patches}-{place.parcels}-{'ellipsoid' if cylinder else 'plane'}"

    def laid(kind: str) -> Layer:
        return shelf.layer(shelf_key(kind, [version], cylinder), lambda: ragged_of(shapes[kind], cylinder))

    return {kind: laid(kind) for kind in shapes}


def _geodesic_error(patches: Shapes) -> float:
    """Largest error of a patch as a share of its area, of 200 m² for smaller ones."""
    worst = 0.0
    some = range(0, len(patches), max(len(patches) // JUDGED, 1))
    own_m2 = ragged_of(patches, CYLINDER, is_checked=True).areas_m2()
    for patch in some:
        true_m2 = ellipsoidal_area_m2(patches[patch])
        worst = max(worst, abs(own_m2[patch] - true_m2) / max(true_m2, LEAST_PATCH_M2))
    return worst
