"""The page made of a run: what was measured on what, what holds, and what falls short."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

METRICS = {
    "cpu_s": "CPU",
    "wall_s": "wall clock",
    "memory_mib": "memory",
    "pixels_per_cpu_s": "pixels per CPU second",
    "correlation_gap": "largest gap between their canonical correlations",
    "exponent": "exponent of CPU",
    "memory_growth": "memory, largest ÷ smallest scene",
    "difference": "largest gap of one pair, of max(area, 1 m²)",
    "geodesic_error": "largest error against geodesic areas",
    "bytes_a_point": "bytes a point",
    "share_gap": "mean gap of shares",
    "cpu_ms_each": "CPU milliseconds each",
}


PICTURES = (
    "- R1 to R3 are targets for size L (100 Mpx): what is fixed in a run weighs more on smaller scenes.\n"
    "- One thread for each library, GDAL's cache 256 MiB for all; imports and a first call on a small "
    "scene lie outside the clock.\n"
)
OTHERS = (
    "- One thread for each library; imports, a first call on a small county and the loading of databases and "
    "mapped layers lie outside the clock; the CPU of PostgreSQL's processes is counted.\n"
)


def performance_page(run: dict[str, Any]) -> str:
    """Markdown of a run, English with Chinese headings."""
    parts = [
        "# 性能 Performance\n",
        "Made by `landwarden bench`; do not edit. A speed is a ratio of works measured in turn in one run, "
        "medians over rounds; time on another machine differs, ratios hardly do.\n",
        conditions(run),
        "## 对照指标 Ratios\n",
        gate_table(run["gates"], run["titles"]),
        "## 未达到的 What falls short\n",
        shortfalls(run),
        "## 各项实测 Measurements\n",
        measurements(run["records"]),
    ]
    return "\n".join(parts)


def conditions(run: dict[str, Any]) -> str:
    """On what a run was taken, as a list."""
    machine, records = run["machine"], run["records"]
    others = median(record["other_cores"] for record in records) if records else 0.0
    steal = median(record["steal_share"] for record in records) if records else 0.0
    versions = ", ".join(f"{name} {number}" for name, number in run["versions"].items())
    return (
        f"- {run['started_at']}, size {run['size']}, {run['rounds']} rounds, {run['seconds']:.0f} s; "
        f"{_revisions(run)}\n"
        f"- {machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB, "
        f"{machine['system']}\n"
        f"- Load by others while measuring: {others:.2f} cores (median), stolen by the host "
        f"{steal:.1%}; load averages at the start {machine['load_average']}\n"
        f"- {versions}\n"
        f"{PICTURES if any(record['side_px'] for record in records) else OTHERS}"
    )


def _revisions(run: dict[str, Any]) -> str:
    """Of what the rows were measured: one revision, or each with its rows."""

    def said(revision: dict[str, Any]) -> str:
        return (revision["commit"][:12] or "no checkout") + (
            " with local changes" if revision["is_modified"] else ""
        )

    several = run.get("revisions", [])
    if len({said(each) for each in several}) < 2:
        return f"revision {said(run['revision'])}"
    parts = [f"{said(each)} ({', '.join(each['rows'])}; {each['started_at']})" for each in several]
    return f"{len(several)} runs joined, revisions " + ", ".join(parts)


def gate_table(gates: Sequence[dict[str, Any]], titles: dict[str, str]) -> str:
    """Ratios against their targets."""
    if not gates:
        return "Nothing measured.\n"
    lines = ["| row | what | ratio | target | measured (least–most) | |", "|---|---|---|---|---|---|"]
    for gate in gates:
        ratio = f"{gate['numerator']} ÷ {gate['denominator']}" if gate["denominator"] else gate["numerator"]
        sign = "≤" if gate["direction"] == "max" else "≥"
        spread = f"{_figure(gate['value'])} ({_figure(gate['least'])}–{_figure(gate['most'])})"
        lines.append(
            f"| {gate['gate']} | {titles[gate['row']]} | {ratio}, {METRICS[gate['metric']]} | "
            f"{sign} {_figure(gate['target'])} | {spread} | {'✓' if gate['is_held'] else '✗'} |"
        )
    return "\n".join(lines) + "\n"


def shortfalls(run: dict[str, Any]) -> str:
    """What misses its target, is wrong, or was not measured."""
    lines = [
        f"- {gate['gate']}: {_figure(gate['value'])}, target "
        f"{'at most' if gate['direction'] == 'max' else 'at least'} {_figure(gate['target'])}"
        for gate in run["gates"]
        if not gate["is_held"]
    ]
    lines += [f"- Wrong result: {text}" for text in run["wrong_results"]]
    lines += [f"- Not compared: {item['row']} {item['work']}, {item['reason']}" for item in run["missing"]]
    lines += [f"- Not measured: {name}, {reason}" for name, reason in run["not_measured"].items()]
    return "\n".join(lines or ["- Nothing."]) + "\n"


def measurements(records: Sequence[dict[str, Any]]) -> str:
    """Medians of every work."""
    groups: dict[tuple[str, str, int], list[dict[str, Any]]] = {}
    for record in records:
        groups.setdefault((record["row"], record["work"], record["pixels"]), []).append(record)
    is_picture = any(record["side_px"] for record in records)
    size, each = ("Mpx", "ns a pixel") if is_picture else ("units", "µs a unit")
    scale, per = (1e6, 1e9) if is_picture else (1.0, 1e6)
    lines = [
        f"| row | work | {size} | CPU s | {each} | wall s | memory MiB | count | area |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for (row, work, pixels), group in groups.items():
        cpu_s, wall_s, memory = (
            median(record[name] for record in group) for name in ("cpu_s", "wall_s", "memory_mib")
        )
        result = group[0]["result"]
        lines.append(
            f"| {row} | {work} | {pixels / scale:,.{2 if is_picture else 0}f} | {cpu_s:.3f} | "
            f"{cpu_s / pixels * per:.1f} | "
            f"{wall_s:.2f} | {memory:.0f} | {result['count']} | {result['area']:.0f} |"
        )
    return "\n".join(lines) + "\n"


def _figure(value: float) -> str:
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"
