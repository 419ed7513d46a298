"""Any pair of the real scenes, with ``--sensor auto``: a sensible result, or a refusal that says why."""

from __future__ import annotations

import itertools

import pytest

from detection.pixels.pipeline import detect_pair
from foundation.errors import InvalidInput, known_codes

pytestmark = pytest.mark.shared

UNLIKE = {"detection.pair.not_comparable", "detection.pair.repeating_pattern"}
PAIRS = {
    "taizhou_tm/t1.tif taizhou_tm/t2.tif": "multispectral",
    "oscd_brasilia/t1.tif oscd_brasilia/t2.tif": "multispectral",
    "aster_nogt/t1.tif aster_nogt/t2.tif": "multispectral",
    "sar_ottawa/t1.tif sar_ottawa/t2.tif": "sar",
    "sar_bern/t1.tif sar_bern/t2.tif": "sar",
    "oscd_rgb_overview/valencia_t1.png oscd_rgb_overview/valencia_t2.png": "multispectral",
    "oscd_rgb_overview/lasvegas_t1.png oscd_rgb_overview/lasvegas_t2.png": "multispectral",
    "drone_fortcollins/2024-02-24.jpg drone_fortcollins/2024-04-05.jpg": "rgb",
    "hetero_italy/t1_nir.tif hetero_italy/t2_rgb.tif": "cross",
    "vhr_joplin_geo/pre/tile_337-9136.tif vhr_joplin_geo/post/tile_31500-5137.tif": "rgb",
}


@pytest.mark.parametrize("names", PAIRS)
def test_a_pair_of_one_place_is_compared_by_the_right_detector(shared_scenes, names):
    before, after = (shared_scenes / name for name in names.split())
    gsd_m = 17.0 if names.startswith("oscd_rgb") else None  # its README: 13 to 23 m
    found = detect_pair(before, after, pixel_grid=True, gsd_m=gsd_m)
    assert found.sensor == PAIRS[names]
    assert found.no_change_control < (0.02 if found.sensor == "cross" else 0.005)
    assert 0.0 < found.summary()["changed_share"] < 0.35
    assert all(change.outline.is_valid for change in found.changes)
    assert all(change.area_min_m2 <= change.area_m2 <= change.area_max_m2 for change in found.changes)


@pytest.mark.parametrize("folder", ["levir_samples", "dsifn_samples"])
def test_small_crops_are_compared_as_delivered_and_say_so(shared_scenes, folder):
    for before in sorted((shared_scenes / folder / "A").glob("*.png")):
        found = detect_pair(before, shared_scenes / folder / "B" / before.name, pixel_grid=True)
        assert found.sensor == "rgb"
        assert found.registration["status"] in {"measured", "as_delivered"}
        assert found.registration["note"]


def test_scenes_of_different_places_are_refused_with_the_reason(shared_scenes):
    """One scene of each folder against one of every other."""
    firsts = [
        shared_scenes / name
        for name in (
            "taizhou_tm/t1.tif",
            "aster_nogt/t1.tif",
            "oscd_brasilia/t1.tif",
            "sar_ottawa/t1.tif",
            "sar_bern/t1.tif",
            "oscd_rgb_overview/valencia_t1.png",
            "drone_fortcollins/2024-04-05.jpg",
            "vhr_joplin_geo/pre/tile_337-9136.tif",
            "levir_samples/A/val_27_0000_0256.png",
        )
    ]
    for before, after in itertools.permutations(firsts, 2):
        with pytest.raises(InvalidInput) as refusal:
            detect_pair(before, after, pixel_grid=True)
        error = refusal.value
        assert error.code in known_codes()
        assert error.code.startswith("ingest.pair.") or error.code in UNLIKE, (before, after, error.code)
        assert "{" not in error.text("zh") + error.text("en")


def test_tiles_of_two_coordinate_systems_register_or_are_refused(shared_scenes):
    tiles = [sorted((shared_scenes / "vhr_joplin_geo" / when).glob("*.tif")) for when in ("pre", "post")]
    from detection.pixels.align import register
    from ingest.pair import open_pair

    outcomes = []
    for before, after in itertools.product(*tiles):
        try:
            outcomes.append(register(open_pair(before, after)).status)
        except InvalidInput as refusal:
            outcomes.append(refusal.code)
    assert set(outcomes) <= {"measured", "detection.pair.not_comparable", "ingest.pair.no_overlap"}
    assert "measured" in outcomes
