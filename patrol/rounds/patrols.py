"""Outings of post-holders: does one count, and how many are asked of whom."""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from foundation.audit import canonical
from foundation.calendar import Period
from foundation.crs import CHINA_LONLAT
from foundation.errors import InvalidInput
from patrol.rounds.measures import Walks, measure, near_ground, spans_of
from patrol.rounds.packing import pack
from patrol.rounds.tracks import FixRules, Tracks

POLICY_FILE = Path(__file__).resolve().parents[2] / "data" / "policies" / "patrol.toml"
FIXES_MAX = 50_000
REASONS = {
    "mock": "模拟定位的点不计入",
    "accuracy": "定位精度差的点不计入",
    "time": "时间不在本次巡查内或重复的点不计入",
    "jump": "速度不合理的跳点不计入",
    "no_fixes": "没有可用的定位点，也没有核查任务的记录",
    "outside_grid": "在本网格内的定位点不足",
    "no_grid": "岗位没有对应的网格或区划范围",
    "too_short": "时长和里程均不足",
    "tasks_unproved": "申报的任务点没有核查记录",
    "track_not_kept": "本单位只为任务留存轨迹，日常巡查的定位点判定后未保存",
}


@dataclass(frozen=True, slots=True)
class PatrolBody:
    """An outing as the phone sent it.

    Attributes
    ----------
    track : Tracks
        The one outing's fixes.
    """

    patrol_id: UUID
    post_id: UUID
    started_at: datetime
    ended_at: datetime
    track: Tracks
    tasks_visited: int = 0


class Reason(NamedTuple):
    """Why an outing, or some of its fixes, do not count."""

    code: str
    text: str
    fix_count: int | None
    decides: bool
    """Whether the outing fails for it; others are only shown."""


@dataclass(frozen=True, slots=True)
class Assessment:
    """Whether an outing counts, and everything that was held against it."""

    is_valid: bool
    distance_m: float
    duration_min: float
    in_grid_share: float | None
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Quota:
    """Visits asked of a tier and kind of post in a week, month or quarter."""

    tier: int
    kinds: frozenset[str]
    visits: float
    per: str
    months: frozenset[int]


@dataclass(frozen=True)
class PatrolPolicy:
    """What counts and how often; from ``data/policies/patrol.toml``."""

    in_grid_share: float
    grid_margin_m: float
    minutes_min: float
    distance_min_m: float
    tasks_min: int
    fix_rules: FixRules
    quotas: tuple[Quota, ...]
    known: dict[tuple[int, str, date, date], float] = field(default_factory=dict, compare=False, repr=False)
    """Quotas that were asked for before: one city asks for the same few thousands of times."""

    def required(
        self, *, tier: int, kind: str, period: Period, since: date, until: date | None = None
    ) -> float:
        """Visits asked of a post-holder in a period, pro rata for days before joining and after leaving.

        Returns
        -------
        float
            0 where nothing is asked.
        """
        first = max(period.first, since)
        last = period.last if until is None else min(period.last, until - timedelta(days=1))
        key = tier, kind, first, last
        if key not in self.known:
            self.known[key] = self._asked(tier, kind, first, last)
        return self.known[key]

    def _asked(self, tier: int, kind: str, first: date, last: date) -> float:
        days = [first + timedelta(days=step) for step in range((last - first).days + 1)]
        return round(sum(self._per_day(tier, kind, day) for day in days), 9)

    def _per_day(self, tier: int, kind: str, day: date) -> float:
        rows = [row for row in self.quotas if row.tier == tier and kind in row.kinds]
        seasonal = [row for row in rows if day.month in row.months]
        row = next(iter(seasonal or [row for row in rows if not row.months]), None)
        return row.visits / _days_of(row.per, day) if row else 0.0


def check_body(body: PatrolBody) -> None:
    """Refuse what cannot be an outing.

    Raises
    ------
    InvalidInput
        ``patrol.patrol.no_time_zone``, ``patrol.patrol.ends_before_start``,
        ``patrol.patrol.too_many_fixes`` or ``patrol.patrol.bad_fix``.
    """
    if body.started_at.tzinfo is None or body.ended_at.tzinfo is None:
        raise InvalidInput("patrol.patrol.no_time_zone")
    if body.ended_at < body.started_at:
        raise InvalidInput("patrol.patrol.ends_before_start")
    count = body.track.fix_count
    if count > FIXES_MAX:
        raise InvalidInput("patrol.patrol.too_many_fixes", count=count, maximum=FIXES_MAX)
    lonlat = body.track.lonlat_deg()
    west, south, east, north = CHINA_LONLAT
    is_there = ((lonlat >= (west, south)) & (lonlat <= (east, north))).all(axis=1)
    if not is_there.all():
        number = int(np.argmin(is_there))
        lon, lat = lonlat[number]
        raise InvalidInput("patrol.patrol.bad_fix", number=number + 1, lon=float(lon), lat=float(lat))


def body_sha256(body: PatrolBody) -> str:
    """Of the body as it is kept: the same body again is the same outing."""
    plain = {
        "patrol_id": str(body.patrol_id),
        "post_id": str(body.post_id),
        "started_at": body.started_at.isoformat(),
        "ended_at": body.ended_at.isoformat(),
        "tasks_visited": body.tasks_visited,
        "track": hashlib.sha256(pack(body.track)[0]).hexdigest(),
    }
    return hashlib.sha256(canonical(plain).encode()).hexdigest()


def assess(
    body: PatrolBody, *, ground_4490: BaseGeometry | None, tasks_proved: int, policy: PatrolPolicy
) -> Assessment:
    """Does an outing count?

    Parameters
    ----------
    ground_4490 : Polygon or MultiPolygon, optional
        The post-holder's own grid, EPSG:4490 lon/lat.
    tasks_proved : int
        Assigned points with a recorded visit during the outing.
    """
    walks = measure(body.track, spans_of([(body.started_at, body.ended_at)]), policy.fix_rules)
    lonlat = body.track.lonlat_deg(walks.codes == 0)
    share = in_ground_share(lonlat, ground_4490, margin_m=policy.grid_margin_m)
    return weigh_up(body, walks, 0, share=share, tasks_proved=tasks_proved, policy=policy)


def weigh_up(
    body: PatrolBody,
    walks: Walks,
    outing: int,
    *,
    share: float | None,
    tasks_proved: int,
    policy: PatrolPolicy,
    keeps_track: bool = True,
) -> Assessment:
    """Does an outing count, as measured?

    It counts when enough of its usable fixes lie in the own grid and it lasted or went long enough, or when
    enough assigned points were visited (which visits prove; needs no track).

    Parameters
    ----------
    outing : int
        Its place in ``walks``.
    share : float, optional
        Of its usable fixes on its own ground; None without fixes or ground.
    keeps_track : bool
        False where its fixes are measured once and not stored, which is said.
    """
    counts = {reason: int(found[outing]) for reason, found in sorted(walks.refused.items())}
    reasons = [_reason(code, count=count) for code, count in counts.items() if count]
    if body.tasks_visited > tasks_proved:
        reasons.append(_reason("tasks_unproved", count=body.tasks_visited - tasks_proved))
    if not keeps_track and body.track.fix_count:
        reasons.append(_reason("track_not_kept", count=body.track.fix_count))
    distance_m, duration_min = float(walks.distance_m[outing]), float(walks.duration_min[outing])
    failures = [] if walks.usable[outing] else ["no_fixes"]
    failures = failures or _failures(share, distance_m, duration_min, policy)
    is_valid = tasks_proved >= policy.tasks_min or not failures
    if not is_valid:
        reasons.extend(_reason(code, decides=True) for code in failures)
    return Assessment(is_valid, distance_m, duration_min, share, tuple(reasons))


def in_ground_share(
    lonlat: NDArray[np.float64], ground_4490: BaseGeometry | None, *, margin_m: float
) -> float | None:
    """Share of positions (k, 2), degrees, within a ground and a margin; None without positions or ground."""
    if not len(lonlat) or ground_4490 is None or ground_4490.is_empty:
        return None
    return float(np.mean(near_ground(lonlat, ground_4490, margin_m=margin_m)))


def _failures(share: float | None, distance_m: float, duration_min: float, policy: PatrolPolicy) -> list[str]:
    """Which of the rules an outing with usable fixes fails."""
    failures = []
    if share is None:
        failures.append("no_grid")
    elif share < policy.in_grid_share:
        failures.append("outside_grid")
    if duration_min < policy.minutes_min and distance_m < policy.distance_min_m:
        failures.append("too_short")
    return failures


def _reason(code: str, *, count: int | None = None, decides: bool = False) -> Reason:
    return Reason(code, REASONS[code], count, decides)


def _days_of(per: str, day: date) -> int:
    if per == "week":
        return 7
    if per == "month":
        return (_next_month(day) - day.replace(day=1)).days
    first = day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
    last = _next_month(_next_month(_next_month(first)))
    return (last - first).days


def _next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


@lru_cache(maxsize=1)
def patrol_policy() -> PatrolPolicy:
    """The policy that ships with the product, read once."""
    raw = tomllib.loads(POLICY_FILE.read_text("utf-8"))
    rules = raw["validity"]
    return PatrolPolicy(
        rules["in_grid_share"],
        rules["grid_margin_m"],
        rules["minutes_min"],
        rules["distance_min_m"],
        rules["tasks_min"],
        FixRules(rules["accuracy_max_m"], rules["speed_max_m_s"], timedelta(minutes=rules["gap_max_min"])),
        tuple(
            Quota(
                row["tier"],
                frozenset(row["kinds"]),
                row["visits"],
                row["per"],
                frozenset(row.get("months", ())),
            )
            for row in raw["quotas"]
        ),
    )
