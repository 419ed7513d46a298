"""Commands of what was seen."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from foundation.crs import M2_PER_MU

seen_app = typer.Typer(help="巡查覆盖与盲区：刷新、查看。Coverage and blind spots: refresh, show.")
NAMES = (("patrol", "巡查"), ("visit", "现场核查"), ("image", "影像"), ("camera", "视频"))


@seen_app.command("refresh")
def refresh(
    county: Annotated[str | None, typer.Option(help="只刷新一个县，6 位代码 one county, six digits")] = None,
) -> None:
    """登记新到的巡查、核查、影像和视频所见，重算覆盖率。Note what was seen since, measure coverage again."""
    from foundation.runtime import open_runtime
    from foundation.settings import read_settings
    from patrol.seen import jobs

    with open_runtime(read_settings()) as runtime:
        done = jobs.refresh_seen(runtime, county)
    told = "，".join(f"{zh} {done.get(kind, 0)} 次" for kind, zh in NAMES)
    typer.echo(f"新登记所见：{told}；重算覆盖率 {done.get('periods', 0)} 期。")


@seen_app.command("show")
def show(
    division: Annotated[str, typer.Argument(help="12 位区划代码 division code")],
    period: Annotated[
        str | None, typer.Option(help="如 2026-W38、2026-09；不写为本周 none: this week")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="输出 JSON")] = False,
) -> None:
    """下辖各单位的覆盖率和盲区面积。Coverage and blind spots of the units below a place."""
    from foundation.calendar import parse_period, week_of
    from foundation.runtime import open_runtime
    from foundation.settings import read_settings
    from patrol.seen import service
    from patrol.seen.sights import seen_policy

    with open_runtime(read_settings()) as runtime:
        wanted = parse_period(period) if period else week_of(runtime.clock())
        with runtime.database.transaction(runtime.system) as session:
            view = service.coverage_of(session, runtime.system, division, period=wanted, now=runtime.clock())
    if as_json:
        typer.echo(json.dumps(asdict(view), ensure_ascii=False, indent=2, default=str))
        return
    typer.echo(f"{view.division_name} {view.period} 覆盖率；盲区为 {view.blind_days} 天未观测的耕地")
    for unit in (*view.units, view.total):
        share = f"{unit.near_m2 / unit.cropland_m2:.1%}" if unit.cropland_m2 else "未计量"
        typer.echo(
            f"{unit.name}\t覆盖率 {share}\t盲区 {seen_policy().blind_m2(unit.ages_m2) / M2_PER_MU:,.1f} 亩"
        )
