"""``landwarden judgement``: replay what is stored, ask what would flip, print the orders of dates."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from detection.desk.differences import Change
    from detection.desk.replays import Replay
    from detection.judging.reference import Supposed
    from foundation.runtime import Runtime

judgement_app = typer.Typer(
    help="内业判定：重放、假设比对。Desk judgement: replay, what if.", no_args_is_help=True
)
EXIT_UNEQUAL = 1
FAULTS = {
    "inputs_unreadable": "存储的输入无法读取 stored inputs cannot be read",
    "inputs_altered": "存储的输入已被改动 stored inputs were altered",
    "rules_missing": "判定所用规则未存储 the rule set is not stored",
    "rules_altered": "存储的规则已被改动 the stored rule set was altered",
    "result_altered": "存储的结果已被改动 the stored result was altered",
    "columns_altered": "列表字段与结果不符 columns do not say what the result says",
    "not_evaluable": "按存储的输入和规则无法重新判定 inputs and rules no longer evaluate",
}
JsonFile = Annotated[Path | None, typer.Option("--json", help="结果写入 JSON 文件 Write the answer as JSON")]


def register(app: typer.Typer) -> None:
    """Hang ``judgement`` on the command line."""
    app.add_typer(judgement_app, name="judgement")


@judgement_app.command("replay")
def replay(
    patch: Annotated[str | None, typer.Argument(help="图斑编号或 id Patch number or id")] = None,
    revision: Annotated[
        int | None,
        typer.Option("--revision", min=1, help="第几次判定，缺省为最新 Revision; newest if omitted"),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="重放全部判定 Replay every stored judgement")] = False,
    json_file: JsonFile = None,
) -> None:
    """用存储的输入和规则重新判定，逐字节比对。Judge again from what is stored, compare byte by byte.

    一致时退出码为 0，不一致为 1。Exit code 0 where equal, 1 where not.
    """
    from detection.desk import service
    from foundation.runtime import open_runtime
    from foundation.settings import read_settings

    if (patch is None) != every:
        raise typer.BadParameter("给出一个图斑，或者 --all。Name one patch, or --all.")
    with (
        open_runtime(read_settings()) as runtime,
        runtime.database.transaction(runtime.system) as session,
    ):
        if patch is not None:
            found = [service.replay(session, runtime.system, _patch_id(runtime, session, patch), revision)]
            _tell_replay(found[0])
            count = 1
        else:
            count = service.count_judgements(session, runtime.system)
            found = _replay_all(runtime, session, count)
    unequal = [one for one in found if not one.is_equal]
    if json_file is not None:
        _write(
            json_file,
            {"count": count, "equal": count - len(unequal), "unequal": [*map(_replay_json, unequal)]},
        )
    if unequal:
        raise typer.Exit(EXIT_UNEQUAL)


@judgement_app.command("what-if")
def what_if(
    layer: Annotated[
        str | None,
        typer.Option("--layer", help="图层文件，或已入库的版本 id Layer file, or a stored version id"),
    ] = None,
    rules: Annotated[
        Path | None, typer.Option("--rules", help="规则文件夹 Folder with judgement.toml, taxonomy.toml …")
    ] = None,
    kind: Annotated[str | None, typer.Option("--kind", help="图层种类（文件必填） Kind of the file")] = None,
    county: Annotated[
        str | None, typer.Option("--county", help="县级代码 6 位（文件必填） County code of the file")
    ] = None,
    first_day: Annotated[
        str | None,
        typer.Option(
            "--from", help="自某日起有效，缺省为替换现行版本 In force from a day; else in place of today's"
        ),
    ] = None,
    json_file: JsonFile = None,
) -> None:
    """换用新图层或新规则，哪些未办结的判定会改变，改变多少。不写入任何数据。

    Which open judgements would flip under another layer or other rules, and by how much. Stores nothing.
    """
    from detection.desk import rule_check
    from detection.desk import what_if as questions
    from detection.pair_cli import Bar
    from foundation.runtime import open_runtime
    from foundation.settings import read_settings

    if layer is None and rules is None:
        raise typer.BadParameter("给出 --layer 或 --rules。Name --layer or --rules.")
    rule_set = None if rules is None else rule_check.read_checked(rules)
    day = None if first_day is None else _day(first_day)
    with open_runtime(read_settings()) as runtime:
        supposed = None if layer is None else _supposed(runtime, layer, kind=kind, county=county, day=day)
        with runtime.database.transaction(runtime.system) as session, Bar() as bar:
            answer = questions.ask(
                session,
                runtime.system,
                supposed=supposed,
                rules=rule_set,
                progress=lambda share: bar.tell("classify", share),
            )
    if json_file is not None:
        _write(json_file, answer.as_json())
    typer.echo(
        f"未办结判定 open {answer.open_count}，重新量算 measured {answer.measured_count}，"
        f"结论改变 flips {len(answer.flips)}，仅面积改变 areas only {len(answer.moves)}"
    )
    for change in (*answer.flips, *answer.moves):
        _tell_change(change)


@judgement_app.command("touch")
def touch(
    version: Annotated[str, typer.Argument(help="已入库图层版本的 id Id of a stored layer version")],
    json_file: JsonFile = None,
) -> None:
    """全部图斑压占某一图层版本的面积，只量算，不判定。Areas of all patches in a layer; nothing is judged."""
    from uuid import UUID

    from detection.desk.screening import touched
    from foundation.runtime import open_runtime
    from foundation.settings import read_settings

    try:
        version_id = UUID(version)
    except ValueError as error:
        raise typer.BadParameter(f"不是版本 id。Not the id of a version: {version}") from error
    with (
        open_runtime(read_settings()) as runtime,
        runtime.database.transaction(runtime.system) as session,
    ):
        found = touched(session, runtime.system, version_id, runtime.settings.data_dir)
    if json_file is not None:
        _write(json_file, [asdict(one) | {"patch_id": str(one.patch_id)} for one in found])
    typer.echo(f"压占图斑 patches {len(found)}，面积 area {sum(one.area_m2 for one in found):,.3f} m²")
    for one in found:
        typer.echo(f"{one.number}  {one.area_m2:,.3f} m²  {one.share:.1%}  {one.features}")


@judgement_app.command("orders")
def orders() -> None:
    """打印批准日期与两期影像的先后关系表（Markdown）。Print the table of orders of dates."""
    from detection.desk.orders import as_markdown

    typer.echo(as_markdown(), nl=False)


def _patch_id(runtime: Runtime, session: Any, told: str) -> Any:
    from uuid import UUID

    from detection import service as detection

    try:
        return UUID(told)
    except ValueError:
        return detection.find_patch(session, runtime.system, told).patch_id


def _replay_all(runtime: Runtime, session: Any, count: int) -> list[Replay]:
    """Those that are not equal; progress goes to standard error."""
    from rich.console import Console
    from rich.progress import track

    from detection.desk import service

    unequal = []
    stream = service.replay_all(session, runtime.system)
    shown = track(stream, total=count, description="重放 Replaying", console=Console(stderr=True))
    for one in shown:
        if not one.is_equal:
            unequal.append(one)
            _tell_replay(one)
    typer.echo(f"重放 replayed {count}，一致 equal {count - len(unequal)}，不一致 unequal {len(unequal)}")
    return unequal


def _tell_replay(one: Replay) -> None:
    mark = "✓ 一致 equal" if one.is_equal else "✗ 不一致 UNEQUAL"
    typer.echo(f"{one.number}  第 {one.revision} 次判定 revision {one.revision}  {mark}")
    typer.echo(f"  stored sha256 {one.stored_sha256}")
    typer.echo(f"  again  sha256 {one.again_sha256 or '—'}")
    if one.is_equal and one.is_chain_checked:
        typer.echo("  与审计链记录的哈希一致 fits the hashes in the audit chain")
    for fault in one.faults:
        typer.echo(f"  ! {FAULTS[fault]}")
    for difference in one.differences:
        stored, again = (
            json.dumps(value, ensure_ascii=False)[:120] for value in (difference.stored, difference.again)
        )
        typer.echo(f"  {difference.path}: {stored} → {again}")


def _tell_change(change: Change) -> None:
    before, after = change.before, change.after
    codes = f"{before.violation_code or '—'} → {after.violation_code or '—'}"
    names = (
        f"{before.suggestion_name} → {after.suggestion_name}" if change.is_flip else before.suggestion_name
    )
    typer.echo(f"{change.number}  {names}  {codes}  {'★' * before.severity} → {'★' * after.severity}")
    for area in change.areas:
        typer.echo(
            f"    {area.name}: {area.before_m2:,.3f} → {area.after_m2:,.3f} 平方米"
            f"（{area.delta_m2:+,.3f} m²，{area.delta_mu:+,.2f} 亩）"
        )


def _supposed(
    runtime: Runtime, layer: str, *, kind: str | None, county: str | None, day: date | None
) -> Supposed:
    from uuid import UUID

    from detection.desk import what_if as questions
    from detection.desk.jobs import suppose_file

    path = Path(layer)
    if not path.exists():
        try:
            version_id = UUID(layer)
        except ValueError as error:
            raise typer.BadParameter(f"没有这个文件或版本。No such file or version: {layer}") from error
        with runtime.database.transaction(runtime.system) as session:
            return questions.suppose_stored(session, runtime.system, version_id, valid_from=day)
    if kind is None or county is None:
        raise typer.BadParameter("图层文件须给出 --kind 和 --county。A file needs --kind and --county.")
    return suppose_file(runtime, path, kind=kind, county_code=county, valid_from=day)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(
            f"日期格式为 2026-03-01。Dates are written 2026-03-01, not {text}."
        ) from error


def _replay_json(one: Replay) -> dict[str, Any]:
    return asdict(one) | {"patch_id": str(one.patch_id), "is_equal": one.is_equal}


def _write(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True) + "\n", "utf-8")
