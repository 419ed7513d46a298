"""Commands that measure: a pair against its truth, patches against true ones, a folder of scenes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from detection.pair_cli import GsdOption, PixelGridOption, SensorOption
from foundation.errors import InvalidInput

DATA_FOLDER = Path(__file__).resolve().parents[2] / "data"
POLICY_FILE = DATA_FOLDER / "policies" / "accuracy.toml"
CLASSES_FILE = DATA_FOLDER / "reference" / "change_classes.toml"
DEFAULT_SCENES = Path("../shared/data/scenes")


def register(app: typer.Typer) -> None:
    """Hang the commands under ``landwarden detection``."""
    app.command("evaluate")(evaluate)
    app.command("evaluate-patches")(evaluate_patches)
    app.command("accuracy")(accuracy)


def evaluate(
    before: Annotated[Path, typer.Argument(help="前时相影像 Earlier raster")],
    after: Annotated[Path, typer.Argument(help="后时相影像 Later raster")],
    truth: Annotated[
        Path, typer.Option("--truth", help="真值：栅格或图斑 Truth: a raster, or a GeoPackage of changes")
    ],
    sensor: SensorOption = "auto",
    pixel_grid: PixelGridOption = False,
    gsd_m: GsdOption = None,
    changed_value: Annotated[
        int | None, typer.Option("--changed-value", help="真值中表示变化的值 Value that means changed")
    ] = None,
    unchanged_value: Annotated[
        int | None, typer.Option("--unchanged-value", help="真值中表示未变化的值 Value that means unchanged")
    ] = None,
    truth_on: Annotated[
        str, typer.Option("--truth-on", help="真值勾绘于哪一期：before | after Image it was drawn on")
    ] = "before",
    through: Annotated[
        list[Path] | None,
        typer.Option("--through", help="中间时相，用于配准 Dates between, for registration"),
    ] = None,
    change_class: Annotated[
        list[str] | None,
        typer.Option("--class", help="真值只含此类变化，可重复 The truth shows only this class; repeatable"),
    ] = None,
    json_out: Annotated[bool, typer.Option("--json", help="输出 JSON Print JSON.")] = False,
) -> None:
    """用真值评价一对影像的检测结果：像元和图斑精度、无变化对照、耗时比。Measure a pair against its truth."""
    import json

    from detection.accuracy.pair import Question, evaluate_pair
    from detection.pixels.net.inference import Weights
    from foundation.settings import read_settings

    if truth_on not in ("before", "after"):
        raise InvalidInput("detection.evaluate.truth_frame", value=truth_on)
    answer = evaluate_pair(
        Question(
            before,
            after,
            truth,
            sensor=sensor,
            pixel_grid=pixel_grid,
            frame="after" if truth_on == "after" else "before",
            changed_value=changed_value,
            unchanged_value=unchanged_value,
            through=tuple(through or ()),
            gsd_m=gsd_m,
            classes=_known(change_class or ()),
            weights=Weights.in_force(read_settings().data_dir),
        )
    )
    report = answer.report()
    if json_out:
        typer.echo(json.dumps(report, ensure_ascii=False, indent=1, sort_keys=True))
        return
    _say(report)


def _known(classes: Sequence[str]) -> tuple[str, ...]:
    """Classes of change as asked, each one that there is."""
    import tomllib

    known = tomllib.loads(CLASSES_FILE.read_text("utf-8"))
    for name in classes:
        if name not in known:
            raise InvalidInput("detection.evaluate.unknown_class", name=name, known=", ".join(known))
    return tuple(classes)


def _say(report: dict[str, Any]) -> None:
    pixels, objects = report["pixels"], report["objects"]
    typer.echo(f"传感器 Sensor: {report['sensor']}; 方法 method: {report['method']} v{report['version']}")
    typer.echo(
        f"像元 Pixels: 查准 precision {pixels['precision']:.3f}  查全 recall {pixels['recall']:.3f}  "
        f"F1 {pixels['f1']:.3f}  IoU {pixels['iou']:.3f}  κ {pixels['kappa']:.3f}"
    )
    typer.echo(
        f"图斑 Objects: 查准 precision {objects['precision']:.3f}  查全 recall {objects['recall']:.3f}  "
        f"（真值 true {objects['true']}，检出 found {objects['found']}）"
    )
    typer.echo(
        f"无变化对照误报 No-change control: {report['no_change_control']:.2%}; "
        f"耗时为单纯读写的 cost over read+write: {report['cpu_over_read_write']:.1f} ×; "
        f"内存峰值 peak memory: {report['peak_memory_mib']} MiB"
    )


def evaluate_patches(
    found: Annotated[Path, typer.Argument(help="检测出的图斑 Found patches, GeoPackage.")],
    truth: Annotated[Path, typer.Argument(help="真值图斑 True patches, GeoPackage.")],
    kind: Annotated[str, typer.Option(help="真值类型字段 Field of the truth's kind.")] = "kind",
    json_out: Annotated[bool, typer.Option("--json", help="输出 JSON Print JSON.")] = False,
) -> None:
    """用真值图斑评价检测图斑：查全率、查准率、误报类型。Measure found patches against true ones."""
    import json

    from detection.evaluation.outcome import measure_files

    outcome = measure_files(found, truth, kind_field=kind)
    if json_out:
        typer.echo(json.dumps(outcome, ensure_ascii=False, indent=1, sort_keys=True))
        return
    typer.echo(f"查全率 recall {outcome['recall']:.3f}  查准率 precision {outcome['precision']:.3f}")
    for name, row in outcome["by_kind"].items():
        typer.echo(f"  {name:<14} {row['found']}/{row['planted']}")
    for reason, count in outcome["false_alarm_reasons"].items():
        typer.echo(f"  误报 false alarm: {reason} × {count}")


def accuracy(
    scenes: Annotated[
        Path, typer.Option("--scenes", help="影像对所在文件夹 Folder of scenes")
    ] = DEFAULT_SCENES,
    out: Annotated[Path, typer.Option("--out", help="精度报告 Page to write (.md)")] = Path(
        "docs/accuracy.md"
    ),
    json_file: Annotated[Path | None, typer.Option("--json", help="全部数据 All figures (.json)")] = None,
    counties: Annotated[bool, typer.Option(help="同时评价模拟县 Also measure the synthetic counties")] = True,
) -> None:
    """评价文件夹内全部影像对，生成精度报告。Measure every scene of a folder and write the page."""
    import json
    import tomllib
    from dataclasses import asdict
    from datetime import date

    from detection.accuracy.account import account
    from detection.accuracy.pair import library_versions
    from detection.accuracy.scenes import measure_folder
    from detection.pixels.pipeline import VERSION
    from ingest.raster import check_writable, written_whole

    if not scenes.is_dir():
        raise InvalidInput("detection.evaluate.no_scenes", folder=str(scenes))
    for target in (out, json_file):
        if target is not None:
            check_writable(target, ())
    policy = tomllib.loads(POLICY_FILE.read_text("utf-8"))
    rows = measure_folder(
        scenes, policy, counties=counties, tell=lambda name: typer.echo(f"… {name}", err=True)
    )
    day, versions = date.today().isoformat(), library_versions()
    with written_whole(out) as part:
        part.write_text(account(rows, day=day, versions=versions, version=VERSION), "utf-8")
    if json_file is not None:
        content = {
            "day": day,
            "version": VERSION,
            "versions": versions,
            "rows": [asdict(row) for row in rows],
        }
        with written_whole(json_file) as part:
            part.write_text(json.dumps(content, ensure_ascii=False, indent=1, default=float) + "\n", "utf-8")
    typer.echo(f"已写入 Written: {out}")
