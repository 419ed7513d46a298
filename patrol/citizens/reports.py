"""Rules of citizens' reports: what may be said, how it stands, and what each tier may see of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from foundation.calendar import SHANGHAI
from foundation.crs import lies_in_china
from foundation.errors import InvalidInput

CATEGORIES = {
    "building": ("占地建房、建厂", "new_building"),
    "digging": ("挖土、挖沙、采矿", "excavation"),
    "dumping": ("倾倒垃圾、堆放建筑废料", "earthwork"),
    "hardening": ("耕地上硬化地面、修路、停车", "hard_surface"),
    "other": ("其他", "unknown"),
}
"""Key -> Chinese name and the change class of its lead."""
TEXT_RANGE = (5, 2000)
PHOTOS_MAX = 6
PHOTO_MAX_BYTES = 12_000_000
RADIUS_M = (10.0, 2000.0)
BLUR_DEG = 0.01
OUTCOMES = {
    "received": "已收到您的举报，正在核对地点和内容。",
    "waiting": "您的举报已作为线索登记，等待执法人员核对。",
    "working": "您的举报已转为案件办理，执法人员正在核查处理。",
    "set_aside": "经核对，您反映的情况未作为违法用地线索继续办理。",
    "upheld": "经查实，您反映的问题属于违法用地，现已依法处理并结案。感谢您的监督。",
    "not_upheld": "经现场核查，您反映的地块未发现违法用地，现已办结。感谢您的监督。",
}
"""Standing of a report -> what its reporter is told."""
FINISHED = frozenset({"set_aside", "upheld", "not_upheld"})


@dataclass(frozen=True, slots=True)
class Identity:
    """Who reported, if they said so; never stored outside the vault, never logged."""

    name: str = ""
    phone: str = ""

    @property
    def is_anonymous(self) -> bool:
        """Whether nothing was said."""
        return not (self.name or self.phone)

    def __repr__(self) -> str:
        return "Identity(…)"


@dataclass(frozen=True, slots=True)
class Said:
    """What a citizen says of a place.

    Attributes
    ----------
    division_code : str
        Chosen by the citizen: county, township or village.
    lonlat : (float, float) or None
        Degrees, EPSG:4490; None when the place is told in words only.
    radius_m : float
        How far off the place may be.

    Raises
    ------
    InvalidInput
        ``patrol.citizen.unknown_category``, ``bad_text``, ``bad_place``.
    """

    division_code: str
    category: str
    description: str
    lonlat: tuple[float, float] | None = None
    radius_m: float = 50.0

    def __post_init__(self) -> None:
        if self.category not in CATEGORIES:
            raise InvalidInput("patrol.citizen.unknown_category", category=self.category)
        if not TEXT_RANGE[0] <= len(self.description.strip()) <= TEXT_RANGE[1]:
            raise InvalidInput("patrol.citizen.bad_text", least=TEXT_RANGE[0], most=TEXT_RANGE[1])
        require_place(self.lonlat, self.radius_m)


@dataclass(frozen=True, slots=True)
class ReportView:
    """A report as an officer sees it; never says who reported.

    Attributes
    ----------
    near : tuple of UUID
        Other reports close by, which may tell of the same thing, the newest first.
    """

    report_id: UUID
    division_code: str
    category: str
    description: str
    lonlat: tuple[float, float] | None
    radius_m: float | None
    received_at: datetime
    is_blurred: bool
    lead_id: UUID | None
    standing: str
    photos: tuple[str, ...]
    near: tuple[UUID, ...]
    satisfaction: int | None = None
    remark: str | None = None


def require_place(lonlat: tuple[float, float] | None, radius_m: float) -> None:
    """Pass, or raise ``patrol.citizen.bad_place``."""
    if lonlat is None:
        return
    if not (lies_in_china((*lonlat, *lonlat)) and RADIUS_M[0] <= radius_m <= RADIUS_M[1]):
        raise InvalidInput("patrol.citizen.bad_place", least=RADIUS_M[0], most=RADIUS_M[1])


def blurred_place(lonlat: tuple[float, float]) -> tuple[float, float]:
    """The middle of the hundredth of a degree (about 1 km) in which a place lies."""
    lon, lat = (round((value // BLUR_DEG + 0.5) * BLUR_DEG, 6) for value in lonlat)
    return lon, lat


def blurred_time(moment: datetime) -> datetime:
    """The day without its hour, by the clock of the place."""
    return moment.astimezone(SHANGHAI).replace(hour=0, minute=0, second=0, microsecond=0)


def standing_of(*, has_lead: bool, is_dismissed: bool, state: str | None, verdict: str | None) -> str:
    """How a report stands, from its lead and the case that the lead became part of."""
    if state in {"closed", "dismissed"}:
        return "upheld" if verdict == "unlawful" else "not_upheld"
    if state is not None:
        return "working"
    if is_dismissed:
        return "set_aside"
    return "waiting" if has_lead else "received"
