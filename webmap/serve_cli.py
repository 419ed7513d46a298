"""Commands that run the platform: serve, worker, openapi."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Hang these commands under the one entry point."""
    app.command("serve")(serve)
    app.command("worker")(worker)
    app.command("openapi")(openapi)


def serve(
    host: Annotated[str | None, typer.Option(help="监听地址 Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="端口 Port.")] = None,
    no_worker: Annotated[
        bool, typer.Option("--no-worker", help="不带后台作业，另用 worker 启动 Without a worker beside it.")
    ] = False,
) -> None:
    """启动网页、接口和一个后台作业进程。Serve the map and the API, with a worker beside them."""
    from contextlib import nullcontext

    from foundation.runtime import open_runtime
    from foundation.settings import read_settings
    from webmap import server
    from webmap.app import create_app
    from webmap.workers import working

    wanted = {key: value for key, value in (("host", host), ("port", port)) if value is not None}
    settings = read_settings(**wanted)
    server.check_port(settings.host, settings.port)
    with open_runtime(settings) as runtime, nullcontext() if no_worker else working(settings):
        typer.echo(f"守土 Landwarden：http://{settings.host}:{settings.port}/  （Ctrl+C 停止 to stop）")
        server.serve(create_app(runtime), settings.host, settings.port)


def worker(
    until_empty: Annotated[
        bool, typer.Option("--until-empty", help="队列空了就结束 Stop when the queue is empty.")
    ] = False,
    concurrency: Annotated[int, typer.Option(min=1, max=64, help="同时运行的作业数 Jobs at a time.")] = 1,
    demonstration: Annotated[
        bool, typer.Option("--demonstration", help="为演示县、按演示时钟工作 For the demonstration.")
    ] = False,
    with_parent: Annotated[bool, typer.Option("--with-parent", hidden=True)] = False,
) -> None:
    """运行后台作业：导入、比对、时限、通报。Run imports, comparisons, clocks and bulletins."""
    from foundation.clock import system_clock
    from foundation.runtime import open_runtime
    from foundation.settings import read_settings
    from webmap.demo import stage
    from webmap.workers import end_with_parent

    if with_parent:
        end_with_parent()
    settings, clock = read_settings(), system_clock
    if demonstration:
        settings = stage.own_settings(settings)
        clock = stage.kept_clock(settings)
    with open_runtime(settings, clock=clock) as runtime:
        if not (until_empty or with_parent):
            typer.echo("后台作业已启动（Ctrl+C 停止）。Worker running; Ctrl+C to stop.")
        runtime.queue.work(until_empty=until_empty, concurrency=concurrency)


def openapi(
    file: Annotated[Path | None, typer.Argument(help="写入文件；不给则打印 File to write.")] = None,
) -> None:
    """输出接口说明（OpenAPI）。Write the API description; needs no database."""
    import json

    from webmap.app import describe_api

    text = json.dumps(describe_api(), ensure_ascii=False, indent=2) + "\n"
    if file is None:
        typer.echo(text, nl=False)
    else:
        file.write_text(text, "utf-8")
