"""Commands of the top floor: the demonstration, the server, the worker."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

cases_app = typer.Typer(help="案件：全程演练。The life of a case, rehearsed.", no_args_is_help=True)


@cases_app.callback()
def cases() -> None:
    """案件。Cases."""


def register(app: typer.Typer) -> None:
    """Hang this floor's commands under the one entry point."""
    from webmap import serve_cli  # the package holds no code, so nothing else names it

    app.command("demo")(demo)
    app.add_typer(cases_app, name="cases")
    serve_cli.register(app)


def demo(
    fresh: Annotated[bool, typer.Option("--fresh", help="重新开始，删除上次演示 Start over.")] = False,
    no_serve: Annotated[
        bool, typer.Option("--no-serve", help="完成后不启动网页 Do not serve the map.")
    ] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="结果写入文件 Result as JSON.")] = None,
    size: Annotated[str, typer.Option(help="small | demo | large")] = "demo",
    seed: Annotated[int, typer.Option(help="随机种子 Seed of the county.")] = 4108,
    port: Annotated[int | None, typer.Option(help="网页端口 Port of the map.")] = None,
) -> None:
    """演示：从两期影像到销号和周通报的全过程。The main job from end to end on a demonstration county."""
    from foundation.settings import read_settings
    from webmap.demo.command import run_demo
    from webmap.server import check_port

    if size not in {"small", "demo", "large"}:
        raise typer.BadParameter("small | demo | large", param_hint="--size")
    settings = read_settings() if port is None else read_settings(port=port)
    if not no_serve:
        check_port(settings.host, settings.port)
    run_demo(settings, size=size, seed=seed, fresh=fresh, serve=not no_serve, json_file=json_file)  # type: ignore[arg-type]


@cases_app.command("table")
def case_table(
    out: Annotated[Path | None, typer.Option("--out", help="写入文件 Write to this file.")] = None,
) -> None:
    """流程表：状态、流转、时限、中止、异议。The transition table as a page of documentation."""
    from patrol.casework import case_states_page

    if out is None:
        typer.echo(case_states_page())
    else:
        out.write_text(case_states_page(), "utf-8")


@cases_app.command("rehearse")
def rehearse(
    json_file: Annotated[Path | None, typer.Option("--json", help="结果写入文件 Result as JSON.")] = None,
    size: Annotated[str, typer.Option(help="small | demo")] = "small",
    seed: Annotated[int, typer.Option(help="随机种子 Seed of the county.")] = 1,
    keep: Annotated[bool, typer.Option("--keep", help="保留演练库 Keep its database.")] = False,
) -> None:
    """演练：演示县域的图斑走完案件的每个分支。Every branch of the life of a case, with time travel."""
    from foundation.settings import read_settings
    from webmap.demo.rehearse_command import rehearse as run

    if size not in {"small", "demo"}:
        raise typer.BadParameter("small | demo", param_hint="--size")
    run(read_settings(), size=size, seed=seed, json_file=json_file, keeps=keep)  # type: ignore[arg-type]
