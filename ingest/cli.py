"""Commands of ingest: bring in scenes and layers, and list what there is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ingest_app = typer.Typer(help="导入影像与图层 Import scenes and reference layers.", no_args_is_help=True)

County = Annotated[str, typer.Option("--county", help="县级区划代码，6 位 County code, six digits.")]
Queue = Annotated[bool, typer.Option("--queue", help="交给后台执行 Leave it to the worker.")]


SCENE_STAGES = {
    "check": "检查影像 Checking",
    "convert": "转换为 COG Converting",
    "store": "入库 Storing",
    "done": "完成 Done",
}
LAYER_STAGES = {
    "read": "读取文件 Reading",
    "rows": "逐行检查 Checking rows",
    "store": "入库 Storing",
    "done": "完成 Done",
}


def register(app: typer.Typer) -> None:
    """Hang this floor's commands under the one entry point."""
    app.add_typer(ingest_app, name="ingest")


@ingest_app.command("scene")
def scene(
    path: Path,
    county: County,
    kind: Annotated[str, typer.Option(help="satellite | drone | surface 地表模型")] = "satellite",
    acquired_at: Annotated[str | None, typer.Option(help="成像时间 When it was taken, ISO 8601.")] = None,
    sensor: Annotated[str | None, typer.Option(help="传感器 Sensor.")] = None,
    queue: Queue = False,
) -> None:
    """导入一景影像（GeoTIFF）。Import one image."""
    from foundation.runtime import open_runtime
    from foundation.settings import read_settings
    from ingest.jobs import import_scene

    options = {"kind": kind, "acquired_at": acquired_at, "sensor": sensor}
    with open_runtime(read_settings()) as runtime:
        if queue:
            with runtime.database.transaction(runtime.system) as session:
                arguments = {"path": str(path.resolve()), "county_code": county} | options
                number = runtime.queue.defer(session, "ingest.import_scene", **arguments)
            typer.echo(f"已排队 queued: {number}")
            return
        with Bar(SCENE_STAGES) as bar:
            stored = import_scene(
                runtime,
                path,
                county_code=county,
                kind=kind,
                acquired_at=acquired_at,
                sensor=sensor,
                progress=bar.tell,
            )
    typer.echo(f"{stored.scene_id}  {stored.acquired_at:%Y-%m-%d}  {stored.sensor}  {stored.gsd_m:g} m")


@ingest_app.command("layer")
def layer(
    path: Path,
    kind: Annotated[str, typer.Option("--kind", help="图层类型，见 data/layers/catalogue.toml Layer kind.")],
    county: County,
    valid_from: Annotated[str | None, typer.Option(help="自何日起生效 In force from, YYYY-MM-DD.")] = None,
    queue: Queue = False,
) -> None:
    """导入一个图层的新版本。Import a new version of a reference layer."""
    from foundation.runtime import open_runtime
    from foundation.settings import read_settings
    from ingest.jobs import import_layer
    from ingest.layers import read_date

    day = read_date(valid_from, file="--valid-from", row=0, field_name="--valid-from")
    with open_runtime(read_settings()) as runtime:
        if queue:
            with runtime.database.transaction(runtime.system) as session:
                arguments = {"path": str(path.resolve()), "layer_kind": kind, "county_code": county}
                if day is not None:
                    arguments["valid_from"] = day.isoformat()
                number = runtime.queue.defer(session, "ingest.import_layer", **arguments)
            typer.echo(f"已排队 queued: {number}")
            return
        with Bar(LAYER_STAGES) as bar:
            stored = import_layer(
                runtime, path, kind=kind, county_code=county, valid_from=day, progress=bar.tell
            )
    typer.echo(
        f"{stored.version_id}  {stored.layer_kind}  {stored.feature_count} 个要素 features"
        f"  {stored.decisions['source_crs']}  修复 repaired {stored.decisions['repaired']}"
    )


@ingest_app.command("list")
def list_all() -> None:
    """列出影像和图层。List scenes and layers."""
    from foundation.runtime import open_runtime
    from foundation.settings import read_settings
    from ingest import service

    with open_runtime(read_settings()) as runtime, runtime.database.transaction(runtime.system) as session:
        scenes = service.list_scenes(session, runtime.system)
        layers = service.list_layers(session, runtime.system)
    if not scenes and not layers:
        typer.echo(
            "还没有数据。用 landwarden ingest scene / layer 导入。Nothing yet: import a scene or a layer."
        )
    for found in scenes:
        typer.echo(
            f"{found.scene_id}  {found.acquired_at:%Y-%m-%d %H:%M}  {found.sensor}  {found.source_name}"
        )
    for version in layers:
        typer.echo(
            f"{version.version_id}  {version.layer_kind:<22} {version.feature_count:>8}  {version.valid_from}"
        )


class Bar:
    """Stages on the terminal; one plain line each where there is none."""

    def __init__(self, stages: dict[str, str]) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        self._stages = stages
        self._console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description:<24}"), BarColumn(), TimeElapsedColumn(), console=self._console
        )
        self._task = self._progress.add_task("", total=float(len(stages) - 1))
        self._stage = ""

    def __enter__(self) -> Bar:
        if self._console.is_terminal:
            self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._console.is_terminal:
            self._progress.stop()

    def tell(self, stage: str, share: float) -> None:
        """Show a stage and how far it is."""
        done = list(self._stages).index(stage) + (0.0 if stage == "done" else share)
        self._progress.update(self._task, description=self._stages[stage], completed=done)
        if not self._console.is_terminal and stage != self._stage:
            self._console.print(f"… {self._stages[stage]}", highlight=False)
        self._stage = stage
