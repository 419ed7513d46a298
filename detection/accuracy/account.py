"""The rows of a measurement as a page of Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from detection.accuracy.scenes import Row

DASH = "–"


def account(rows: Sequence[Row], *, day: str, versions: Mapping[str, str], version: str) -> str:
    """A page with a table for each group of rows, and what falls short of its target."""
    lines = [
        "# Accuracy",
        "",
        f"Made by `landwarden detection accuracy` on {day}; detection {version}, "
        + ", ".join(f"{name} {number}" for name, number in versions.items())
        + ".",
        "Every pair runs with `--sensor auto` and the same settings; truth is read by the measurement only.",
        "Partial truth is scored on its labelled pixels. The control is the share of pixels flagged on an",
        "unchanged twin of the pair; cost is CPU seconds of the whole chain over plain reading and writing.",
        "",
    ]
    lines += _pairs([row for row in rows if row.group == "pairs"])
    for group, title in (
        ("registration", "Registration"),
        ("series", "Time series"),
        ("camera", "Camera"),
        ("counties", "Synthetic counties, objects at 2 m"),
    ):
        lines += _plain(title, [row for row in rows if row.group == group])
    lines += _shortfalls(rows)
    return "\n".join(lines) + "\n"


def _pairs(rows: Sequence[Row]) -> list[str]:
    columns = ("f1", "kappa", "precision", "recall", "iou", "object_recall", "object_precision")
    head = "scene | sensor (auto) | method | F1 | κ | precision | recall | IoU | objects: recall | precision"
    lines = ["## Pairs", "", f"| {head} | control | changed | cost |", "|" + " --- |" * 13]
    for row in rows:
        start = f"| {row.name}<br>{row.kind} |"
        if row.state != "measured":
            lines.append(f"{start} {row.state} |" + f" {DASH} |" * 11)
            continue
        figures = row.figures
        values = " | ".join(_number(figures.get(name)) for name in columns)
        lines.append(
            f"{start} {row.facts['sensor']} | {row.facts['method']} v{row.facts['version']} | {values} |"
            f" {100 * figures['control']:.2f} % | {100 * figures['changed_share']:.1f} % |"
            f" {figures['cost']:.1f} |"
        )
    return [*lines, ""]


def _plain(title: str, rows: Sequence[Row]) -> list[str]:
    if not rows:
        return []
    names = list(dict.fromkeys(name for row in rows for name in row.figures))
    lines = [f"## {title}", ""]
    lines.append("| " + " | ".join(["what", *(name.replace("_", " ") for name in names)]) + " |")
    lines.append("|" + " --- |" * (len(names) + 1))
    for row in rows:
        if row.state != "measured":
            lines.append(f"| {row.name}: {row.state} |" + f" {DASH} |" * len(names))
            continue
        lines.append(
            "| " + " | ".join([row.name, *(_number(row.figures.get(name)) for name in names)]) + " |"
        )
    return [*lines, ""]


def _shortfalls(rows: Sequence[Row]) -> list[str]:
    lines = ["## What falls short", ""]
    for row in rows:
        if row.state != "measured":
            facts = _told(row.facts.get("facts"))
            lines.append(f"- {row.name}: {row.state}{facts}.")
            continue
        if row.shortfalls():
            missed = row.facts.get("missed")
            beside = f"; missed: {', '.join(missed)}" if missed else ""
            lines.append(f"- {row.name}: {'; '.join(row.shortfalls())}{beside}.")
    if len(lines) == 2:
        lines.append("- Every target is reached.")
    lines += [
        "- The control tells how quiet the thresholds are, not how the method bears every season.",
        "- What fine-tuning on labelled crops adds is measured apart, with PyTorch: docs/models/siamese.md.",
        "- Scenes without truth show only that the chain runs and how much it flags.",
    ]
    return lines


def _told(facts: Any) -> str:
    if not isinstance(facts, Mapping) or not facts:
        return ""
    return " (" + ", ".join(f"{name} {value}" for name, value in facts.items()) + ")"


def _number(value: float | None) -> str:
    if value is None or value != value:
        return DASH
    if value == int(value) and abs(value) >= 2:
        return str(int(value))
    return f"{value:.3f}"
