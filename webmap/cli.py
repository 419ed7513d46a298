"""Commands of this floor."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Hang this floor's commands under the one entry point."""
