"""``landwarden detection detectors``: print the catalogue."""

from __future__ import annotations

import json
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Hang ``detectors`` under ``landwarden detection``."""
    app.command("detectors")(detectors)


def detectors(
    name: Annotated[str | None, typer.Argument(help="检测器名称，缺省为全部 One; all if omitted.")] = None,
    json_out: Annotated[bool, typer.Option("--json", help="输出 JSON Print JSON.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="输出文档页 Print the page.")] = False,
) -> None:
    """列出全部检测器：用途、输入、波段、参数、版本、运行方式。All detectors, and how each is run."""
    from detection.catalogue.detectors import INPUTS, as_markdown, catalogue, find_detector

    entries = list(catalogue().values()) if name is None else [find_detector(name)]
    if json_out:
        typer.echo(json.dumps([entry.as_json() for entry in entries], ensure_ascii=False, indent=1))
    elif markdown:
        typer.echo(as_markdown(entries), nl=False)
    else:
        for entry in entries:
            needs = entry.needs
            typer.echo(f"{entry.name}  v{needs.version}  {entry.zh}")
            typer.echo(f"  {entry.en}")
            typer.echo(
                f"  输入 input {'、'.join(INPUTS[entry.input])}；传感器 sensors {', '.join(needs.sensors)}；"
                f"波段 bands {needs.bands or '—'}"
            )
            typer.echo(f"  运行 run: {entry.command}")
            if name is not None:
                for key, value in entry.as_json()["parameters"].items():
                    typer.echo(f"    {key} = {value}")
