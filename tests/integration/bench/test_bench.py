"""The benchmark at its smallest: it fails on results, never on time."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from typer.testing import CliRunner

from bench.detection import SUITE
from bench.gates import disagreements, exponent, measured_gates, read_gates
from bench.measure import Record, measure_row
from bench.report import performance_page
from bench.rows import Row, Work
from bench.run import SUITES, known_names, run_bench
from bench.scenes import make_pair, planted_boxes
from bench.sections import merged_page
from foundation.cli import app, build_app

QUIET = {"tell": lambda text: None}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bench")


def record(work: str, *, number: int = 0, pixels: int = 1_000_000, **changed: object) -> Record:
    base = Record(
        row="chain-zstd9",
        work=work,
        round=number,
        side_px=1000,
        pixels=pixels,
        compression="zstd9",
        cpu_s=1.0,
        wall_s=1.0,
        start_mib=100.0,
        peak_mib=200.0,
        memory_mib=80.0,
        other_cores=0.0,
        steal_share=0.0,
        result={"count": 3, "area": 5.0},
    )
    return replace(base, **changed)  # type: ignore[arg-type]


def test_pairs_are_the_same_for_everyone_and_the_change_is_where_it_was_planted(folder: Path) -> None:
    plain = make_pair(folder, side_px=256, compression="none")
    packed = make_pair(folder, side_px=256, compression="zstd9")
    pixels = {}
    for path in (plain.before, plain.after, packed.before, packed.after):
        with rasterio.open(path) as source:
            pixels[path] = source.read()
    assert (pixels[plain.before] == pixels[packed.before]).all()
    assert (pixels[plain.after] == pixels[packed.after]).all()
    assert packed.before.stat().st_size < 0.8 * plain.before.stat().st_size
    gap = np.abs(pixels[plain.after][0].astype(int) - pixels[plain.before][0])
    row, col, rows, cols = planted_boxes(256)[0]
    inside = gap[row : row + rows, col : col + cols].mean()
    assert inside > 3 * np.median(gap)


def test_chain_floor_and_vectoriser_give_right_results_side_by_side(folder: Path) -> None:
    names = ["R1-deflate", "outlines"]
    run = run_bench(names, size="S", rounds=1, folder=folder, **QUIET)
    assert run["wrong_results"] == []
    assert {gate["gate"] for gate in run["gates"]} == {"R1-deflate", "R4"}
    ours = next(item for item in run["records"] if item["row"] == "chain-deflate" and item["work"] == "ours")
    assert ours["result"]["planted_found"] >= 0.95
    assert ours["result"]["flagged_elsewhere"] <= 0.001
    assert ours["cpu_s"] > 0
    assert ours["peak_mib"] > ours["start_mib"]
    page = performance_page(json.loads(json.dumps(run)))
    assert "R4" in page
    assert "未达到的" in page


def test_a_missing_peer_is_said_and_a_broken_one_is_a_wrong_result(folder: Path) -> None:
    row = Row(
        "peers",
        "",
        (
            Work("absent", "bench.peers.orfeo:mad", needs=("program:no-such-program",)),
            Work("broken", "bench.works.chain:no_such_maker"),
        ),
        side_px=128,
    )
    records, failures = measure_row(row, folder=folder, size="S", rounds=1, **QUIET)
    assert records == []
    assert {failure.work: failure.is_missing for failure in failures} == {"absent": True, "broken": False}
    assert "no-such-program" in failures[0].reason


def test_results_that_differ_are_wrong_whatever_the_time() -> None:
    rows = [row for row in SUITE.rows if row.name == "outlines"]
    same = [
        record(
            work, row="outlines", result={"count": 1, "area": 2.0, "polygons": digest, "valid_share": valid}
        )
        for work, digest, valid in (("ours", "a", 1.0), ("gdal", "a", 1.0))
    ]
    assert disagreements(rows, same) == []
    other = replace(same[1], result={**same[1].result, "polygons": "b"})
    assert any("polygons" in text for text in disagreements(rows, [same[0], other]))
    invalid = replace(same[0], result={**same[0].result, "valid_share": 0.98})
    assert any("valid_share" in text for text in disagreements(rows, [invalid, same[1]]))
    again = replace(same[0], round=1, result={**same[0].result, "count": 2})
    assert any("rounds differ" in text for text in disagreements(rows, [*same, again]))


def test_ratios_are_taken_within_a_round_and_the_median_is_judged() -> None:
    slow, fast = (2.0, 9.0, 3.0), (1.0, 3.0, 3.0)
    records = [record("ours", number=number, cpu_s=cpu_s) for number, cpu_s in enumerate(slow)]
    records += [record("floor", number=number, cpu_s=cpu_s) for number, cpu_s in enumerate(fast)]
    gates = [gate for gate in read_gates() if gate.name == "R1-zstd9"]
    (measured,) = measured_gates(records, gates)
    assert (measured.least, measured.value, measured.most) == (1.0, 2.0, 3.0)
    assert not measured.is_held
    assert replace(measured, gate=replace(measured.gate, target=2.5)).is_held


def test_two_fits_are_compared_by_their_largest_gap() -> None:
    gates = [gate for gate in read_gates() if gate.name == "R5-correlations"]
    sample, everything = (
        record(work, row="irmad-sample", result={"count": 1, "area": 1.0, "correlations": correlations})
        for work, correlations in (("sample", [0.7, 0.99]), ("all", [0.7004, 0.992]))
    )
    (measured,) = measured_gates([sample, everything], gates)
    assert measured.value == pytest.approx(0.002)
    assert not measured.is_held


def test_exponent_of_known_growth() -> None:
    records = [
        record("ours", pixels=pixels, cpu_s=1e-6 * pixels**1.2) for pixels in (10_000, 100_000, 1_000_000)
    ]
    assert exponent(records) == pytest.approx(1.2)


def test_every_gate_belongs_to_a_row_and_its_works() -> None:
    rows = {row.name: {work.name for work in row.works} for suite in SUITES.values() for row in suite.rows}
    rows |= {growth.name: {growth.work.name} for suite in SUITES.values() for growth in suite.growths}
    for gate in read_gates():
        assert gate.numerator in rows[gate.row], gate.name
        assert not gate.denominator or gate.denominator in rows[gate.row], gate.name
        assert gate.row in known_names()
    assert {gate.row for gate in read_gates()} == set(rows)


def test_the_command_knows_its_names_and_makes_the_page_from_a_file(tmp_path: Path) -> None:
    build_app()
    run_file, page = tmp_path / "run.json", tmp_path / "page.md"
    refused = CliRunner().invoke(app, ["bench", "no-such-row"])
    assert refused.exit_code == 2
    held = record("ours")
    measured = measured_gates([held, record("floor")], read_gates())
    assert measured[0].is_held
    run = {
        **{"started_at": "2026-11-23T04:00:00+00:00", "seconds": 1.0, "size": "S", "rounds": 1},
        **{"machine": {"processor": "x", "cores": 2, "memory_gib": 1.0, "system": "y", "load_average": []}},
        **{"versions": {}, "revision": {"commit": "", "is_modified": False}, "titles": {"chain-zstd9": "t"}},
        "gates": [
            {
                **{"gate": "R1-zstd9", "row": "chain-zstd9", "numerator": "ours", "denominator": "floor"},
                **{"metric": "cpu_s", "direction": "max", "target": 1.7, "value": 2.0, "least": 2.0},
                **{"most": 2.0, "is_held": False},
            }
        ],
        **{"wrong_results": [], "missing": [], "not_measured": {}, "records": [held.as_json()]},
    }
    run_file.write_text(json.dumps(run), "utf-8")
    arguments = ["bench", "--from", str(run_file), "--report", str(page)]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    assert "- R1-zstd9: 2, target at most 1.7" in page.read_text("utf-8")
    assert CliRunner().invoke(app, [*arguments, "--gate"]).exit_code == 1


def test_joined_runs_tell_of_each_row_the_newest_and_every_revision(tmp_path: Path) -> None:
    def run(day: int, commit: str, rows: dict[str, float], wrong: list[str]) -> Path:
        def gate(row: str, value: float) -> dict[str, object]:
            works = {"numerator": "ours", "denominator": "points", "metric": "cpu_s", "direction": "min"}
            return {"gate": f"T-{row}", "row": row, "target": 10.0, **works, "value": value} | {
                **{"least": value, "most": value, "is_held": value >= 10.0}
            }

        machine = {"processor": "x", "cores": 2, "memory_gib": 1.0, "system": "y", "load_average": []}
        told = {
            **{"started_at": f"2026-11-{day}T04:00:00+00:00", "seconds": 1.0, "size": "L", "rounds": day},
            **{"machine": machine, "versions": {}, "revision": {"commit": commit, "is_modified": False}},
            **{"suites": ["patrol"], "titles": dict.fromkeys(rows, "t"), "missing": [], "not_measured": {}},
            "gates": [gate(row, value) for row, value in rows.items()],
            "records": [replace(record("ours"), row=row, side_px=0).as_json() for row in rows],
            "wrong_results": wrong,
        }
        path = tmp_path / f"{day}.json"
        path.write_text(json.dumps(told), "utf-8")
        return path

    wrong = ["track-load ours: torn", "track-week: odd"]
    old = run(22, "a" * 40, {"track-load": 3.25, "track-week": 8.75}, wrong)
    new = run(23, "b" * 40, {"track-load": 12.5}, [])
    page = tmp_path / "page.md"
    build_app()
    for order in ([old, new], [new, old]):
        page.unlink(missing_ok=True)
        arguments = [word for path in order for word in ("--from", str(path))]
        assert CliRunner().invoke(app, ["bench", *arguments, "--report", str(page)]).exit_code == 0
        text = page.read_text("utf-8")
        assert "12.5 (12.5" in text
        assert "3.25" not in text
        assert "- T-track-week: 8.75, target at least 10" in text
        assert "Wrong result: track-week: odd" in text
        assert "torn" not in text
        assert f"{'a' * 12} (track-week; 2026-11-22" in text
        assert f"{'b' * 12} (track-load; 2026-11-23" in text


def test_rows_that_a_run_did_not_measure_stay_on_the_page() -> None:
    def run(**rows: float) -> dict[str, object]:
        machine = {"processor": "x", "cores": 2, "memory_gib": 1.0, "system": "y", "load_average": []}
        works = {"numerator": "ours", "denominator": "peer", "metric": "cpu_s", "direction": "min"}
        told = {"target": 1.0, "is_held": True, **works}
        return {
            **{"started_at": "2026-11-24T04:00:00+00:00", "seconds": 1.0, "size": "L", "rounds": 1},
            **{"machine": machine, "versions": {}, "revision": {"commit": "", "is_modified": False}},
            **{"suites": ["detection"], "titles": dict.fromkeys(rows, "t"), "missing": []},
            **{"not_measured": {}, "wrong_results": [], "records": []},
            "gates": [
                {**told, "gate": row, "row": row, "value": value, "least": value, "most": value}
                for row, value in rows.items()
            ],
        }

    whole = merged_page(run(sar=41.5, monitor=7.25), "")
    later = merged_page(run(sar=43.5), whole)
    assert "| monitor | t | ours ÷ peer, CPU | ≥ 1 | 7.25" in later
    assert later.index("41.5") < later.index("Newer than the same rows above") < later.index("43.5")
    assert "43.5" not in merged_page(run(sar=45.5, monitor=8.5), later)
