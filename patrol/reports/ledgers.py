"""The ledger of facts as tables that anybody can count again in another language."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from patrol.reports.indicators import (
    Coverage,
    Decision,
    Ledger,
    Outing,
    Person,
    Rectification,
    Step,
    Verification,
)

MEDIA_TYPE = "application/zip"
EPOCH = (1980, 1, 1, 0, 0, 0)
TABLES: Mapping[str, Any] = {
    "persons": Person,
    "outings": Outing,
    "verifications": Verification,
    "steps": Step,
    "decisions": Decision,
    "rectifications": Rectification,
    "coverage": Coverage,
}
FORMULA_MARKS = ("=", "+", "-", "@", "\t", "\r")


def ledger_tables(ledger: Ledger, *, names_persons: bool) -> dict[str, str]:
    """Each kind of fact as CSV text, one line an item; areas in m².

    Moments are ISO 8601 in UTC, so that they sort as text; truth is 1 or 0; what is not known is empty.

    Parameters
    ----------
    names_persons : bool
        False: posts keep their numbers and titles, names are left out.
    """
    tables = {}
    for key, kind in TABLES.items():
        hidden = () if names_persons or key != "persons" else ("name",)
        columns = [column for column in kind._fields if column not in hidden]
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(
            [_cell(getattr(item, column)) for column in columns] for item in getattr(ledger, key)
        )
        tables[key] = out.getvalue()
    return tables


def ledger_archive(tables: Mapping[str, str]) -> bytes:
    """The tables in one archive; the same tables give the same bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for key, table in tables.items():
            entry = zipfile.ZipInfo(f"{key}.csv", EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, table.encode())
    return out.getvalue()


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, str) and value.startswith(FORMULA_MARKS):
        return "'" + value
    return value
