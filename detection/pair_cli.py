"""``landwarden detect``: any two rasters of one place, without a database."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

SensorOption = Annotated[
    str, typer.Option("--sensor", help="auto | multispectral | rgb | sar | height | cross")
]
PixelGridOption = Annotated[
    bool, typer.Option("--pixel-grid", help="接受无坐标影像 Accept rasters without georeferencing")
]
GsdOption = Annotated[
    float | None,
    typer.Option("--gsd", min=0.01, help="无坐标影像的分辨率（米） Resolution of such rasters, m"),
]

STAGES = {
    "open": "检查输入 Checking inputs",
    "register": "影像配准 Registering",
    "fit": "统计建模 Fitting",
    "score": "变化检测 Scoring",
    "outline": "提取图斑 Outlining",
    "classify": "判别类型 Classifying",
    "done": "完成 Done",
}
WEIGHTS = {
    "open": 0.0,
    "register": 0.02,
    "fit": 0.25,
    "score": 0.35,
    "outline": 0.8,
    "classify": 0.85,
    "done": 1.0,
}


def register(app: typer.Typer) -> None:
    """Hang ``detect`` on the command line."""
    app.command("detect", help="比对前后两期影像，输出变化图斑。 Compare two images and write the changes.")(
        detect
    )


def detect(  # noqa: PLR0913  one option a parameter
    before: Annotated[Path, typer.Argument(help="前时相影像 Earlier raster (GeoTIFF, COG)")],
    after: Annotated[Path, typer.Argument(help="后时相影像 Later raster")],
    out: Annotated[Path, typer.Option("--out", help="图斑输出 Outlines, GeoPackage (.gpkg)")],
    change: Annotated[
        Path | None, typer.Option("--change", help="变化栅格 Change raster on the BEFORE grid (.tif)")
    ] = None,
    sensor: SensorOption = "auto",
    pixel_grid: PixelGridOption = False,
    gsd_m: GsdOption = None,
    before_date: Annotated[str | None, typer.Option("--before-date", help="前时相日期 YYYY-MM-DD")] = None,
    after_date: Annotated[str | None, typer.Option("--after-date", help="后时相日期 YYYY-MM-DD")] = None,
    cloud_mask: Annotated[
        Path | None, typer.Option("--cloud-mask", help="云掩膜，非 0 为云或影 Not 0 where cloud or shadow")
    ] = None,
    through: Annotated[
        list[Path] | None,
        typer.Option("--through", help="中间时相，逐期传递配准 Dates between, in order, to register through"),
    ] = None,
    min_area_m2: Annotated[
        float | None, typer.Option("--min-area", min=0.0, help="最小图斑面积 Smallest object, m² (px)")
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="运行说明 Account of the run")] = None,
) -> None:
    """Compare two rasters and write what changed."""
    from detection.pairs import compare_files
    from detection.pixels.net.inference import Weights
    from detection.pixels.pair_files import write_change_raster, write_outlines, write_summary
    from foundation.settings import read_settings
    from ingest.raster import check_writable

    for target in (out, change, json_file):
        if target is not None:
            check_writable(target, (before, after))
    with Bar() as bar:
        rescored = compare_files(
            before,
            after,
            sensor=sensor,
            pixel_grid=pixel_grid,
            gsd_m=gsd_m,
            before_date=before_date,
            after_date=after_date,
            cloud_mask=cloud_mask,
            min_area_m2=min_area_m2,
            through=tuple(through or ()),
            progress=bar.tell,
            weights=Weights.in_force(read_settings().data_dir),
        )
    detection = rescored.detection
    write_outlines(detection, out)
    if change is not None:
        write_change_raster(detection, change)
    if json_file is not None:
        write_summary(detection, json_file, second_stage=rescored.report())
    _say(detection.summary(), out)


def _say(summary: dict[str, object], out: Path) -> None:
    unit = "m²" if summary["area_unit"] == "m2" else "px"
    registration = summary["registration"]
    explained = int(str(summary["changes"])) - int(str(summary["real_changes"]))
    typer.echo(f"传感器 Sensor: {summary['sensor']}（{summary['sensor_reason_zh']}）")
    if isinstance(registration, dict):
        typer.echo(
            f"配准 Registration: {registration['note']}; "
            f"内点 inliers {registration['inlier_share']:.0%}, 残差 residual {registration['residual_px']} px"
        )
    typer.echo(
        f"变化图斑 Changes: {summary['real_changes']}（另有季节或云影 season, cloud: "
        f"{explained}）; 面积 area {summary['area']} {unit}; "
        f"无变化对照 no-change control {float(str(summary['no_change_control'])):.2%}"
    )
    typer.echo(f"已写入 Written: {out}")


class Bar:
    """Progress on the terminal; plain lines where there is none."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        self._console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description:<28}"),
            BarColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self._console,
        )
        self._task = self._progress.add_task("", total=1.0)
        self._stage = ""

    def __enter__(self) -> Bar:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def tell(self, stage: str, share: float) -> None:
        """Show a stage and how far it is."""
        keys = list(WEIGHTS)
        start = WEIGHTS[stage]
        end = WEIGHTS[keys[min(keys.index(stage) + 1, len(keys) - 1)]]
        self._progress.update(
            self._task, description=STAGES[stage], completed=start + (end - start) * min(share, 1.0)
        )
        if not self._console.is_terminal and stage != self._stage:
            self._console.print(f"… {STAGES[stage]}", highlight=False)
        self._stage = stage
