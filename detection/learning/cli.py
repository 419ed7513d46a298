"""Commands of the net: train it on made pairs, teach it with a bureau's own verdicts or pictures."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from foundation.errors import Unavailable

if TYPE_CHECKING:
    from detection.learning.labelled import LabelledPair


def register(app: typer.Typer) -> None:
    """Hang the commands under ``landwarden detection``."""
    app.command("train-net")(train_net)
    app.command("fine-tune")(fine_tune)


def train_net(
    out: Annotated[Path, typer.Option(help="输出文件夹 Folder for checkpoint, weights and card.")],
    steps: Annotated[
        int | None, typer.Option(min=1, help="训练步数 Steps; default by learning.toml.")
    ] = None,
    store: Annotated[
        Path | None, typer.Option(help="合成样本缓存 Folder for made pairs; default OUT/pairs.")
    ] = None,
    resume: Annotated[bool, typer.Option(help="从上次断点继续 Continue from the checkpoint in OUT.")] = False,
    device: Annotated[str, typer.Option(help="cpu 或 cuda")] = "cpu",
) -> None:
    """用合成样本训练变化检测网络（可断点续训），输出 ONNX 权重和模型说明。Train the net on made pairs."""
    _require_torch()
    from detection.learning.jobs import train_net as run

    def tell(step: int, loss: float) -> None:
        typer.echo(f"步 step {step}  损失 loss {loss:.4f}", err=True)

    made = run(out, steps=steps, store=store, resume=resume, device=device, tell=tell)
    scores = "，".join(f"{head} {score:.3f}" for head, score in made.scores.items())
    typer.echo(f"权重 weights {made.model}（未见过的合成样本 F1 on unseen made pairs: {scores}）")


def fine_tune(
    pairs: Annotated[
        Path | None,
        typer.Option(
            help="标注样本文件夹 A、B、label；缺省用系统内的外业核查结论 Folder; default: field verdicts."
        ),
    ] = None,
    head: Annotated[str, typer.Option(help="标注的变化类型 building | land")] = "land",
    weights: Annotated[Path | None, typer.Option(help="起始权重 .npz Weights to start from.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="输出文件夹 Output folder; default models in the data folder.")
    ] = None,
) -> None:
    """用本单位的核查结论或标注样本微调网络，留出样本检验，更好才保留。Fine-tune; kept only if better."""
    _require_torch()
    from detection.learning.jobs import fine_tune as run
    from detection.learning.labelled import read_folder
    from foundation.settings import read_settings

    settings = read_settings()
    found = read_folder(pairs, head) if pairs is not None else _field_pairs()
    folder = out or settings.data_dir / "models"

    def tell(step: int, loss: float) -> None:
        typer.echo(f"步 step {step}  损失 loss {loss:.4f}", err=True)

    tuned = run(found, folder, start=weights, tell=tell)
    typer.echo(f"学习 taught {tuned.taught} 对，检验 judged {tuned.judged} 对")
    typer.echo(f"留出样本 F1 on held-out pairs: 原 former {tuned.former:.3f} → 新 new {tuned.new:.3f}")
    typer.echo(
        f"新权重更好，已保存 kept: {folder}"
        if tuned.is_better
        else "新权重没有更好，原权重不变 not better: nothing kept"
    )


def _field_pairs() -> list[LabelledPair]:
    from detection.learning.field_pairs import field_pairs
    from detection.learning.settings import settings
    from foundation.runtime import open_runtime
    from foundation.settings import read_settings

    with (
        open_runtime(read_settings()) as runtime,
        runtime.database.transaction(runtime.system) as session,
    ):
        return field_pairs(session, runtime.system, runtime.blobs, settings()["heads"])


def _require_torch() -> None:
    if find_spec("torch") is None:
        raise Unavailable("detection.learning.no_torch")
