"""``landwarden detection monitor``: bring a county's time series up to its newest scene."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

STAGES = {
    "open": "检查影像序列 Checking the stack",
    "watch": "逐块监测 Watching block by block",
    "events": "归并变化事件 Joining events",
    "patches": "生成图斑 Making patches",
    "done": "完成 Done",
}


def register(app: typer.Typer) -> None:
    """Hang ``monitor`` under ``landwarden detection``."""
    app.command("monitor")(monitor)


def monitor(
    county: Annotated[str, typer.Option(help="县级行政区划代码，6 位 County code, 6 digits.")],
    sensor: Annotated[
        str | None, typer.Option(help="传感器，缺省取影像最多的 Sensor; the one with most scenes if omitted.")
    ] = None,
    clouds: Annotated[
        Path | None,
        typer.Option(help="云掩膜文件夹，文件名为“影像名_cloud.tif” Folder of masks NAME_cloud.tif."),
    ] = None,
    queue: Annotated[bool, typer.Option("--queue", help="交给后台执行 Leave it to the worker.")] = False,
) -> None:
    """时序监测：按地块历年长势监测新增变化，生成线索和图斑。Watch each pixel's seasons for changes."""
    from detection.series import jobs
    from foundation.runtime import open_runtime
    from foundation.settings import read_settings

    with open_runtime(read_settings()) as runtime:
        if queue:
            arguments = {"county_code": county}
            arguments |= {"sensor": sensor} if sensor else {}
            arguments |= {"clouds": str(clouds.resolve())} if clouds else {}
            with runtime.database.transaction(runtime.system) as session:
                lock = f"series-{county}"
                number = runtime.queue.defer(session, "detection.monitor", lock=lock, **arguments)
            typer.echo(f"已排队 queued: {number}")
            return
        _tell(jobs.monitor(runtime, county, sensor=sensor, clouds=clouds, progress=_Lines().tell))


def _tell(outcome: object) -> None:
    from detection.series.jobs import Outcome

    if not isinstance(outcome, Outcome):
        return
    layers = outcome.monitor.layers
    first, last = (layer.acquired_at.date().isoformat() for layer in (layers[0], layers[-1]))
    how = "全序列计算 from the first scene on" if outcome.is_rebuilt else "增量更新 continued"
    how = how if outcome.fresh else "无新影像 nothing new"
    typer.echo(
        f"{outcome.monitor.sensor} {outcome.monitor.index_name.upper()}  {first} → {last}："
        f"影像 scenes {len(layers)}，新增 new {outcome.fresh}（{how}）"
    )
    typer.echo(
        f"变化事件 events {outcome.alarms}，新增线索 leads {outcome.leads}，"
        f"撤回 withdrawn {outcome.withdrawn}，行政村界外 outside {outcome.outside}，"
        f"新增或扩展图斑 patches {outcome.patches}"
    )


class _Lines:
    """A line a stage, and one each tenth of the long one."""

    def __init__(self) -> None:
        self._told = ""

    def tell(self, stage: str, share: float) -> None:
        """Say what is going on, on standard error."""
        line = f"… {STAGES[stage]}" + (f" {int(share * 10) * 10}%" if stage == "watch" else "")
        if line != self._told:
            typer.echo(line, err=True)
        self._told = line
