"""Two parcel registers become leads once: changes of use to construction land, and nothing else."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import geopandas
import pandas
import pytest
import shapely
from sqlalchemy import text

from detection import jobs, service
from foundation.audit import verify_chain
from foundation.errors import Conflict
from foundation.runtime import Runtime
from ingest.jobs import import_layer, import_scene
from ingest.layers import catalogue
from ingest.sources.synthetic.county import CountyFiles, build_county

COUNTY = "410883"


@pytest.fixture(scope="module")
def county(tmp_path_factory: pytest.TempPathFactory) -> CountyFiles:
    return build_county(tmp_path_factory.mktemp("county"), size="small")


def _import(runtime: Runtime, path: Path, kind: str, day: date) -> None:
    import_layer(runtime, path, kind=kind, county_code=COUNTY, valid_from=day)


def _registers(county: CountyFiles, folder: Path) -> tuple[Path, Path]:
    """The county's register with one farm, and a later one: use changed, one lot split, one moved 0.21 m."""
    rows = geopandas.read_file(county.layers["parcel"]).to_crs(4547)
    farm, split, shifted = rows.index[:3]
    rows.loc[farm, ["TDYT", "TDYTMC"]] = ["1202", "设施农用地"]
    later = rows.copy()
    later.loc[farm, ["TDYT", "TDYTMC"]] = ["0601", "工业用地"]
    later.loc[shifted, "geometry"] = shapely.affinity.translate(rows.geometry[shifted], 0.18, -0.11)
    west, south, east, north = rows.geometry[split].bounds
    parts = [(west, (west + east) / 2), ((west + east) / 2, east)]
    halves = rows.loc[[split, split]].reset_index(drop=True)
    halves.geometry = [
        shapely.intersection(rows.geometry[split], shapely.box(left, south, right, north))
        for left, right in parts
    ]
    halves["ZDDM"] = [f"{rows.ZDDM[split][:14]}{number}" for number in (99991, 99992)]
    halves["BDCDYH"] = [f"{number}W00000000" for number in halves["ZDDM"]]
    paths = folder / "ZD.gpkg", folder / "ZD_later.gpkg"
    rows.to_crs(4490).to_file(paths[0], engine="pyogrio")
    later = pandas.concat([later.drop(index=split), halves], ignore_index=True)
    later.to_crs(4490).to_file(paths[1], engine="pyogrio")
    return paths


def test_a_change_of_use_becomes_a_suspected_patch_once(
    runtime: Runtime, county: CountyFiles, tmp_path: Path
) -> None:
    first, later = _registers(county, tmp_path)
    for kind, path in county.layers.items():
        if kind in catalogue():
            _import(runtime, first if kind == "parcel" else path, kind, date(2026, 1, 1))
    with pytest.raises(Conflict) as refused:
        jobs.compare_registers(runtime, COUNTY)
    assert refused.value.code == "detection.registers.single_snapshot"
    assert COUNTY in refused.value.text("zh")
    for scene in (county.before, county.after):
        import_scene(runtime, scene, county_code=COUNTY)
    _import(runtime, later, "parcel", date(2026, 9, 1))

    comparison = jobs.compare_registers(runtime, COUNTY)
    assert comparison.counts() == {"resurvey": 1, "split": 1, "use": 1}
    [lead] = comparison.leads
    farm = geopandas.read_file(first).geometry[0]
    assert shapely.hausdorff_distance(lead.outline, farm) < 1e-8
    assert (lead.observed_from.isoformat(), lead.observed_to.isoformat()) == (
        "2026-01-01T00:00:00+08:00",
        "2026-09-01T00:00:00+08:00",
    )
    assert jobs.fuse_and_judge(runtime) == (1, 1)
    jobs.compare_registers(runtime, COUNTY)
    assert jobs.fuse_and_judge(runtime) == (0, 0)
    with runtime.database.transaction(runtime.system) as session:
        assert session.execute(text("SELECT count(*) FROM lead")).scalar() == 1
        [patch] = service.list_patches(session, runtime.system)
        detail = service.patch_detail(session, runtime.system, patch.patch_id)
        assert detail.judgement is not None
        assert (detail.judgement.suggestion, detail.judgement.violation_code) == ("suspected", "L04")
        parcel = next(row for row in detail.judgement.result["layer_versions"] if row["kind"] == "parcel")
        assert parcel["valid_from"] == "2026-01-01"
        [stored] = detail.leads
        assert (stored.source, stored.attributes["former"][0]["use_code"]) == ("cadastre", "1202")
        assert runtime.blobs.read(str(stored.after_chip_sha256)).startswith(b"\xff\xd8")
        assert verify_chain(session) is None
