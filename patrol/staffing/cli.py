"""Commands of lists of posts: preview, import, export, template."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from foundation.divisions import divisions
from foundation.errors import InvalidInput
from patrol.net.posts import HEADS, KINDS

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from foundation.access import Actor
    from patrol.net.rosters import Brief, RosterPreview

posts_app = typer.Typer(
    help="岗位名单：预览、导入、导出、空表。Lists of posts: preview, import, export, template."
)
SHOWN = 20
File = Annotated[Path, typer.Argument(help="Excel（.xlsx）或 CSV 岗位名单 list of posts")]
EndsMissing = Annotated[bool, typer.Option(help="撤销名单以外的岗位 end the posts that are not on the list")]


@posts_app.command("preview")
def preview(file: File, ends_missing: EndsMissing = False) -> None:
    """查看名单会带来哪些变化，不入库。Say what a list would do; nothing is stored."""
    from foundation.runtime import open_runtime
    from foundation.settings import read_settings
    from patrol.net.service import preview_posts

    data = _read(file)
    with open_runtime(read_settings()) as runtime, runtime.database.transaction(runtime.system) as session:
        found = preview_posts(
            session,
            runtime.system,
            data,
            now=runtime.clock(),
            ends_missing=ends_missing,
            logins=_logins(session, runtime.system, data),
        )
    _tell(found)
    option = " --ends-missing" if ends_missing else ""
    typer.echo(f"确认后执行 to confirm: landwarden patrol posts import {file}{option} --token {found.token}")


@posts_app.command("import")
def import_(
    file: File,
    token: Annotated[
        str | None, typer.Option(help="预览给出的确认码；结果不同即不执行 refuse if it would differ")
    ] = None,
    ends_missing: EndsMissing = False,
    password: Annotated[
        str | None, typer.Option(help="为名单中的登录名开户的初始密码 opens accounts with this password")
    ] = None,
    grid: Annotated[bool, typer.Option(help="同时更新监管网格 also copy the newest grid layer")] = True,
) -> None:
    """导入岗位名单；未办结的任务随岗位转交。Import a list; open work finds its new owners."""
    from foundation.errors import Conflict
    from foundation.runtime import open_runtime
    from foundation.settings import read_settings
    from patrol.cases.succession import import_posts
    from patrol.net.grids import service as grids
    from patrol.net.service import preview_posts

    data = _read(file)
    with open_runtime(read_settings()) as runtime:
        with runtime.database.transaction(runtime.system) as session:
            system, now = runtime.system, runtime.clock()
            if token is not None:
                logins = _logins(session, system, data)
                found = preview_posts(
                    session, system, data, now=now, ends_missing=ends_missing, logins=logins
                )
                if found.token != token:
                    raise Conflict("patrol.post.preview_changed")
            report = import_posts(
                session, system, data, now=now, password=password, ends_missing=ends_missing
            )
        cells = 0
        if grid:
            with runtime.database.transaction(runtime.system) as session:
                cells = grids.import_grid(session, runtime.system, now=runtime.clock())
    typer.echo(f"岗位 {report.imported} 个，账号 {report.accounts} 个，网格 {cells} 个。")
    for bad in report.bad_lines:
        typer.echo(f"✗ {bad.reason} [{bad.code}]", err=True)
    if report.bad_lines:
        raise typer.Exit(1)


@posts_app.command("export")
def export(out: Annotated[Path, typer.Argument(help="另存为 .xlsx save as")]) -> None:
    """导出现有岗位，可修改后再导入。The posts as they are, in the form in which they are brought in."""
    from foundation.runtime import open_runtime
    from foundation.settings import read_settings
    from patrol.net.service import posts_over
    from patrol.staffing.service import export_posts, logins_of

    with open_runtime(read_settings()) as runtime, runtime.database.transaction(runtime.system) as session:
        system, now = runtime.system, runtime.clock()
        posts = posts_over(session, system, system.area_code, now=now)
        logins = logins_of(session, [post.holder_account_id for post in posts if post.holder_account_id])
        data = export_posts(session, system, now=now, logins=logins)
    _write(out, data)
    typer.echo(f"岗位 {len(posts)} 个 → {out}")


@posts_app.command("template")
def template(out: Annotated[Path, typer.Argument(help="另存为 .xlsx save as")]) -> None:
    """空表和填写说明。An empty list, with how to fill it in."""
    from patrol.staffing.service import blank_roster

    _write(out, blank_roster())
    typer.echo(f"{out}")


def _tell(found: RosterPreview) -> None:
    place = divisions().full_name(found.division_code) if found.division_code else "—"
    typer.echo(
        f"{place}：{found.line_count} 个岗位；新增 {len(found.added)}，变更 {len(found.changed)}，"
        f"不变 {found.unchanged}，名单以外 {len(found.missing)}"
        + ("（将撤销）。" if found.ends_missing else "（保留）。")
    )
    _list("新增", [_said(post) for post in found.added])
    _list(
        "变更",
        [
            f"{_said(change.post)}："
            + "；".join(f"{HEADS[name]} {was or '空'}→{now or '空'}" for name, was, now in change.fields)
            for change in found.changed
        ],
    )
    _list("名单以外", [_said(post) for post in found.missing])
    _list("空岗", [_said(post) for post in found.vacant])
    _list("代理", [_said(post) for post in found.acting])
    _list("责任人与代理人为同一人", [_said(post) for post in found.doubled])
    _list("重叠", [f"{x.division_name}{KINDS[x.kind]}：{'、'.join(x.post_nos)}" for x in found.overlaps])
    _list("缺岗", [f"{x.division_name} 缺{KINDS[x.kind]}（网格 {x.cells} 个）" for x in found.gaps])
    _list("一人多岗", [f"{x.name}：{'、'.join(x.post_nos)}" for x in found.several])
    _list("没有账号的登录名", list(found.without_account))
    for bad in found.bad_lines:
        typer.echo(f"✗ {bad.reason} [{bad.code}]", err=True)


def _list(head: str, rows: Sequence[str]) -> None:
    if not rows:
        return
    typer.echo(f"{head} {len(rows)}：")
    for row in rows[:SHOWN]:
        typer.echo(f"  {row}")
    if len(rows) > SHOWN:
        typer.echo(f"  …… 另有 {len(rows) - SHOWN} 项")


def _said(post: Brief) -> str:
    return f"{post.post_no} {post.title} {post.holder or post.deputy or '空岗'}"


def _logins(session: Session, actor: Actor, data: bytes) -> frozenset[str]:
    from patrol.net.posts import read_posts
    from patrol.staffing.service import accounts_by_login

    lines, _ = read_posts(data)
    return frozenset(accounts_by_login(session, actor, {line.login for line in lines if line.login}))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidInput("patrol.file.unreadable", file=str(path), reason=error.strerror or "") from error


def _write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError as error:
        raise InvalidInput("patrol.file.unreadable", file=str(path), reason=error.strerror or "") from error
