"""One page of several runs: the page of pictures, and below it a section for every other suite."""

from __future__ import annotations

import re
from typing import Any

from bench.report import conditions, gate_table, measurements, performance_page, shortfalls

PAGE_SUITE = "detection"
TITLES = {
    "judgement": "判定套合 Overlay of judgement",
    "patrol": "巡查轨迹 Tracks of patrols",
    "later": "像元检测（后测） Pixels, measured later",
}
NOTES = {"later": ("Newer than the same rows above, which were not all measured again.\n",)}
LINE = re.compile(r"^\| ([\w-]+) \|", re.MULTILINE)
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
    if PAGE_SUITE in suites and _tells_less(run, head):
        sections["later"] = _section("later", run)
    elif PAGE_SUITE in suites:
        head = performance_page(run).rstrip("\n")
        sections.pop("later", None)
    elif suites:
        sections[suites[0]] = _section(suites[0], run)
    body = [sections[name] for name in sorted(sections)]
    return "\n\n".join([part.rstrip("\n") for part in (head or "# 性能 Performance", *body)]) + "\n"


def _tells_less(run: dict[str, Any], head: str) -> bool:
    """Whether the page as it is has rows that a run did not measure: they must not go with it."""
    told = {*run["titles"], *(gate["gate"] for gate in run["gates"]), "row"}
    return not set(LINE.findall(head)) <= told


def _section(name: str, run: dict[str, Any]) -> str:
    parts = [
        MARK.format(name=name),
        f"## {TITLES.get(name, name)}\n",
        f"Made by `landwarden bench {PAGE_SUITE if name in NOTES else name}`; do not edit.\n",
        *NOTES.get(name, ()),
        conditions(run),
        gate_table(run["gates"], run["titles"]),
        "What falls short:\n",
        shortfalls(run),
        measurements(run["records"]),
        MARK.format(name=f"{name} end"),
    ]
    return "\n".join(parts) + "\n"
