"""Administrative divisions: 12-digit codes of the National Bureau of Statistics, five levels."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from foundation.errors import InvalidInput

DIVISIONS_FILE = Path(__file__).resolve().parents[1] / "data" / "reference" / "divisions_4108.csv"
CODE_FORM = re.compile(r"^\d{12}$")
LEVEL_DIGITS = {1: 2, 2: 4, 3: 6, 4: 9, 5: 12}
"""Digits of the code that mean something at each level (1 province … 5 village)."""


@dataclass(frozen=True, slots=True)
class Division:
    """One division.

    Attributes
    ----------
    code : str
        12 digits: 6 of GB/T 2260, 3 township, 3 village.
    level : int
        1 province, 2 city, 3 county, 4 township, 5 village.
    """

    code: str
    name: str
    level: int
    parent_code: str | None

    @property
    def prefix(self) -> str:
        """The leading digits that all codes below this division share."""
        return self.code[: LEVEL_DIGITS[self.level]]


class DivisionTree:
    """Look-up by code, upward and downward. Immutable once made."""

    def __init__(self, divisions: Iterable[Division]) -> None:
        self._by_code: Mapping[str, Division] = {division.code: division for division in divisions}

    def __len__(self) -> int:
        return len(self._by_code)

    def __contains__(self, code: str) -> bool:
        return code in self._by_code

    def get(self, code: str) -> Division:
        """The division of a code.

        Raises
        ------
        InvalidInput
            ``foundation.division.malformed`` or ``foundation.division.unknown``.
        """
        if not CODE_FORM.match(code):
            raise InvalidInput("foundation.division.malformed", code=code)
        if code not in self._by_code:
            raise InvalidInput("foundation.division.unknown", code=code)
        return self._by_code[code]

    def ancestors(self, code: str) -> tuple[Division, ...]:
        """From the division itself up to the root."""
        chain = [self.get(code)]
        while chain[-1].parent_code:
            chain.append(self.get(chain[-1].parent_code))
        return tuple(chain)

    def at_level(self, code: str, level: int) -> Division:
        """The division itself or its ancestor at a level.

        Raises
        ------
        InvalidInput
            ``foundation.division.no_such_level`` when the code lies above that level.
        """
        for division in self.ancestors(code):
            if division.level == level:
                return division
        raise InvalidInput("foundation.division.no_such_level", code=code, level=level)

    def children(self, code: str) -> tuple[Division, ...]:
        """Direct children in order of their codes."""
        self.get(code)
        return tuple(sorted((d for d in self._by_code.values() if d.parent_code == code), key=_by_code))

    def all(self) -> tuple[Division, ...]:
        """Every division in order of level, then code."""
        return tuple(sorted(self._by_code.values(), key=lambda division: (division.level, division.code)))

    def full_name(self, code: str) -> str:
        """Names from the county down, joined: ``孟州市化工镇北开仪村``."""
        names = [division.name for division in reversed(self.ancestors(code)) if division.level >= 3]
        return "".join(names)


def load_divisions(path: Path = DIVISIONS_FILE) -> DivisionTree:
    """Read a division table (columns code, name, level, parent_code; UTF-8).

    Raises
    ------
    InvalidInput
        A line whose code or level is malformed, or whose parent is missing, by line number.
    """
    divisions: list[Division] = []
    with path.open(encoding="utf-8", newline="") as file:
        for line, row in enumerate(csv.DictReader(file), start=2):
            code, level = row["code"], row["level"]
            if not CODE_FORM.match(code) or level not in {"1", "2", "3", "4", "5"}:
                raise InvalidInput("foundation.division.bad_line", file=path.name, line=line)
            divisions.append(Division(code, row["name"], int(level), row["parent_code"] or None))
    known = {division.code for division in divisions}
    for line, division in enumerate(divisions, start=2):
        if division.parent_code and division.parent_code not in known:
            raise InvalidInput("foundation.division.bad_line", file=path.name, line=line)
    return DivisionTree(divisions)


@lru_cache(maxsize=1)
def divisions() -> DivisionTree:
    """The tree that ships with the product, read once."""
    return load_divisions()


def _by_code(division: Division) -> str:
    return division.code
