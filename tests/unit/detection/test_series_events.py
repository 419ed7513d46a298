"""Alarms of pixels become events; states go to disk and back; what is to be done follows from the scenes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid5

import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st

from detection.leads import Lead
from detection.series.alarms import AlarmPixels, KnownEvent, group_events, outline_event, same_event
from detection.series.gate import SILENT, SeriesView, Verdict, verdict, weighed
from detection.series.kernel import CLOUDED, YEAR
from detection.series.monitor import advance, day_number, monitor_rule, new_state, quantised, series_rules
from detection.series.stack import Layer, Monitor, index_of, open_stack, plan_advance
from detection.series.states import joined_view, packed, unpacked
from foundation.crs import reproject
from foundation.errors import InvalidInput
from ingest.pair import Box
from ingest.raster import RasterGrid

RULE = series_rules()["event"]
GATE = series_rules()["gate"]
WKT = rasterio.crs.CRS.from_epsg(4547).to_wkt()
CORNER = Affine(10.0, 0.0, 400_000.0, 0.0, -10.0, 3_870_000.0)


def alarms(*rows: tuple[int, int, int, int]) -> AlarmPixels:
    """From (row, col, first day, last day)."""
    table = np.array(rows, np.int64).reshape(-1, 4)
    days = table[:, 2:].astype(np.int32)
    shift = np.full(len(table), -0.4, np.float32)
    return AlarmPixels(table[:, 0], table[:, 1], days[:, 0], days[:, 1], days[:, 1] + 40, shift)


def square(
    top: int, left: int, side: int, first: int = 100, last: int = 110
) -> list[tuple[int, int, int, int]]:
    return [(top + r, left + c, first, last) for r in range(side) for c in range(side)]


def test_touching_alarms_of_one_time_are_one_event_and_small_ones_none():
    found = group_events(
        alarms(
            *square(0, 0, 3),
            *square(3, 3, 2),
            *square(0, 20, 1),
            *square(8, 8, 2, 400, 410),
            *square(8, 10, 2),
        ),
        cols=30,
        rule=RULE,
    )
    # The first two touch by a corner; the last two touch, but years apart; a single pixel is noise.
    assert [len(event.pixels) for event in found] == [13, 4, 4]
    assert [(event.change_from, event.change_to) for event in found] == [(100, 110), (400, 410), (100, 110)]


def test_the_edge_of_the_grid_joins_nothing_to_the_next_row():
    assert (
        group_events(alarms((0, 9, 1, 2), (1, 0, 1, 2), (0, 8, 1, 2), (1, 1, 1, 2)), cols=10, rule=RULE) == []
    )


def test_two_events_of_one_place_years_apart_stay_two():
    found = group_events(alarms(*square(2, 2, 3), *square(2, 2, 3, 900, 910)), cols=10, rule=RULE)
    assert sorted(event.change_to for event in found) == [110, 910]


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_grouping_does_not_depend_on_the_order_and_equals_plain_flooding(seed):
    random = np.random.default_rng(seed)
    is_alarm = random.random((12, 14)) < 0.35
    rows = [(int(r), int(c), 100, 110) for r, c in np.argwhere(is_alarm)]
    if not rows:
        return
    found = group_events(alarms(*rows), cols=14, rule=RULE)
    shuffled = group_events(alarms(*[rows[i] for i in random.permutation(len(rows))]), cols=14, rule=RULE)
    assert [event.anchor for event in found] == [event.anchor for event in shuffled]
    left, sizes = {(r, c) for r, c, _, _ in rows}, []
    while left:
        front, size = [left.pop()], 0
        while front:
            r, c = front.pop()
            size += 1
            near = {(r + i, c + j) for i in (-1, 0, 1) for j in (-1, 0, 1)} & left
            left -= near
            front += near
        sizes.append(size)
    assert sorted(len(event.pixels) for event in found) == sorted(
        s for s in sizes if s >= RULE["least_pixels"]
    )


def test_an_event_that_grows_keeps_its_first_pixel():
    small = alarms(*square(5, 5, 2))
    grown = AlarmPixels.joined([small, alarms(*square(3, 5, 2, 108, 120))])
    [first], [later] = (group_events(pixels, cols=30, rule=RULE) for pixels in (small, grown))
    assert first.anchor == later.anchor
    assert len(later.pixels) == 8


def test_an_outline_has_the_area_of_its_pixels_and_its_holes():
    ring = [row for row in square(10, 10, 5) if row[:2] != (12, 12)]
    [event] = group_events(alarms(*ring), cols=100, rule=RULE)
    outline = outline_event(event, RasterGrid(WKT, CORNER, 100, 100))
    assert outline.area_m2 == pytest.approx(2400.0, rel=2e-3)
    assert len(shapely.get_parts(outline.outline)[0].interiors) == 1
    assert outline.area_min_m2 < outline.area_m2 < outline.area_max_m2


def test_a_known_event_is_met_again_by_ground_and_time():
    box = shapely.box(113.0, 35.0, 113.001, 35.001)
    known = [KnownEvent(UUID(int=1), box, 100, 110), KnownEvent(UUID(int=2), box, 900, 910)]
    shifted = shapely.transform(box, lambda points: points + 0.0004)
    assert same_event(shifted, (104, 112), known, RULE) == known[0]
    assert same_event(shifted, (880, 899), known, RULE) == known[1]
    assert same_event(shifted, (400, 410), known, RULE) is None
    assert same_event(shapely.box(114.0, 35.0, 114.001, 35.001), (104, 112), known, RULE) is None


# --- states -----------------------------------------------------------------------------------------------


def some_state(size: int = 12, scenes: int = 40, seed: int = 1):
    rule, days = monitor_rule(), (17_000 + 12 * np.arange(scenes)).astype(np.int32)
    values = np.random.default_rng(seed).uniform(0.6, 0.7, (scenes, size))
    values[-6:, : size // 3] = 0.1
    return advance(new_state(size, rule), days, quantised(values), rule)


def test_a_state_comes_back_from_its_bytes_and_gives_the_same_ones():
    state = some_state()
    again = unpacked(packed(state))
    assert packed(again) == packed(state)
    for one, other in zip(
        (state.days, state.values, *state.pixels), (again.days, again.values, *again.pixels), strict=True
    ):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


def test_a_window_over_four_blocks_is_the_window_of_the_whole():
    whole = some_state(size=8 * 9)
    number = np.arange(72).reshape(8, 9)
    boxes = [Box(0, 0, 5, 4), Box(0, 4, 5, 5), Box(5, 0, 3, 4), Box(5, 4, 3, 5)]
    window = Box(2, 1, 5, 6)
    parts = [(box, joined_view([(Box(0, 0, 8, 9), whole)], box)) for box in boxes]
    view = joined_view(parts, window)
    chosen = number[2:7, 1:7].ravel()
    np.testing.assert_array_equal(view.values, whole.values[:, chosen])
    np.testing.assert_array_equal(view.pixels.coefficients, whole.pixels.coefficients[chosen])
    np.testing.assert_array_equal(view.pixels.alarm_day, whole.pixels.alarm_day[:, chosen])


# --- plans ------------------------------------------------------------------------------------------------


def layer(number: int) -> Layer:
    moment = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(days=number)
    return Layer(uuid5(UUID(int=0), str(number)), moment, f"{number:064d}", None)


def blank_monitor() -> Monitor:
    grid = RasterGrid(WKT, CORNER, 10, 10)
    return Monitor(UUID(int=9), "410883", "S2", "ndvi", grid, monitor_rule(), 512, (), "", "")


def test_what_is_to_be_done_follows_from_the_scenes():
    blank = blank_monitor()
    first = plan_advance([layer(2), layer(1)], None, blank, is_state_there=False)
    assert first is not None
    assert [one.acquired_at.day for one in first.fresh] == [2, 3]
    known = replace(first.monitor, state_sha256="f" * 64)
    assert plan_advance([layer(1), layer(2)], known, blank, is_state_there=True) is None
    more = plan_advance([layer(1), layer(2), layer(5)], known, blank, is_state_there=True)
    assert more is not None
    assert more.former == known
    assert more.fresh == (layer(5),)
    late = plan_advance([layer(0), layer(1), layer(2)], known, blank, is_state_there=True)
    assert late is not None
    assert late.former is None
    assert len(late.fresh) == 3
    lost = plan_advance([layer(1), layer(2)], known, blank, is_state_there=False)
    assert lost is not None
    assert lost.former is None
    assert lost.monitor.state_key == first.monitor.state_key
    changed = replace(blank, rule=monitor_rule(k_sigma=4.0))
    other = plan_advance([layer(1), layer(2)], known, changed, is_state_there=True)
    assert other is not None
    assert other.former is None
    assert other.monitor.state_key != first.monitor.state_key


def test_a_mask_that_was_delivered_once_stays():
    blank = blank_monitor()
    masked = replace(layer(1), cloud_sha256="c" * 64)
    known = replace(blank, layers=(masked,), state_sha256="f" * 64)
    assert plan_advance([layer(1)], known, blank, is_state_there=True) is None


def test_stacks_need_the_bands_of_an_index():
    assert index_of(("blue", "green", "red", "nir")) == "ndvi"
    assert index_of(("red", "green", "blue")) is None


def write(path: Path, bands: np.ndarray, *, transform: Affine = CORNER, nodata: int | None = None) -> Path:
    profile = {"driver": "GTiff", "count": len(bands), "height": bands.shape[1], "width": bands.shape[2]}
    with rasterio.open(
        path, "w", **profile, dtype=bands.dtype, crs="EPSG:4547", transform=transform, nodata=nodata
    ) as sink:
        sink.write(bands)
    return path


def test_index_of_a_block_hides_cloud_shadow_and_nodata(tmp_path):
    bands = np.empty((3, 4, 6), np.uint16)
    bands[0], bands[1], bands[2] = 1000, 3000, 4
    bands[2, 0, :3] = (3, 8, 11)
    bands[:2, 1, 0] = 0
    mask = np.zeros((1, 4, 6), np.uint8)
    mask[0, 2, 5] = 1
    image, cloud = write(tmp_path / "a.tif", bands), write(tmp_path / "a_cloud.tif", mask)
    grid = RasterGrid(WKT, CORNER, 4, 6)
    with open_stack([(image, cloud, ("red", "nir", "scl"))], grid, "ndvi") as reader:
        whole = reader.read(Box(0, 0, 4, 6)).reshape(4, 6)
        part = reader.read(Box(1, 2, 3, 4)).reshape(3, 4)
    is_hidden = np.zeros((4, 6), bool)
    is_hidden[0, :3] = is_hidden[1, 0] = is_hidden[2, 5] = True
    assert ((whole == CLOUDED) == is_hidden).all()
    assert (whole[~is_hidden] == 5000).all()
    np.testing.assert_array_equal(part, whole[1:, 2:])


def test_a_finer_scene_is_averaged_onto_the_grid_and_hides_what_it_does_not_cover(tmp_path):
    bands = np.full((2, 20, 20), 1000, np.uint16)
    bands[1] = 3000
    image = write(tmp_path / "b.tif", bands, transform=CORNER @ Affine.scale(0.2, 0.2))
    with open_stack([(image, None, ("red", "nir"))], RasterGrid(WKT, CORNER, 8, 8), "ndvi") as reader:
        values = reader.read(Box(0, 0, 8, 8)).reshape(8, 8)
    assert (values[:4, :4] == 5000).all()
    assert (values[5:] == CLOUDED).all()
    assert (values[:, 5:] == CLOUDED).all()


def test_a_mask_on_another_grid_is_refused(tmp_path):
    bands = np.full((2, 4, 4), 1000, np.uint16)
    image = write(tmp_path / "c.tif", bands)
    cloud = write(tmp_path / "c_cloud.tif", bands[:1, :3, :3].astype(np.uint8))
    grid = RasterGrid(WKT, CORNER, 4, 4)
    with (
        pytest.raises(InvalidInput) as refusal,
        open_stack([(image, cloud, ("red", "nir"))], grid, "ndvi") as reader,
    ):
        reader.read(Box(0, 0, 4, 4))
    assert refusal.value.code == "detection.series.mask_grid"


# --- gate -------------------------------------------------------------------------------------------------

GATE_DAYS = (17_000 + 10 * np.arange(70)).astype(np.int32)
GATE_GRID = RasterGrid(WKT, CORNER, 10, 20)
LEFT, RIGHT = (
    reproject(shapely.box(400_000 + left, 3_869_900, 400_000 + left + 100, 3_870_000), 4547)
    for left in (0, 100)
)


def gate_view(*, changed_at: int | None, clear_share: float = 1.0, seed: int = 1) -> SeriesView:
    """Crops on the left half; on the right half bare ground from a scene on."""
    random, rule = np.random.default_rng(seed), monitor_rule()
    wave = 0.5 - 0.3 * np.cos(4 * np.pi * GATE_DAYS / YEAR)
    values = wave[:, None, None] + random.normal(0, 0.015, (70, 10, 20))
    if changed_at is not None:
        values[changed_at:, :, 10:] = 0.12 + random.normal(0, 0.01, (70 - changed_at, 10, 10))
    is_clear = random.random((70, 10, 20)) < clear_share
    state = advance(new_state(200, rule), GATE_DAYS, quantised(values, is_clear).reshape(70, -1), rule)
    return SeriesView(state, GATE_GRID, rule)


def window(first: int, last: int) -> tuple[datetime, datetime]:
    epoch = datetime(1970, 1, 1, 12, tzinfo=UTC)
    moments = [epoch + timedelta(days=int(GATE_DAYS[scene])) for scene in (first, last)]
    assert [day_number(moment) for moment in moments] == [GATE_DAYS[first], GATE_DAYS[last]]
    return moments[0], moments[1]


def test_harvest_is_the_season_and_a_conversion_is_not():
    view = gate_view(changed_at=52)
    assert verdict(LEFT, window(48, 58), view, GATE).opinion == "disagrees"
    assert verdict(RIGHT, window(48, 58), view, GATE).opinion == "agrees"
    # Long before the conversion the same ground was calm.
    assert verdict(RIGHT, window(40, 46), gate_view(changed_at=None), GATE).opinion == "disagrees"


def test_the_series_is_silent_where_it_cannot_know():
    assert verdict(LEFT, window(48, 58), None, GATE) == SILENT
    early = gate_view(changed_at=None, clear_share=0.2)
    assert verdict(LEFT, window(48, 50), early, GATE).opinion == "silent"
    # Two anomalous observations are no alarm yet, and no calm either.
    pending = gate_view(changed_at=68)
    assert verdict(RIGHT, window(60, 69), pending, GATE).opinion == "silent"


def lead_of(change_class: str) -> Lead:
    first, last = window(48, 58)
    areas = (100.0, 90.0, 110.0)
    return Lead(
        UUID(int=1), "satellite", "410883001001", first, last, LEFT, *areas, change_class, 0.8,
        witnesses={"irmad": True},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("change_class", "opinion", "confidence", "witness"),
    [
        ("earthwork", "disagrees", 0.4, False),
        ("earthwork", "agrees", 0.8, True),
        ("new_building", "disagrees", 0.8, False),
        ("earthwork", "silent", 0.8, None),
    ],
)
def test_a_calm_series_lowers_what_a_season_can_feign(change_class, opinion, confidence, witness):
    heard = weighed(lead_of(change_class), Verdict(opinion, 10, 0.0, 0.9, "k"), GATE)
    assert heard.confidence == pytest.approx(confidence)
    assert heard.witnesses.get("harmonic_monitor") is witness
    assert heard.witnesses["irmad"]
    assert ("zh" in heard.attributes.get("harmonic_monitor", {})) == (confidence == 0.4)
