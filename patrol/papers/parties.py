"""Parties (当事人) of a case: who they are, checked, and how their numbers are hidden from most."""

from __future__ import annotations

import re
from dataclasses import dataclass

from foundation.errors import InvalidInput

KINDS = {"person": "个人", "organisation": "单位"}
ID_NAMES = {"person": "居民身份证号码", "organisation": "统一社会信用代码"}
RESIDENT_FORM = re.compile(r"^\d{17}[\dX]$")
CREDIT_FORM = re.compile(r"^[0-9A-HJ-NPQRTUWXY]{18}$")
CREDIT_SIGNS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
NAME_MAX, TEXT_MAX = 100, 200


@dataclass(frozen=True, slots=True)
class PartyBody:
    """A party as an officer records it."""

    kind: str
    name: str
    id_number: str | None = None
    representative: str | None = None
    address: str | None = None
    phone: str | None = None


def check_party(body: PartyBody) -> PartyBody:
    """The party with its texts trimmed, its number checked by its check digit.

    Raises
    ------
    InvalidInput
        ``patrol.party.unknown_kind``, ``patrol.party.no_name``, ``patrol.party.too_long`` or
        ``patrol.party.bad_number``.

    References
    ----------
    GB 11643-1999 (resident identity number); GB 32100-2015 (unified social credit code).
    """
    if body.kind not in KINDS:
        raise InvalidInput("patrol.party.unknown_kind", kind=body.kind[:40], accepted=list(KINDS))
    name = body.name.strip()
    if not name:
        raise InvalidInput("patrol.party.no_name")
    texts = [(text or "").strip() or None for text in (body.representative, body.address, body.phone)]
    if len(name) > NAME_MAX or any(len(text or "") > TEXT_MAX for text in texts):
        raise InvalidInput("patrol.party.too_long", maximum=TEXT_MAX)
    number = (body.id_number or "").strip().upper() or None
    if number is not None and not _is_sound(body.kind, number):
        raise InvalidInput("patrol.party.bad_number", number_name=ID_NAMES[body.kind])
    return PartyBody(body.kind, name, number, *texts)


def masked(number: str | None) -> str | None:
    """All but the first six and the last two signs hidden: ``410883**********4X``."""
    if number is None:
        return None
    return number[:6] + "*" * (len(number) - 8) + number[-2:] if len(number) > 8 else "*" * len(number)


def _is_sound(kind: str, number: str) -> bool:
    if kind == "person":
        if not RESIDENT_FORM.match(number):
            return False
        total = sum(int(sign) * (2 ** (17 - place) % 11) for place, sign in enumerate(number[:17]))
        return "10X98765432"[total % 11] == number[17]
    if not CREDIT_FORM.match(number):
        return False
    total = sum(CREDIT_SIGNS.index(sign) * (3**place % 31) for place, sign in enumerate(number[:17]))
    return CREDIT_SIGNS[(31 - total % 31) % 31] == number[17]
