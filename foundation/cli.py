"""The one command: each floor hangs its own commands under it by entry points."""

from __future__ import annotations

import sys
from importlib.metadata import entry_points

import typer

EXIT_REFUSED = 2
EXIT_DEFECT = 70
EXIT_INTERRUPTED = 130

app = typer.Typer(
    name="landwarden",
    help="守土 Landwarden：发现、研判、下发、核查、销号、通报。Find, judge, hand down, check, close, count.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)


def build_app() -> typer.Typer:
    """The command tree with the commands of all floors."""
    for point in sorted(entry_points(group="landwarden.commands"), key=lambda entry: entry.name):
        point.load()(app)
    return app


def main() -> None:
    """Run the command line; errors are told in Chinese and English and end with a stated code."""
    build_app()
    try:
        app(standalone_mode=True)
    except KeyboardInterrupt:
        typer.echo("已中断。Interrupted.", err=True)
        sys.exit(EXIT_INTERRUPTED)
    except Exception as error:  # noqa: BLE001 - the one place of a command where anything may arrive
        sys.exit(_report(error))


def _report(error: Exception) -> int:
    from foundation.errors import LandwardenError

    if isinstance(error, LandwardenError):
        typer.echo(f"✗ {error.text('zh')}\n  {error.text('en')}\n  [{error.code}]", err=True)
        return EXIT_REFUSED
    import traceback

    typer.echo(
        "✗ 程序出错，请把下面的内容交给维护人员。\n  Internal error; please report what follows.", err=True
    )
    typer.echo("".join(traceback.format_exception(error)), err=True)
    return EXIT_DEFECT
