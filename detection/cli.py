"""Commands of detection: compare imported scenes, judge, list runs; those of its rooms hang beside."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

detection_app = typer.Typer(help="变化检测与内业判定 Detection and desk judgement.", no_args_is_help=True)

REGISTER_CHANGES = {
    "split": "分割",
    "merge": "合并",
    "rearranged": "重划",
    "renumbered": "重编号",
    "boundary": "界址变更",
    "resurvey": "重测微移",
    "added": "新设",
    "removed": "注销",
    "use": "用途变更",
    "right": "权利变更",
}

Queue = Annotated[bool, typer.Option("--queue", help="交给后台执行 Leave it to the worker.")]


def register(app: typer.Typer) -> None:
    """Hang this floor's commands under the one entry point."""
    from detection import pair_cli
    from detection.accuracy import cli as evaluation_cli
    from detection.cameras import cli as cameras_cli
    from detection.catalogue import cli as catalogue_cli
    from detection.desk import cli as desk_cli
    from detection.learning import cli as learning_cli
    from detection.running import cli as running_cli
    from detection.second_stage import cli as second_stage_cli
    from detection.series import cli as series_cli

    learning_cli.register(detection_app)
    second_stage_cli.register(detection_app)
    series_cli.register(detection_app)
    evaluation_cli.register(detection_app)
    app.add_typer(detection_app, name="detection")
    desk_cli.register(app)
    pair_cli.register(app)
    cameras_cli.register(detection_app)
    catalogue_cli.register(detection_app)
    running_cli.register(detection_app)


@detection_app.command("run")
def run(
    before_scene: Annotated[str, typer.Argument(help="前时相影像编号 Scene id, see landwarden ingest list.")],
    after_scene: Annotated[str, typer.Argument(help="后时相影像编号 Scene id.")],
    cloud_mask: Annotated[Path | None, typer.Option(help="云掩膜 Cloud mask on the BEFORE grid.")] = None,
    queue: Queue = False,
) -> None:
    """比对两景已导入的影像，生成线索、图斑和内业判定。Compare two scenes and judge what changed."""
    from detection.jobs import detect, fuse_and_judge
    from detection.pair_cli import Bar
    from foundation.runtime import open_runtime
    from foundation.settings import read_settings

    mask = str(cloud_mask.resolve()) if cloud_mask else None
    with open_runtime(read_settings()) as runtime:
        if queue:
            with runtime.database.transaction(runtime.system) as session:
                arguments = {"before_scene_id": before_scene, "after_scene_id": after_scene}
                if mask:
                    arguments["cloud_mask"] = mask
                number = runtime.queue.defer(session, "detection.detect", **arguments)
            typer.echo(f"已排队 queued: {number}")
            return
        with Bar() as bar:
            run_id = detect(runtime, before_scene, after_scene, cloud_mask=mask, progress=bar.tell)
        patches, judged = fuse_and_judge(runtime)
    typer.echo(f"检测批次 run {run_id}: 新增或扩展图斑 patches {patches}, 内业判定 judgements {judged}")


@detection_app.command("judge")
def judge(
    patch: Annotated[
        str | None, typer.Argument(help="图斑编号，缺省为全部 Patch number; all if omitted.")
    ] = None,
    queue: Queue = False,
) -> None:
    """内业判定：与变化时段有效的图层叠加，给出判定建议。Judge against the layers in force."""
    from detection import jobs, service
    from foundation.runtime import open_runtime
    from foundation.settings import read_settings

    with open_runtime(read_settings()) as runtime:
        with runtime.database.transaction(runtime.system) as session:
            patch_id = None if patch is None else service.find_patch(session, runtime.system, patch).patch_id
            if queue:
                arguments = {"patch_id": str(patch_id)} if patch_id else {}
                number = runtime.queue.defer(session, "detection.judge", **arguments)
                typer.echo(f"已排队 queued: {number}")
                return
        jobs.judge(runtime, str(patch_id) if patch_id else None)
        with runtime.database.transaction(runtime.system) as session:
            found = service.list_patches(session, runtime.system)
            for one in found:
                if patch_id in (None, one.patch_id):
                    _tell(one.number, service.get_judgement(session, runtime.system, one.patch_id), patch)


@detection_app.command("registers")
def registers(
    county: Annotated[str, typer.Option(help="县级行政区划代码，6 位 County code, 6 digits.")],
    queue: Queue = False,
) -> None:
    """比对最近两期宗地登记，把登记用途改为建设用地的列为线索并判定。Compare two parcel registers."""
    from detection.jobs import compare_registers, fuse_and_judge
    from foundation.runtime import open_runtime
    from foundation.settings import read_settings

    with open_runtime(read_settings()) as runtime:
        if queue:
            with runtime.database.transaction(runtime.system) as session:
                number = runtime.queue.defer(session, "detection.compare_registers", county_code=county)
            typer.echo(f"已排队 queued: {number}")
            return
        comparison = compare_registers(runtime, county)
        patches, judged = fuse_and_judge(runtime)
    typer.echo(f"{comparison.before.valid_from} → {comparison.after.valid_from}")
    for kind, count in comparison.counts().items():
        typer.echo(f"  {REGISTER_CHANGES[kind]:<6} {kind:<11} {count}")
    typer.echo(f"登记用途改为建设用地 leads {len(comparison.leads)}, 行政村界外 outside {comparison.outside}")
    typer.echo(f"新增或扩展图斑 patches {patches}, 内业判定 judgements {judged}")


def _tell(number: str, judgement: object, wanted: str | None) -> None:
    from detection.judgements import Judgement

    if not isinstance(judgement, Judgement):
        typer.echo(f"{number}  —")
        return
    result = judgement.result
    code = result["violation_code"] or "  —"
    typer.echo(f"{number}  {result['suggestion_name']:<8} {code}  {'★' * result['severity']}")
    if wanted is not None:
        for sentence in result["sentences"]:
            typer.echo(f"  [{sentence['rule_id']}] {sentence['text']}")
        for basis in result["legal_basis"]:
            typer.echo(f"  依据：{basis['statute']}{basis['article']}")
