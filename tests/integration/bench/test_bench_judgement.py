"""The suite ``judgement`` at its smallest: GEOS and PostGIS must find the areas that ours finds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import shapely

from bench.judgement import SUITE
from bench.judgement_scenes import made_county
from bench.peers.postgis_server import Server
from bench.run import run_bench
from bench.sections import merged_page
from bench.works.overlaying import difference
from detection.judging.areas.join import SharedAreas


def test_a_made_county_is_the_same_for_everyone_and_its_parcels_share_their_borders() -> None:
    one, again = (made_county(patches=300, parcels=2_500) for _ in range(2))
    assert shapely.equals_exact(one.patches, again.patches, 0.0).all()
    land = one.layers["parcel"]
    assert shapely.is_valid(land).all()
    assert shapely.is_valid(one.patches).all()
    joined = shapely.union_all(land)
    assert shapely.get_num_interior_rings(joined) == 0
    assert abs(joined.area / shapely.area(land).sum() - 1.0) < 1e-12
    assert shapely.get_num_coordinates(one.layers["ecological_redline"]).max() > 1_000
    assert shapely.get_num_interior_rings(one.patches).max() == 1


def test_peers_find_the_areas_that_ours_finds(tmp_path: Path) -> None:
    run = run_bench(["overlay", "ellipsoid"], size="T", rounds=1, folder=tmp_path, tell=lambda text: None)
    assert run["wrong_results"] == []
    assert run["missing"] == []
    results = {record["work"]: record["result"] for record in run["records"] if record["row"] == "overlay"}
    assert set(results) == {"ours", "geopandas", "postgis"}
    assert results["ours"]["count"] > 1_000
    assert len({(result["pairs"], result["area"]) for result in results.values()}) == 1
    assert results["postgis"]["difference"] <= 1e-9
    held = {gate["gate"]: gate["is_held"] for gate in run["gates"]}
    assert held["O1-equal"]
    assert held["O3-error"]
    page = merged_page(run, "# 性能 Performance\n\nPictures.\n")
    assert page.startswith("# 性能 Performance\n\nPictures.\n")
    assert page.count("| O1 |") == 1
    assert "100,000" not in page
    assert merged_page(run, page) == page
    assert "Pictures." not in merged_page({**run, "suites": ["detection"]}, page)


def test_the_work_of_a_server_is_counted(tmp_path: Path) -> None:
    server = Server(tmp_path, "counted")
    try:
        before = server.cpu_s()
        grew = False
        for _ in range(100):
            server.run("SELECT sum(sqrt(n)) FROM generate_series(1, 400000) AS n")
            grew = grew or server.cpu_s() > before + 0.05
            if grew:
                break
        assert grew, "a hundred long statements cost the server nothing"
    finally:
        server.close()


def test_a_pair_that_only_one_side_finds_is_a_difference() -> None:
    whole = SharedAreas(np.array([0, 1], np.int32), np.array([3, 2], np.int32), np.array([5.0, 400.0]))
    less = SharedAreas(np.array([1], np.int32), np.array([2], np.int32), np.array([400.0002]))
    assert difference({"parcel": whole}, {"parcel": whole}, {"parcel": 9}) == 0.0
    assert difference({"parcel": less}, {"parcel": whole}, {"parcel": 9}) == 1.0
    assert abs(difference({"parcel": less}, {"parcel": less_by_share()}, {"parcel": 9}) - 5e-7) < 1e-9


def less_by_share() -> SharedAreas:
    return SharedAreas(np.array([1], np.int32), np.array([2], np.int32), np.array([400.0]))


def test_growth_is_counted_in_what_grows(tmp_path: Path) -> None:
    places = {growth.name: growth.places(tmp_path, "M") for growth in SUITE.growths}
    assert [place["units"] for place in places["growth-patches"]] == [2_222, 6_666, 20_000]
    assert {place["parcels"] for place in places["growth-patches"]} == {200_000}
    assert {place["patches"] for place in places["growth-parcels"]} == {20_000}
