"""Commands on evidence: the bundle of a case, the backlog."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

evidence_app = typer.Typer(help="证据：导出证据包、查看待入卷材料。Evidence: bundles, the backlog.")


def register(app: typer.Typer) -> None:
    """Hang these commands under the one entry point."""
    app.add_typer(evidence_app, name="evidence")


@evidence_app.command("bundle")
def bundle(
    patch: Annotated[str, typer.Argument(help="图斑编号 number of the patch")],
    out: Annotated[Path, typer.Option(help="写入此 .zip 文件 write to this file")],
) -> None:
    """导出一案的证据包，任何人可用 sha256sum 和 openssl 验证。The evidence bundle of a case."""
    from foundation.runtime import open_runtime
    from foundation.settings import read_settings
    from patrol import service
    from patrol.custody import jobs
    from patrol.custody.archive import COMMANDS

    with open_runtime(read_settings()) as runtime:
        with runtime.database.transaction(runtime.system) as session:
            patch_id = service.patch_id_of(session, patch)
        made = jobs.make_bundle(runtime, runtime.system, patch_id, out)
    typer.echo(f"✓ {out}  {made.size / 1e6:.1f} MB，{made.file_count} 个文件")
    typer.echo(f"  SHA-256      {made.sha256}")
    typer.echo(f"  公钥指纹     {made.fingerprint}")
    typer.echo("  解压后验证 verify after unpacking:")
    for command in COMMANDS:
        typer.echo(f"    {command}")
    if not made.has_map:
        typer.echo(
            "! 网页尚未构建，证据包中没有离线地图。The web client is not built: no map inside.", err=True
        )


@evidence_app.command("backlog")
def backlog(
    apply: Annotated[bool, typer.Option(help="先补录已到核查记录的材料 record what can be first")] = True,
) -> None:
    """列出等待核查记录的材料和一号两份的材料。What waits for its visit, or came twice under one id."""
    from foundation.runtime import open_runtime
    from foundation.settings import read_settings
    from patrol.custody import jobs, service

    with open_runtime(read_settings()) as runtime:
        if apply:
            typer.echo(f"补录 {jobs.apply_arrived(runtime)} 份。")
        with runtime.database.transaction(runtime.system) as session:
            for row in service.held_submissions(session, runtime.system):
                typer.echo(
                    f"{row.received_at:%Y-%m-%d %H:%M}  {row.reason_name}  {row.kind}  "
                    f"{row.submission_id}  {row.by_name}"
                )
