"""A whole run: every row asked for, gates, disagreements, and the account of it."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import detection, judgement, patrol
from bench.gates import as_json, disagreements, measured_gates, read_gates
from bench.machine import describe_machine, describe_revision, describe_versions
from bench.measure import Failure, Record, Tell, measure_growth, measure_row
from bench.rows import Growth, Row, Size, Suite

SCHEMA = "landwarden.bench/1"
SUITES: dict[str, Suite] = {suite.name: suite for suite in (detection.SUITE, judgement.SUITE, patrol.SUITE)}


def known_names() -> list[str]:
    """Suites, rows, growths and gates that can be asked for."""
    names = list(SUITES)
    for suite in SUITES.values():
        names += [row.name for row in suite.rows]
        names += [growth.name for growth in suite.growths]
    return list(dict.fromkeys([*names, *(gate.name for gate in read_gates())]))


def rows_by_suite() -> dict[str, list[str]]:
    """Names of the rows and growths of each suite, in their order."""
    named: dict[str, list[str]] = {}
    for suite in SUITES.values():
        entries: tuple[Row | Growth, ...] = (*suite.rows, *suite.growths)
        named[suite.name] = [entry.name for entry in entries]
    return named


def run_bench(
    names: Sequence[str], *, size: Size, rounds: int, tell: Tell, folder: Path | None = None
) -> dict[str, Any]:
    """Measure and judge.

    Parameters
    ----------
    names : sequence of str
        Of `known_names`; none means all.
    folder : Path, optional
        Where scenes are made and kept; by default a temporary one.

    Returns
    -------
    dict
        See the README for the schema.
    """
    entries, gates = _chosen(names), read_gates()
    started = datetime.now(UTC)
    records: list[Record] = []
    failures: list[Failure] = []
    before = describe_machine()
    with ExitStack() as stack:
        if folder is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="landwarden-bench-")))
        folder.mkdir(parents=True, exist_ok=True)
        for entry in entries:
            if isinstance(entry, Row):
                found, failed = measure_row(entry, folder=folder, size=size, rounds=rounds, tell=tell)
            else:
                found, failed = measure_growth(entry, folder=folder, size=size, rounds=rounds, tell=tell)
            records += found
            failures += failed
    rows = [entry for entry in entries if isinstance(entry, Row)]
    wrong = disagreements(rows, records)
    wrong += [f"{item.row} {item.work}: {item.reason}" for item in failures if not item.is_missing]
    return {
        "schema": SCHEMA,
        "started_at": started.isoformat(timespec="seconds"),
        "seconds": round((datetime.now(UTC) - started).total_seconds(), 1),
        "size": size,
        "rounds": rounds,
        "machine": before,
        "versions": describe_versions(),
        "revision": describe_revision(),
        "suites": [
            suite.name
            for suite in SUITES.values()
            if any(entry in entries for entry in (*suite.rows, *suite.growths))
        ],
        "titles": {entry.name: entry.title for entry in entries},
        "gates": [as_json(measured) for measured in measured_gates(records, gates)],
        "wrong_results": wrong,
        "missing": [asdict(item) for item in failures if item.is_missing],
        "not_measured": {
            name: reason
            for suite in SUITES.values()
            if not names or suite.name in names
            for name, reason in suite.not_measured.items()
        },
        "records": [record.as_json() for record in records],
    }


def _chosen(names: Sequence[str]) -> list[Row | Growth]:
    """Rows and growths in the order of their suites; a gate's name asks for its row."""
    asked = {*names, *(gate.row for gate in read_gates() if gate.name in names)}
    chosen: list[Row | Growth] = []
    for suite in SUITES.values():
        entries: tuple[Row | Growth, ...] = (*suite.rows, *suite.growths)
        chosen += [entry for entry in entries if not names or suite.name in names or entry.name in asked]
    return chosen
