"""From two imported scenes to judged patches on real PostGIS: nothing lost, nothing doubled, replayed."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

import geopandas
import pytest
from sqlalchemy import text

from detection import jobs, service
from detection.desk import service as desk
from detection.evaluation.scores import match_objects
from detection.leads import Lead, sighting
from foundation.audit import verify_chain
from foundation.clock import SteppedClock
from foundation.crs import ellipsoidal_area_m2, reproject
from foundation.errors import Conflict, NotFound
from foundation.ids import derived_id
from foundation.runtime import Runtime
from ingest.jobs import import_layer, import_scene
from ingest.layers import catalogue
from ingest.sources.synthetic.county import CountyFiles, build_county

COUNTY = "410883"
SURVEYED = date(2026, 1, 1)
CLASSES = {
    "shed": "new_building",
    "house": "new_building",
    "livestock": "new_building",
    "earthwork": "earthwork",
    "road": "hard_surface",
    "quarry": "excavation",
    "greenhouse": "greenhouse",
    "pond": "water",
    "solar": "solar",
    "demolition": "demolition_restored",
    "restoration": "demolition_restored",
}


@pytest.fixture(scope="session")
def county(tmp_path_factory: pytest.TempPathFactory) -> CountyFiles:
    return build_county(tmp_path_factory.mktemp("county"), size="small")


@pytest.fixture
def layered(runtime: Runtime, county: CountyFiles) -> Runtime:
    """A runtime with all layers of the small county."""
    runtime.settings.data_dir.mkdir(parents=True, exist_ok=True)
    for kind, path in county.layers.items():
        if kind in catalogue():
            import_layer(runtime, path, kind=kind, county_code=COUNTY, valid_from=SURVEYED)
    return runtime


def _truth(county: CountyFiles) -> geopandas.GeoDataFrame:
    truth = geopandas.read_file(county.folder / "truth" / "truth.gpkg")
    return truth[truth["kind"].isin(list(CLASSES))].reset_index(drop=True)


def _leads_of_truth(runtime: Runtime, truth: geopandas.GeoDataFrame) -> list[Lead]:
    """The true outlines as leads: what is left to go wrong is the law."""
    now = runtime.clock()
    leads = []
    with runtime.database.transaction(runtime.system) as session:
        for row in truth.itertuples():
            area_m2 = ellipsoidal_area_m2(row.geometry)
            play_m2 = reproject(row.geometry, 4490, 4547).length
            leads.append(
                Lead(
                    derived_id("test", row.change_id),
                    "satellite",
                    service.village_of(session, row.geometry),
                    now - timedelta(days=153),
                    now,
                    row.geometry,
                    area_m2,
                    area_m2 - play_m2,
                    area_m2 + play_m2,
                    CLASSES[row.kind],
                    0.9,
                )
            )
        service.record_leads(session, runtime.system, leads, now)
    return leads


def test_the_law_is_applied_to_the_true_outlines_without_a_mistake(
    layered: Runtime, county: CountyFiles
) -> None:
    truth = _truth(county)
    leads = _leads_of_truth(layered, truth)
    jobs.fuse_and_judge(layered)
    with layered.database.transaction(layered.system) as session:
        for row, lead in zip(truth.itertuples(), leads, strict=True):
            patch_id = session.scalar(
                text("SELECT patch_id FROM patch_lead WHERE lead_id = :id"), {"id": lead.lead_id}
            )
            judgement = service.get_judgement(session, layered.system, UUID(str(patch_id)))
            assert judgement is not None
            expected = row.expected_suggestion
            assert judgement.suggestion == expected, (row.situation, judgement.result["sentences"][0])
            if expected in {"suspected", "partly_exceeded", "borderline"}:
                assert judgement.violation_code == row.violation_code, row.situation
            assert judgement.result["layer_versions"]
            again = desk.replay(session, layered.system, judgement.patch_id)
            assert again.is_equal, again
            assert again.again_sha256 == judgement.result_sha256


def test_scenes_become_patches_once_however_often_it_runs(layered: Runtime, county: CountyFiles) -> None:
    before, after = (
        import_scene(layered, path, county_code=COUNTY) for path in (county.before, county.after)
    )
    pair, mask = (str(before.scene_id), str(after.scene_id)), str(county.after_cloud)
    run_id = jobs.detect(layered, *pair, cloud_mask=mask)
    first = jobs.fuse_and_judge(layered)
    assert jobs.detect(layered, *pair, cloud_mask=mask) == run_id
    assert jobs.fuse_and_judge(layered) == (0, 0)
    assert jobs.judge(layered) == first[0]
    truth = _truth(county)
    with layered.database.transaction(layered.system) as session:
        patches = service.list_patches(session, layered.system)
        counts = session.execute(
            text(
                "SELECT (SELECT count(*) FROM lead), (SELECT count(*) FROM judgement),"
                " (SELECT count(*) FROM patch)"
            )
        ).one()
        assert counts[0] == counts[1] == counts[2] == first[0]
        assert verify_chain(session) is None
        detail = service.patch_detail(session, layered.system, patches[0].patch_id)
    numbers = sorted(patch.number for patch in patches)
    assert numbers == [f"410883-2609-{serial:04d}" for serial in range(1, len(patches) + 1)]
    for sha256 in (detail.leads[0].before_chip_sha256, detail.leads[0].after_chip_sha256):
        assert layered.blobs.read(str(sha256)).startswith(b"\xff\xd8")
    scores = match_objects(
        [reproject(patch.shape.outline, 4490, 4547) for patch in patches],
        list(truth.to_crs(4547).geometry),
        kinds=list(truth["kind"]),
        classes=[patch.shape.change_class for patch in patches],
    )
    assert scores.recall >= 0.9
    assert scores.precision >= 0.6


def test_a_second_source_joins_the_patch_and_is_given_back_exactly(
    layered: Runtime, county: CountyFiles, clock: SteppedClock
) -> None:
    truth = _truth(county).head(1)
    [satellite] = _leads_of_truth(layered, truth)
    now = layered.clock()
    ground = reproject(reproject(satellite.ground, 4490, 4547).buffer(-3), 4547, 4490)
    drone = Lead(
        derived_id("test", "drone"),
        "drone",
        satellite.division_code,
        now - timedelta(days=20),
        now - timedelta(days=2),
        ground,
        ellipsoidal_area_m2(ground),
        ellipsoidal_area_m2(ground) * 0.98,
        ellipsoidal_area_m2(ground) * 1.02,
        "hard_surface",
        0.95,
    )
    with layered.database.transaction(layered.system) as session:
        before = service.fuse(session, layered.system, [satellite.lead_id], now)
        service.record_leads(session, layered.system, [drone], now)
        joined = service.fuse(session, layered.system, None, now)
        assert (joined.created, joined.extended) == ((), before.created)
        patch_id = before.created[0]
        both = service.patch_detail(session, layered.system, patch_id)
        assert {lead.lead_id for lead in both.leads} == {satellite.lead_id, drone.lead_id}
        assert both.patch.shape.change_class == "hard_surface"
    with layered.database.transaction(layered.system) as session:
        founded = service.unmerge(session, layered.system, patch_id, drone.lead_id, now)
        kept = service.patch_detail(session, layered.system, patch_id)
        assert founded is not None
        apart = service.patch_detail(session, layered.system, founded)
        assert kept.patch.shape.area_m2 == satellite.area_m2
        assert kept.patch.shape.outline.equals(satellite.ground)
        assert apart.patch.shape.outline.equals(drone.outline)
        assert apart.patch.number.endswith("-0002")
        with pytest.raises(Conflict) as refused:
            service.unmerge(session, layered.system, patch_id, satellite.lead_id, now)
        assert refused.value.code == "detection.patch.single_lead"


def test_a_camera_ray_alone_makes_no_patch(layered: Runtime, county: CountyFiles) -> None:
    [lead] = _leads_of_truth(layered, _truth(county).head(1))
    now = layered.clock()
    middle = lead.ground.representative_point()
    ray = sighting(
        lead_id=derived_id("test", "ray"),
        source="camera",
        division_code=lead.division_code,
        seen_at=now,
        lonlat=(middle.x, middle.y),
        radius_m=40.0,
        change_class="other",
        confidence=0.5,
    )
    with layered.database.transaction(layered.system) as session:
        service.record_leads(session, layered.system, [ray], now)
        alone = service.fuse(session, layered.system, [ray.lead_id], now)
        assert (alone.created, alone.waiting) == ((), (ray.lead_id,))
        together = service.fuse(session, layered.system, None, now)
        assert len(together.created) == 1
        assert together.waiting == ()


def test_without_layers_of_that_day_nothing_is_called_lawful_or_free(
    runtime: Runtime, county: CountyFiles
) -> None:
    import_layer(runtime, county.layers["division"], kind="division", county_code=COUNTY, valid_from=SURVEYED)
    _leads_of_truth(runtime, _truth(county).head(1))
    jobs.fuse_and_judge(runtime)
    with runtime.database.transaction(runtime.system) as session:
        [patch] = service.list_patches(session, runtime.system)
        judgement = service.get_judgement(session, runtime.system, patch.patch_id)
        assert judgement is not None
        assert judgement.suggestion == "suspected"
        assert not judgement.result["layer_versions"]
        assert "N5@1" in judgement.result["rule_ids"]


def test_a_patch_outside_the_area_is_not_found(layered: Runtime, county: CountyFiles) -> None:
    from dataclasses import replace

    _leads_of_truth(layered, _truth(county).head(1))
    jobs.fuse_and_judge(layered)
    with layered.database.transaction(layered.system) as session:
        [patch] = service.list_patches(session, layered.system)
    stranger = replace(layered.system, role="county_officer", area_code="410882000000")
    with layered.database.transaction(stranger) as session, pytest.raises(NotFound):
        service.get_patch(session, stranger, patch.patch_id)
