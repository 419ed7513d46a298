"""Commands of the second stage: learn from verdicts, list models, choose one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer

models_app = typer.Typer(help="研判模型 Models of the second stage.", invoke_without_command=True)

REASONS = {
    "better": "新模型更好，已启用 The new model is better and serves now",
    "not_better": "新模型没有足够把握更好，原模型继续使用 Not surely better: the former model stays",
    "ranks_worse": "新模型排序变差，原模型继续使用 It ranks worse: the former model stays",
    "too_few_labels": "核查结论太少，原模型继续使用 Too few verdicts: the former model stays",
    "too_few_unseen": "原模型未学过的核查结论太少，无法比较 Too few verdicts new to the former model",
    "too_few_townships": "涉及的乡镇太少，无法比较 Too few townships to compare on",
}


def register(app: typer.Typer) -> None:
    """Hang the commands under ``landwarden detection``."""
    app.command("train")(train)
    app.add_typer(models_app, name="models")


def train(
    json_out: Annotated[bool, typer.Option("--json", help="输出 JSON Print JSON.")] = False,
    queue: Annotated[bool, typer.Option("--queue", help="交给后台执行 Leave it to the worker.")] = False,
) -> None:
    """用外业核查结论重新训练研判模型，按乡镇留出检验，更好才启用。Learn from verdicts; switch if better."""
    from detection.second_stage import jobs
    from foundation.runtime import open_runtime
    from foundation.settings import read_settings

    with open_runtime(read_settings()) as runtime:
        if queue:
            with runtime.database.transaction(runtime.system) as session:
                number = runtime.queue.defer(session, "detection.train")
            typer.echo(f"已排队 queued: {number}")
            return
        training = jobs.train(runtime)
    if json_out:
        typer.echo(json.dumps(training.report(), ensure_ascii=False, indent=1, sort_keys=True))
        return
    comparison = training.comparison
    typer.echo(f"核查结论 verdicts {training.labels}，原模型 served before: {training.served_before}")
    for name, scores in (("原模型 former", comparison.active), ("新模型 new", comparison.new)):
        if scores is not None:
            typer.echo(f"  {name}: {_told(scores)}")
    if comparison.certainty is not None:
        typer.echo(
            f"  对数损失下降的把握 certainty {comparison.certainty:.3f}，"
            f"乡镇 townships {comparison.townships}"
        )
    typer.echo(REASONS[comparison.reason])


@models_app.callback()
def models(
    context: typer.Context,
    json_out: Annotated[bool, typer.Option("--json", help="输出 JSON Print JSON.")] = False,
) -> None:
    """列出全部研判模型，* 为正在使用的。List the models; * serves."""
    if context.invoked_subcommand is not None:
        return
    from detection.second_stage import service
    from foundation.runtime import open_runtime
    from foundation.settings import read_settings

    with (
        open_runtime(read_settings()) as runtime,
        runtime.database.transaction(runtime.system) as session,
    ):
        records = service.list_models(session, runtime.system)
        serving = service.serving_model(session, runtime.blobs)
    if json_out:
        rows = [
            {
                "model_id": str(record.model_id),
                "trained_at": record.trained_at.isoformat(),
                "labels": record.label_count,
                "is_active": record.is_active,
                "scores": dict(record.scores),
            }
            for record in records
        ]
        shipped = {
            "model_id": "shipped",
            "is_active": serving.record is None,
            "is_there": serving.model is not None,
        }
        typer.echo(json.dumps([*rows, shipped], ensure_ascii=False, indent=1, sort_keys=True))
        return
    for record in records:
        mark = "*" if record.is_active else " "
        reason = record.scores.get("comparison", {}).get("reason", "")
        typer.echo(
            f"{mark} {record.model_id}  {record.trained_at:%Y-%m-%d %H:%M}  {record.label_count}  {reason}"
        )
    typer.echo(f"{'*' if serving.record is None else ' '} shipped  随产品提供 as shipped")


@models_app.command("activate")
def activate(
    model: Annotated[str, typer.Argument(help="模型编号，或 shipped Model id, or shipped.")],
) -> None:
    """启用一个已有模型，可用来撤销切换。Let a model serve; also undoes a switch."""
    from detection.second_stage import service
    from foundation.errors import NotFound
    from foundation.runtime import open_runtime
    from foundation.settings import read_settings

    with (
        open_runtime(read_settings()) as runtime,
        runtime.database.transaction(runtime.system) as session,
    ):
        try:
            model_id = None if model == "shipped" else UUID(model)
        except ValueError as error:
            raise NotFound("detection.second_stage.model_not_found", model_id=model[:80]) from error
        service.activate(session, runtime.system, model_id, now=runtime.clock())
    typer.echo(f"已启用 serves now: {model}")


@models_app.command("build")
def build(
    seeds: Annotated[
        list[int] | None, typer.Option("--seed", help="样本县种子 Seed, again for more.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="输出文件夹 Folder for the two files.")] = None,
) -> None:
    """用样本县重新生成随产品提供的样本表和模型。Make the shipped table and model anew from the generator."""
    from detection.second_stage import jobs

    outcome = jobs.build_shipped(seeds, tell=typer.echo, folder=out)
    typer.echo(json.dumps(outcome, sort_keys=True))


def _told(scores: Any) -> str:
    return (
        f"AP {scores['average_precision']:.3f}  Brier {scores['brier']:.4f}"
        f"  log-loss {scores['log_loss']:.4f}  ECE {scores['expected_error']:.3f}"
    )
