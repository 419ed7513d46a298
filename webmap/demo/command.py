"""``landwarden demo``: run it all, say what was found, serve the map."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from foundation.blobs import storage_error
from foundation.runtime import open_runtime
from foundation.settings import Settings
from ingest.sources.synthetic.county import Size
from webmap.demo import run, stage
from webmap.demo.people import DEMO_PASSWORD

console = Console(stderr=True)


def run_demo(
    settings: Settings, *, size: Size, seed: int, fresh: bool, serve: bool, json_file: Path | None
) -> None:
    """The whole demonstration; see `landwarden demo --help`."""
    started = time.monotonic()
    own = stage.own_settings(settings)
    if fresh:
        remove(own.data_dir)
    if json_file is not None:
        check_writable(json_file)
    clock = stage.kept_clock(own)
    with open_runtime(own, clock=clock) as runtime:
        with Progress(
            SpinnerColumn(),
            TextColumn("{task.description:<44}"),
            BarColumn(),
            TimeElapsedColumn(),
            console=console,
        ) as bars:
            demo = run.prepare(
                runtime, clock, size=size, seed=seed, progress=_bar(bars, "影像、图层、检测、研判")
            )
            run.simulate(demo, progress=_bar(bars, "逐级下发、核查、整改、销号"))
        measured = run.result(demo)
        measured["seconds"] = round(time.monotonic() - started, 1)
        tell(measured)
        if json_file is not None:
            write_json(json_file, measured)
        if serve:
            announce(settings, run.inspector_login(demo))
            run.open_to_visitors(demo, settings)


def remove(folder: Path) -> None:
    """Start over: remove an earlier demonstration, its database included."""
    from foundation.cluster import Cluster

    if folder.exists():
        Cluster(folder).discard()
        shutil.rmtree(folder)


def check_writable(path: Path) -> None:
    """Refuse before the work, not after it, when the result file cannot be written."""
    try:
        with path.open("a"):
            pass
    except OSError as error:
        raise storage_error(error, path.parent) from error


def write_json(path: Path, measured: dict[str, Any]) -> None:
    """Write the result whole or not at all."""
    half = path.with_name(path.name + ".part")
    try:
        half.write_text(json.dumps(measured, ensure_ascii=False, indent=2) + "\n", "utf-8")
        os.replace(half, path)
    except OSError as error:
        raise storage_error(error, path.parent) from error


def tell(measured: dict[str, Any]) -> None:
    """Print what was found against what was planted."""
    table = Table(title="查出与埋设对照 found against planted", title_justify="left")
    for heading in ("类型 kind", "埋设违法 planted", "查出 found", "查全 recall", "查准 precision"):
        table.add_column(heading, justify="left" if heading.startswith("类型") else "right")
    for kind, row in measured["by_kind"].items():
        precision = "—" if row["precision"] is None else f"{row['precision']:.2f}"
        table.add_row(kind, str(row["planted"]), str(row["found"]), f"{row['recall']:.2f}", precision)
    console.print(table)
    detection = measured["detection"]
    console.print(
        f"违法图斑 violations: 查全率 recall {measured['recall']:.3f}"
        f"  查准率 precision {measured['precision']:.3f}\n"
        f"可见变化 visible changes: 查全率 recall {detection['recall']:.3f}"
        f"  查准率 precision {detection['precision']:.3f}"
    )
    for miss in measured["missed"]:
        why = "" if miss["is_visible"] else "（影像不可见 not visible in imagery）"
        console.print(f"  漏 missed  {miss['change_id']} {miss['kind']} {miss['situation']} {why}")
    for alarm in measured["false_alarms"]:
        console.print(f"  误 false   {alarm['number']} {alarm['change_class']}: {alarm['reason']}")
    states = "  ".join(f"{state} {count}" for state, count in measured["states"].items())
    console.print(f"图斑状态 states: {states}")
    console.print(f"用时 {measured['seconds']:.0f} s")


def announce(settings: Settings, inspector: str) -> None:
    """The address and the three log-ins, one line each."""
    typer.echo(f"地图 map        http://{settings.host}:{settings.port}/")
    typer.echo(f"执法员 officer    officer / {DEMO_PASSWORD}")
    typer.echo(f"巡查员 inspector  {inspector} / {DEMO_PASSWORD}   （手机页面 phone page: /field.html）")
    typer.echo(f"管理者 manager    manager / {DEMO_PASSWORD}")
    typer.echo("按 Ctrl+C 结束。Press Ctrl+C to stop.")


def _bar(bars: Progress, title: str) -> run.Progress:
    task = bars.add_task(title, total=1.0)

    def tell(step: str, share: float) -> None:
        bars.update(task, completed=share, description=f"{title} · {step}"[:44])

    return tell
