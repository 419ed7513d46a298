"""``landwarden patrol rehearse``: a city's patrols at play, on a database of their own."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

FIRST = "2026-06-29"


def rehearse(
    json_file: Annotated[Path | None, typer.Option("--json", help="结果 account of the play")] = None,
    weeks: Annotated[int, typer.Option(min=1, max=60, help="周数 weeks")] = 13,
    first: Annotated[str, typer.Option(help="首周周一 Monday of the first week")] = FIRST,
    county: Annotated[str, typer.Option(help="只演练一个县（6位代码）one county only")] = "",
    seed: Annotated[int, typer.Option(help="随机种子 seed")] = 4108,
    out: Annotated[Path | None, typer.Option(help="通报、排名文件输出目录 folder for the papers")] = None,
) -> None:
    """演练全市一个季度的巡查、排名和通报。Play a quarter of the city's patrols, rankings and bulletins.

    Runs on a database of its own, which is removed afterwards; nothing of the installation is touched.
    """
    from tempfile import TemporaryDirectory

    from rich.console import Console

    from foundation.calendar import SHANGHAI
    from foundation.runtime import open_runtime
    from foundation.settings import read_settings
    from patrol.rehearsal.play import PlayClock, rehearse

    monday = date.fromisoformat(first)
    if monday.isoweekday() != 1:
        raise typer.BadParameter("须为周一 must be a Monday", param_hint="--first")
    console = Console(stderr=True)
    clock = PlayClock(datetime.combine(monday, datetime.min.time(), SHANGHAI))
    settings = read_settings()
    with TemporaryDirectory(prefix="landwarden-rehearsal-", dir=_place(settings.data_dir)) as folder:
        # The database's own user must reach its folder.
        Path(folder).chmod(0o755)
        own = settings.model_copy(update={"data_dir": Path(folder), "database_url": "", "migration_url": ""})
        with open_runtime(own, clock=clock) as runtime:
            result = rehearse(
                runtime,
                clock,
                seed=seed,
                first=monday,
                weeks=weeks,
                prefix=county,
                folder=out,
                progress=lambda stage, share: console.print(f"… {share:4.0%} {stage}"),
            )
    if json_file is not None:
        json_file.write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n", "utf-8")
    _tell(result)


def _place(data_dir: Path) -> Path:
    data_dir.mkdir(parents=True, exist_ok=True)
    return data_dir


def _tell(result: dict[str, Any]) -> None:
    typer.echo(
        f"{result['villages']} 个村，{result['people']} 人，{result['outings']} 次巡查，{result['fixes']} 点"
    )
    for kind, row in result["cheats"].items():
        share = "-" if row["share"] is None else f"{row['share']:.1%}"
        typer.echo(
            f"  {kind:<10} {row['outings']:>7} 次，识别 {row['told']:>7} 次（{share}）：{row['told_by']}"
        )
    honest = result["honest"]
    share = f"{honest['share'] or 0:.2%}"
    typer.echo(f"  honest     {honest['outings']:>7} 次，存疑 {honest['flagged']:>7} 次（{share}）")
    again = result["regenerated"]
    typer.echo(f"通报、排名 {again['papers']} 份，补传数据后重新生成逐字节一致 {again['same_bytes']} 份")
    doors, zones, edges = (result["security"][key] for key in ("doors", "zones", "edges"))
    typer.echo(
        f"权限：{doors['asked']} 次试入，放行 {doors['allowed']}，拒绝 {doors['refused']}，"
        f"与权限表不符 {len(doors['wrong'])}"
    )
    typer.echo(f"时区：{zones['zones']} 个时区下 {zones['answers']} 次排名，不一致 {zones['different']}")
    counted = f"按周 {edges['counted_by_weeks']}、按月 {edges['counted_by_months']}"
    typer.echo(
        f"周界月界：{edges['moments']} 个时刻，错 {edges['wrong']}；有效巡查 {edges['outings']} 次，{counted}"
    )
    opened = result["opened"]
    pdf = opened["pdf"]
    if pdf["read"] is not None:
        missing = len(pdf["missing"])
        typer.echo(f"PDF {pdf['read']}/{pdf['files']} 个，核对句子和数字 {pdf['said']} 处，缺 {missing} 处")
    if opened["opened"] is None:
        typer.echo("未安装 LibreOffice，文件未打开核对")
        return
    typer.echo(
        f"LibreOffice 打开 {opened['opened']}/{opened['files']} 个文件；与接口比对排名 {opened['lines']} 行，"
        f"不一致 {opened['different']} 行；文字 {opened['sentences']} 句，缺 {opened['missing']} 句"
    )
