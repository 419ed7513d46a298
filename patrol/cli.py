"""Commands of the human net: posts, dispatch, clocks, rankings, bulletins."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from patrol.dispatching.cli import preview_rules
from patrol.net.grids.cli import grid_app
from patrol.papers import cli as papers
from patrol.rehearsal.cli import rehearse
from patrol.seen.cli import seen_app
from patrol.staffing.cli import posts_app

patrol_app = typer.Typer(help="一网两长：岗位、下发、时限、排名、通报。Posts, dispatch, clocks, rankings.")


def register(app: typer.Typer) -> None:
    """Hang this floor's commands under the one entry point."""
    patrol_app.command("rehearse")(rehearse)
    patrol_app.command("preview-rules")(preview_rules)
    patrol_app.add_typer(grid_app, name="grid")
    patrol_app.add_typer(posts_app, name="posts")
    patrol_app.add_typer(seen_app, name="coverage")
    app.add_typer(patrol_app, name="patrol")
    papers.register(app)


@patrol_app.command("patrols")
def patrols(file: Annotated[Path, typer.Argument(help="JSON Lines 巡查记录 outings")]) -> None:
    """导入巡查记录。Import outings."""
    from foundation.runtime import open_runtime
    from foundation.settings import read_settings
    from patrol import jobs

    with open_runtime(read_settings()) as runtime:
        new, bad = jobs.import_patrols(runtime, str(file))
    typer.echo(f"新增巡查 {new} 次。")
    for line, reason in bad:
        typer.echo(f"✗ 第 {line} 行：{reason}", err=True)
    if bad:
        raise typer.Exit(1)


@patrol_app.command("dispatch")
def dispatch(
    patch: Annotated[
        str | None, typer.Argument(help="图斑编号；不写则列出待研判图斑 number; lists the desk without")
    ] = None,
    urgent: Annotated[bool, typer.Option(help="紧急，24 小时内核查 visit within 24 hours")] = False,
) -> None:
    """登记图斑并按默认链条派发。Open cases; hand one down by the default chain."""
    from foundation.runtime import open_runtime
    from foundation.settings import read_settings
    from patrol import jobs, service

    with open_runtime(read_settings()) as runtime:
        opened = jobs.open_cases(runtime)
        typer.echo(f"新登记图斑 {opened} 个。")
        system = runtime.system
        with runtime.database.transaction(system) as session:
            filters = service.PatchFilter(states=("new", "suspect"), q=patch or "")
            page = service.list_patches(session, system, filters, now=runtime.clock(), sort="number")
            if patch is None:
                for row in page.items:
                    typer.echo(f"{row.number}  {row.state_name}  {row.division_name}  {row.owner_name}")
                return
            found = [row for row in page.items if row.number == patch]
            patch_id = service.patch_id_of(session, patch) if not found else found[0].patch_id
            service.dispatch(session, system, patch_id, now=runtime.clock(), is_urgent=urgent)
            for task in service.assignments_of(session, system, patch_id, now=runtime.clock()):
                typer.echo(f"{task.kind_name}  {task.post_title} {task.holder_name}  {task.status_name}")


@patrol_app.command("clocks")
def clocks() -> None:
    """督办超期事项。Escalate what is overdue."""
    from foundation.runtime import open_runtime
    from foundation.settings import read_settings
    from patrol import jobs

    with open_runtime(read_settings()) as runtime:
        report = jobs.run_clocks(runtime)
    typer.echo(f"督办 {len(report.escalated)} 件，即将到期 {len(report.warned)} 件。")
    for patch_id, name in report.escalated:
        typer.echo(f"  {patch_id} → {name}")


@patrol_app.command("ranking")
def ranking(
    period: Annotated[str, typer.Option(help="2026-W37 或 2026-09")],
    of: Annotated[str, typer.Option(help="post | township | county")] = "post",
    tier: Annotated[int | None, typer.Option(help="3 乡 | 4 村")] = None,
) -> None:
    """周、月排名。Weekly and monthly rankings."""
    from foundation.runtime import open_runtime
    from foundation.settings import read_settings
    from patrol import service

    with open_runtime(read_settings()) as runtime, runtime.database.transaction(runtime.system) as session:
        view = service.rankings(
            session,
            runtime.system,
            period=period,
            of=of,
            tier=tier,
            profile=runtime.settings.policy_profile,
            now=runtime.clock(),
        )
    for row in view.rows:
        rate = "—" if row.score is None else f"{row.score * 100:.1f}%"
        typer.echo(f"{row.rank or '—':>4}  {row.name}  {row.post_title or row.unit_name}  {rate}")
    if of == "post" and not view.persons_ranked:
        typer.echo("按本单位设定，只对单位排名，不对个人排名。")


@patrol_app.command("ledger")
def ledger(
    period: Annotated[str, typer.Option(help="2026-W37 或 2026-09")],
    out: Annotated[Path, typer.Option(help="存为此 zip 文件 write this zip file")],
    division: Annotated[str | None, typer.Option(help="区划代码，不写则为全市 whole city")] = None,
) -> None:
    """导出指标台账（CSV），供独立复算。Export the ledger behind the indicators, to be counted again."""
    from foundation.runtime import open_runtime
    from foundation.settings import read_settings
    from patrol import jobs
    from patrol.reports import service as reports

    with open_runtime(read_settings()) as runtime:
        with runtime.database.transaction(runtime.system) as session:
            data = reports.export_ledger(
                session,
                runtime.system,
                period=period,
                division_code=division,
                profile=runtime.settings.policy_profile,
                now=runtime.clock(),
            )
        jobs.save_file(runtime, runtime.blobs.put(data).sha256, out)
    typer.echo(f"{out}")


@patrol_app.command("bulletin")
def bulletin(
    period: Annotated[str | None, typer.Option(help="2026-W37；不写则为上一期 last full one")] = None,
    kind: Annotated[
        str, typer.Option(help="weekly_bulletin | weekly_ranking | monthly_ranking")
    ] = "weekly_bulletin",
    division: Annotated[str | None, typer.Option(help="区划代码，不写则为全市 whole city")] = None,
    out: Annotated[Path | None, typer.Option(help="另存到此文件夹 also save the files here")] = None,
) -> None:
    """起草通报，由一人审核、另一人印发。Draft a bulletin: one reviews it, another issues it."""
    from foundation.runtime import open_runtime
    from foundation.settings import read_settings
    from patrol import jobs

    with open_runtime(read_settings()) as runtime:
        view = jobs.draft_bulletin(runtime, kind=kind, period=period, division_code=division)
        typer.echo(f"{view.kind_name} {view.period} {view.number}：{view.status}")
        for file in view.files:
            typer.echo(f"  {file.name}  sha256 {file.sha256}")
            if out is not None:
                jobs.save_file(runtime, file.sha256, out / file.name)
