"""Reading what others wrote: each field checked, and named in the refusal."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from foundation.errors import InvalidInput


class Fields:
    """One object of a file, read field by field.

    Parameters
    ----------
    place : str
        Where it stands, for messages: ``cameras[0].presets[2]``.
    """

    def __init__(self, values: object, *, file: str, place: str = "") -> None:
        self._file, self._place = file, place
        if not isinstance(values, Mapping):
            raise self.refusal("", values, "object")
        self._values: Mapping[str, Any] = values

    def refusal(self, name: str, found: object, expected: str) -> InvalidInput:
        """What to raise for a field that breaks its rule."""
        field = f"{self._place}.{name}".strip(".")
        told = "—" if found is None else str(found)[:80]
        return InvalidInput(
            "detection.camera.bad_field", file=self._file, field=field, found=told, expected=expected
        )

    def has(self, name: str) -> bool:
        """Whether a field is there and not null."""
        return self._values.get(name) is not None

    def number(self, name: str, low: float, high: float, *, default: float | None = None) -> float:
        """A finite number between two others."""
        found = self._values.get(name, default)
        is_number = isinstance(found, int | float) and not isinstance(found, bool)
        if not is_number or not math.isfinite(float(found or 0)) or not low <= float(found or 0) <= high:
            raise self.refusal(name, found, f"{low:g} … {high:g}")
        return float(found or 0)

    def whole(self, name: str, low: int, high: int) -> int:
        """A whole number between two others."""
        found = self._values.get(name)
        if not isinstance(found, int) or isinstance(found, bool) or not low <= found <= high:
            raise self.refusal(name, found, f"{low} … {high}")
        return found

    def words(self, name: str, *, longest: int = 120, default: str | None = None) -> str:
        """A text that is not empty."""
        found = self._values.get(name, default)
        if not isinstance(found, str) or not found.strip() or len(found) > longest or not found.isprintable():
            raise self.refusal(name, found, f"1 … {longest} characters")
        return found.strip()

    def one_of(self, name: str, known: Sequence[str], *, default: str | None = None) -> str:
        """One of some words."""
        found = self._values.get(name, default)
        if found not in known:
            raise self.refusal(name, found, " | ".join(known))
        return str(found)

    def moment(self, name: str) -> datetime:
        """ISO 8601 with a time zone."""
        found = self._values.get(name)
        try:
            moment = datetime.fromisoformat(str(found))
        except ValueError:
            moment = datetime.min
        if moment.tzinfo is None:
            raise self.refusal(name, found, "2026-03-01T09:27:05+08:00")
        return moment

    def numbers(self, name: str, count: int, low: float, high: float) -> tuple[float, ...]:
        """A list of so many finite numbers."""
        found = self._values.get(name)
        expected = f"{count} × {low:g} … {high:g}"
        if not isinstance(found, list) or len(found) != count:
            raise self.refusal(name, found, expected)
        if not all(isinstance(one, int | float) and low <= one <= high for one in found):
            raise self.refusal(name, found, expected)
        return tuple(float(one) for one in found)

    def objects(self, name: str) -> list[Fields]:
        """A list of objects; none where the field is missing."""
        found = self._values.get(name, [])
        if not isinstance(found, list):
            raise self.refusal(name, found, "list")
        place = f"{self._place}.{name}".strip(".")
        return [Fields(one, file=self._file, place=f"{place}[{index}]") for index, one in enumerate(found)]

    def inside(self, name: str) -> Fields:
        """An object in a field."""
        return Fields(self._values.get(name), file=self._file, place=f"{self._place}.{name}".strip("."))

    def points(self, name: str, high: tuple[float, float]) -> tuple[tuple[float, float], ...]:
        """Three or more (x, y) between (0, 0) and ``high``."""
        found = self._values.get(name)
        expected = f"≥ 3 × [0 … {high[0]:g}, 0 … {high[1]:g}]"
        if not isinstance(found, list) or len(found) < 3 or len(found) > 500:
            raise self.refusal(name, found, expected)
        for one in found:
            is_pair = (
                isinstance(one, list) and len(one) == 2 and all(isinstance(part, int | float) for part in one)
            )
            if not is_pair or not (0 <= one[0] <= high[0] and 0 <= one[1] <= high[1]):
                raise self.refusal(name, one, expected)
        return tuple((float(x), float(y)) for x, y in found)
