"""``landwarden detection work`` and ``cancel``: what waits and runs, and calling it off."""

from __future__ import annotations

import json
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Hang both under ``landwarden detection``."""
    app.command("work")(list_work)
    app.command("cancel")(cancel)


def list_work(
    json_out: Annotated[bool, typer.Option("--json", help="输出 JSON Print JSON.")] = False,
) -> None:
    """列出排队和正在执行的检测任务。Detection work that waits or runs."""
    from detection.running import service
    from foundation.runtime import open_runtime
    from foundation.settings import read_settings

    with open_runtime(read_settings()) as runtime, runtime.database.transaction(runtime.system) as session:
        found = service.list_work(session, runtime.system)
    if json_out:
        rows = [
            {"number": one.number, "name": one.name, "county": one.county_code, "is_running": one.is_running,
             "is_called_off": one.is_called_off}
            for one in found
        ]  # fmt: skip
        typer.echo(json.dumps(rows, ensure_ascii=False, indent=1))
        return
    for one in found:
        state = (
            "正在取消 stopping"
            if one.is_called_off
            else "执行中 running"
            if one.is_running
            else "排队 waiting"
        )
        typer.echo(f"{one.number}  {one.county_code}  {'  '.join(service.LONG[one.name])}  {state}")
    if not found:
        typer.echo("没有任务 nothing waits or runs")


def cancel(
    number: Annotated[int, typer.Argument(help="任务号，见 landwarden detection work Number.")],
) -> None:
    """取消检测任务：排队的不再执行，执行中的在当前块结束后停止；再次执行从中断处继续。Call work off."""
    from detection.running import service
    from foundation.runtime import open_runtime
    from foundation.settings import read_settings

    with open_runtime(read_settings()) as runtime, runtime.database.transaction(runtime.system) as session:
        work = service.cancel(session, runtime.system, number, now=runtime.clock())
    typer.echo("已通知停止 told to stop" if work.is_running else "已取消 called off")
