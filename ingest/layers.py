"""Reference layers as values: the catalogue, and how a bureau's table becomes our columns. Pure."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import UUID

from shapely.geometry.base import BaseGeometry

from foundation.divisions import DivisionTree
from foundation.errors import InvalidInput

CATALOGUE_FILE = Path(__file__).resolve().parents[1] / "data" / "layers" / "catalogue.toml"
COMPACT_DATE = re.compile(r"^(\d{4})(\d{2})(\d{2})$")


@dataclass(frozen=True, slots=True)
class LayerKind:
    """One row of the catalogue.

    Attributes
    ----------
    fields : mapping
        Our column → field names that are accepted for it, in order.
    """

    kind: str
    zh: str
    en: str
    group: str
    min_zoom: int
    names: tuple[str, ...]
    class_scheme: str | None
    required: tuple[str, ...]
    fields: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class LayerFeature:
    """One feature of a reference layer.

    Attributes
    ----------
    valid_from, valid_to : date or None
        First and last day of the right itself (permit, mining right).
    attributes : mapping
        All fields of the source, by their true names.
    geometry : MultiPolygon
        EPSG:4490.
    version_id : UUID or None
        Version that it belongs to, once stored.
    """

    layer_kind: str
    feature_no: str
    name: str
    division_code: str | None
    land_class_code: str | None
    class_scheme: str | None
    valid_from: date | None
    valid_to: date | None
    attributes: Mapping[str, Any]
    area_m2: float
    geometry: BaseGeometry
    version_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class LayerVersion:
    """One import of one layer; in force from ``valid_from`` until the day before ``valid_to``."""

    version_id: UUID
    layer_kind: str
    county_code: str
    source_name: str
    source_sha256: str
    source_crs: str
    feature_count: int
    valid_from: date
    valid_to: date | None
    imported_at: datetime
    decisions: Mapping[str, Any] = field(default_factory=dict)


@lru_cache(maxsize=1)
def catalogue() -> Mapping[str, LayerKind]:
    """All layer kinds by their key."""
    table = tomllib.loads(CATALOGUE_FILE.read_text("utf-8"))
    return {
        kind: LayerKind(
            kind=kind,
            zh=row["zh"],
            en=row["en"],
            group=row["group"],
            min_zoom=row["min_zoom"],
            names=tuple(row["names"]),
            class_scheme=row.get("class_scheme"),
            required=tuple(row["required"]),
            fields={column: tuple(names) for column, names in row["fields"].items()},
        )
        for kind, row in table.items()
    }


def layer_kind(kind: str) -> LayerKind:
    """The catalogue's row of a kind.

    Raises
    ------
    InvalidInput
        ``ingest.layer.unknown_kind``, naming the known ones.
    """
    if kind not in catalogue():
        raise InvalidInput("ingest.layer.unknown_kind", kind=kind, known=", ".join(catalogue()))
    return catalogue()[kind]


def map_fields(kind: LayerKind, found: Sequence[str], *, file: str) -> dict[str, str]:
    """Which source field serves which of our columns; letter case does not matter.

    Raises
    ------
    InvalidInput
        ``ingest.layer.missing_field`` naming the field, what is accepted for it, and what the file has.
    """
    by_upper = {name.upper(): name for name in found}
    mapping = {}
    for column, accepted in kind.fields.items():
        match = next((by_upper[name] for name in accepted if name in by_upper), None)
        if match is not None:
            mapping[column] = match
        elif column in kind.required:
            raise InvalidInput(
                "ingest.layer.missing_field",
                file=file,
                layer=kind.zh,
                field=accepted[0],
                accepted=", ".join(accepted),
                found=", ".join(found) or "—",
            )
    return mapping


def read_date(value: Any, *, file: str, row: int, field_name: str) -> date | None:
    """A date as bureaus write it; None when the field is empty.

    Taken: date, datetime, ``2026-03-01``, ``2026/3/1 0:00:00``, ``2026.3.1``, ``2026年3月1日``, ``20260301``.

    Raises
    ------
    InvalidInput
        ``ingest.layer.bad_date`` by row and field.
    """
    if value is None or value != value or str(value).strip() in {"", "NaT", "None"}:
        return None
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    text = re.split(r"[日T\s]", read_text(value) or "")[0]
    text = re.sub(r"[年月/.]", "-", text)
    if match := COMPACT_DATE.match(text):
        text = "-".join(match.groups())
    try:
        year, month, day = (int(part) for part in text.split("-"))
        return date(year, month, day)
    except ValueError as error:
        raise InvalidInput(
            "ingest.layer.bad_date", file=file, row=row, field=field_name, value=str(value)[:40]
        ) from error


def read_period(
    first: Any, last: Any, *, file: str, row: int, names: tuple[str, str]
) -> tuple[date | None, date | None]:
    """First and last day of a right.

    Raises
    ------
    InvalidInput
        ``ingest.layer.bad_date``; ``ingest.layer.dates_reversed`` when it ends before it begins.
    """
    begins = read_date(first, file=file, row=row, field_name=names[0])
    ends = read_date(last, file=file, row=row, field_name=names[1])
    if begins is not None and ends is not None and ends < begins:
        raise InvalidInput(
            "ingest.layer.dates_reversed",
            file=file,
            row=row,
            fields=" – ".join(names),
            begins=begins.isoformat(),
            ends=ends.isoformat(),
        )
    return begins, ends


def read_text(value: Any) -> str | None:
    """A code or name as text: numbers without a decimal point, blanks as None."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = "" if value is None or value != value else str(value).strip()
    return text or None


def read_division(value: Any, tree: DivisionTree, *, file: str, row: int) -> str | None:
    """12-digit code from a code of 6, 9, 12 or 19 digits; None when empty.

    Raises
    ------
    InvalidInput
        ``ingest.layer.unknown_division`` by row.
    """
    text = read_text(value)
    if text is None:
        return None
    code = text[:12].ljust(12, "0")
    if code not in tree:
        raise InvalidInput("ingest.layer.unknown_division", file=file, row=row, division=text)
    return code
