"""``landwarden bench``: speeds as ratios, measured side by side."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

EXIT_NOT_HELD = 1
SIZES = ("S", "M", "L")


def register(app: typer.Typer) -> None:
    """Hang ``bench`` on the command line."""
    app.command("bench", help="性能对照测试，结果为同场比值。 Measure speeds as ratios in one run.")(bench)


def bench(
    names: Annotated[
        list[str] | None, typer.Argument(help="套件或条目，缺省为全部 Suites or rows; all if omitted")
    ] = None,
    size: Annotated[str, typer.Option("--size", help="S 1 Mpx | M 12 Mpx | L 100 Mpx")] = "M",
    rounds: Annotated[int, typer.Option("--pairs", min=1, help="轮数 Interleaved rounds of each row")] = 5,
    json_file: Annotated[Path | None, typer.Option("--json", help="结果 Account of the run")] = None,
    report: Annotated[Path | None, typer.Option("--report", help="报告 Markdown page of the run")] = None,
    sources: Annotated[
        list[Path] | None,
        typer.Option("--from", help="由已有结果出报告，可多次 Report from earlier --json files"),
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("--folder", help="影像目录，可复用 Keep the made scenes here")
    ] = None,
    gate: Annotated[
        bool, typer.Option("--gate", help="未达标时返回 1 End with 1 where a target is missed")
    ] = False,
) -> None:
    """Measure, write what was asked for, and say what falls short."""
    from bench.joining import by_suite, joined_runs
    from bench.run import known_names, rows_by_suite, run_bench
    from bench.sections import merged_page

    if size not in SIZES:
        raise typer.BadParameter(f"{size}: {', '.join(SIZES)}", param_hint="--size")
    unknown = [name for name in names or [] if name not in known_names()]
    if unknown:
        raise typer.BadParameter(f"{', '.join(unknown)}: {', '.join(known_names())}", param_hint="NAME")
    if sources:
        found = [json.loads(source.read_text("utf-8")) for source in sources]
    else:
        found = [run_bench(names or [], size=size, rounds=rounds, tell=_tell, folder=folder)]
    rows = rows_by_suite()
    run = joined_runs(found, [row for own in rows.values() for row in own])
    if json_file is not None:
        json_file.write_text(json.dumps(run, ensure_ascii=False, indent=1, sort_keys=True) + "\n", "utf-8")
    if report is not None:
        page = report.read_text("utf-8") if report.exists() else ""
        for part in by_suite(found, rows):
            page = merged_page(part, page)
        report.write_text(page, "utf-8")
    _say(run)
    is_short = bool(run["wrong_results"]) or not all(item["is_held"] for item in run["gates"])
    if gate and is_short:
        raise typer.Exit(EXIT_NOT_HELD)


def _tell(text: str) -> None:
    typer.echo(f"… {text}", err=True)


def _say(run: dict[str, object]) -> None:
    gates, wrong, missing = run["gates"], run["wrong_results"], run["missing"]
    for item in gates if isinstance(gates, list) else []:
        sign = "≤" if item["direction"] == "max" else "≥"
        mark = "✓" if item["is_held"] else "✗"
        typer.echo(f"{mark} {item['gate']:<16} {item['value']:>12,.3f}  {sign} {item['target']:,g}")
    for text in wrong if isinstance(wrong, list) else []:
        typer.echo(f"✗ 结果有误 wrong result: {text}", err=True)
    for item in missing if isinstance(missing, list) else []:
        typer.echo(f"· 未比较 not compared: {item['row']} {item['work']}: {item['reason']}", err=True)
