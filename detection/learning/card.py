"""The model card: what a set of weights was made from, how good it is, and where it is not."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any


def write_card(path: Path, *, title: str, facts: Mapping[str, Any], made_on: date) -> None:
    """Write a short card in Markdown beside new weights.

    Parameters
    ----------
    facts : mapping
        What is to be known: data, counts, scores; JSON-serialisable.
    """
    lines = [f"# {title}", "", f"{made_on.isoformat()}", "", "| | |", "|---|---|"]
    lines += [f"| {name} | {_told(value)} |" for name, value in facts.items()]
    path.write_text("\n".join(lines) + "\n", "utf-8")


def file_sha256(path: Path) -> str:
    """Digest of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _told(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
