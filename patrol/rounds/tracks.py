"""Fixes of an outing: which of them count, and how they are packed for storage."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from foundation.calendar import SHANGHAI
from foundation.crs import distance_m
from foundation.errors import Defect

FORMAT = 1
DEGREE_UNITS = 10_000_000
"""Packed degrees are whole ten-millionths: about one centimetre."""
ANCHOR_MIN_M = 10.0
"""Shorter steps are jitter of the receiver and walk nowhere."""


class Fix(NamedTuple):
    """One position. Degrees in CGCS2000 (or WGS-84, which agrees), time with a zone."""

    t: datetime
    lon: float
    lat: float
    accuracy_m: float
    is_mock: bool = False


class FixRules(NamedTuple):
    """Which fixes count."""

    accuracy_max_m: float
    speed_max_m_s: float
    gap_max: timedelta


class Sifted(NamedTuple):
    """Fixes that count, in order of time, and how many were refused, by reason."""

    usable: tuple[Fix, ...]
    refused: dict[str, int]


def sift(fixes: Sequence[Fix], rules: FixRules, *, started_at: datetime, ended_at: datetime) -> Sifted:
    """Sort by time and set aside what does not count; every fix is counted once, usable or refused.

    Reasons: ``mock``, ``accuracy`` (worse than allowed), ``time`` (outside the outing, or twice at one
    moment), ``jump`` (further from the last good fix than anything moves).
    """
    usable: list[Fix] = []
    refused: dict[str, int] = {}
    for fix in sorted(fixes):
        reason = _refusal(fix, usable[-1] if usable else None, rules, started_at, ended_at)
        if reason is None:
            usable.append(fix)
        else:
            refused[reason] = refused.get(reason, 0) + 1
    return Sifted(tuple(usable), refused)


def walked_m(fixes: Sequence[Fix], gap_max: timedelta) -> float:
    """Distance covered, without the jitter of a phone that lies still and without silent stretches."""
    total, anchor = 0.0, fixes[0] if fixes else None
    for before, after in _pairs(fixes):
        if after.t - before.t > gap_max:
            anchor = after
            continue
        if anchor is None:
            continue
        step = distance_m((anchor.lon, anchor.lat), (after.lon, after.lat))
        if step >= max(ANCHOR_MIN_M, after.accuracy_m):
            total += step
            anchor = after
    return total


def minutes(fixes: Sequence[Fix], gap_max: timedelta) -> float:
    """Time under way, silent stretches left out."""
    spans = (after.t - before.t for before, after in _pairs(fixes))
    return sum(span.total_seconds() for span in spans if span <= gap_max) / 60.0


def is_too_even(fixes: Sequence[Fix]) -> bool:
    """Whether a track looks drawn: many fixes of one accuracy at one unchanging speed.

    Shown as a doubt, never a punishment: real receivers jitter.
    """
    moving = [
        distance_m((a.lon, a.lat), (b.lon, b.lat)) / seconds
        for a, b in _pairs(fixes)
        if (seconds := (b.t - a.t).total_seconds()) > 0
    ]
    if len(moving) < 20 or len({fix.accuracy_m for fix in fixes}) > 1:
        return False
    mean = sum(moving) / len(moving)
    deviation = (sum((speed - mean) ** 2 for speed in moving) / len(moving)) ** 0.5
    return mean > 0.2 and deviation / mean < 0.02


def pack(fixes: Sequence[Fix]) -> bytes:
    """Fixes as deltas of whole numbers (milliseconds, 1e-7 degrees, decimetres), deflated."""
    numbers: list[int] = [FORMAT, len(fixes)]
    last = (0, 0, 0)
    for fix in fixes:
        now = (
            round(fix.t.timestamp() * 1000),
            round(fix.lon * DEGREE_UNITS),
            round(fix.lat * DEGREE_UNITS),
        )
        numbers.extend(new - old for new, old in zip(now, last, strict=True))
        numbers.append(round(fix.accuracy_m * 10) * 2 + fix.is_mock)
        last = now
    return zlib.compress(b"".join(_varint(number) for number in numbers), 9)


def unpack(data: bytes) -> list[Fix]:
    """Inverse of `pack`, to the millisecond, the centimetre and the decimetre.

    Raises
    ------
    Defect
        ``patrol.track.unreadable``.
    """
    try:
        numbers = list(_numbers(zlib.decompress(data)))
    except zlib.error as error:
        raise Defect("patrol.track.unreadable") from error
    if len(numbers) < 2 or numbers[0] != FORMAT or len(numbers) != 2 + 4 * numbers[1]:
        raise Defect("patrol.track.unreadable")
    fixes, t, lon, lat = [], 0, 0, 0
    for place in range(2, len(numbers), 4):
        t, lon, lat = t + numbers[place], lon + numbers[place + 1], lat + numbers[place + 2]
        quality = numbers[place + 3]
        moment = datetime.fromtimestamp(t / 1000, SHANGHAI)
        fixes.append(
            Fix(moment, lon / DEGREE_UNITS, lat / DEGREE_UNITS, quality // 2 / 10, bool(quality % 2))
        )
    return fixes


def _refusal(
    fix: Fix, last: Fix | None, rules: FixRules, started_at: datetime, ended_at: datetime
) -> str | None:
    if fix.is_mock:
        return "mock"
    if fix.accuracy_m > rules.accuracy_max_m or fix.accuracy_m < 0:
        return "accuracy"
    if not started_at <= fix.t <= ended_at or (last is not None and fix.t == last.t):
        return "time"
    if last is not None:
        far = distance_m((last.lon, last.lat), (fix.lon, fix.lat))
        slack = last.accuracy_m + fix.accuracy_m
        if far - slack > rules.speed_max_m_s * (fix.t - last.t).total_seconds():
            return "jump"
    return None


def _pairs(fixes: Sequence[Fix]) -> Iterator[tuple[Fix, Fix]]:
    return itertools.pairwise(fixes)


def _varint(number: int) -> bytes:
    """Zigzag, then seven bits a byte."""
    value = number * 2 if number >= 0 else -number * 2 - 1
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _numbers(data: Iterable[int]) -> Iterator[int]:
    value = shift = 0
    for byte in data:
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            yield value // 2 if value % 2 == 0 else -(value + 1) // 2
            value = shift = 0
