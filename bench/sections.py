"""One page of several runs: the page of pictures, and below it a section for every other suite."""

from __future__ import annotations

import re
from typing import Any

from bench.report import conditions, gate_table, measurements, performance_page, shortfalls

PAGE_SUITE = "detection"
TITLES = {
    "judgement": "判定套合 Overlay of judgement",
    "patrol": "巡查轨迹 Tracks of patrols",
}
MARK = "<!-- bench:{name} -->"
SECTION = re.compile(r"<!-- bench:(\w+) -->\n(.*?)<!-- bench:\1 end -->\n", re.DOTALL)


def merged_page(run: dict[str, Any], former: str) -> str:
    """A page with a run's own part made anew and the parts of other suites as they were.

    Parameters
    ----------
    former : str
        The page as it is; empty where there is none.
    """
    sections = {match[1]: match[0] for match in SECTION.finditer(former)}
    head = SECTION.sub("", former).rstrip("\n")
    suites = run.get("suites", [PAGE_SUITE])
    if PAGE_SUITE in suites:
        head = performance_page(run).rstrip("\n")
    elif suites:
        sections[suites[0]] = _section(suites[0], run)
    body = [sections[name] for name in sorted(sections)]
    return "\n\n".join([part.rstrip("\n") for part in (head or "# 性能 Performance", *body)]) + "\n"


def _section(name: str, run: dict[str, Any]) -> str:
    parts = [
        MARK.format(name=name),
        f"## {TITLES.get(name, name)}\n",
        f"Made by `landwarden bench {name}`; do not edit.\n",
        conditions(run),
        gate_table(run["gates"], run["titles"]),
        "What falls short:\n",
        shortfalls(run),
        measurements(run["records"]),
        MARK.format(name=f"{name} end"),
    ]
    return "\n".join(parts) + "\n"
