"""Several runs as one: of every row the newest measurement, with what each was taken on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Run = dict[str, Any]


def joined_runs(runs: Sequence[Run], rows: Sequence[str]) -> Run:
    """One account of some rows out of several runs; a row measured more than once counts as it was last.

    Parameters
    ----------
    runs : sequence of dict
        As the README describes them.
    rows : sequence of str
        Whose records and gates are taken; the rest is left out.
    """
    ordered = sorted(runs, key=lambda run: str(run["started_at"]))
    source = {row: run for run in ordered for row in run["titles"] if row in rows}
    used = [run for run in ordered if any(run is each for each in source.values())]
    if len(used) == 1 and set(used[0]["titles"]) <= set(rows):
        return used[0]
    kept = {row: source[row] for row in rows if row in source}
    own = {id(run): [row for row in rows if source.get(row) is run] for run in used}
    whole = {
        **used[-1],
        "seconds": sum(run["seconds"] for run in used),
        "size": _said({id(run): run["size"] for run in used}, own),
        "rounds": _said({id(run): run["rounds"] for run in used}, own),
        "titles": {row: run["titles"][row] for row, run in kept.items()},
        "not_measured": {name: why for run in used for name, why in run["not_measured"].items()},
        "revisions": [
            {**run["revision"], "started_at": run["started_at"], "rows": own[id(run)]} for run in used
        ],
    }
    for name in ("gates", "records", "missing"):
        whole[name] = [item for row, run in kept.items() for item in run[name] if item["row"] == row]
    whole["wrong_results"] = [
        text
        for row, run in kept.items()
        for text in run["wrong_results"]
        if text.startswith((f"{row} ", f"{row}:"))
    ]
    return whole


def by_suite(runs: Sequence[Run], rows: Mapping[str, Sequence[str]]) -> list[Run]:
    """One account for each suite of which any run measured something."""
    return [
        {**joined_runs(runs, own), "suites": [suite]}
        for suite, own in rows.items()
        if any(row in run["titles"] for run in runs for row in own)
    ]


def _said(values: Mapping[int, Any], rows: Mapping[int, Sequence[str]]) -> str:
    """One value, or each with its rows."""
    if len(set(values.values())) == 1:
        return str(next(iter(values.values())))
    each: dict[Any, list[str]] = {}
    for run, value in values.items():
        each.setdefault(value, []).extend(rows[run])
    return ", ".join(f"{value} ({', '.join(names)})" for value, names in each.items())
