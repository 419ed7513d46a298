"""What a series says of a change that two images show: it agrees, calls it the season, or is silent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from rasterio.features import rasterize
from shapely.geometry.base import BaseGeometry

from detection.leads import Lead
from detection.series.kernel import NEVER, MonitorRule, PixelState
from detection.series.monitor import MonitorState, day_number, forecast, observed
from foundation.crs import STORAGE_EPSG, reproject
from ingest.raster import RasterGrid

Opinion = Literal["agrees", "disagrees", "silent"]
WITNESS = "harmonic_monitor"
MOST_PIXELS = 20_000
"""Of a larger outline every n-th is asked."""


@dataclass(frozen=True, slots=True)
class SeriesView:
    """A window of a monitor: its pixels row by row, where they lie, and by which rule they were watched."""

    state: MonitorState
    grid: RasterGrid
    rule: MonitorRule


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the pixels of an outline say.

    Attributes
    ----------
    pixels : int
        How many were asked.
    alarm_share, calm_share : float
        Of them with an alarm in the window; of them as their season says, with enough clear observations.
    state_key : str
        Of the monitor's state that was asked; empty where none was.
    """

    opinion: Opinion
    pixels: int
    alarm_share: float
    calm_share: float
    state_key: str = ""


SILENT = Verdict("silent", 0, 0.0, 0.0)


def verdict(
    outline: BaseGeometry,
    window: tuple[datetime, datetime],
    view: SeriesView | None,
    gate: Mapping[str, Any],
) -> Verdict:
    """What a series says of a change in an outline between two moments.

    Parameters
    ----------
    outline : Polygon or MultiPolygon
        EPSG:4490.
    window : (datetime, datetime)
        Images before and after.
    view : SeriesView or None
        Covers the outline; None where no monitor does.
    gate : mapping
        Table ``gate`` of ``data/rules/series.toml``.

    Returns
    -------
    Verdict
        ``agrees``: enough of the outline has an alarm whose interval meets the window. ``disagrees``: the
        observations of the window, its last one included, lie where the season puts them. Else ``silent``.
    """
    chosen = np.empty(0, np.int64) if view is None else pixels_inside(outline, view.grid)
    chosen = chosen[:: 1 + chosen.size // MOST_PIXELS]
    if view is None or chosen.size == 0:
        return SILENT
    first, last = day_number(window[0]), day_number(window[1])
    state = _pixels(view.state, chosen)
    has_alarm = _alarmed(state, first, last)
    is_calm = ~has_alarm & _calm(state, view.rule, (first, last + gate["grace_days"]), gate)
    alarm_share, calm_share = float(has_alarm.mean()), float(is_calm.mean())
    opinion: Opinion = "silent"
    if alarm_share >= gate["agree_share"]:
        opinion = "agrees"
    elif calm_share >= gate["calm_share"]:
        opinion = "disagrees"
    return Verdict(opinion, int(chosen.size), alarm_share, calm_share)


def weighed(lead: Lead, heard: Verdict, gate: Mapping[str, Any]) -> Lead:
    """A lead from two images with what the series says of it; silence leaves it as it is.

    A calm series lowers the confidence of classes that a season can feign, and says why; the lead stays.
    Other classes (a roof is no season) only carry the witness.

    Parameters
    ----------
    gate : mapping
        Table ``gate`` of ``data/rules/series.toml``.
    """
    if heard.opinion == "silent":
        return lead
    is_calm = heard.opinion == "disagrees"
    told: dict[str, Any] = {
        "opinion": heard.opinion,
        "pixels": heard.pixels,
        "alarm_share": round(heard.alarm_share, 3),
        "calm_share": round(heard.calm_share, 3),
        "state_key": heard.state_key,
    }
    confidence = lead.confidence
    if is_calm and lead.change_class in gate["change_classes"]:
        confidence = round(confidence * gate["calm_factor"], 4)
        told |= {"zh": gate["calm_zh"], "en": gate["calm_en"]}
    return replace(
        lead,
        confidence=confidence,
        witnesses={**lead.witnesses, WITNESS: not is_calm},
        attributes={**lead.attributes, WITNESS: told},
    )


def pixels_inside(outline: BaseGeometry, grid: RasterGrid) -> NDArray[np.int64]:
    """Pixels of a grid (row by row) whose centres lie in an outline; those it touches where there is none."""
    drawn = reproject(outline, STORAGE_EPSG, str(grid.crs_wkt))
    for is_touching in (False, True):
        inside = rasterize(
            [(drawn, 1)],
            out_shape=grid.shape,
            transform=grid.transform,
            all_touched=is_touching,
            dtype="uint8",
        )
        found = np.flatnonzero(inside)
        if found.size:
            break
    return found.astype(np.int64)


def _pixels(state: MonitorState, chosen: NDArray[np.int64]) -> MonitorState:
    return MonitorState(
        state.days,
        state.values[:, chosen],
        PixelState._make(
            array[:, chosen] if name.startswith("alarm_") else array[chosen]
            for name, array in zip(PixelState._fields, state.pixels, strict=True)
        ),
    )


def _alarmed(state: MonitorState, first: int, last: int) -> NDArray[np.bool_]:
    pixels = state.pixels
    is_within = (pixels.alarm_day != NEVER) & (pixels.alarm_from <= last) & (pixels.alarm_to >= first)
    return np.asarray(is_within.any(axis=0))


def _calm(
    state: MonitorState, rule: MonitorRule, window: tuple[int, int], gate: Mapping[str, Any]
) -> NDArray[np.bool_]:
    """Fitted, clear often enough in the window, the last time calm, and in no run of anomalies."""
    model = forecast(state, rule._replace(shift_days=gate["shift_days"]))
    excess = rule.direction * (observed(state) - model.expected) / model.error
    is_within = (state.days >= window[0]) & (state.days <= window[1])
    is_clear = np.isfinite(excess) & is_within[:, None]
    is_calm = is_clear & (np.where(is_clear, excess, np.inf) <= gate["calm_sigma"])
    latest = np.where(is_clear, state.days[:, None], NEVER).max(axis=0, initial=NEVER)
    latest_calm = np.where(is_calm, state.days[:, None], NEVER).max(axis=0, initial=NEVER)
    is_enough = is_clear.sum(axis=0) >= gate["least_clear"]
    is_mostly_calm = 2 * is_calm.sum(axis=0) > is_clear.sum(axis=0)
    is_ending_calm = (latest != NEVER) & (latest_calm == latest)
    return np.asarray(is_enough & is_mostly_calm & is_ending_calm & (state.pixels.run == 0))
