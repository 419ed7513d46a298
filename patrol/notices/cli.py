"""Commands of notices: what could not be delivered, and trying again."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer

notices_app = typer.Typer(help="通知投递。Delivery of notices.")


def register(app: typer.Typer) -> None:
    """Hang these commands under the one entry point."""
    app.add_typer(notices_app, name="notices")


@notices_app.command("undelivered")
def undelivered(
    retry: Annotated[UUID | None, typer.Option(help="重发此编号的消息 try this message again")] = None,
) -> None:
    """列出投递失败的消息，或重发一条。Messages that were given up; try one again."""
    from foundation.runtime import open_runtime
    from foundation.settings import read_settings
    from patrol.notices import service

    with open_runtime(read_settings()) as runtime, runtime.database.transaction(runtime.system) as session:
        if retry is not None:
            service.send_again(session, runtime.system, retry, now=runtime.clock())
        found = service.list_undelivered(session, runtime.system, limit=500)
    for one in found:
        typer.echo(
            f"{one.message_id}  {one.channel} {one.target}  {one.ended_at:%Y-%m-%d %H:%M}  {one.fault}"
        )
    typer.echo(f"投递失败 {len(found)} 条。")


@notices_app.command("deliver")
def deliver() -> None:
    """立即投递到期的通知。Deliver now what is due."""
    from foundation.runtime import open_runtime
    from foundation.settings import read_settings
    from patrol.notices import jobs

    with open_runtime(read_settings()) as runtime:
        report = jobs.deliver(runtime)
    typer.echo(f"新通知 {report.laid_out} 条，已发 {report.sent} 条，未发出 {report.failed} 条。")
