"""``landwarden cases rehearse``: the whole life of a case, branch by branch, on a county of its own."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from foundation.errors import Defect, LandwardenError
from foundation.runtime import Runtime, open_runtime
from foundation.settings import Settings
from ingest.sources.synthetic.county import Size
from patrol.custody import jobs as custody
from webmap.demo import run, stage
from webmap.demo.command import check_writable, remove, write_json
from webmap.demo.rehearsal import Rehearsal
from webmap.demo.rehearsed import Row, faults, read_ledger, tallies, verify
from webmap.demo.stories import tell

console = Console(stderr=True)
BRANCH_NAMES = {
    "lawful": "合法",
    "not_new": "非新增",
    "penalty": "违法并处罚",
    "partly_exceeded": "部分超占、复核退回",
    "transferred": "移送",
    "objection_corrected": "图斑异议更正",
    "relapsed": "销号后再次违法",
    "base_corrected": "岗位变动、底图异议更正",
}


def rehearse(settings: Settings, *, size: Size, seed: int, json_file: Path | None, keeps: bool) -> None:
    """Build the county, tell every story, check every promise, print the ledger.

    Raises
    ------
    Defect
        ``webmap.rehearsal.broken_promise``; whatever a story did not expect.
    """
    started = time.monotonic()
    own = settings.model_copy(update={"data_dir": settings.data_dir / "rehearsal", "database_url": None})
    remove(own.data_dir)
    if json_file is not None:
        check_writable(json_file)
    clock = stage.kept_clock(own)
    try:
        with open_runtime(own, clock=clock) as runtime:
            demo = run.prepare(runtime, clock, size=size, seed=seed, progress=lambda _name, _share: None)
            prepared = time.monotonic() - started
            found = play(demo) | {"prepare_seconds": round(prepared, 1)}
            found["seconds"] = round(time.monotonic() - started, 1)
    finally:
        if not keeps:
            remove(own.data_dir)
    if json_file is not None:
        write_json(json_file, found)
    show(found)
    if found["faults"]:
        raise Defect("webmap.rehearsal.broken_promise", promises="、".join(found["faults"]))


def play(demo: run.Demonstration) -> dict[str, Any]:
    """All stories on a county that stands; what came of them, as JSON values."""
    runtime = demo.runtime
    rehearsal = Rehearsal(demo, runtime.settings.data_dir)
    tell(rehearsal, lambda name, share: console.print(f"  {share:4.0%}  {demo.clock():%Y-%m-%d}  {name}"))
    ledger = read_ledger(runtime)
    checks = verify(runtime, ledger, demo.clock())
    return {
        "branches": [
            {"branch": branch, "name": BRANCH_NAMES[branch], "number": number, **_end(ledger, number)}
            for branch, number in rehearsal.branches.items()
        ],
        "checks": checks,
        "faults": faults(checks),
        "refusals": rehearsal.refusals,
        "papers": rehearsal.papers,
        "bundle": _bundle(runtime, rehearsal),
        "counts": rehearsal.counts,
        "ownerless_checks": rehearsal.ownerless_checks,
        "warnings": _warnings(rehearsal),
        "tallies": tallies(ledger),
        "ledger": ledger,
    }


def show(found: dict[str, Any]) -> None:
    """The summary on the terminal."""
    table = Table(title="案件全程演练 rehearsal of cases", title_justify="left")
    for heading in ("分支 branch", "图斑 patch", "步数 moves", "历时 days", "结果 end"):
        table.add_column(heading)
    for row in found["branches"]:
        table.add_row(row["name"], row["number"], str(row["moves"]), str(row["days"]), row["end"])
    console.print(table)
    ledger = Table(title="台账 ledger", title_justify="left")
    for heading in ("时间", "图斑", "经办人", "事项", "状态", "事由", "原时限"):
        ledger.add_column(heading)
    for row in found["ledger"]:
        undone = "（已撤销）" if row["undone_by"] else ""
        ledger.add_row(
            row["at"][:16].replace("T", " "),
            row["number"][-4:],
            row["actor_name"],
            row["action_name"] + undone,
            row["state_name"],
            row["reason_name"] or "",
            (row["due_at"] or "")[:10],
        )
    console.print(ledger)
    checks, looks = found["checks"], found["counts"]["watch"]
    console.print(
        f"共 {checks['moves']} 步；无主 {checks['ownerless']}（检查 {found['ownerless_checks']} 次），"
        f"越权流转 {checks['illegal_moves']}，自办自审 {checks['own_work_reviewed']}，"
        f"一人办结 {checks['ended_by_one_person']}，数量不符 {checks['counts_off_by']}，"
        f"应拒已拒 {len(found['refusals'])}，文书 {len(found['papers'])} 份，"
        f"预警 {found['warnings']['warn']} 次，"
        f"销号后复查影像 {sum(looks.values())} 次（未见变化 {looks.get('unchanged', 0)}），"
        f"审计链{'完整' if checks['audit_chain_holds'] else '断裂'}。用时 {found['seconds']:.0f} 秒。"
    )


def _end(ledger: list[Row], number: str) -> dict[str, Any]:
    rows = [row for row in ledger if row["number"] == number]
    first, last = rows[0]["at"], rows[-1]["at"]
    days = (datetime.fromisoformat(last) - datetime.fromisoformat(first)).days
    return {
        "moves": len(rows),
        "days": days,
        "end": rows[-1]["state_name"],
        "end_state": rows[-1]["to_state"],
    }


def _bundle(runtime: Runtime, rehearsal: Rehearsal) -> dict[str, Any]:
    """The evidence bundle of the case that ended in a penalty."""
    number = rehearsal.branches["penalty"]
    (row,) = rehearsal.rows("SELECT patch_id FROM patch WHERE number = :number", number=number)
    path = rehearsal.folder / "bundle.zip"
    try:
        made = custody.make_bundle(runtime, rehearsal.person("officer"), row["patch_id"], path)
    except LandwardenError as error:
        return {"number": number, "refused": error.code}
    return {"number": number, "bytes": path.stat().st_size, "files": getattr(made, "files", None)}


def _warnings(rehearsal: Rehearsal) -> dict[str, int]:
    rows = rehearsal.rows("SELECT kind, count(*) AS count FROM case_warning GROUP BY kind")
    return {"warn": 0, "escalate": 0} | {row["kind"]: row["count"] for row in rows}
