"""The suite of patrols at its smallest: both sides of each row give the same results."""

from __future__ import annotations

from pathlib import Path

from bench.peers.postgis_server import Server
from bench.run import run_bench

ROWS = ["track-load", "track-week", "rankings"]


def test_both_ways_of_loading_measuring_and_ranking_agree(tmp_path: Path) -> None:
    run = run_bench(ROWS, size="T", rounds=2, folder=tmp_path, tell=lambda text: None)
    assert run["wrong_results"] == []
    assert run["missing"] == []
    gates = {gate["gate"]: gate for gate in run["gates"]}
    assert {"T1", "T1-bytes", "T2", "T2-memory", "rankings", "rankings-all-lines"} <= set(gates)
    assert gates["T1-bytes"]["is_held"]
    assert gates["T2-memory"]["value"] > 0
    page, whole = (
        next(item for item in run["records"] if item["row"] == "rankings" and item["work"] == work)
        for work in ("ours", "all-lines")
    )
    assert page["pixels"] == whole["pixels"] == 10
    assert page["result"]["total"] == whole["result"]["count"] > 30
    assert page["cpu_s"] > 0


def test_databases_stand_wherever_scenes_are_kept(tmp_path: Path) -> None:
    # A folder that anybody may enter, above one of the work's that only its owner may.
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    run = run_bench(["track-load"], size="T", rounds=1, folder=tmp_path, tell=lambda text: None)
    assert run["wrong_results"] == []


def test_the_work_of_a_connection_that_just_closed_is_counted(tmp_path: Path) -> None:
    server = Server(tmp_path, "closing")
    try:
        for _ in range(8):
            before = server.cpu_s()
            # The backend ends, and is laid to rest, while the CPU is asked for.
            server.run("SELECT count(*) FROM generate_series(1, 2000000) WHERE random() < 0.5")
            assert server.cpu_s() - before > 0.05
    finally:
        server.close()
