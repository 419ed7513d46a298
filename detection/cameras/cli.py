"""Commands of cameras: import the registry, take events in, watch a folder of frames."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from detection.cameras.presets import Camera
    from detection.cameras.watch import WatchReport

cameras_app = typer.Typer(help="铁塔视频 Tower cameras: registry, events, watching.", no_args_is_help=True)
FATES = {"new": "新线索", "known": "已收到过", "repeated": "同一场景重复上报", "refused": "未接收"}
Json = Annotated[bool, typer.Option("--json", help="输出 JSON Print JSON.")]


def register(app: typer.Typer) -> None:
    """Hang these commands under ``landwarden detection``."""
    app.add_typer(cameras_app, name="cameras")


@cameras_app.command("import")
def import_registry(
    file: Annotated[Path, typer.Argument(help="登记表，TOML 或 JSON Registry file, TOML or JSON.")],
) -> None:
    """导入摄像机登记表（位置、预置位、监视区域）。Import cameras with their presets."""
    from detection.cameras.jobs import import_cameras
    from foundation.runtime import open_runtime
    from foundation.settings import read_settings

    with open_runtime(read_settings()) as runtime:
        count = import_cameras(runtime, file)
    typer.echo(f"已登记摄像机 cameras {count}")


@cameras_app.command("event")
def take_events(
    file: Annotated[Path, typer.Argument(help="事件 JSON，一条或一组，图片放在同一文件夹 Events, JSON.")],
    json_out: Json = False,
) -> None:
    """接收摄像机事件：校验、定位、并入图斑或列为待核线索。Take events in as leads."""
    from detection.cameras.jobs import take_event_file, told
    from foundation.runtime import open_runtime
    from foundation.settings import read_settings

    with open_runtime(read_settings()) as runtime:
        report = take_event_file(runtime, file)
    rows = told(report)
    if json_out:
        typer.echo(json.dumps(rows, ensure_ascii=False, indent=1))
    else:
        _list(rows)
    if report.refused:
        raise typer.Exit(1)


@cameras_app.command("key")
def make_key(
    camera: Annotated[str, typer.Argument(help="摄像机编号 Camera id.")],
    end: Annotated[bool, typer.Option("--end", help="停用该设备全部密钥 End its keys, make none.")] = False,
) -> None:
    """为设备签发上报密钥（旧密钥同时停用），密钥只显示一次。Make a device's key, told once."""
    from detection.cameras.door import service
    from foundation.runtime import open_runtime
    from foundation.settings import read_settings

    with open_runtime(read_settings()) as runtime:
        if end:
            with runtime.database.transaction(runtime.system) as session:
                ended = service.end_keys(session, runtime.system, camera, now=runtime.clock())
            typer.echo(f"已停用密钥 keys ended {ended}")
            return
        with runtime.database.transaction(runtime.system) as session:
            made = service.make_key(session, runtime.system, camera, now=runtime.clock())
    typer.echo(made.token)
    typer.echo(f"旧密钥停用 older keys ended {made.ended}", err=True)


@cameras_app.command("watch")
def watch(
    folder: Annotated[Path, typer.Argument(help="一个预置位的抓拍图片文件夹 Folder of dated frames.")],
    camera: Annotated[str, typer.Option(help="摄像机编号 Camera id.")],
    preset: Annotated[int, typer.Option(help="预置位号 Preset number.")] = 1,
    registry: Annotated[Path | None, typer.Option(help="登记表，缺省用库中登记 Registry file.")] = None,
    starts_at: Annotated[
        datetime | None, typer.Option("--from", help="首帧时间（文件名无时间时）Time of the first frame.")
    ] = None,
    step_s: Annotated[float | None, typer.Option("--step-s", min=0.01, help="帧间隔秒 Seconds.")] = None,
    record: Annotated[bool, typer.Option("--record", help="存为线索 Store as leads.")] = False,
    json_out: Json = False,
) -> None:
    """从固定预置位的抓拍中发现滞留物体、烟雾和明火。Find what stays, smoke and fire in frames."""
    from contextlib import ExitStack

    from detection.cameras.jobs import camera_in, read_registry, take_watched
    from detection.cameras.watch import dated_frames, watch_frames
    from foundation.calendar import SHANGHAI
    from foundation.runtime import open_runtime
    from foundation.settings import read_settings

    begins = starts_at if starts_at is None or starts_at.tzinfo else starts_at.replace(tzinfo=SHANGHAI)
    frames = dated_frames(folder, starts_at=begins, step_s=step_s)
    with ExitStack() as stack:
        runtime = stack.enter_context(open_runtime(read_settings())) if record or registry is None else None
        if registry is not None:
            known = camera_in(read_registry(registry), camera)
        else:
            known = _registered(runtime, camera)
        report = watch_frames(frames, known, preset)
        rows = take_watched(runtime, report) if runtime is not None and record else _only_told(report, known)
    if json_out:
        typer.echo(json.dumps(_summary(report) | {"events": rows}, ensure_ascii=False, indent=1))
        return
    typer.echo(
        f"帧 frames {report.frames}, 建背景 warm-up {report.warm_up}, 画面移位 moved {report.moved}, "
        f"光照突变 jumped {report.jumped}"
    )
    if report.is_lost:
        typer.echo(
            "画面已移位，不可比对：请复位预置位后重试。The camera looks elsewhere: set the preset again."
        )
    _list(rows)


def _registered(runtime: Any, camera_id: str) -> Camera:
    from detection.cameras import service

    with runtime.database.transaction(runtime.system) as session:
        return service.get_camera(session, runtime.system, camera_id)


def _only_told(report: WatchReport, camera: Camera) -> list[dict[str, Any]]:
    from detection.cameras.jobs import told_with_place

    return [told_with_place(event, camera) for event, _ in report.events]


def _summary(report: WatchReport) -> dict[str, Any]:
    return {
        "frames": report.frames,
        "warm_up": report.warm_up,
        "moved": report.moved,
        "jumped": report.jumped,
        "is_comparable": not report.is_lost,
    }


def _list(rows: list[dict[str, Any]]) -> None:
    from detection.cameras.policy import event_kind

    for row in rows:
        fate = FATES.get(str(row.get("fate", "")), "")
        typer.echo(f"{row['seen_at']}  {event_kind(row['kind']).zh}  {row['picture']}  {fate}")
        if row.get("reason"):
            typer.echo(f"  {row['reason']}")
    if not rows:
        typer.echo("没有发现 nothing found")
