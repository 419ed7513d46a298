"""Commands of papers: make, list, approve, issue, serve; templates checked and replaced; statistics."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from foundation.access import Actor
    from foundation.runtime import Runtime

papers_app = typer.Typer(help="案件文书：拟稿、审批、签发、送达、模板、统计。Papers of a case.")
As = Annotated[str, typer.Option("--as", help="经办人的登录名 login of whoever does this")]
Number = Annotated[str, typer.Argument(help="图斑编号 patch number")]
PaperId = Annotated[str, typer.Argument(help="文书编号（UUID）或文号 id or number of the paper")]
Kind = Annotated[str, typer.Argument(help="文书种类，见 landwarden papers kinds")]


def register(app: typer.Typer) -> None:
    """Hang the commands of papers under the one entry point."""
    app.add_typer(papers_app, name="papers")


@papers_app.command("kinds")
def kinds() -> None:
    """列出文书种类。The kinds of paper."""
    from patrol.papers.kinds import paper_kinds

    for kind in paper_kinds().values():
        mark = "须他人审批" if kind.is_two_person else ""
        typer.echo(f"{kind.key:18} {kind.zh}  {mark}")


@papers_app.command("party")
def party(
    patch: Number,
    name: Annotated[str, typer.Option(help="姓名或者名称 name")],
    login: As,
    kind: Annotated[str, typer.Option(help="person | organisation")] = "person",
    id_number: Annotated[str | None, typer.Option(help="身份证号码或统一社会信用代码")] = None,
    address: Annotated[str | None, typer.Option(help="住址 address")] = None,
    phone: Annotated[str | None, typer.Option(help="电话 telephone")] = None,
) -> None:
    """登记当事人。Record a party of a case."""
    from patrol import service as patrol
    from patrol.papers import service as papers

    with _acting(login) as (runtime, session, actor):
        body = papers.PartyBody(kind, name, id_number, None, address, phone)
        patch_id = patrol.patch_id_of(session, patch)
        row = papers.record_party(session, actor, patch_id, body, now=runtime.clock())
    typer.echo(f"{row.kind_name} {row.name} {row.party_id}")


@papers_app.command("make")
def make(
    patch: Number,
    kind: Kind,
    login: As,
    field: Annotated[
        list[str] | None, typer.Option("--field", help="字段=内容，可多次给出 field=value, repeatable")
    ] = None,
    reason: Annotated[str | None, typer.Option(help="修改系统数据的理由 why values are changed")] = None,
    serves: Annotated[str | None, typer.Option(help="所送达文书的文号 number of the paper it serves")] = None,
    out: Annotated[Path | None, typer.Option(help="另存 Word 和 PDF 到此文件夹 also save here")] = None,
) -> None:
    """拟一份文书。Draft a paper."""
    from patrol import service as patrol
    from patrol.papers import service as papers

    with _acting(login) as (runtime, session, actor):
        row = papers.draft_paper(
            session,
            actor,
            patrol.patch_id_of(session, patch),
            kind,
            overrides=_overrides(field or [], reason),
            refers_to=papers.find_by_number(session, actor, serves).paper_id if serves else None,
            blobs=runtime.blobs,
            now=runtime.clock(),
        )
        detail = papers.paper_detail(session, actor, row.paper_id)
        typer.echo(f"{detail.paper.kind_name} {detail.paper.paper_id}（{detail.paper.status_name}）")
        if detail.missing:
            typer.echo(f"  签发前还须填写：{'、'.join(detail.missing)}")
        if out is not None:
            _save(runtime, session, actor, row.paper_id, out)


@papers_app.command("list")
def list_papers(
    login: As,
    status: Annotated[str | None, typer.Option(help="draft | approved | issued | void | withdrawn")] = None,
    kind: Annotated[str | None, typer.Option(help="文书种类 kind")] = None,
) -> None:
    """列出文书。List papers."""
    from patrol.papers import service as papers

    with _acting(login) as (_, session, actor):
        for row in papers.list_papers(session, actor, status=status, kind=kind, limit=500):
            typer.echo(f"{row.status_name}  {row.kind_name}  {row.number or '—'}  {row.paper_id}")


@papers_app.command("approve")
def approve(paper: PaperId, login: As) -> None:
    """审批；拟稿人不能审批本人的文书。Approve; nobody approves their own."""
    from patrol.papers import service as papers

    with _acting(login) as (runtime, session, actor):
        row = papers.approve_paper(session, actor, _paper_id(session, actor, paper), now=runtime.clock())
        typer.echo(f"{papers.paper_view(row).kind_name} 第{row.version}稿 已审批：{actor.name}")


@papers_app.command("issue")
def issue(
    paper: PaperId,
    login: As,
    out: Annotated[Path | None, typer.Option(help="另存 Word 和 PDF 到此文件夹 also save here")] = None,
) -> None:
    """签发：编号并冻结。Issue: take the number, freeze the files."""
    from patrol.papers import service as papers

    with _acting(login) as (runtime, session, actor):
        paper_id = _paper_id(session, actor, paper)
        row = papers.issue_paper(session, actor, paper_id, blobs=runtime.blobs, now=runtime.clock())
        typer.echo(f"{row.number}  Word {row.issued_docx_sha256}  PDF {row.issued_pdf_sha256}")
        if out is not None:
            _save(runtime, session, actor, paper_id, out)


@papers_app.command("serve")
def serve(
    paper: PaperId,
    login: As,
    on: Annotated[str, typer.Option(help="送达日期 2026-09-08")],
    to: Annotated[str, typer.Option(help="受送达人或代收人 who received it")],
    how: Annotated[str, typer.Option(help="送达方式 way")] = "直接送达",
) -> None:
    """登记送达；当事人的期限从此起算。Record service; the party's periods begin."""
    from foundation.errors import InvalidInput
    from patrol.papers import service as papers

    try:
        served_on = date.fromisoformat(on)
    except ValueError as error:
        raise InvalidInput("patrol.paper.bad_value", field="送达日期", value=on[:20]) from error
    with _acting(login) as (runtime, session, actor):
        paper_id = _paper_id(session, actor, paper)
        row = papers.record_service(
            session, actor, paper_id, served_on=served_on, how=how, to=to, now=runtime.clock()
        )
        typer.echo(f"{row.number} {served_on.isoformat()} {how} {to}")


@papers_app.command("void")
def void(paper: PaperId, login: As, reason: Annotated[str, typer.Option(help="理由 why")]) -> None:
    """作废；文号保留。Void an issued paper; its number stays taken."""
    from patrol.papers import service as papers

    with _acting(login) as (runtime, session, actor):
        paper_id = _paper_id(session, actor, paper)
        row = papers.void_paper(session, actor, paper_id, reason=reason, now=runtime.clock())
        typer.echo(f"{row.number} 已作废：{reason}")


@papers_app.command("template")
def template(kind: Kind, out: Annotated[Path, typer.Option(help="另存为 .docx save as")]) -> None:
    """导出内置模板，供在 Word 中修改。Write a built-in template, to be changed in Word."""
    from foundation.blobs import storage_error
    from patrol.papers.kinds import paper_kind
    from patrol.papers.making.layout import built_in_template

    data = built_in_template(paper_kind(kind).key)
    try:
        out.write_bytes(data)
    except OSError as error:
        raise storage_error(error, out.parent) from error
    typer.echo(str(out))


@papers_app.command("fields")
def fields() -> None:
    """列出模板可以引用的字段。The fields that a template may name."""
    from patrol.papers.fields import group_names, paper_fields

    for item in paper_fields().values():
        columns = f"（列：{'、'.join(item.columns.values())}）" if item.columns else ""
        typer.echo(f"{group_names()[item.group]}  {item.zh}{columns}  {item.key}  {item.en}")


@papers_app.command("check-template")
def check_template(
    kind: Kind, file: Annotated[Path, typer.Argument(help="本单位的 .docx 模板 a bureau's template")]
) -> None:
    """检查模板：不认识的字段、缺少的必填字段。Check a template: unknown fields, missing ones."""
    from patrol.papers import service as papers

    report = papers.check_template(_read(file), kind)
    typer.echo(f"字段 {len(report.named)} 个。{len(report.named)} fields.")
    for zh, en, names in (
        ("不认识的字段", "unknown", report.unknown),
        ("缺少的必填字段", "missing", report.missing),
        ("不允许的写法", "not allowed", report.refused),
    ):
        if names:
            typer.echo(f"✗ {zh} {en}：{'、'.join(names)}")
    if not report.is_sound:
        raise typer.Exit(1)
    typer.echo("✓ 可以启用。Sound.")


@papers_app.command("replace-template")
def replace_template(
    kind: Kind,
    file: Annotated[Path, typer.Argument(help="本单位的 .docx 模板 a bureau's template")],
    login: As,
    county: Annotated[str | None, typer.Option(help="六位区划代码 six digits")] = None,
) -> None:
    """启用本单位的模板。Take a bureau's own template into use."""
    from patrol.papers import service as papers

    data = _read(file)
    with _acting(login) as (runtime, session, actor):
        row = papers.replace_template(
            session,
            actor,
            kind,
            data,
            name=file.name,
            county_code=county or actor.area_code[:6],
            blobs=runtime.blobs,
            now=runtime.clock(),
        )
        typer.echo(f"{row.kind_name} {row.county_code} {row.sha256}")


@papers_app.command("statistics")
def statistics(
    period: Annotated[str, typer.Option(help="2026-09 | 2026-W37 | 2026-Q3 | 2026")],
    out: Annotated[Path, typer.Option(help="另存到此文件夹 save in this folder")],
    division: Annotated[str | None, typer.Option(help="区划代码，不写则为全市 whole city")] = None,
    source: Annotated[str, typer.Option(help="satellite | all | …")] = "satellite",
) -> None:
    """卫片图斑统计表。Statistics of satellite patches as a workbook."""
    from foundation.runtime import open_runtime
    from foundation.settings import read_settings
    from patrol.papers.statistics import service

    with open_runtime(read_settings()) as runtime, runtime.database.transaction(runtime.system) as session:
        name, data = service.statistics_workbook(
            session,
            runtime.system,
            period=period,
            division_code=division,
            source=source,
            now=runtime.clock(),
        )
    _write(out / name, data)


@contextmanager
def _acting(login: str) -> Iterator[tuple[Runtime, Session, Actor]]:
    """One transaction in the name of an account: papers are made by people, not by the platform."""
    from foundation import accounts
    from foundation.runtime import open_runtime
    from foundation.settings import read_settings

    with open_runtime(read_settings()) as runtime:
        with runtime.database.transaction(runtime.system) as session:
            actor = accounts.actor_of_login(session, login)
        with runtime.database.transaction(actor) as session:
            yield runtime, session, actor


def _paper_id(session: Session, actor: Actor, text: str) -> UUID:
    from patrol.papers import service as papers

    try:
        return UUID(text)
    except ValueError:
        return papers.find_by_number(session, actor, text).paper_id


def _overrides(given: list[str], reason: str | None) -> dict[str, dict[str, str | None]]:
    """``字段=内容`` by Chinese name or key."""
    from patrol.papers.fields import keys_by_name

    found = {}
    for text in given:
        name, _, value = text.partition("=")
        key = keys_by_name().get(name.strip(), name.strip())
        found[key] = {"value": value, "reason": reason}
    return found


def _save(runtime: Runtime, session: Session, actor: Actor, paper_id: UUID, folder: Path) -> None:
    from patrol.papers import service as papers

    for form in ("docx", "pdf"):
        file = papers.paper_file(
            session, actor, paper_id, form=form, blobs=runtime.blobs, now=runtime.clock()
        )
        _write(folder / file.name, file.data)


def _write(path: Path, data: bytes) -> None:
    from foundation.blobs import storage_error

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except OSError as error:
        raise storage_error(error, path.parent) from error
    typer.echo(f"  {path}")


def _read(path: Path) -> bytes:
    from foundation.errors import InvalidInput

    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidInput("patrol.file.unreadable", file=str(path), reason=error.strerror or "") from error
