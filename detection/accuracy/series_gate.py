"""The gate on a real series: how many seasonal falls between two dates it explains, and no true one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from shapely.geometry.base import BaseGeometry

from detection.accuracy.series import Series, inject, injection_span, read_cube, watch
from detection.series.gate import SeriesView, verdict
from detection.series.kernel import MonitorRule
from detection.series.monitor import monitor_rule, series_rules
from foundation.crs import reproject
from ingest.raster import RasterGrid

FALL = 0.15
"""Fall of the median NDVI between two dates that a two-date comparison would report."""
FIELD_PX = 4
EPSG = 32633
CORNER = Affine(10.0, 0.0, 465_181.05, 0.0, -10.0, 5_080_254.63)
EPOCH = datetime(1970, 1, 1, 12, tzinfo=UTC)


SEEDS = (101, 102)


def measure_gate(scene_folder: Path, *, seeds: tuple[int, ...] = SEEDS) -> dict[str, Any]:
    """Opinions on squares of 4 × 4 pixels whose NDVI fell by `FALL` between two clear dates.

    Six pairs of clear dates a seed, 30 to 200 days apart. Each is asked with the monitor as it stood on the
    later date, and once more 60 days on.

    Parameters
    ----------
    scene_folder : Path
        Holds ``cube.npz``, see `detection.accuracy.series.measure_series`.

    Returns
    -------
    dict
        For ``same`` (nothing happened) and ``changed`` ground: how many squares fell, and the share of each
        opinion, ``at_once`` and ``later``.
    """
    series, rule = read_cube(scene_folder / "cube.npz"), monitor_rule()
    span = injection_span(series, watch(series, rule))
    told: dict[str, Counter[str]] = {}
    fallen: Counter[str] = Counter()
    for seed in seeds:
        changed, when = inject(series, span, seed)
        for first, last in _pairs(changed, span, seed):
            for name, wait in (("at_once", 0), ("later", series_rules()["gate"]["grace_days"])):
                view = _view(changed, rule, until=int(series.days[last]) + wait)
                for kind, outline in _fallen_fields(changed, when, first, last):
                    moments = (_moment(series, first), _moment(series, last))
                    heard = verdict(outline, moments, view, series_rules()["gate"])
                    told.setdefault(f"{kind}_{name}", Counter())[heard.opinion] += 1
                    fallen[kind] += name == "at_once"
    return {
        kind: {"squares": count} | {name: _shares(told[f"{kind}_{name}"]) for name in ("at_once", "later")}
        for kind, count in sorted(fallen.items())
    }


def _pairs(series: Series, span: tuple[int, int], seed: int) -> Iterator[tuple[int, int]]:
    """Six pairs of clear dates, 30 to 200 days apart, the later one within the span."""
    clear = np.flatnonzero(series.is_clear.mean(axis=(1, 2)) > 0.9)
    days = series.days
    pairs = [
        (int(first), int(last))
        for first in clear
        for last in clear
        if 30 <= days[last] - days[first] <= 200 and span[0] < days[last] <= days[-1]
    ]
    random = np.random.default_rng(seed)
    for number in random.choice(len(pairs), 6, replace=False):
        yield pairs[number]


def _view(series: Series, rule: MonitorRule, *, until: int) -> SeriesView:
    known = series.days <= until
    part = Series(series.values[known], series.is_clear[known], series.days[known])
    rows, cols = series.values.shape[1:]
    grid = RasterGrid(CRS.from_epsg(EPSG).to_wkt(), CORNER, rows, cols)
    return SeriesView(watch(part, rule), grid, rule)


def _fallen_fields(
    series: Series, when: NDArray[np.int32], first: int, last: int
) -> Iterator[tuple[str, BaseGeometry]]:
    """Squares of one kind whose median NDVI fell."""
    values = np.where(series.is_clear, series.values, np.nan)[[first, last]]
    is_changed = (when > series.days[first]) & (when <= series.days[last])
    rows, cols = when.shape
    for row in range(0, rows - FIELD_PX, FIELD_PX):
        for col in range(0, cols - FIELD_PX, FIELD_PX):
            place = (slice(row, row + FIELD_PX), slice(col, col + FIELD_PX))
            part = values[(slice(None), *place)]
            is_mixed = is_changed[place].any() != is_changed[place].all() or not np.isfinite(part).all()
            is_other = bool((when[place] > 0).any()) and not is_changed[place].all()
            before, after = np.median(part.reshape(2, -1), axis=1)
            if is_mixed or is_other or not before - after >= FALL:
                continue
            west, north = CORNER @ (col, row)
            side = FIELD_PX * CORNER.a
            box = shapely.box(west, north - side, west + side, north)
            yield "changed" if is_changed[place].all() else "same", reproject(box, EPSG)


def _moment(series: Series, scene: int) -> datetime:
    return EPOCH + timedelta(days=int(series.days[scene]))


def _shares(opinions: Counter[str]) -> dict[str, float]:
    total = sum(opinions.values())
    return {name: round(opinions[name] / total, 4) for name in ("agrees", "disagrees", "silent")}
