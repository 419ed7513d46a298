"""Commands of dispatching: try a changed policy on a past month."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from foundation.errors import InvalidInput


def preview_rules(
    file: Annotated[Path, typer.Argument(help="改动后的派发规则（TOML） the changed policy file")],
    period: Annotated[
        str | None, typer.Option(help="月份，如 2026-09；不写为上月 month; the last one when left out")
    ] = None,
) -> None:
    """用改动后的派发规则推演某月，不改动任何任务。Try a changed policy on a month; nothing is stored."""
    from foundation.calendar import parse_period
    from foundation.runtime import open_runtime
    from foundation.settings import read_settings
    from patrol.dispatching import previewing

    try:
        data = file.read_bytes()
    except OSError as error:
        raise InvalidInput("patrol.file.unreadable", file=str(file), reason=error.strerror or "") from error
    with open_runtime(read_settings()) as runtime, runtime.database.transaction(runtime.system) as session:
        found = previewing.preview_rules(
            session,
            runtime.system,
            data,
            now=runtime.clock(),
            period=parse_period(period) if period else None,
        )
    typer.echo(found.sentence_zh)
    typer.echo(found.sentence_en)
    for key, now, changed in found.changes:
        typer.echo(f"  {key}: {now:g} → {changed:g}")
    for person in found.persons:
        sent, waited = person.sent, person.waited
        typer.echo(
            f"  {person.division_name} {person.title} {person.holder_name}："
            f"{sent[0]} → {sent[1]} 件，排队 {waited[0]} → {waited[1]} 件"
        )
