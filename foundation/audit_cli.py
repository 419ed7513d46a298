"""Commands of the audit chain: check it, take its head elsewhere."""

from __future__ import annotations

from typing import Annotated

import typer

audit_app = typer.Typer(help="审计链：核验、外送链头。The audit chain: verify it, take its head elsewhere.")
REASONS = {
    "missing": ("此条缺失", "this entry is missing"),
    "broken link": ("此条与上一条接不上", "this entry does not continue the one before"),
    "altered": ("此条内容被改动", "this entry was altered"),
    "rewritten": ("自此条起与已外送的链头不符，链被重算", "from here on the chain was computed anew"),
    "truncated": ("自此条起被截断", "from here on the chain was cut off"),
}


def register(app: typer.Typer) -> None:
    """Hang the kernel's own commands under the one entry point."""
    app.add_typer(audit_app, name="audit")


@audit_app.command("verify")
def verify(
    head: Annotated[
        list[str] | None,
        typer.Option(help="已外送的链头文件或文件夹，可多次给出 exported head file or folder, repeatable"),
    ] = None,
    printed: Annotated[
        list[str] | None, typer.Option(help="通报上印的链头，如 1234:ab12cd34… printed in a bulletin")
    ] = None,
) -> None:
    """核验整条审计链；有问题时指出第一条及原因，以 1 退出。Verify the chain, name the first broken entry."""
    from foundation import audit, audit_heads
    from foundation.runtime import open_runtime
    from foundation.settings import read_settings

    with open_runtime(read_settings()) as runtime:
        heads = [found for place in head or [] for found in audit_heads.read_heads(place)]
        audit_heads.check_keys(heads, audit_heads.key_of(runtime))
        known = [found.known for found in heads] + [audit_heads.printed_head(said) for said in printed or []]
        with runtime.database.transaction(runtime.system) as session:
            fault = audit.verify_chain(session, known)
            newest = audit_heads.chain_head(session)
    if fault is not None:
        zh, en = REASONS[fault.reason]
        typer.echo(f"✗ 第 {fault.seq} 条：{zh}。\n  Entry {fault.seq}: {en}. [{fault.reason}]")
        raise typer.Exit(1)
    typer.echo(f"✓ 审计链完好，共 {newest.seq} 条，链头 {newest.hash}")
    covered = max((each.seq for each in known), default=0)
    if covered:
        typer.echo(f"  与外送链头核对至第 {covered} 条。Compared with exported heads up to entry {covered}.")
    else:
        typer.echo("  未给出外送链头，无法发现截尾和整链重算；请用 --head。")
        typer.echo(
            "  Without an exported head a cut-off tail or a recomputed chain cannot be seen: use --head."
        )


@audit_app.command("head")
def head(
    export: Annotated[bool, typer.Option(help="立即外送 take it elsewhere now")] = True,
) -> None:
    """外送并显示链头。Take the newest head elsewhere and show it."""
    from foundation import audit_heads
    from foundation.runtime import open_runtime
    from foundation.settings import read_settings

    with open_runtime(read_settings()) as runtime:
        exported = audit_heads.export_now(runtime) if export else None
        with runtime.database.transaction(runtime.system) as session:
            newest, line = audit_heads.chain_head(session), audit_heads.head_line(session)
        typer.echo(f"第 {newest.seq} 条  {newest.hash}")
        typer.echo(line)
        if exported is not None:
            typer.echo(f"已外送至 {audit_heads.place_of(runtime)}")
        typer.echo(f"签名公钥指纹 {audit_heads.key_of(runtime).fingerprint}")
