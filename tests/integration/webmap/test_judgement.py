"""The judgement desk on a whole county: replay, what would flip, corrected base data, pieces."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import geopandas
import pytest
import shapely
from sqlalchemy import text
from starlette.testclient import TestClient
from typer.testing import CliRunner

from detection import service as detection
from detection.desk import rule_check, what_if
from detection.desk import service as desk
from detection.desk.differences import Change, change_between
from detection.desk.jobs import answer_question, suppose_file
from detection.judgements import Judgement
from detection.judging.corrections import Correction
from detection.leads import Lead
from detection.patches import Patch
from detection.rules import RULES_FOLDER
from foundation.access import Actor
from foundation.audit import verify_chain
from foundation.cli import build_app
from foundation.cluster import OWNER, Cluster
from foundation.crs import ellipsoidal_area_m2
from foundation.errors import Conflict, InvalidInput, NotAllowed, NotFound
from foundation.ids import derived_id
from foundation.runtime import Runtime
from ingest import service as ingest
from ingest.jobs import import_layer

SignIn = Callable[..., TestClient]
Rows = Callable[..., list[dict[str, Any]]]
COUNTY = "410883"
OFFICER = Actor(uuid4(), "county-x", "大队甲", "county_officer", "410883000000")
STRANGER = Actor(uuid4(), "other-x", "邻县", "county_officer", "410882000000")


def everything(runtime: Runtime) -> dict[UUID, tuple[Patch, Judgement]]:
    with runtime.database.transaction(runtime.system) as session:
        found = detection.list_patches(session, runtime.system)
        newest = {p.patch_id: detection.get_judgement(session, runtime.system, p.patch_id) for p in found}
    return {p.patch_id: (p, newest[p.patch_id]) for p in found if newest[p.patch_id] is not None}  # type: ignore[misc]


def stored_counts(runtime: Runtime) -> Sequence[int]:
    tables = ("judgement", "layer_version", "layer_feature", "rule_set", "base_correction", "audit_entry")
    with runtime.database.transaction(runtime.system) as session:
        return [session.execute(text(f"SELECT count(*) FROM {name}")).scalar_one() for name in tables]


def judge_again(runtime: Runtime) -> list[Change]:
    """What really changes when everything is judged anew."""
    before = everything(runtime)
    with runtime.database.transaction(runtime.system) as session:
        made = detection.judge_many(session, runtime.system, list(before), runtime.clock())
    changes = []
    for judgement in made:
        patch, old = before[judgement.patch_id]
        change = change_between(
            old.result,
            judgement.result,
            patch_id=patch.patch_id,
            number=patch.number,
            division_code=patch.division_code,
        )
        if change is not None:
            changes.append(change)
    return sorted(changes, key=lambda change: change.number)


def suspected_patch(runtime: Runtime, code: str = "L04") -> Patch:
    found = everything(runtime).values()
    return next(p for p, j in found if (j.suggestion, j.violation_code) == ("suspected", code))


def layer_file(runtime: Runtime, kind: str, folder: Path, patch: Patch) -> Path:
    """The stored layer, every third feature gone, one more on the ground of a patch."""
    with runtime.database.transaction(runtime.system) as session:
        [version] = [v for v in ingest.list_layers(session, runtime.system) if v.layer_kind == kind]
        features = ingest.features_of(session, runtime.system, version.version_id)
    rows = [dict(feature.attributes) for number, feature in enumerate(features) if number % 3]
    outlines = [feature.geometry for number, feature in enumerate(features) if number % 3]
    rows.append(dict(features[0].attributes) | {version.decisions["fields"]["feature_no"]: "NEW-1"})
    outlines.append(shapely.MultiPolygon([patch.shape.outline.envelope]))
    path = folder / f"{kind}.gpkg"
    geopandas.GeoDataFrame(rows, geometry=outlines, crs=4490).to_file(path, driver="GPKG")
    return path


@pytest.mark.parametrize(
    ("kind", "first_day"),
    [
        ("basic_farmland", date(2026, 5, 1)),
        ("construction_approval", date(2026, 5, 1)),
        ("mining_right", date(2026, 5, 1)),
        ("land_survey", date(2026, 2, 1)),
        ("basic_farmland", date(2026, 12, 1)),
    ],
)
def test_what_if_lists_exactly_what_an_import_flips(
    web_runtime: Runtime, tmp_path: Path, kind: str, first_day: date
) -> None:
    path = layer_file(web_runtime, kind, tmp_path, suspected_patch(web_runtime))
    counts = stored_counts(web_runtime)
    supposed = suppose_file(web_runtime, path, kind=kind, county_code=COUNTY, valid_from=first_day)
    with web_runtime.database.transaction(web_runtime.system) as session:
        answer = what_if.ask(session, web_runtime.system, supposed=supposed)
    assert stored_counts(web_runtime) == counts
    import_layer(web_runtime, path, kind=kind, county_code=COUNTY, valid_from=first_day)
    actual = judge_again(web_runtime)
    assert list(answer.flips) == [change for change in actual if change.is_flip]
    assert list(answer.moves) == [change for change in actual if not change.is_flip]
    assert bool(actual) == (first_day < date(2026, 9, 8))
    if kind == "construction_approval":
        assert any(change.after.suggestion in {"lawful", "order_unknown"} for change in answer.flips)
    told = {row["key"]: row["delta_m2"] for row in answer.as_json()["totals"]}
    for key, delta_m2 in told.items():
        summed = sum(area.delta_m2 for change in actual for area in change.areas if area.key == key)
        assert delta_m2 == pytest.approx(summed, abs=0.01)


def test_what_if_lists_exactly_what_other_rules_flip(
    web_runtime: Runtime, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    thresholds = (RULES_FOLDER / "thresholds.toml").read_text("utf-8")
    changed = thresholds.replace("default = 200.0", "default = 2500.0").replace(
        "road_width_m = 8.0", "road_width_m = 12.0"
    )
    (tmp_path / "thresholds.toml").write_text(changed, "utf-8")
    rules = rule_check.read_checked(tmp_path)
    counts = stored_counts(web_runtime)
    with web_runtime.database.transaction(web_runtime.system) as session:
        answer = what_if.ask(session, web_runtime.system, rules=rules)
    assert stored_counts(web_runtime) == counts
    assert answer.measured_count == answer.open_count
    monkeypatch.setattr(detection, "current_rules", lambda: rules)
    actual = judge_again(web_runtime)
    assert list(answer.flips) == [change for change in actual if change.is_flip]
    assert {"suspected", "not_new"} <= {
        name for change in answer.flips for name in (change.before.suggestion, change.after.suggestion)
    }


def test_closed_matters_and_other_counties_are_not_asked(web_runtime: Runtime, tmp_path: Path) -> None:
    patch = suspected_patch(web_runtime)
    path = layer_file(web_runtime, "basic_farmland", tmp_path, patch)
    supposed = suppose_file(web_runtime, path, kind="basic_farmland", county_code=COUNTY, valid_from=None)
    with web_runtime.database.transaction(web_runtime.system) as session:
        before = what_if.ask(session, web_runtime.system, supposed=supposed)
        detection.settle_patch(
            session, web_runtime.system, patch.patch_id, state="dismissed", at=web_runtime.clock()
        )
        after = what_if.ask(session, web_runtime.system, supposed=supposed)
    assert after.open_count == before.open_count - 1
    assert patch.number not in {change.number for change in (*after.flips, *after.moves)}
    with web_runtime.database.transaction(STRANGER) as session:
        assert what_if.ask(session, STRANGER, supposed=supposed).open_count == 0
    with web_runtime.database.transaction(STRANGER) as session, pytest.raises(NotAllowed):
        what_if.ask(session, replace(STRANGER, role="manager"), supposed=supposed)


ALTERATIONS = {
    "an area among the inputs": (
        "UPDATE judgement SET inputs = regexp_replace(inputs, '\"area_m2\":(\\d)', '\"area_m2\":1\\1')"
    ),
    "one letter of the result": "UPDATE judgement SET result = replace(result, '耕地', '林地')",
    "a column": "UPDATE judgement SET severity = 5 - severity",
    "the rules": "UPDATE rule_set SET text = replace(text, '\"road_width_m\":8.0', '\"road_width_m\":9.0')",
    "the hash beside the result": "UPDATE judgement SET result_sha256 = repeat('0', 64)",
    "a blank that decides nothing": (
        "UPDATE judgement SET inputs = replace(inputs, '\"neighbours\":[', '\"neighbours\": [')"
    ),
    "result and its hash together": (
        "UPDATE judgement SET result = replace(result, '耕地', '林地'),"
        " result_sha256 = encode(sha256(convert_to(replace(result, '耕地', '林地'), 'UTF8')), 'hex')"
    ),
}


@pytest.mark.parametrize("statement", ALTERATIONS.values(), ids=list(ALTERATIONS))
def test_replay_tells_what_was_altered_in_the_database(
    web_runtime: Runtime, owner_of_clone: Callable[[str], None], statement: str
) -> None:
    patch = suspected_patch(web_runtime)
    system = web_runtime.system
    with web_runtime.database.transaction(system) as session:
        whole = desk.replay(session, system, patch.patch_id)
        assert whole.is_equal
        assert whole.is_chain_checked
    owner_of_clone("ALTER TABLE judgement NO FORCE ROW LEVEL SECURITY")
    owner_of_clone(statement)
    owner_of_clone("ALTER TABLE judgement FORCE ROW LEVEL SECURITY")
    with web_runtime.database.transaction(system) as session:
        altered = desk.replay(session, system, patch.patch_id)
    assert not altered.is_equal
    assert altered.faults


@pytest.fixture
def command(web_runtime: Runtime, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """The installed command on the clone."""
    name = str(web_runtime.database.engine.url.database)
    monkeypatch.setenv("LANDWARDEN_DATA_DIR", str(web_runtime.settings.data_dir))
    monkeypatch.setenv("LANDWARDEN_DATABASE_URL", web_runtime.database.url)
    monkeypatch.setenv("LANDWARDEN_MIGRATION_URL", cluster.url(OWNER, name))
    app = build_app()

    def run(*arguments: str) -> Any:
        return CliRunner().invoke(app, ["judgement", *arguments])

    return run


def test_the_command_replays_one_and_all(
    web_runtime: Runtime,
    command: Callable[..., Any],
    owner_of_clone: Callable[[str], None],
    tmp_path: Path,
) -> None:
    patch = suspected_patch(web_runtime)
    one = command("replay", patch.number)
    assert one.exit_code == 0, one.output
    assert "一致 equal" in one.output
    out = tmp_path / "all.json"
    every = command("replay", "--all", "--json", str(out))
    assert every.exit_code == 0, every.output
    assert json.loads(out.read_text("utf-8"))["equal"] == len(everything(web_runtime))
    owner_of_clone("ALTER TABLE judgement NO FORCE ROW LEVEL SECURITY")
    owner_of_clone(
        "UPDATE judgement SET result = replace(result, '\"severity\":', '\"severity\": ')"
        f" WHERE patch_id = '{patch.patch_id}'"
    )
    owner_of_clone("ALTER TABLE judgement FORCE ROW LEVEL SECURITY")
    told = command("replay", str(patch.patch_id), "--revision", "1")
    assert told.exit_code == 1
    assert "UNEQUAL" in told.output
    every = command("replay", "--all", "--json", str(out))
    assert every.exit_code == 1
    assert [row["number"] for row in json.loads(out.read_text("utf-8"))["unequal"]] == [patch.number]


def test_the_command_answers_what_if_from_a_file(
    web_runtime: Runtime, command: Callable[..., Any], tmp_path: Path
) -> None:
    patch = suspected_patch(web_runtime)
    path, out = layer_file(web_runtime, "construction_approval", tmp_path, patch), tmp_path / "what.json"
    done = command(
        *("what-if", "--layer", str(path), "--kind", "construction_approval", "--county", COUNTY),
        *("--json", str(out)),
    )
    assert done.exit_code == 0, done.output
    flips = json.loads(out.read_text("utf-8"))["flips"]
    assert patch.number in {change["number"] for change in flips}
    assert patch.number in done.output
    assert "亩" in done.output
    refused = command("what-if", "--layer", str(tmp_path / "none.gpkg"))
    assert refused.exit_code == 2


def corrected_land(runtime: Runtime, patch: Patch, **values: Any) -> Correction:
    """The land plot under a patch was village land all along."""
    [judgement] = [j for p, j in everything(runtime).values() if p.patch_id == patch.patch_id]
    plot = judgement.inputs["land"][0]["features"][0]
    layer = next(row for row in judgement.inputs["layers"] if row["kind"] == "land_survey")
    told: dict[str, Any] = {
        "correction_id": uuid4(),
        "layer_kind": "land_survey",
        "version_id": UUID(layer["version_id"]),
        "feature_no": plot,
        "action": "changed",
        "reason": "实地为村庄建设用地",
        "reference": "底图异议 2026-3",
        "decided_by": "王某",
        "decided_at": runtime.clock(),
        "changes": {"land_class_code": "0702", "name": "农村宅基地"},
    }
    return Correction(**(told | values))


def test_an_upheld_objection_makes_a_new_revision_once_and_the_old_one_stays(web_runtime: Runtime) -> None:
    patch, system = suspected_patch(web_runtime), web_runtime.system
    correction, now = corrected_land(web_runtime, patch), web_runtime.clock()
    for _ in range(2):
        with web_runtime.database.transaction(OFFICER) as session:
            made = desk.rejudge_after_correction(session, OFFICER, correction, now=now)
    assert patch.patch_id in {judgement.patch_id for judgement in made}
    with web_runtime.database.transaction(system) as session:
        old, new = detection.judgements_of(session, system, patch.patch_id)
        assert (old.revision, new.revision) == (1, 2)
        assert old.inputs["corrections"] == []
        assert [row["reference"] for row in new.inputs["corrections"]] == ["底图异议 2026-3"]
        assert {row["class_code"] for row in new.inputs["land"]} >= {"0702"}
        assert desk.replay(session, system, patch.patch_id, 1).is_equal
        assert desk.replay(session, system, patch.patch_id, 2).is_equal
        features = ingest.features_numbered(session, system, correction.version_id, correction.feature_no)
        assert features[0].land_class_code != "0702"
        [again] = detection.judge_many(session, system, [patch.patch_id], now)
        assert again.revision == 2
        entries = session.execute(
            text("SELECT count(*) FROM audit_entry WHERE action = 'detection.base.corrected'")
        ).scalar_one()
        assert entries == 1
        assert verify_chain(session) is None


def test_a_correction_is_refused_where_it_does_not_fit(web_runtime: Runtime) -> None:
    patch, now = suspected_patch(web_runtime), web_runtime.clock()
    right = corrected_land(web_runtime, patch)
    cases: list[tuple[Actor, Mapping[str, Any], type[Exception]]] = [
        (STRANGER, {}, NotFound),
        (replace(OFFICER, role="station"), {}, NotAllowed),
        (OFFICER, {"feature_no": "no-such"}, NotFound),
        (OFFICER, {"version_id": uuid4()}, NotFound),
        (OFFICER, {"layer_kind": "basic_farmland"}, Conflict),
        (OFFICER, {"changes": {"owner": "x"}}, InvalidInput),
        (OFFICER, {"action": "added", "geometry": patch.shape.outline}, Conflict),
    ]
    for actor, values, error in cases:
        with pytest.raises(error), web_runtime.database.transaction(actor) as session:
            desk.rejudge_after_correction(session, actor, replace(right, **values), now=now)
    with web_runtime.database.transaction(OFFICER) as session:
        desk.rejudge_after_correction(session, OFFICER, right, now=now)
    other = replace(right, changes={"land_class_code": "0601"})
    with pytest.raises(Conflict) as refused, web_runtime.database.transaction(OFFICER) as session:
        desk.rejudge_after_correction(session, OFFICER, other, now=now)
    assert refused.value.code == "detection.correction.decided_otherwise"


def test_the_api_tells_a_judgement_sentence_by_sentence(sign_in: SignIn, web_runtime: Runtime) -> None:
    officer, patch = sign_in("officer"), suspected_patch(web_runtime)
    where = f"/api/v1/patches/{patch.patch_id}"
    [revision] = officer.get(f"{where}/judgements").json()
    full = officer.get(f"{where}/judgements/{revision['revision']}").json()
    assert full["revision"] == revision
    assert full["legal_basis"]
    for sentence in full["sentences"]:
        assert sentence["text"]
        assert sentence["text_en"]
        assert sentence["rule_version"] >= 1
    surveyed = next(row for row in full["sentences"] if row["rule_id"] == "A1.1")
    assert surveyed["source"]["version_id"]
    assert surveyed["source"]["version_date"] == "2026-01-01"
    assert surveyed["mu"] == pytest.approx(surveyed["area_m2"] * 3 / 2000)
    replayed = officer.get(f"{where}/judgements/1/replay").json()
    assert (replayed["is_equal"], replayed["is_chain_checked"]) == (True, False)
    assert replayed["stored_sha256"] == revision["result_sha256"]
    assert officer.get(f"{where}/judgements/99").status_code == 404
    drawer = officer.get(where).json()["judgement"]
    assert [row["text"] for row in drawer["sentences"]] == [row["text"] for row in full["sentences"]]


def crossing_patches(runtime: Runtime) -> list[UUID]:
    """Patches of half a kilometre on the borders of villages, of townships, of the county."""
    with runtime.database.transaction(runtime.system) as session:
        rows = session.execute(
            text(
                "SELECT code, ST_AsBinary(outline) AS wkb FROM division"
                " WHERE level = 5 AND outline IS NOT NULL ORDER BY code"
            )
        ).all()
        now, leads = runtime.clock(), []
        for code, wkb in rows:
            corner = shapely.Point(shapely.from_wkb(bytes(wkb)).convex_hull.exterior.coords[0])
            outline = shapely.box(*corner.buffer(0.0025).bounds)
            area_m2 = ellipsoidal_area_m2(outline)
            begins = now - timedelta(days=100)
            bands = (area_m2, area_m2 * 0.99, area_m2 * 1.01)
            leads.append(
                Lead(
                    derived_id("border", code), "drone", code, begins, now, outline, *bands, "earthwork", 0.9
                )
            )
        detection.record_leads(session, runtime.system, leads, now)
        return list(detection.fuse(session, runtime.system, [one.lead_id for one in leads], now).created)


def test_pieces_of_every_patch_add_up_over_the_api(sign_in: SignIn, web_runtime: Runtime) -> None:
    city = sign_in("city")
    crossing = crossing_patches(web_runtime)
    counts = []
    for patch_id in [*everything(web_runtime), *crossing]:
        told = city.get(f"/api/v1/patches/{patch_id}/pieces").json()
        for level in ("villages", "townships", "counties", "cities"):
            assert sum(row["area_m2"] for row in told[level]) == pytest.approx(told["area_m2"], abs=0.01)
        assert all(row["name"] for row in told["villages"])
        counts += [len(told["villages"])] if patch_id in crossing else []
    assert len(counts) == len(crossing) >= 2
    assert min(counts) > 1


def test_the_taxonomy_is_told_by_the_law_of_a_day(sign_in: SignIn) -> None:
    officer = sign_in("officer")
    today = {row["code"]: row for row in officer.get("/api/v1/taxonomy").json()}
    assert len(today) == 18
    assert today["L04"]["fines"][0] | {"text": ""} == {
        "kind": "per_m2",
        "low": 100.0,
        "high": 1000.0,
        "base": None,
        "base_name": None,
        "is_optional": True,
        "must_confirm": False,
        "text": "",
    }
    then = {row["code"]: row for row in officer.get("/api/v1/taxonomy?on=2021-08-31").json()}
    assert then["L04"]["fines"][0]["high"] == 30.0
    assert "L08" not in then


def test_a_question_over_the_api_is_answered_by_the_worker_for_the_asker_alone(
    sign_in: SignIn, web_runtime: Runtime, tmp_path: Path
) -> None:
    path = layer_file(web_runtime, "basic_farmland", tmp_path, suspected_patch(web_runtime))
    version = import_layer(
        web_runtime, path, kind="basic_farmland", county_code=COUNTY, valid_from=date(2026, 12, 1)
    )
    officer = sign_in("officer")
    versions = officer.get(f"/api/v1/layer-versions?kind=basic_farmland&county={COUNTY}").json()
    assert [row["version_id"] for row in versions][-1] == str(version.version_id)
    asked = officer.post("/api/v1/judgements/what-if", json={"version_id": str(version.version_id)})
    assert asked.status_code == 202, asked.text
    question = asked.json()["what_if_id"]
    assert asked.json()["status"] == "waiting"
    for _ in range(2):
        answer_question(web_runtime, UUID(question))
    told = officer.get(f"/api/v1/judgements/what-if/{question}").json()
    assert told["status"] == "answered"
    assert told["answer"]["flips"] or told["answer"]["moves"]
    assert [row["what_if_id"] for row in officer.get("/api/v1/judgements/what-if").json()] == [question]
    for other in ("officer2", "city"):
        assert sign_in(other).get(f"/api/v1/judgements/what-if/{question}").status_code == 404
    assert sign_in("manager").get("/api/v1/judgements/what-if").status_code == 403
    neither = officer.post("/api/v1/judgements/what-if", json={})
    assert (neither.status_code, neither.json()["code"]) == (422, "detection.what_if.nothing_asked")
    broken = officer.post("/api/v1/judgements/what-if", json={"rules": {"thresholds": "a = ="}})
    assert broken.json()["code"] == "detection.rules.unreadable"
    unknown = officer.post("/api/v1/judgements/what-if", json={"version_id": str(uuid4())})
    assert unknown.status_code == 404
