"""Numbers of papers: 孟自然资责停〔2026〕12号; one series a kind, county and year, and who issues."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from foundation.divisions import divisions
from foundation.errors import InvalidInput

AUTHORITIES_FILE = Path(__file__).resolve().parents[2] / "data" / "papers" / "authorities.toml"
NUMBER_TO_COME = "【文号，签发时编】"
DAY_TO_COME = "【签发日期】"
"""Stand in drafts, and are replaced when a paper is issued; an edited Word file must keep them."""


@dataclass(frozen=True, slots=True)
class Authority:
    """Who issues the papers of a county.

    Attributes
    ----------
    county_code : str
        Six digits.
    short : str
        What stands before the sign in a number.
    """

    county_code: str
    name: str
    short: str
    government: str
    court: str
    address: str
    phone: str


def authority_of(division_code: str) -> Authority:
    """The authority that issues papers about a place.

    Raises
    ------
    InvalidInput
        ``patrol.paper.no_authority``: the table has no short name for the county.
    """
    code = division_code[:6]
    table = _table()
    if code not in table["short"]:
        raise InvalidInput("patrol.paper.no_authority", county_code=code)
    county = divisions().get(code.ljust(12, "0")).name
    named = {key: text.format(county=county) for key, text in table["names"].items()}
    return Authority(
        code,
        named["bureau"],
        table["short"][code],
        named["government"],
        named["court"],
        table["address"].get(code, ""),
        table["phone"].get(code, ""),
    )


def number_text(authority: Authority, *, sign: str, year: int, serial: int) -> str:
    """``孟自然资责停〔2026〕12号``, brackets as GB/T 9704 asks, no leading zeros."""
    return f"{authority.short}{sign}〔{year}〕{serial}号"


@lru_cache(maxsize=1)
def _table() -> Mapping[str, Mapping[str, str]]:
    return tomllib.loads(AUTHORITIES_FILE.read_text("utf-8"))
